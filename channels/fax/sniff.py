"""What a file really is. Its name and its declared type are a stranger's claim: a text named .pdf is no PDF."""

from __future__ import annotations

from typing import Final, Literal

from contact.messages import File

Kind = Literal["pdf", "image", "text"]

_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
"""What Pillow may be asked to read."""
TYPES: Final = (
    "application/pdf",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/bmp",
    "image/webp",
    "image/tiff",
    "text/plain",
)
"""What can be made into pages."""


class Unprintable(Exception):
    """This file cannot become pages; the words say why."""


def kind(file: File) -> Kind:
    """What the bytes are; raises `Unprintable`, also when they are not what the file is said to be."""
    head = file.content[:1024]
    if not head.strip():
        raise Unprintable(f"The file {file.name} is empty.")
    if b"%PDF-" in head:  # ISO 32000: within the first 1,024 bytes
        return "pdf"
    if image_of(head):
        return "image"
    claimed = file.content_type.partition(";")[0].strip().lower()
    if claimed.startswith("text/") and "html" not in claimed:
        return "text"
    if claimed in TYPES:
        raise Unprintable(
            f"The file {file.name} is not what its name says: it holds no {claimed.rpartition('/')[2].upper()}."
        )
    raise Unprintable(f"The file {file.name} cannot be faxed: only PDF, images and plain text can.")


def image_of(head: bytes) -> str:
    """Which format of image begins like this; empty for none."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _IMAGES if head.startswith(magic)), "")


def text_of(file: File) -> str:
    """The words of a text file: UTF-8, or what Korean Windows writes (cp949); raises `Unprintable`."""
    for encoding in ("utf-8-sig", "cp949"):
        try:
            text = file.content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unprintable(f"The file {file.name} cannot be read as text.")
