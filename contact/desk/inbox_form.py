"""The form of an inbox: what was entered, what of it cannot be used (a sentence a field), and putting it to work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import address as addresses
from contact.channel import Channel
from contact.desk import chat_form, relay_form, sender_form, setting_form
from contact.desk.trial import Mailbox
from contact.errors import InvalidAddress
from contact.inbox import Inbox
from contact.text import storable
from contact.vault import Sealed, Vault

LANGUAGES = ("ko", "en")
OWN = {"email": "mail", "chat": "chat"}
"""The channels whose inboxes have a form of their own, older than `setting_form`; all others are asked from data."""
MAX_ALIASES = 50
MAX_FOLDERS = 20
_HOST = re.compile(r"(?!-)[A-Za-z0-9.\-_]{1,253}(?<!-)|\[?[0-9A-Fa-f:.]{2,45}\]?")


@dataclass(slots=True)
class Form:
    """Entered values as text, for showing them again; `errors` by field; `ready` once all is right."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)

    def wrong(self, name: str, sentence: str) -> None:
        self.errors.setdefault(name, str(sentence))


def shown(channel: Channel, box: Inbox | None) -> dict[str, str]:
    """An inbox as the values of its form; never a secret."""
    own = OWN.get(channel.name)
    common = {"language": "ko"}
    if box is not None:
        common = {"name": box.name, "address": box.address, "language": box.language, "signature": box.signature or ""}
    settings = (box.settings or {}) if box else {}
    if own == "chat":
        return common | chat_form.shown(settings)
    common |= sender_form.shown(settings)
    return common | (_mail(settings, new=box is None) if own else setting_form.shown(channel, box))


def _mail(settings: Mapping[str, Any], new: bool) -> dict[str, str]:
    imap = settings.get("imap") or {}
    return {
        "aliases": "\n".join(settings.get("aliases", ())),
        "receive": "imap" if imap.get("host") else "listener",
        "host": str(imap.get("host", "")),
        "port": str(imap.get("port", "")),
        "tls": str(imap.get("tls", "implicit")),
        "user": str(imap.get("user", "")),
        "folders": "\n".join(imap.get("folders", ["INBOX"])),
        "start": "new" if new else str(imap.get("start", "all")),
        **relay_form.shown(settings),
    }


FIELDS = (
    "name", "address", "language", "signature", "aliases", "receive", "host", "port", "tls", "user", "password",
    "folders", "start", *relay_form.FIELDS, *chat_form.FIELDS, *sender_form.FIELDS,
)  # fmt: skip


def read(session: Session, vault: Vault, channel: Channel, given: Mapping[str, str], box: Inbox | None) -> Form:
    """Check everything that was entered against itself and against the other inboxes."""
    own = OWN.get(channel.name)
    names = FIELDS if own else (*FIELDS, *setting_form.fields(channel))
    form = Form({name: storable(given.get(name, ""))[:20_000] for name in names})
    _common(form)
    if own != "chat":
        sender_form.read(form)
    if own == "mail":
        _address(session, form, box)
        _aliases(session, form, box)
        if form.values["receive"] == "imap":
            _imap(form, vault, box)
        relay_form.read(form, (box.settings or {}) if box else {}, _secrets(vault, box) if box else {})
    elif own == "chat":
        chat_form.read(form)
    else:
        setting_form.read(form, channel, box, _secrets(vault, box) if box else {})
        if (other := _same(session, channel, form.ready.get("address", ""), box)) is not None:
            form.wrong("address", _("%(name)s has this address already.", name=other.name or other.address))
    return form


def apply(channel: Channel, box: Inbox, form: Form, vault: Vault) -> None:
    """Put what `read` found right into the inbox. Settings that are not on the form stay."""
    ready, settings, own = form.ready, dict(box.settings or {}), OWN.get(channel.name)
    box.name, box.language, box.signature = ready["name"], ready["language"], ready["signature"]
    if own == "chat":
        chat_form.apply(settings, ready)
    else:
        secrets = _secrets(vault, box)
        if own == "mail":
            _apply_mail(box, settings, secrets, ready)
        else:
            setting_form.apply(channel, box, settings, secrets, form)
        box.secrets = vault.seal_all(secrets) or None
        sender_form.apply(settings, ready)
    box.settings = settings


def _apply_mail(box: Inbox, settings: dict[str, Any], secrets: dict[str, str], ready: Mapping[str, Any]) -> None:
    box.address = ready["address"]
    settings["aliases"] = ready["aliases"]
    settings.pop("imap", None)
    secrets.pop("imap_password", None)
    if "imap" in ready:
        kept = (box.settings or {}).get("imap") or {}
        settings["imap"] = {**{name: kept[name] for name in ("idle",) if name in kept}, **ready["imap"]}
        secrets["imap_password"] = ready["imap_password"]
    box.provider = relay_form.apply(settings, secrets, ready) or box.channel


def facts(channel: Channel, box: Inbox) -> dict[str, Any]:
    """What the audit keeps of an inbox."""
    return {name: value for name, value in shown(channel, box).items() if value}


def typed(channel: Channel, form: Form) -> list[str]:
    """Names of the secrets that were entered anew."""
    names = {"password", relay_form.SECRET} if channel.name in OWN else setting_form.secrets_of(channel)
    return sorted(name for name in names if form.values.get(name))


def kept(vault: Vault, box: Inbox | None) -> set[str]:
    """Names of the secrets that need not be entered again."""
    return set(_secrets(vault, box)) if box else set()


def mailbox(form: Form) -> Mailbox:
    """What "try it" tries."""
    imap = form.ready["imap"]
    return Mailbox(
        imap["host"], imap["port"], imap["tls"], imap["user"], form.ready["imap_password"], tuple(imap["folders"])
    )


def _common(form: Form) -> None:
    name = " ".join(form.values["name"].split())
    if not 1 <= len(name) <= 200:
        form.wrong("name", _("Give the inbox a name of 1 to 200 characters."))
    language = form.values["language"]
    if language not in LANGUAGES:
        form.wrong("language", _("Choose Korean or English."))
    signature = form.values["signature"].replace("\r\n", "\n").rstrip()
    if len(signature) > 5000:
        form.wrong("signature", _("A signature has up to 5,000 characters."))
    form.ready |= {"name": name, "language": language, "signature": signature}


def _address(session: Session, form: Form, box: Inbox | None) -> None:
    try:
        address = addresses.email(form.values["address"])
    except InvalidAddress:
        return form.wrong("address", _("Enter an e-mail address, like help@shop.example."))
    if "+" in address.partition("@")[0]:
        form.wrong("address", _("Leave out the + part: answers get one of their own."))
    if (other := _taken(session, address, box)) is not None:
        form.wrong("address", _("%(name)s has this address already.", name=other.name or other.address))
    form.ready["address"] = address
    return None


def _aliases(session: Session, form: Form, box: Inbox | None) -> None:
    found: list[str] = []
    for line in _lines(form.values["aliases"]):
        try:
            alias = addresses.email(line)
        except InvalidAddress:
            return form.wrong("aliases", _("%(value)s is not an e-mail address.", value=line[:100]))
        if (other := _taken(session, alias, box)) is not None:
            form.wrong("aliases", _("%(value)s belongs to %(name)s.", value=alias, name=other.name or other.address))
        found.append(alias)
    if len(found) > MAX_ALIASES:
        form.wrong("aliases", _("An inbox has up to %(n)s further addresses.", n=MAX_ALIASES))
    form.ready["aliases"] = [one for one in dict.fromkeys(found) if one != form.ready.get("address")]
    return None


def _same(session: Session, channel: Channel, address: str, box: Inbox | None) -> Inbox | None:
    """The other inbox of this channel with that address."""
    query = select(Inbox).where(Inbox.channel == channel.name, Inbox.address == address)
    return session.scalar(query if box is None else query.where(Inbox.id != box.id))


def _taken(session: Session, address: str, box: Inbox | None) -> Inbox | None:
    """The other inbox that listens at this address, under whatever name."""
    for other in session.scalars(select(Inbox).where(Inbox.channel == "email")):
        is_self = box is not None and other.id == box.id
        if not is_self and address in {other.address, *(other.settings or {}).get("aliases", ())}:
            return other
    return None


def _imap(form: Form, vault: Vault, box: Inbox | None) -> None:
    values = form.values
    host, user, tls = values["host"].strip(), values["user"].strip(), values["tls"]
    if not _HOST.fullmatch(host):
        form.wrong("host", _("Enter the name of the mail server, like imap.example.com."))
    if tls not in ("implicit", "starttls", "none"):
        form.wrong("tls", _("Choose with or without TLS."))
    port = values["port"].strip() or ("993" if tls == "implicit" else "143")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        form.wrong("port", _("A port is a number from 1 to 65535."))
    if not user or len(user) > 320 or not user.isprintable():
        form.wrong("user", _("Enter the user name of the mailbox."))
    folders = list(dict.fromkeys(_lines(values["folders"]))) or ["INBOX"]
    if len(folders) > MAX_FOLDERS or any(len(one) > 200 or not one.isprintable() for one in folders):
        form.wrong("folders", _("Name up to %(n)s folders, one a line.", n=MAX_FOLDERS))
    start = "all" if values["start"] == "all" else "new"
    if form.errors.keys() & {"host", "port", "user", "tls"}:
        return
    form.ready["imap"] = {
        "host": host, "port": int(port), "tls": tls, "user": user, "folders": folders, "start": start,
    }  # fmt: skip
    form.ready["imap_password"] = _password(form, vault, box)


def _password(form: Form, vault: Vault, box: Inbox | None) -> str:
    """What was typed, or what is kept; a kept password never goes to another server or user."""
    typed = form.values["password"]
    if typed:
        if len(typed) > 500 or not typed.isprintable():
            form.wrong("password", _("A password has up to 500 characters on one line."))
        return typed
    kept = _secrets(vault, box).get("imap_password", "") if box else ""
    before = ((box.settings or {}).get("imap") or {}) if box else {}
    same = all(before.get(name) == form.ready["imap"][name] for name in ("host", "port", "tls", "user"))
    if not kept:
        form.wrong("password", _("Enter the password of the mailbox."))
    elif not same:
        form.wrong("password", _("Enter the password again: the server or the user has changed."))
    return kept if same else ""


def _secrets(vault: Vault, box: Inbox) -> dict[str, str]:
    try:
        return vault.open_all(box.secrets or "")
    except Sealed:  # the house's key has changed; what cannot be opened must be entered anew
        return {}


def _lines(value: str) -> Iterable[str]:
    return [line.strip() for line in re.split(r"[\r\n]+", value) if line.strip()]
