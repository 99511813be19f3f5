"""Finding by Korean initial consonants: ㅂㅅ finds 배송. Pure."""

from __future__ import annotations

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST, _LAST, _EACH = 0xAC00, 0xD7A3, 588


def initials(text: str) -> str:
    """Each Korean syllable as its initial consonant, everything else as it is."""
    return "".join(INITIALS[(ord(c) - _FIRST) // _EACH] if _FIRST <= ord(c) <= _LAST else c for c in text)


def is_initials(text: str) -> bool:
    """Whether somebody typed initial consonants alone."""
    bare = text.replace(" ", "")
    return bool(bare) and all(c in INITIALS for c in bare)


def holds(text: str, wanted: str) -> bool:
    """Whether `wanted` (folded) stands in `text`, as it is or by initial consonants."""
    folded = text.casefold()
    return wanted in folded or (is_initials(wanted) and wanted.replace(" ", "") in initials(folded).replace(" ", ""))
