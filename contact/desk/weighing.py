"""A message weighed before it leaves: parts and pages, room left, its cost, and what cannot be sent, by position."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from contact import directory, inbox
from contact.channel import Capabilities, Channel, ChannelError, Preview, Renders
from contact.desk import counted, reasons, setting_form, traits, writing
from contact.desk.uploads import Uploads
from contact.desk.writing import Letter
from contact.errors import Invalid, InvalidAddress
from contact.files import Item, Store
from contact.messages import AddressKind, File, InboxFacts, Outbound, Party
from contact.service import Service
from contact.users import User
from contact.web.offload import apart

PLACES = 50
"""Places of one character that are named."""
KINDS = 12
"""Different problems that are named; the message is refused whatever their number."""


class Unsendable(Invalid):
    """There is something in this message that cannot be sent."""

    code = "unsendable"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A message as it would leave, and how its channel counts it."""

    channel: Channel
    message: Outbound
    facts: InboxFacts
    items: tuple[Item, ...]


def gather(session: Session, service: Service, letter: Letter, user: User, to: str = "") -> Weighed:
    """The letter as the value its channel would send, files still unread; raises `Invalid` and `NotFound`."""
    box = inbox.get(session, letter.inbox_id)
    channel = service.channels[box.channel]
    can = channel.capabilities
    words = writing.words_of(replace(letter, cc="", bcc=""), user, Uploads(service.settings.secret()), can)
    message = Outbound(
        delivery_id=0, conversation_id=0, message_id="preview", to=_to(session, letter, can.address, to),
        text=words.text, subject=words.subject, html=words.html,
    )  # fmt: skip
    return Weighed(channel, message, inbox.facts(box), words.items)


def _to(session: Session, letter: Letter, kind: AddressKind, line: str) -> Party:
    """Whom it is for; what is written so far where a conversation begins."""
    address = session.get(directory.Address, letter.address_id) if letter.address_id else None
    if address is not None and address.kind == kind:
        contact = session.get_one(directory.Contact, address.contact_id)
        return Party(kind, address.value, contact.name)
    try:
        parties = writing.parties(line, kind)
    except InvalidAddress:
        return Party(kind, "")
    return parties[0] if parties else Party(kind, "")


def with_files(weighed: Weighed, store: Store) -> Outbound:
    """The message with the bytes of its files; those that are too large for the channel anyway are left empty."""
    most = weighed.channel.capabilities.max_attachment_bytes
    return replace(weighed.message, files=tuple(_file(store, item, most) for item in weighed.items))


def _file(store: Store, item: Item, most: int) -> File:
    content = b""
    if item.size <= most:
        with store.open(item.sha256) as stream:
            content = stream.read()
    return File(item.name, item.content_type, content, item.content_id, item.inline)


def weigh(weighed: Weighed, store: Store) -> Preview:
    """Ask the channel, no session open; it may take a while. What it refuses altogether is a problem of the whole."""
    try:
        return apart(lambda: weighed.channel.preview(with_files(weighed, store), weighed.facts))
    except ChannelError as error:
        return Preview(0, "", ((-1, error.reason),))


def pages(weighed: Weighed, store: Store, limit: int) -> Sequence[bytes]:
    """The first `limit` pages as PNG; none where the channel has no pages. Blocks."""
    channel = weighed.channel
    return channel.pages(with_files(weighed, store), weighed.facts, limit) if isinstance(channel, Renders) else ()


def check(session: Session, service: Service, letter: Letter, user: User, to: str = "") -> Weighed | None:
    """What must be weighed before it is promised; None where the channel carries every character."""
    box = inbox.get(session, letter.inbox_id)
    found = traits.find(service.channels, box.channel)
    return gather(session, service, letter, user, to) if found and found.measured else None


def refuse(weighed: Weighed | None, store: Store) -> None:
    """Raise `Unsendable` when something in it cannot be sent: nothing leaves changed."""
    if weighed is None or not (weighed.message.text.strip() or weighed.items):
        return
    problems = weigh(weighed, store).problems
    if not problems:
        return
    position, why = problems[0]
    place = _place(weighed.message.text, position)
    if place is None or not (char := _char(weighed, position, why)):
        raise Unsendable("This cannot be sent: %(why)s", why=reasons.told(why))
    raise Unsendable(
        "“%(char)s” in line %(line)s, character %(column)s cannot be sent: %(why)s",
        char=char, line=place["line"], column=place["column"], why=reasons.told(why),
    )  # fmt: skip


def told(weighed: Weighed, preview: Preview) -> dict[str, Any]:
    """For the composer: one line, what cannot be sent with its places in UTF-16 as a browser counts, and advice."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for position, why in preview.problems:
        char, place = _char(weighed, position, why), _place(weighed.message.text, position)
        group = groups.setdefault((char, why), _group(char, why, position, preview.facts))
        group["count"] += 1
        if place is not None and (char or position) and len(group["places"]) < PLACES:
            group["places"].append(place)
    found = list(groups.values())
    return {
        "line": counted.line(preview, cost_of(weighed.channel, preview, weighed.facts.settings))
        if preview.unit
        else "",
        "units": preview.units,
        "problems": found[:KINDS],
        "more": max(len(found) - KINDS, 0),
        "advice": _advice(preview.facts),
        "tidy": str(preview.facts.get("tidy") or ""),
    }


def _advice(facts: Mapping[str, Any]) -> list[str]:
    """What is worth knowing and keeps nothing from leaving."""
    found = [reasons.told(str(one.get("message", ""))) for one in facts.get("fields", ()) if not one.get("stops")]
    if doubtful := dict.fromkeys(str(one.get("character", "")) for one in facts.get("doubtful", ())):
        found.append(str(_("Not every gateway passes these on: %(signs)s", signs=" ".join(list(doubtful)[:12]))))
    return [one for one in found if one]


def _char(weighed: Weighed, position: int, why: str) -> str:
    """The character a problem is about; empty when it is about the place (too long) or the whole (a file)."""
    text = weighed.message.text
    if not 0 <= position < len(text):
        return ""
    char = text[position]
    if _unknown(char, weighed.channel.capabilities) or f"U+{ord(char):04X}" in why:
        return char
    plain = char.isascii() and (char.isalnum() or char in " .,:;'\"()-\n")
    return char if not plain and re.search(rf"(?<!\w){re.escape(char)}(?!\w)", why) else ""


def _unknown(char: str, can: Capabilities) -> bool:
    """Whether no encoding of the channel that Python knows has it; False when it knows none of them."""
    known = 0
    for encoding in can.encodings:
        try:
            char.encode(encoding)
        except UnicodeEncodeError:
            known += 1
        except LookupError:
            continue
        else:
            return False
    return known > 0 and known == len(can.encodings)


def _group(char: str, why: str, position: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    given = facts.get("proposals") or {}
    instead = given.get(char, given.get(str(position), given.get(position))) if char else None
    code = " ".join(f"U+{ord(one):04X}" for one in char)
    name = unicodedata.name(char[0], "").capitalize() if char else ""
    visible = bool(char) and char.isprintable() and not char.isspace()
    return {
        "char": char, "shown": char if visible else "", "code": code, "name": name, "why": reasons.told(why),
        "instead": str(instead) if instead is not None else None, "count": 0, "places": [],
    }  # fmt: skip


def _place(text: str, position: int) -> dict[str, int] | None:
    """Where it stands, for people and for a browser; None outside the words."""
    if not 0 <= position < len(text):
        return None
    before, char = text[:position], text[position]
    return {
        "line": before.count("\n") + 1,
        "column": position - (before.rfind("\n") + 1) + 1,
        "at": len(before.encode("utf-16-le", "surrogatepass")) // 2,
        "length": len(char.encode("utf-16-le", "surrogatepass")) // 2,
    }


def cost_of(channel: Channel, preview: Preview, settings: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    """What the channel says, else its units times the inbox's price; None when nobody knows.

    A channel that asks for prices of its own knows best, also when it knows none.
    """
    if preview.cost is not None or setting_form.prices_itself(channel):
        return preview.cost
    try:
        price = Decimal(str(settings["price"]))
    except (KeyError, InvalidOperation):
        return None
    return price * preview.units, str(settings.get("currency") or "KRW")
