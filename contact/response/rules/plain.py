"""Text as rules compare it: case and width do not matter, nor how Hangul was typed. Pure."""

from __future__ import annotations

import unicodedata

LOOKED_AT = 20_000
"""Characters of a text that rules look at."""


def even(text: str) -> str:
    """One form for full and half width, for syllables and their letters (NFKC), in one line."""
    cut = text[:LOOKED_AT]
    if not cut.isascii():
        cut = unicodedata.normalize("NFKC", cut)
    return " ".join(cut.split())


def plain(text: str) -> str:
    """`even`, without regard to case."""
    return even(text).casefold()


def tight(text: str) -> str:
    """A plain text without spaces: Korean is spaced as one likes (`배송 지연`, `배송지연`)."""
    return text.replace(" ", "")


def is_korean(needle: str) -> bool:
    """Whether spaces in it mean little: at least two syllables of Hangul."""
    return sum("가" <= letter <= "힣" for letter in needle) > 1


def language(text: str) -> str:
    """A guess by script: `ko`, `ja`, `zh`, `ru`, `th`; empty when Latin or too short to say."""
    found: dict[str, int] = {}
    letters = 0
    for letter in text[:2000]:
        if letter.isalpha():
            letters += 1
            if letter > "\u02ff" and (script := _script(letter)):
                found[script] = found.get(script, 0) + 1
    if not letters:
        return ""
    if found.get("ja", 0) * 10 >= letters:
        return "ja"
    best = max(found, key=lambda name: found[name], default="")
    return best if best and found[best] * 5 >= letters else ""


def _script(letter: str) -> str:
    for low, high, name in _SCRIPTS:
        if low <= letter <= high:
            return name
    return ""


_SCRIPTS = (
    ("\uac00", "\ud7a3", "ko"),
    ("\u1100", "\u11ff", "ko"),
    ("\u3130", "\u318f", "ko"),
    ("\u3040", "\u30ff", "ja"),
    ("\u4e00", "\u9fff", "zh"),
    ("\u0400", "\u04ff", "ru"),
    ("\u0e00", "\u0e7f", "th"),
)
