"""How files of strangers are served: nothing runs, nothing is sniffed, names survive in Korean."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from contact.web.headers import FILE

INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})
"""Shown in the browser. Everything else, HTML, SVG and PDF above all, is only downloaded."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Control, direction and private characters: a name must read as it is."""


def safe_file_headers(content_type: str, name: str, *, download: bool = False) -> dict[str, str]:
    """Headers for a file whose type and name a stranger chose.

    A type outside `INLINE` becomes `application/octet-stream` as an attachment, so that no
    browser finds a reason to render it.
    """
    kind = content_type.partition(";")[0].strip().lower()
    inline = kind in INLINE
    if kind == "text/plain":
        kind = "text/plain; charset=utf-8"
    return {
        **FILE,
        "X-Content-Type-Options": "nosniff",
        "Content-Type": kind if inline else "application/octet-stream",
        "Content-Disposition": disposition(name, inline=inline and not download),
    }


def disposition(name: str, *, inline: bool) -> str:
    """`Content-Disposition` with an ASCII name for old clients and the true one (RFC 6266, RFC 5987)."""
    name = clean_name(name)
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    kind = "inline" if inline else "attachment"
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def clean_name(name: str) -> str:
    """A bare file name: no folders, no control or direction characters, at most 180 characters, never empty."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(
        letter for letter in name if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    )
    name = name.strip(" .")
    if len(name) > 180:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: 179 - len(ending)]}.{ending}" if dot and len(ending) <= 16 else name[:180]
    return name or "file"
