"""Bytes to text when the label lies: Korean mail above all.

A label is believed when the bytes agree with it. Bytes are believed over labels where they
speak clearly: escape sequences (ISO-2022), valid UTF-8, runs of KS X 1001 Hangul pairs.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "ksc_5601": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksx1001": "cp949",
    "korean": "cp949",
    "euc-kr": "cp949",
    "euc_kr": "cp949",
    "euckr": "cp949",
    "x-windows-949": "cp949",
    "windows-949": "cp949",
    "ms949": "cp949",
    "x-euc-kr": "cp949",
    "uhc": "cp949",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_2",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "unicode-1-1-utf-7": "utf-7",
    "utf8": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf_8": "utf-8",
    "cp-850": "cp850",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
}
"""Names mail uses for what Python calls otherwise; supersets where clients write more than the name allows."""

_NOT_TEXT = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_NO_LABEL = {"", "us-ascii", "ascii", "unknown", "unknown-8bit", "x-unknown", "x-user-defined", "8bit", "default"}
_SINGLE = {"cp1252", "iso8859-15", "iso8859-2", "cp1250"}
_SEVEN_BIT_SHIFTED = {"utf-7", "hz", "iso2022_kr", "iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext"}

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_HANGUL_PAIR = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Decoded(NamedTuple):
    """Text, the charset it was read as, and whether the label had told the truth."""

    text: str
    charset: str
    true: bool


def decode(data: bytes, label: str = "") -> Decoded:
    """Read `data`, preferring `label`, never raising; damaged characters become U+FFFD."""
    name = _codec(label)
    if data.isascii() and name not in _SEVEN_BIT_SHIFTED and b"\x1b$" not in data and not name.startswith("utf-"):
        return Decoded(data.decode("ascii"), name or "us-ascii", True)
    for charset in _candidates(data, name):
        try:
            text = data.decode(charset)
        except (UnicodeError, LookupError):
            continue
        return Decoded(text.removeprefix("\ufeff"), charset, charset == name or not label.strip())
    best = _damaged(data, name)
    return Decoded(data.decode(best, "replace").removeprefix("\ufeff"), best, False)


def tidy(text: str) -> str:
    """Line ends to LF; controls that no database or screen wants (NUL, lone surrogates) away."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text) if _CONTROL.search(text) else text


def _candidates(data: bytes, name: str) -> Iterator[str]:
    """Charsets to try strictly, best first; the costly look comes only after the cheap ones failed."""
    shifted = _shifted(data)
    if shifted:
        yield shifted
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and name != "utf-32":
        yield "utf-16"
    if name in ("utf-16", "utf-32"):
        yield f"{name}-be"  # without a mark of its own it is big-endian (RFC 2781)
    if name.startswith(("utf-16", "utf-32", "utf-7")):
        yield name
    yield "utf-8"  # under any other label, what reads as UTF-8 is UTF-8
    if name in ("", "cp949", "johab", "utf-8", *_SINGLE) and _looks_korean(data):
        yield "cp949"
    if name != "utf-8":
        yield name or "cp1252"


def _shifted(data: bytes) -> str:
    """The ISO-2022 family names itself by escape sequences (RFC 1557, RFC 1468)."""
    if b"\x1b$" not in data:
        return ""
    if b"\x1b$)C" in data:
        return "iso2022_kr"
    return "iso2022_jp_2" if re.search(rb"\x1b\$[@B]|\x1b\$\([CD]", data) else ""


def _looks_korean(data: bytes) -> bool:
    """Nearly all high bytes are KS X 1001 Hangul pairs; Latin text has its high bytes single."""
    runs = _HIGH_RUN.findall(data[:20_000])
    total = sum(map(len, runs))
    pairs = 2 * sum(len(_HANGUL_PAIR.findall(run)) for run in runs)
    return total >= 2 and pairs >= 0.7 * total


def _damaged(data: bytes, name: str) -> str:
    """No charset fits wholly: the one that loses least."""
    choices = dict.fromkeys(c for c in (name, "utf-8", "cp949" if _looks_korean(data) else "") if c)
    best, least = "utf-8", float("inf")
    for charset in choices:
        try:
            lost = data.decode(charset, "replace").count("\ufffd")
        except (UnicodeError, LookupError):
            continue
        if lost < least:
            best, least = charset, lost
    if least > 0.05 * len(data) and not name:
        return "cp1252"
    return best


@lru_cache(maxsize=512)
def _codec(label: str) -> str:
    """Python's codec for a label, "" when the label says nothing usable."""
    name = re.sub(r"[^a-z0-9_.:+-]", "", label.lower())[:40]
    if name in _NO_LABEL:
        return ""
    name = _ALIASES.get(name, name)
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not getattr(known, "_is_text_encoding", True) or known.name in _NOT_TEXT:
        return ""
    return _ALIASES.get(known.name, known.name)
