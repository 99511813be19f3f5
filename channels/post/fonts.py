"""The fonts of letters: embedded in every PDF, the same on every machine, no character left to chance.

Noto Sans KR (Hangul, Hanja, Kana, Latin) with Noto Sans behind it (the rest of Latin, Greek, Cyrillic), OFL-1.1,
as TrueType files from npm (`@expo-google-fonts`, pinned in package.json): there is no maintained wheel with
Korean fonts, web fonts come in pieces as WOFF, and a distribution's package needs root.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

import typst
from fontTools.ttLib import TTFont

from contact.channel import ChannelError
from contact.messages import Fault, Who

FAMILIES = ("Noto Sans KR", "Noto Sans")
"""In this order: the first that has a character is taken."""
_HOME = Path(__file__).parents[2] / "node_modules/@expo-google-fonts"
_FILES = {
    False: ("noto-sans-kr/400Regular/NotoSansKR_400Regular.ttf", "noto-sans/400Regular/NotoSans_400Regular.ttf"),
    True: ("noto-sans-kr/700Bold/NotoSansKR_700Bold.ttf", "noto-sans/700Bold/NotoSans_700Bold.ttf"),
}
"""Regular and bold."""
_UNSEEN = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff")
"""Characters without a picture that only steer how others are shown on screens; leaving them out loses nothing."""
_BLANKS = re.compile(r"^ +| {2,}")
_POINT = 25.4 / 72


@cache
def book() -> typst.Fonts:
    """The fonts for the typesetter, and no others; raises `ChannelError` where they are not installed."""
    if missing := [name for name in (*_FILES[False], *_FILES[True]) if not (_HOME / name).is_file()]:
        raise ChannelError(
            f"The fonts of letters are not installed: {missing[0]}", fault=Fault.CONFIG, who=Who.US
        )  # fmt: skip
    folders = sorted({str((_HOME / name).parent) for names in _FILES.values() for name in names})
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


def clean(text: str) -> str:
    """What can be typeset of a text: composed (NFC), tabs as blanks, nothing unseen."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(one for one in text if one not in _UNSEEN)


def missing(text: str) -> list[tuple[int, str]]:
    """Every character no font has, with its first place in `text`."""
    known, found = _known(), dict[str, int]()
    for at, one in enumerate(text):
        if one != "\n" and one not in _UNSEEN and ord(one) not in known:
            found.setdefault(one, at)
    return [(at, one) for one, at in found.items()]


def width(text: str, points: float, bold: bool = False) -> float:
    """How wide a line is set, in millimetres."""
    return sum(_advance(one, bold) for one in text) * points * _POINT


def wrap(text: str, points: float, room: float, bold: bool = False) -> list[str]:
    """One line of text in lines of at most `room` millimetres: broken between words, in one only where it must be.

    Blanks in a row, and those at the beginning, are what somebody lined things up with: they stay.
    """
    lines = [""]
    for word in _BLANKS.sub(lambda found: "\u00a0" * len(found[0]), text.strip("\n")).split(" "):
        tried = f"{lines[-1]} {word}" if lines[-1] else word
        if width(tried, points, bold) <= room:
            lines[-1] = tried
            continue
        if not lines[-1]:
            lines.pop()
        lines += _pieces(word, points, room, bold)
    return lines


def _pieces(word: str, points: float, room: float, bold: bool) -> list[str]:
    """A word in pieces that fit, each a letter at least. Linear: a word may be as long as a whole letter."""
    pieces, start, used = list[str](), 0, 0.0
    for at, one in enumerate(word):
        used += _advance(one, bold)
        if at > start and used * points * _POINT > room:
            pieces.append(word[start:at])
            start, used = at, _advance(one, bold)
    return [*pieces, word[start:]]


@cache
def _faces(bold: bool) -> list[tuple[dict[int, str], dict[str, tuple[int, int]], int]]:
    """For each file: character to glyph, glyph to advance, units of an em."""
    book()
    found = []
    for name in _FILES[bold]:
        with TTFont(_HOME / name, lazy=True) as font:
            metrics, korean = dict(font["hmtx"].metrics), _korean(font)
            metrics |= {glyph: max(metrics[glyph], metrics[other]) for glyph, other in korean.items()}
            found.append((font.getBestCmap(), metrics, font["head"].unitsPerEm))
    return found


def _korean(font: TTFont) -> dict[str, str]:
    """Glyphs that Korean text has others for (OpenType `locl`): the blank above all, which is wider there."""
    if "GSUB" not in font:
        return {}
    table = font["GSUB"].table
    languages = (one for script in table.ScriptList.ScriptRecord for one in script.Script.LangSysRecord)
    indices = {index for one in languages if one.LangSysTag == "KOR " for index in one.LangSys.FeatureIndex}
    features = [table.FeatureList.FeatureRecord[index] for index in sorted(indices)]
    lookups = {number for one in features if one.FeatureTag == "locl" for number in one.Feature.LookupListIndex}
    parts = (part for number in sorted(lookups) for part in table.LookupList.Lookup[number].SubTable)
    return {glyph: other for part in parts for glyph, other in getattr(part, "mapping", {}).items()}


@cache
def _known() -> frozenset[int]:
    """Characters that regular and bold have both."""
    regular, bold = (frozenset().union(*(cmap for cmap, _, _ in _faces(each))) for each in (False, True))
    return regular & bold


@cache
def _advance(one: str, bold: bool) -> float:
    """The advance of a character, in em."""
    for cmap, metrics, em in _faces(bold):
        if glyph := cmap.get(ord(one)):
            return metrics[glyph][0] / em
    return 1.0
