"""Outlook's `winmail.dat` (MS-OXTNEF), opened with tnefparse."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from tnefparse import TNEF

from channels.email.charset import decode, tidy
from channels.email.names import clean_name, guessed_type
from contact.messages import File

MAX_NESTED = 4

logging.getLogger("tnefparse").setLevel(logging.ERROR)  # a stranger's odd file is not our warning


class Damaged(Exception):
    """The envelope cannot be opened."""


@dataclass(slots=True)
class Inside:
    """What was in the envelope."""

    files: list[File] = field(default_factory=list)
    text: str = ""
    html: str = ""


def looks_like(kind: str, name: str) -> bool:
    return kind in ("application/ms-tnef", "application/vnd.ms-tnef") or name.lower() == "winmail.dat"


def read(data: bytes) -> Inside:
    """Open the envelope; raises `Damaged`."""
    try:
        return _read(TNEF(data, do_checksum=False), 0)
    except Exception as error:
        raise Damaged(f"winmail.dat cannot be opened ({type(error).__name__})") from error


def _read(envelope: Any, depth: int) -> Inside:
    inside = Inside(text=_text(envelope.body), html=_text(envelope.htmlbody))
    for attachment in envelope.attachments:
        embedded = getattr(attachment, "embed", None)
        if embedded is not None and depth < MAX_NESTED:
            nested = _read(embedded, depth + 1)
            inside.files += nested.files
            if nested.text or nested.html:
                inside.files.append(_nested_body(attachment, nested))
        elif attachment.data:
            inside.files.append(_file(attachment, len(inside.files)))
    return inside


def _nested_body(attachment: Any, nested: Inside) -> File:
    ending, kind = (".txt", "text/plain") if nested.text else (".html", "text/html")
    body = (nested.text or nested.html).encode()
    return File((_name(attachment) or "message") + ending, f"{kind}; charset=utf-8", body)


def _file(attachment: Any, position: int) -> File:
    name = _name(attachment) or f"file-{position + 1}.bin"
    return File(name, guessed_type(name), bytes(attachment.data))


def _name(attachment: Any) -> str:
    """The long name where there is one; the library cannot read names in Korean code pages, we can."""
    try:
        raw = attachment.long_filename()
    except UnicodeDecodeError:
        raw = attachment._name
    return clean_name(_text(raw))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        meta = re.search(rb"charset\s*=\s*[\"']?([\w-]{1,40})", value[:4000])
        return tidy(decode(value.rstrip(b"\x00"), meta[1].decode() if meta else "").text)
    return tidy(value.rstrip("\x00")) if isinstance(value, str) else ""
