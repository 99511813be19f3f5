"""Canned answers from a table: CSV with a head of name, title, language, text (and channel, folder, tags)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from contact.errors import HanmaruError, Invalid
from contact.response.answers.answer import Variant, Wording, add, by_name, change, checked, variants

MOST_ROWS = 2000
MOST_BYTES = 2 * 1024 * 1024
NEEDED = ("name", "text")
KNOWN = (*NEEDED, "title", "language", "channel", "folder", "tags")
_KOREAN = {"이름": "name", "단축어": "name", "제목": "title", "언어": "language", "내용": "text", "채널": "channel",
           "폴더": "folder", "태그": "tags"}  # fmt: skip
_LANGUAGES = {"한국어": "ko", "korean": "ko", "영어": "en", "english": "en"}


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it stands in the table; `number` counts as a spreadsheet does (the head is row 1)."""

    number: int
    name: str
    variant: Variant
    title: str = ""
    folder: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was left out."""

    row: int
    error: HanmaruError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did."""

    added: int
    changed: int
    problems: tuple[Problem, ...]


def read(content: bytes) -> list[Line]:
    """The rows; raises `Invalid` when it is no such table."""
    if len(content) > MOST_BYTES:
        raise Invalid("The table is larger than %(n)s MB.", n=MOST_BYTES // 1024 // 1024)
    text = _decoded(content)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise Invalid("The table cannot be read: %(why)s", why=str(error)) from None
    if not rows:
        raise Invalid("The table is empty.")
    if len(rows) > MOST_ROWS + 1:
        raise Invalid("A table may have up to %(n)s rows.", n=MOST_ROWS)
    head = [_KOREAN.get(cell.strip(), cell.strip().lower()) for cell in rows[0]]
    if missing := [name for name in NEEDED if name not in head]:
        raise Invalid("The first row must name the columns; there is none named %(name)s.", name=missing[0])
    return [_line(number, head, row) for number, row in enumerate(rows[1:], start=2) if any(map(str.strip, row))]


def bring_in(
    session: Session, now: datetime, lines: Iterable[Line], channels: Iterable[str], *, user_id: int | None, by: int,
    may_share: bool,
) -> Outcome:  # fmt: skip
    """Add or change canned answers by their names; a bad row is left out and told, the others come in.

    The same table a second time changes nothing more: a row replaces the variant of its language and channel.
    """
    known, added, changed, problems = list(channels), set[str](), set[str](), list[Problem]()
    for line in lines:
        try:
            with session.begin_nested():
                name, new = _bring(session, now, line, known, user_id, by, may_share)
        except HanmaruError as error:
            problems.append(Problem(line.number, error))
        else:
            (added if new else changed).add(name)
    return Outcome(len(added), len(changed - added), tuple(problems))


def _bring(
    session: Session, now: datetime, line: Line, channels: list[str], user_id: int | None, by: int, may_share: bool
) -> tuple[str, bool]:
    alone = checked(Wording(line.name, line.title, line.folder, line.tags, None, (line.variant,)), channels)
    there = by_name(session, alone.name, user_id)
    if there is None:
        add(session, now, alone, user_id=user_id, by=by, may_share=may_share)
        return alone.name, True
    new = alone.variants[0]
    kept = [
        v
        for v in variants(session, [there.id]).get(there.id, [])
        if (v.language, v.channel) != (new.language, new.channel)
    ]
    wording = Wording(
        alone.name,
        line.title or there.title,
        line.folder or there.folder,
        line.tags or tuple(there.tags),
        there.queue_id,
        (*kept, new),
    )
    change(session, now, there, checked(wording, channels), by=by, may_share=may_share)
    return alone.name, False


def _line(number: int, head: list[str], row: list[str]) -> Line:
    cells = {name: cell.strip() for name, cell in zip(head, row, strict=False) if name in KNOWN}
    language = cells.get("language", "").lower()
    variant = Variant(cells.get("text", ""), _LANGUAGES.get(language, language), cells.get("channel", "").lower())
    tags = tuple(tag.strip() for tag in cells.get("tags", "").replace(";", ",").split(",") if tag.strip())
    return Line(number, cells.get("name", ""), variant, cells.get("title", ""), cells.get("folder", ""), tags)


def _decoded(content: bytes) -> str:
    """UTF-8 with or without mark, else what Excel writes in Korea."""
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("The table is neither in UTF-8 nor in the Korean encoding of Windows.")


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)
