"""The rows behind a figure: the same condition as its sum, one measured thing a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.orm import Session

from contact.response.reports import period as periods
from contact.response.reports import report as reports
from contact.response.reports import sums
from contact.response.reports.asked import Question
from contact.response.reports.figures import OF, TIMED, Figure, Heap, How, made
from contact.response.reports.measure import Kind, Measure, slot_of
from contact.response.reports.period import TIMES
from contact.response.reports.report import Value

PAGE = 50
EACH = 2_000
"""Rows read at once for a file."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One cell of a report: which figure, of which group (None: of all), in which order its rows are listed."""

    question: Question
    figure: Figure
    key: str | None = None
    longest: bool = False

    @property
    def timed(self) -> bool:
        return self.figure.kind in TIMED and self.figure.how is not How.BACKLOG


@dataclass(frozen=True, slots=True)
class Listed:
    """One row, and its value as the question counts time."""

    row: Measure
    value: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What the rows come to: the figure itself, how many they are, and their median where they have one."""

    value: Value
    count: int
    median: Value


def summary(session: Session, behind: Behind, now: datetime) -> Summary:
    """Made of the rows themselves."""
    figure, kind = behind.figure, Measure.kind
    worked = sums.of_work(session, behind.question) if behind.timed else None
    columns = (kind, Measure.value, Measure.returned, Measure.at)
    found = sums.rows(session, select(*columns).where(_where(behind, now)))
    values = (worked.took(row[3], row[1]) if worked else row[1] for row in found if row[1] is not None)
    heap = Heap(len(found), sorted(values), sum(bool(row[2]) for row in found))
    other = Heap()
    if figure.how in OF:
        of = Behind(behind.question, Figure("", "", OF[figure.how], How.COUNT, ""), behind.key)
        other.count = len(sums.rows(session, select(kind).where(_where(of, now))))
    value = made(figure, heap, other, behind.question.target)
    timed = behind.timed and heap.values
    return Summary(value, heap.count, made(_MEDIAN, heap, other, 0) if timed else None)


_MEDIAN = Figure("", "", Kind.RESOLVED, How.MEDIAN, "")


def page(
    session: Session, behind: Behind, now: datetime, after: tuple[int, int] | None = None, limit: int = PAGE
) -> Sequence[Listed]:
    """Rows by key, the newest or the longest first, behind `after` (`cursor` of the last one shown)."""
    worked = sums.of_work(session, behind.question) if behind.timed else None
    found: Sequence[Measure] = session.scalars(_ordered(behind, now, after).limit(limit)).all()
    return [Listed(row, worked.took(row.at, row.value or 0) if worked else row.value) for row in found]


def cursor(behind: Behind, one: Listed) -> tuple[int, int]:
    return (one.row.value or 0, one.row.id) if behind.longest else (one.row.slot, one.row.id)


def every(session: Session, behind: Behind, now: datetime, most: int) -> Iterator[Listed]:
    """All of them in parts, the newest first, `most` at most."""
    after, left = None, most
    while left > 0 and (rows := page(session, behind, now, after, min(EACH, left))):
        yield from rows
        after, left = cursor(behind, rows[-1]), left - len(rows)
        session.expunge_all()


def _ordered(behind: Behind, now: datetime, after: tuple[int, int] | None) -> Any:
    first = Measure.value if behind.longest else Measure.slot
    query = select(Measure).where(_where(behind, now)).order_by(first.desc(), Measure.id.desc())
    return query if after is None else query.where(tuple_(first, Measure.id) < after)


def _where(behind: Behind, now: datetime) -> ColumnElement[bool]:
    question, figure, key = behind.question, behind.figure, behind.key
    if figure.how is How.BACKLOG:
        return _open(behind, now)
    wanted = [Measure.kind == int(figure.kind), sums.within(question.period.slots, question)]
    if key is not None:
        wanted.append(sums.in_group(question, question.by, key))
    if figure.how is How.RETURNED:
        wanted.append(Measure.returned.is_(True))
    if figure.how is How.SCORED:
        wanted.append(Measure.value == figure.score)
    return and_(*wanted)


def _open(behind: Behind, now: datetime) -> ColumnElement[bool]:
    question, key = behind.question, behind.key
    through = sums.counts(question)
    if key is None:
        return and_(sums.open_at(reports.end(question, now)), through)
    if question.by not in TIMES:
        group = sums.in_group(question, question.by, key)
        return and_(sums.open_at(reports.end(question, now)), through, group)
    part = next((one for one in periods.parts(question.period, question.by) if one.key == key), None)
    if part is None or part.begin > slot_of(now):
        return and_(Measure.id < 0)
    return and_(sums.open_at(sums.end_of(part, now)), through)
