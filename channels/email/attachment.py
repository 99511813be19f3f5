"""A MIME part as a file: its name, its type, and whether it stands in the text."""

from __future__ import annotations

import mimetypes
from email.message import Message

from channels.email.headers import first, parameter, text
from channels.email.names import clean_name
from contact.messages import File


def disposition(part: Message) -> str:
    return first(part, "content-disposition").partition(";")[0].strip().lower()


def file_of(part: Message, kind: str, name: str, data: bytes, position: int) -> File:
    asked = disposition(part)
    content_id = text(first(part, "content-id")).strip("<> ")[:200]
    return File(
        name=name or f"file-{position + 1}{_ending(kind)}",
        content_type=kind,
        content=data,
        content_id=content_id,
        inline=asked != "attachment" and bool(content_id or asked == "inline"),
    )


def file_name(part: Message) -> str:
    return clean_name(parameter(part, "filename", "content-disposition") or parameter(part, "name"))


def subject_name(message: Message) -> str:
    return clean_name(text(first(message, "subject")).replace("/", "-").replace("\\", "-") or "message")[:100] + ".eml"


def _ending(kind: str) -> str:
    if kind == "text/rfc822-headers":
        return ".txt"
    return mimetypes.guess_extension(kind) or ".bin"
