"""What the form of a mail inbox says of its way out: by the house's relay, or by one of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

from contact.relay import PORTS, TLS, RelayAt, of_inbox

if TYPE_CHECKING:
    from contact.desk.inbox_form import Form

FIELDS = ("relay", "relay_host", "relay_port", "relay_tls", "relay_user", "relay_password")
HOST = re.compile(r"(?!-)[A-Za-z0-9.\-_]{1,253}(?<!-)|\[?[0-9A-Fa-f:.]{2,45}\]?")
_SAME = ("host", "port", "tls", "user")
SECRET = "relay_password"  # noqa: S105 - the name of it


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as values of the form; never the password."""
    named = settings.get("relay") or {}
    return {
        "relay": "own" if named.get("host") else "house",
        "relay_host": str(named.get("host", "")),
        "relay_port": str(named.get("port", "")),
        "relay_tls": str(named.get("tls", "starttls")),
        "relay_user": str(named.get("user", "")),
    }


def read(form: Form, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """Check what was entered; `settings` and `secrets` are what is kept of the inbox until now."""
    if form.values["relay"] != "own":
        return
    values = {name.removeprefix("relay_"): form.values[name].strip() for name in FIELDS}
    tls = values["tls"] or "starttls"
    if not HOST.fullmatch(values["host"]):
        form.wrong("relay_host", _("Enter the name of the mail server, like smtp.example.com."))
    if tls not in TLS:
        form.wrong("relay_tls", _("Choose with or without TLS."))
    port = values["port"] or str(PORTS.get(tls, 587))
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        form.wrong("relay_port", _("A port is a number from 1 to 65535."))
    if len(values["user"]) > 320 or not values["user"].isprintable():
        form.wrong("relay_user", _("A user name has up to 320 characters on one line."))
    if form.errors.keys() & set(FIELDS):
        return
    named = {"host": values["host"], "port": int(port), "tls": tls, "user": values["user"]}
    form.ready["relay"] = named
    form.ready[SECRET] = _password(form, named, settings.get("relay") or {}, secrets.get(SECRET, ""))


def _password(form: Form, named: Mapping[str, Any], before: Mapping[str, Any], kept: str) -> str:
    """What was typed, or what is kept; a kept password never goes to another server or user."""
    typed = form.values[SECRET]
    if not named["user"]:
        if typed:
            form.wrong("relay_user", _("Enter the user name that belongs to the password."))
        return ""
    if typed:
        if len(typed) > 500 or not typed.isprintable():
            form.wrong(SECRET, _("A password has up to 500 characters on one line."))
        return typed
    same = all(before.get(name) == named[name] for name in _SAME)
    if not kept:
        form.wrong(SECRET, _("Enter the password of this user."))
    elif not same:
        form.wrong(SECRET, _("Enter the password again: the server or the user has changed."))
    return kept if same else ""


def apply(settings: dict[str, Any], secrets: dict[str, str], ready: Mapping[str, Any]) -> str:
    """Put what `read` found right into settings and secrets; the name of who carries the mail, empty for the house."""
    settings.pop("relay", None)
    secrets.pop(SECRET, None)
    if "relay" not in ready:
        return ""
    settings["relay"] = ready["relay"]
    if ready[SECRET]:
        secrets[SECRET] = ready[SECRET]
    return str(ready["relay"]["host"])[-30:].lower()


def entered(ready: Mapping[str, Any]) -> RelayAt | None:
    """The relay that "try it" tries."""
    return of_inbox({"relay": ready["relay"]}, {SECRET: ready[SECRET]}) if SECRET in ready else None
