"""A file as rows of texts, one after another, without ever holding the whole.

A broken row breaks nothing but itself: a quotation mark that is never closed, bytes that are not of the encoding,
a line without end. Rows are counted as a spreadsheet counts them, the header is row 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from contact.errors import Invalid
from contact.imports import cards
from contact.imports.shape import CSV, VCARD, Shape
from contact.text import N_

LONGEST_LINE = 1 << 16
MOST_LINES = 20
"""Lines one quoted cell may have."""
UNCLOSED = N_("A quotation mark is not closed, or stands in the middle of a cell.")
UNREADABLE = N_("Some letters do not fit the encoding of the file.")
TOO_LONG = N_("The row is too long.")


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `broken` says why it cannot be used (a msgid)."""

    number: int
    cells: tuple[str, ...] = ()
    broken: str = ""


def rows(path: Path, shape: Shape) -> Iterator[Row]:
    """Every row from the first on. Raises `Invalid` when the file as a whole cannot be read."""
    if shape.format == CSV:
        yield from _csv(path, shape)
    elif shape.format == VCARD:
        yield from _cards(path, shape)
    else:
        yield from _book(path)


def _open(path: Path, encoding: str) -> IO[str]:
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    return path.open(encoding=encoding, errors=errors, newline="")


def _csv(path: Path, shape: Shape) -> Iterator[Row]:
    with _open(path, shape.encoding) as file:
        number, waiting = 0, _Lines(file)
        while line := waiting.next():
            number += 1
            yield _record(number, line, waiting, shape.delimiter)


class _Lines:
    """Lines of a file, with what was looked at too early put back."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._back: list[str] = []

    def next(self) -> str:
        return self._back.pop() if self._back else self._file.readline(LONGEST_LINE)

    def back(self, lines: list[str]) -> None:
        self._back += reversed(lines)

    def skip_line(self, line: str) -> None:
        """To the end of a line that was too long."""
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(LONGEST_LINE)


def _record(number: int, line: str, waiting: _Lines, delimiter: str) -> Row:
    if len(line) >= LONGEST_LINE:
        waiting.skip_line(line)
        return Row(number, broken=TOO_LONG)
    if '"' not in line:
        return _cells(number, line.rstrip("\r\n").split(delimiter))
    taken = [line]
    while True:
        try:
            return _cells(number, next(csv.reader(taken, delimiter=delimiter, strict=True)))
        except StopIteration:
            return Row(number)
        except csv.Error as error:
            more = waiting.next() if "unexpected end" in str(error) and len(taken) < MOST_LINES else ""
            if not more:  # the first line alone is lost
                waiting.back(taken[1:])
                return Row(number, (line.rstrip("\r\n"),), UNCLOSED)
            taken.append(more)


def _cells(number: int, cells: list[str]) -> Row:
    for cell in cells:
        if not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell):
            return Row(number, broken=UNREADABLE)
    return Row(number, tuple(cells))


def _cards(path: Path, shape: Shape) -> Iterator[Row]:
    yield Row(1, cards.COLUMNS)
    with _open(path, shape.encoding) as file:
        for number, text in enumerate(cards.split(file), start=2):
            cells = cards.cells(text)
            yield Row(number, cells) if cells is not None else Row(number, broken=cards.BROKEN)


def _book(path: Path) -> Iterator[Row]:
    """The first sheet of a workbook."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except Exception as error:  # openpyxl raises whatever a broken part makes it raise
        raise Invalid(N_("This workbook cannot be read. Save it again, or as CSV.")) from error
    try:
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield Row(number, tuple(map(_cell, cells)))
    finally:
        book.close()


def _cell(value: Any) -> str:
    """As it is shown; a whole number without `.0`, a date as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date) else str(value)


def counted(path: Path, shape: Shape) -> int:
    """About how many rows there are, quickly: for the progress bar."""
    if shape.format not in (CSV, VCARD):
        return sum(1 for _ in _book(path))
    n, mark = 0, b"\n" if shape.format == CSV else b"END:VCARD"
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            n += part.upper().count(mark) if shape.format == VCARD else part.count(mark)
    return n + 1
