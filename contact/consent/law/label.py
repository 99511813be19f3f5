"""How an advertisement must look: its label, sender and way out, read from what will be sent. Pure.

What counts is what a reader sees as text: a picture of words is none (article 50 (5) item 4 forbids pictures that
keep filters out), and what is hidden in HTML is not seen.
"""

from __future__ import annotations

import html
import re
import unicodedata

from contact.consent.law.korea import FREE, LABEL

_NOT_SEEN = re.compile(r"<!--.*?-->|<(style|script|head|title|template)\b.*?</\1\s*>", re.S | re.I)
_HIDDEN = re.compile(r"<(\w+)\b[^>]*(?:display\s*:\s*none|\bhidden\b)[^>]*>.*?</\1\s*>", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")
_BLOCK = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h\d)\b[^>]*>", re.I)
_FREE_NUMBER = re.compile(r"080[-.\s]?\d{3,4}[-.\s]?\d{4}")
_OPENED = re.compile(r"[(\[{<〔【〈《「『“”\"'‘’*]+([^)\]}>〕】〉》」』“”\"'‘’*]{1,16})[)\]}>〕】〉》」』“”\"'‘’*]")
_VARIANT = re.compile(r"[가-힣]{0,6}(?:광고|廣告|光告)[가-힣]{0,2}|ads?|advert\w*", re.I)
_GAP = re.compile(r"[^\w廣光告]|_")


def visible(markup: str) -> str:
    """The words of an HTML body as a reader sees them."""
    shown = _HIDDEN.sub(" ", _NOT_SEEN.sub(" ", markup))
    return html.unescape(_TAG.sub(" ", _BLOCK.sub("\n", shown)))


def labelled(words: str) -> bool:
    """Whether it begins with the exact label, with nothing before it."""
    return words.startswith(LABEL)


def nearly(words: str) -> bool:
    """Whether it begins with what looks like the label and is not: an evasion, meant or not."""
    if labelled(words):
        return False
    begin = unicodedata.normalize("NFKC", words.lstrip("\ufeff \t\r\n"))[:24]
    if begin.startswith(LABEL):
        return True  # full-width brackets, jamo, space before it
    found = _OPENED.match(begin)
    return found is not None and _VARIANT.fullmatch(_GAP.sub("", found[1])) is not None


def names(words: str, name: str) -> bool:
    """Whether the sender's name stands there, spaces and case aside."""
    return bool(name.strip()) and _squeezed(name) in _squeezed(words)


def has_number(words: str, number: str) -> bool:
    """Whether a telephone number stands there, however it is cut: `02-123-4567`, `(02) 123 4567`, `+82 2 123 4567`."""
    wanted = re.sub(r"\D", "", number)
    if not wanted:
        return False
    written = re.sub(r"[^\d+\n,;]", "", re.sub(r"[-.\s()·]", "", words.replace("\n", ",")))
    home = wanted.removeprefix("82").removeprefix("0") if number.strip().startswith("+82") else wanted.removeprefix("0")
    return any(form in written for form in (wanted, f"0{home}", f"+82{home}", home if len(home) == 8 else wanted))


def ends_with_free_refusal(words: str) -> bool:
    """Whether the last line but blank ones says that refusing is free, with a number that is (080)."""
    lines = [line for line in words.splitlines() if line.strip()]
    end = " ".join(lines[-2:])
    place = max((end.rfind(word) for word in FREE), default=-1)
    return place >= 0 and _FREE_NUMBER.search(end, place) is not None


def says_how_to_refuse(words: str) -> tuple[bool, bool]:
    """Whether it speaks of refusing in Korean, and in English."""
    squeezed = _squeezed(words)
    return "수신거부" in squeezed, any(word in squeezed for word in ("unsubscribe", "optout", "opt-out"))


def _squeezed(words: str) -> str:
    return "".join(unicodedata.normalize("NFC", words).split()).casefold()
