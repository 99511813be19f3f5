"""What a text costs as SMS: alphabet, units, parts, and the characters that cannot be sent. Pure.

Two worlds count differently:

* the GSM world (3GPP TS 23.038 section 6.2.1 and 6.2.3): 160 septets of the GSM 7-bit alphabet,
  characters of its extension table counting two, or 70 UTF-16 units of UCS-2 as soon as one
  character is in neither; longer texts are cut into parts of 153 or 67, because each part
  carries a header (3GPP TS 23.040 section 9.2.3.24.1);
* Korean gateways: bytes of cp949, 90 for an SMS, 2,000 for an LMS, and nothing else can be sent
  at all. Python's `euc_kr` makes up 8-byte sequences for syllables outside KS X 1001, so
  it is never asked.

Nothing is ever replaced in silence: `tidy` shows what pasting from a word processor brings and
what it would become, and what is left over is named by its position.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_SEPTETS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENSION, 2)}

_ENDS = re.compile(r"\r+\n")
_PLAIN = {
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-",
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'",
    "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"',
    "…": "...", "•": "-", "\t": " ",
    "\N{NO-BREAK SPACE}": " ", "\N{FIGURE SPACE}": " ", "\N{THIN SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
    "\N{EM SPACE}": " ", "\N{EN SPACE}": " ", "\N{IDEOGRAPHIC SPACE}": " ",
    "\N{ZERO WIDTH SPACE}": "", "\N{ZERO WIDTH NON-JOINER}": "", "\N{SOFT HYPHEN}": "",
    "\N{ZERO WIDTH NO-BREAK SPACE}": "",
}  # fmt: skip
"""What word processors and web pages paste, and what a telephone's keyboard would have written."""

_SYLLABLES = frozenset(
    bytes((lead, trail)).decode("euc_kr") for lead in range(0xB0, 0xC9) for trail in range(0xA1, 0xFF)
)
"""The 2,350 syllables of KS X 1001. Gateways that say EUC-KR may refuse all others."""


class Alphabet(StrEnum):
    """How a text travels."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    CP949 = "cp949"


class Form(StrEnum):
    """What a Korean gateway calls it, and charges for."""

    SMS = "sms"
    LMS = "lms"
    MMS = "mms"


SINGLE = {Alphabet.GSM7: 160, Alphabet.UCS2: 70}
"""Units of a message that stands alone."""
JOINED = {Alphabet.GSM7: 153, Alphabet.UCS2: 67}
"""Units of each part of a longer one."""
SMS_BYTES, LMS_BYTES, SUBJECT_BYTES = 90, 2000, 40
"""Bytes of cp949 a Korean SMS, an LMS or MMS, and its subject hold."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A character that cannot be sent, or (`doubtful`) that some gateways refuse. `at` counts characters from 0."""

    at: int
    character: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """`units` are septets, UTF-16 units or bytes; `parts` are what is charged; `left` until the next part begins."""

    alphabet: Alphabet
    units: int
    parts: int
    left: int
    form: Form = Form.SMS
    problems: tuple[Problem, ...] = ()


def tidy(text: str, *, korean: bool = False) -> str:
    """Composed (NFC), with typographic characters as a keyboard writes them, where that lets the text travel cheaper.

    What the alphabet can send stays as it is: a KS X 1001 ANGSTROM SIGN, whose composed form cp949 has
    not, and curly quotes, which cp949 has. In the GSM world typography is only touched when the whole text
    fits GSM-7 then; in UCS-2 it costs nothing. An offer for the person who writes, never done in silence.
    """
    can = _cp949 if korean else _SEPTETS.get
    composed = "".join(_composed(cluster, can) for cluster in _clusters(_ENDS.sub("\n", text)))
    plain = "".join(c if can(c) else _PLAIN.get(c, c) for c in composed)
    return plain if korean or all(map(can, plain)) else composed


def _composed(cluster: str, can: Callable[[str], int | None]) -> str:
    return cluster if all(map(can, cluster)) else unicodedata.normalize("NFC", cluster)


def _clusters(text: str) -> Iterator[str]:
    """Pieces that composition does not reach across: a character with its marks, a syllable of single jamo."""
    begun = 0
    for at, character in enumerate(text):
        joins = "\u1160" <= character <= "\u11ff" or unicodedata.category(character).startswith("M")
        if at > begun and not joins:
            yield text[begun:at]
            begun = at
    yield text[begun:]


def gsm(text: str) -> Count:
    """Counted as the GSM world does."""
    alphabet = Alphabet.GSM7 if all(c in _SEPTETS for c in text) else Alphabet.UCS2
    sizes = [*_sizes(text, alphabet)]
    units = sum(sizes)
    if units <= SINGLE[alphabet]:
        return Count(alphabet, units, 1 if text else 0, SINGLE[alphabet] - units, problems=_unpaired(text))
    parts, used = _packed(sizes, JOINED[alphabet])
    return Count(alphabet, units, parts, JOINED[alphabet] - used, problems=_unpaired(text))


def korean(text: str, *, media: bool = False) -> Count:
    """Counted as Korean gateways do. Above `LMS_BYTES` nothing can be sent: `left` is negative."""
    units, problems = 0, []
    for at, character in enumerate(text):
        size = _cp949(character)
        units += size
        if not size:
            problems.append(Problem(at, character))
        elif "가" <= character <= "힣" and character not in _SYLLABLES:
            problems.append(Problem(at, character, doubtful=True))
    form = Form.MMS if media else Form.SMS if units <= SMS_BYTES else Form.LMS
    room = SMS_BYTES if form is Form.SMS else LMS_BYTES
    return Count(Alphabet.CP949, units, 1 if text or media else 0, room - units, form, tuple(problems))


def fits(text: str, room: int) -> int:
    """How many characters of `text` have room in so many bytes of cp949."""
    for at, character in enumerate(text):
        room -= _cp949(character)
        if room < 0:
            return at
    return len(text)


def first_line(text: str, room: int = 80) -> str:
    """What a list shows of it."""
    return " ".join(text.split())[:room]


def _sizes(text: str, alphabet: Alphabet) -> Iterator[int]:
    """Units of each character; one of two units is never cut in the middle."""
    if alphabet is Alphabet.GSM7:
        return (_SEPTETS[c] for c in text)
    return (2 if ord(c) > 0xFFFF else 1 for c in text)


def _packed(sizes: list[int], room: int) -> tuple[int, int]:
    """How many parts of `room` units, and how many units of the last are used."""
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts, used


def _unpaired(text: str) -> tuple[Problem, ...]:
    """Half characters: no alphabet has them."""
    return tuple(Problem(at, c) for at, c in enumerate(text) if "\ud800" <= c <= "\udfff")


def _cp949(character: str) -> int:
    """Bytes, 0 when it cannot be sent."""
    try:
        return len(character.encode("cp949"))
    except UnicodeEncodeError:
        return 0
