"""A recipient's value on its way into a message: one line of legible text, and never more. Pure."""

from __future__ import annotations

import re

from contact.text import storable

LONGEST = 2_000
"""Characters of one value: an address or a link, never a text."""

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
"""Every line end there is (CR, LF, VT, FF, FS to US, NEL, U+2028, U+2029), NUL and the other controls."""
_TURNS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Marks that turn the direction of what follows: a name must not rearrange our sentence."""


def one_line(value: str) -> str:
    """`value` in one line: no line end and no control is left; printable text is returned as it is."""
    if value.isprintable():
        return value.strip()
    return _TURNS.sub("", _SPACE.sub(" ", storable(value))).strip()
