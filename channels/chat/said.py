"""What a visitor said, as the common language: checked, cleaned, with its key and fingerprint. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.chat.visitor import Ticket, Visitors
from contact.errors import Invalid, TooLarge
from contact.messages import AddressKind, Inbound, Party

MAX_TEXT = 10_000
"""Characters of one message."""
MAX_FILES = 10

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a visitor; `id` was made by the browser before the first try."""

    id: str
    text: str
    files: tuple[Ticket, ...] = ()


def said(data: object, visitor: str, visitors: Visitors) -> Said:
    """Read the payload of `message`; raises `Invalid` or `TooLarge` with a sentence for the visitor."""
    given = fields(data)
    number = given.get("id")
    if not isinstance(number, str) or not _ID.fullmatch(number):
        raise Invalid("The message has no valid id.")
    files = given.get("files") or ()
    if not isinstance(files, list | tuple):
        raise Invalid("This file is not there any more. Please attach it again.")
    if len(files) > MAX_FILES:
        raise TooLarge("A message may carry up to %(n)s files.", n=MAX_FILES)
    tickets = tuple(_ticket(visitors, visitor, file) for file in files)
    text = words(given.get("text"), MAX_TEXT)
    if not text and not tickets:
        raise Invalid("The message is empty.")
    return Said(number, text, tickets)


def fields(data: object) -> Mapping[str, Any]:
    """The payload as a mapping; anything else is an empty one."""
    return data if isinstance(data, dict) else {}


def words(value: object, limit: int) -> str:
    """Text as it is kept: composed Hangul (macOS sends it in pieces), no control characters, no edges."""
    if not isinstance(value, str):
        return ""
    if len(value) > limit * 3:  # a syllable in pieces is three
        raise TooLarge("The message may have up to %(n)s characters.", n=limit)
    text = unicodedata.normalize("NFC", _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))).strip()
    if len(text) > limit:
        raise TooLarge("The message may have up to %(n)s characters.", n=limit)
    return text


def inbound(one: Said, visitor: str, language: str, page: Mapping[str, str] | None = None) -> Inbound:
    """The message for `contact.intake`: same id = same message, other words under it = refused."""
    facts: dict[str, Any] = {"language": language}
    if page:
        facts["page"] = dict(page)
    if one.files:
        facts["files"] = len(one.files)
    return Inbound(
        channel="chat",
        key=f"chat:{visitor}:{one.id}",
        fingerprint=_fingerprint(one),
        sender=Party(AddressKind.VISITOR, visitor),
        text=one.text,
        facts=facts,
    )


def id_of(key: str | None) -> str | None:
    """The visitor's own id of a message, from its key."""
    return key.rpartition(":")[2] if key and key.startswith("chat:") else None


def _ticket(visitors: Visitors, visitor: str, file: object) -> Ticket:
    ticket = visitors.redeem(visitor, file)
    if ticket is None:
        raise Invalid("This file is not there any more. Please attach it again.")
    return ticket


def _fingerprint(one: Said) -> str:
    said = "\0".join([one.text, *(f"{file.sha256}:{file.name}" for file in one.files)])
    return hashlib.sha256(said.encode()).hexdigest()
