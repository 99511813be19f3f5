"""A table as a file: CSV and XLSX say the same numbers as the screen. Pure: names come in the reader's language."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

BOM = "\ufeff"
"""What tells Excel that a CSV file is UTF-8."""
MOST = 50_000
"""Lines of an XLSX file; a CSV file has no end."""
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a text for a formula (OWASP, CSV injection)."""
DAY = 86_400_000


class Shape(Enum):
    """What stands in a column."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    """Milliseconds; CSV: seconds, XLSX: a duration."""
    SHARE = "share"
    SCORE = "score"
    DATE = "date"
    MOMENT = "moment"
    """An instant; CSV: ISO 8601 with offset, XLSX: a date of the zone."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Grid:
    """A head of facts (zone, period, filters), then a table."""

    title: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    lines: Iterable[Sequence[Any]]
    zone: str


def safe(text: str) -> str:
    """Never a formula: a quotation mark in front, as spreadsheets write plain text."""
    return f"'{text}" if text.startswith(_RISKY) else text


def as_csv(grid: Grid) -> Iterator[str]:
    """Line by line; the first begins with the mark of UTF-8."""
    zone = ZoneInfo(grid.zone)
    yield BOM + _line([safe(grid.title)])
    for name, value in grid.facts:
        yield _line([safe(name), safe(value)])
    yield _line([])
    yield _line([safe(column.name) for column in grid.columns])
    for line in grid.lines:
        yield _line([_plain(column, value, zone) for column, value in zip(grid.columns, line, strict=True)])


def _line(values: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue()


def _plain(column: Column, value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return safe(value)
    match column.shape:
        case Shape.TEXT:
            return safe(str(value))
        case Shape.TIME:
            return repr(value / 1000).removesuffix(".0")
        case Shape.DATE:
            return str(value.isoformat())
        case Shape.MOMENT:
            return str(value.astimezone(zone).isoformat(sep=" ", timespec="seconds"))
        case _:
            return repr(value)


def as_xlsx(grid: Grid) -> bytes:
    """The file, with the first `MOST` lines."""
    import xlsxwriter  # only where a file is made

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": grid.title})
        sheet = book.add_worksheet(_sheet_name(grid.title))
        head = len(grid.facts) + 2
        _head(book, sheet, grid, head)
        formats = {shape: book.add_format({"num_format": picture}) for shape, picture in _FORMATS.items()}
        zone, count = ZoneInfo(grid.zone), 0
        for line in grid.lines:
            if count >= MOST:
                break
            count += 1
            for place, (column, value) in enumerate(zip(grid.columns, line, strict=True)):
                _cell(sheet, head + count, place, column.shape, value, formats, zone)
        sheet.autofilter(head, 0, head + max(count, 1), len(grid.columns) - 1)
    return target.getvalue()


_FORMATS = {
    Shape.NUMBER: "#,##0",
    Shape.TIME: "[h]:mm:ss",
    Shape.SHARE: "0.0%",
    Shape.SCORE: "0.00",
    Shape.DATE: "yyyy-mm-dd",
    Shape.MOMENT: "yyyy-mm-dd hh:mm:ss",
}


def _head(book: Any, sheet: Any, grid: Grid, head: int) -> None:
    bold = book.add_format({"bold": True})
    names = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    sheet.write_string(0, 0, grid.title, book.add_format({"bold": True, "font_size": 14}))
    for row, (name, value) in enumerate(grid.facts, start=1):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, value)
    for place, column in enumerate(grid.columns):
        sheet.write_string(head, place, column.name, names)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, len(grid.columns) - 1, 18)
    sheet.freeze_panes(head + 1, 1)


def _cell(
    sheet: Any, row: int, place: int, shape: Shape, value: Any, formats: dict[Shape, Any], zone: ZoneInfo
) -> None:
    if value is None:
        return
    if shape is Shape.TEXT or isinstance(value, str):
        sheet.write_string(row, place, str(value))
    elif shape is Shape.DATE and isinstance(value, date):
        sheet.write_datetime(row, place, datetime.combine(value, time()), formats[shape])
    elif shape is Shape.MOMENT:
        sheet.write_datetime(row, place, _wall(value, zone), formats[shape])
    else:
        sheet.write_number(row, place, value / DAY if shape is Shape.TIME else value, formats[shape])


def _wall(value: datetime, zone: ZoneInfo) -> datetime:
    """Excel knows no zones: what the clock of the printed one showed."""
    return value.astimezone(zone).replace(tzinfo=None)


def _sheet_name(title: str) -> str:
    """Excel's rules: 31 characters, without []:*?/\\ and without ' at the ends."""
    return "".join(" " if c in "[]:*?/\\" else c for c in title).strip(" '")[:31] or "1"
