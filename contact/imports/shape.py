"""What sort of file it is: recognised from its bytes. What is not certain is asked, not guessed."""

from __future__ import annotations

import codecs
import csv
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from contact.errors import Invalid
from contact.text import N_

CSV, XLSX, VCARD = "csv", "xlsx", "vcard"
LOOK = 1 << 20
"""Bytes that are looked at."""
ENCODINGS: Final = ("utf-8", "cp949", "utf-16", "cp1252", "shift_jis", "gb18030", "iso2022_kr")
"""What can be chosen."""
DELIMITERS: Final = (",", ";", "\t", "|")
LARGEST_BOOK = 2 << 30
"""Bytes an XLSX may unpack to."""
_ISO2022_KR = b"\x1b$)C"


@dataclass(frozen=True, slots=True)
class Shape:
    """How to read it. `sure`: nobody needs to be asked for the encoding and the delimiter."""

    format: str
    encoding: str = "utf-8"
    delimiter: str = ","
    sure: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def recognise(path: Path) -> Shape:
    """Look at a file; raises `Invalid` for what is none of the three."""
    with path.open("rb") as file:
        head = file.read(LOOK)
    if not head.strip():
        raise Invalid(N_("The file is empty."))
    if head.startswith(b"PK\x03\x04"):
        return Shape(XLSX) if _is_book(path) else _no()
    if head.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")):
        return _no()
    encoding, sure = encoding_of(head)
    text = decoded(head, encoding)
    if re.match(r"\s*BEGIN:VCARD", text, re.IGNORECASE):
        return Shape(VCARD, encoding, sure=sure)
    if text.count("\0") > 2:
        return _no()
    delimiter, certain = delimiter_of(text)
    return Shape(CSV, encoding, delimiter, sure and certain)


def _no() -> Shape:
    raise Invalid(N_("This is neither CSV nor XLSX nor vCard. Save it as one of these first."))


def _is_book(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as book:
            parts = book.infolist()
    except (zipfile.BadZipFile, OSError):
        return False
    if sum(part.file_size for part in parts) > LARGEST_BOOK:
        raise Invalid(N_("This workbook is too large. Save it as CSV."))
    return any(part.filename == "xl/workbook.xml" for part in parts)


def encoding_of(head: bytes) -> tuple[str, bool]:
    """The encoding of a text by its first bytes, and whether that is certain."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", True
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", True
    if _ISO2022_KR in head:
        return "iso2022_kr", True
    nulls = head[:4096]
    if nulls.count(0) > len(nulls) // 4:
        return ("utf-16-le" if nulls[1::2].count(0) > nulls[::2].count(0) else "utf-16-be"), False
    if head.isascii():
        return "utf-8", True
    text = head.decode("utf-8", "replace")
    foreign = sum(1 for letter in text if letter > "\x7f")
    if text.count("\ufffd") * 20 <= foreign + 20 and foreign > text.count("\ufffd"):
        return "utf-8", True
    return _legacy(head)


def _legacy(head: bytes) -> tuple[str, bool]:
    """Korean Windows, if it reads as such without rare syllables; else somebody must say."""
    text = decoded(head, "cp949")
    foreign = [letter for letter in text if letter > "\x7f"]
    wrong = sum(1 for letter in foreign if "\udc80" <= letter <= "\udcff")
    common = sum(1 for letter in foreign if "가" <= letter <= "힣" and _is_common(letter))
    if wrong * 50 <= len(foreign) and common * 10 >= len(foreign) * 7:
        return "cp949", True
    import charset_normalizer

    best = charset_normalizer.from_bytes(head[: 1 << 16], cp_isolation=list(ENCODINGS[1:])).best()
    guess = str(best.encoding) if best is not None else "cp1252"
    return (guess if guess in ENCODINGS else "cp1252"), False


def _is_common(letter: str) -> bool:
    """One of the 2,350 syllables of KS X 1001: what people really write."""
    try:
        letter.encode("euc_kr")
    except UnicodeEncodeError:
        return False
    return True


def decoded(head: bytes, encoding: str) -> str:
    """Text as far as it reads; what does not is left as half characters (surrogates)."""
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    return codecs.getincrementaldecoder(encoding)(errors).decode(head, len(head) < LOOK)


def delimiter_of(text: str) -> tuple[str, bool]:
    """The delimiter by which most of the first rows have the same number of cells."""
    lines = [line for line in text.splitlines()[:60] if line.strip()][:50]
    scores = []
    for order, delimiter in enumerate(DELIMITERS):
        widths = _widths(lines, delimiter)
        usual = max(set(widths), key=widths.count, default=1)
        alike = widths.count(usual) / max(1, len(widths)) if usual > 1 else 0.0
        scores.append((alike, usual, -order, delimiter))
    alike, _, _, best = max(scores)
    if not alike:  # one column, or every row of another width
        return ",", not any(delimiter in line for line in lines for delimiter in DELIMITERS[1:])
    others = [score for score in scores if score[3] != best and score[0] >= 0.9 and alike < 1]
    return best, alike >= 0.6 and not others


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return [1]
