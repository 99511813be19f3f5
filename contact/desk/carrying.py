"""What a channel cannot carry is said and refused; nothing a person wrote or attached is silently left behind."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from contact.channel import Capabilities
from contact.errors import Invalid
from contact.files import Item


def check(can: Capabilities, items: Sequence[Item], copies: bool) -> None:
    """Raise `Invalid` for the first thing this channel cannot carry."""
    if copies and not can.cc:
        raise Invalid("This channel carries no copies. Remove CC and BCC, or choose another way.")
    files = [item for item in items if not item.inline]
    if files and not can.attachments:
        raise Invalid("This channel carries no files. Remove %(name)s, or choose another way.", name=files[0].name)
    if len(files) > can.max_attachments:
        raise Invalid("This channel carries up to %(n)s files in a message.", n=can.max_attachments)
    for item in files:
        if not fits_type(can, item.content_type):
            raise Invalid("This channel does not carry files like %(name)s.", name=item.name)
        if item.size > can.max_attachment_bytes:
            kb = can.max_attachment_bytes // 1024
            raise Invalid(
                "%(name)s is too large: this channel carries files of up to %(kb)s KB.", name=item.name, kb=kb
            )


def fits_type(can: Capabilities, content_type: str) -> bool:
    """Whether files of that type may go along; no list of types means any."""
    kind = content_type.partition(";")[0].strip().lower()
    return not can.attachment_types or any(fnmatchcase(kind, pattern.lower()) for pattern in can.attachment_types)
