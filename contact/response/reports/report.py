"""A report: lines of cells, and the sum above them. What is shown, filed and listed is made of this one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from contact.response.reports import period as periods
from contact.response.reports import sums
from contact.response.reports.asked import Question, counted, kinds
from contact.response.reports.figures import NOTHING, OF, Figure, How, made
from contact.response.reports.measure import slot_of
from contact.response.reports.period import CLOCKS, TIMES
from contact.response.reports.sums import Heaps

Value = int | float | None
"""A count, milliseconds, a share of 1, a mean score; None = there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Line:
    """One group with its figures, in the order of the columns."""

    key: str
    cells: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a question is answered with."""

    question: Question
    figures: tuple[Figure, ...]
    lines: tuple[Line, ...]
    total: tuple[Value, ...]
    before: tuple[Value, ...]
    """The same of the period before."""

    @property
    def empty(self) -> bool:
        """Nothing at all was measured."""
        return not any(self.total)

    def column(self, key: str) -> int:
        return next(place for place, one in enumerate(self.figures) if one.key == key)


def build(session: Session, question: Question, now: datetime) -> Report:
    """All of it, in one reading session."""
    figures = counted(question.spec, question.by)
    wanted = kinds(figures)
    found = sums.heaps(session, question, wanted, question.by)
    once = question.by != "tag"  # what has two tags stands in two groups
    return Report(
        question,
        tuple(figures),
        tuple(_lines(session, question, figures, found, now)),
        _total(
            session, question, figures, sums.all_of(found) if once else sums.heaps(session, question, wanted, ""), now
        ),
        _total(session, before := question.earlier(now), figures, sums.heaps(session, before, wanted, ""), now),
    )


def _lines(session: Session, question: Question, figures: Sequence[Figure], found: Heaps, now: datetime) -> list[Line]:
    behind = _backlog(session, question, now) if any(one.how is How.BACKLOG for one in figures) else {}
    groups = _groups(question, found, behind)
    return [Line(key, _cells(question, figures, found, behind.get(key), key)) for key in groups]


def _groups(question: Question, found: Heaps, behind: dict[str, int]) -> list[str]:
    """Every part of a time, also an empty one; of other things those there are, the most first."""
    if question.by in TIMES or question.by in CLOCKS:
        return periods.keys(question.period, question.by)
    size: dict[str, int] = {key: 0 for key, count in behind.items() if count}
    for (_, key), heap in found.items():
        size[key] = size.get(key, 0) + heap.count
    return sorted(size, key=lambda key: (key == "none", -size[key], key))


def _cells(
    question: Question, figures: Sequence[Figure], found: Heaps, behind: int | None, key: str
) -> tuple[Value, ...]:
    def cell(figure: Figure) -> Value:
        if figure.how is How.BACKLOG:
            return behind if question.by in TIMES or behind is not None else 0
        heap, other = (found.get((kind, key), NOTHING) for kind in (figure.kind, OF.get(figure.how, figure.kind)))
        return made(figure, heap, other, question.target)

    return tuple(map(cell, figures))


def _backlog(session: Session, question: Question, now: datetime) -> dict[str, int]:
    if question.by in TIMES:
        return sums.backlog(session, question, periods.parts(question.period, question.by), now)
    return sums.backlog_of(session, question, question.by, end(question, now))


def _total(
    session: Session, question: Question, figures: Sequence[Figure], found: Heaps, now: datetime
) -> tuple[Value, ...]:
    behind: int | None = None
    if any(one.how is How.BACKLOG for one in figures):
        behind = sums.backlog_of(session, question, "", end(question, now)).get("", 0)
    return _cells(question, figures, found, behind, "")


def end(question: Question, now: datetime) -> int:
    """The slot at which its backlog is taken: the end of the period, or now."""
    return min(question.period.slots[1], slot_of(now) + 1)
