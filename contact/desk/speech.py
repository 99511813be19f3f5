"""What a sandbox caught that is no mail: words, fields, or a picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import orjson

from contact.desk.exchanges import Line, lines

LONGEST = 100_000
"""Characters that are shown; the download has all."""
SAID = ("body", "text", "message", "content")
"""Names under which the fields of a message hold its words."""


@dataclass(frozen=True, slots=True)
class Speech:
    """`text` stands in a bubble, `fields` in a table below; `picture` is one a browser shows."""

    text: str = ""
    fields: tuple[Line, ...] = ()
    picture: bool = False


def read(content_type: str, raw: bytes) -> Speech:
    """Understand what can be shown; empty for what can only be downloaded."""
    kind, charset = _kind(content_type)
    if kind in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        return Speech(picture=True)
    if kind == "application/json":
        return _fields(_json(raw))
    if kind == "application/x-www-form-urlencoded":
        return _fields(dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)))
    return Speech(text=_text(raw, charset)) if kind.startswith("text/") else Speech()


def _kind(content_type: str) -> tuple[str, str]:
    head = Message()
    head["Content-Type"] = content_type
    return head.get_content_type(), head.get_content_charset() or "utf-8"


def _text(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")[:LONGEST]
    except LookupError:  # a charset nobody knows
        return raw.decode("utf-8", "replace")[:LONGEST]


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")


def _fields(found: Any) -> Speech:
    if not isinstance(found, Mapping):
        return Speech(text=str(found)[:LONGEST])
    said = next((value for name, value in found.items() if name.lower() in SAID and isinstance(value, str)), "")
    return Speech(text=said[:LONGEST], fields=lines(found, 1))
