"""File names strangers chose, made harmless."""

from __future__ import annotations

import mimetypes
import re

from channels.email.charset import tidy

_TRICKS = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def clean_name(name: str) -> str:
    """A file name that is only a name: no folders, no controls, no tricks with direction marks."""
    name = _TRICKS.sub("", tidy(name))
    name = re.split(r"[/\\]", name)[-1].strip().lstrip(".").strip()
    if len(name) > 150:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: 149 - len(ending)]}.{ending}" if dot and len(ending) < 20 else name[:150]
    return name


def guessed_type(name: str) -> str:
    """The type a name suggests."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
