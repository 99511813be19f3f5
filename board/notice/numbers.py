"""How far a notice got: audience = delivered + failed + suppressed + still on the way, each person once.

Somebody who read or acknowledged it has it, by whatever way. Else the best of their steps counts; a task for one of
ours reaches nobody. What lies on the board alone is on the way until it is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.receipt import NoticeReceipt
from board.partner.partner import Partner
from contact.text import N_
from contact.users import User

PAGE = 50


class Outcome(StrEnum):
    DELIVERED = "delivered"
    WAITING = "waiting"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.DELIVERED: N_("Delivered"),
    Outcome.WAITING: N_("On the way"),
    Outcome.FAILED: N_("Failed"),
    Outcome.SUPPRESSED: N_("Must not be sent, or was not needed"),
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of one notice, in people. `owing`: who had to acknowledge; `late` of them: not yet, and past the due time."""

    audience: int = 0
    missing: int = 0
    """Who owes an acknowledgement and did not give it, or owes none and has not read it."""
    read: int = 0
    owing: int = 0
    acked: int = 0
    late: int = 0
    delivered: int = 0
    waiting: int = 0
    failed: int = 0
    suppressed: int = 0


def _is(*states: Fate) -> ColumnElement[int]:
    return func.max(case((NoticeAttempt.state.in_([state.value for state in states]), 1), else_=0))


def _steps(notice_ids: Collection[int]) -> Any:
    """Of each person and round, what their steps came to."""
    row = NoticeAttempt
    carried = row.channel != Channel.BOARD.value
    waits = or_(row.state == Fate.PLANNED.value, and_(row.state == Fate.QUEUED.value, carried))
    lies = and_(row.state == Fate.QUEUED.value, row.channel == Channel.BOARD.value)
    query = select(
        row.notice_id, row.round, row.user_id, _is(Fate.DELIVERED).label("delivered"), _is(Fate.FAILED).label("failed"),
        _is(Fate.SUPPRESSED).label("suppressed"), func.max(case((waits, 1), else_=0)).label("waits"),
        func.max(case((lies, 1), else_=0)).label("lies"),
    )  # fmt: skip
    query = query.where(row.notice_id.in_(notice_ids), row.channel != Channel.TASK.value)
    return query.group_by(row.notice_id, row.round, row.user_id).subquery()


def _outcome(steps: Any) -> ColumnElement[str]:
    """Which of the four a receipt is; never NULL."""
    row, c = NoticeReceipt, steps.c
    return case(
        (or_(row.read_at.is_not(None), row.acked_at.is_not(None), c.delivered == 1), literal(Outcome.DELIVERED.value)),
        (c.waits == 1, literal(Outcome.WAITING.value)),
        (c.failed == 1, literal(Outcome.FAILED.value)),
        (c.suppressed == 1, literal(Outcome.SUPPRESSED.value)),
        (c.lies == 1, literal(Outcome.WAITING.value)),
        else_=literal(Outcome.SUPPRESSED.value),
    )


def _join(query: Select[*tuple[Any, ...]], steps: Any) -> Select[*tuple[Any, ...]]:
    row, c = NoticeReceipt, steps.c
    same = and_(c.notice_id == row.notice_id, c.round == row.round, c.user_id == row.user_id)
    return query.outerjoin(steps, same).where(row.left_at.is_(None))


def of(session: Session, now: datetime, notice_ids: Collection[int]) -> dict[int, Numbers]:
    """By notice; none of them is missing."""
    row, steps = NoticeReceipt, _steps(notice_ids)
    outcome = _outcome(steps)

    def count(met: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((met, 1), else_=0)), 0)

    owing, missing = row.due_at.is_not(None), row.acked_at.is_(None)
    query: Select[*tuple[Any, ...]] = select(
        row.notice_id, func.count().label("audience"), count(_missing()).label("missing"),
        count(row.read_at.is_not(None)).label("read"),
        count(owing).label("owing"), count(and_(owing, row.acked_at.is_not(None))).label("acked"),
        count(and_(owing, missing, row.due_at < now)).label("late"),
        *(count(outcome == each.value).label(each.value) for each in Outcome),
    ).select_from(row)  # fmt: skip
    query = _join(query, steps).where(row.notice_id.in_(notice_ids)).group_by(row.notice_id)
    found: dict[int, Numbers] = {row[0]: Numbers(*map(int, row[1:])) for row in session.execute(query)}
    return {number: found.get(number, Numbers()) for number in notice_ids}


@dataclass(frozen=True, slots=True)
class Person:
    """One of the audience, how far it got with them, and every step of this round."""

    receipt: NoticeReceipt
    name: str
    email: str
    partner: str
    outcome: Outcome
    steps: Sequence[NoticeAttempt] = ()

    @property
    def has(self) -> bool:
        """Needs no further step."""
        return (self.receipt.acked_at if self.receipt.due_at else self.receipt.read_at) is not None

    @property
    def reason(self) -> str:
        """Why it did not reach them: the last that was said."""
        said = [one.reason for one in self.steps if one.reason and one.state in (Fate.FAILED, Fate.SUPPRESSED)]
        return said[-1] if said else next((one.reason for one in reversed(self.steps) if one.reason), "")


class Which(StrEnum):
    """Whom a list shows."""

    MISSING = "missing"
    LATE = "late"
    DONE = "done"
    DELIVERED = "delivered"
    WAITING = "waiting"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    ALL = "all"


WHICH: Final[Mapping[Which, str]] = {
    Which.MISSING: N_("Who has not"),
    Which.LATE: N_("Late"),
    Which.DONE: N_("Who has"),
    Which.DELIVERED: N_("Delivered"),
    Which.WAITING: N_("On the way"),
    Which.FAILED: N_("Failed"),
    Which.SUPPRESSED: N_("Not sent"),
    Which.ALL: N_("Everybody"),
}


def people(
    session: Session, now: datetime, notice_id: int, which: Which, *, words: str = "", start: int = 0,
    most: int | None = PAGE,
) -> list[Person]:  # fmt: skip
    """By partner and name, one more than `most`, so that a page knows whether there are more."""
    row, steps = NoticeReceipt, _steps([notice_id])
    outcome = _outcome(steps)
    query: Select[*tuple[Any, ...]] = (
        select(row, User.name, User.email, Partner.name, outcome)
        .select_from(row)
        .join(User, User.id == row.user_id)
        .join(Partner, Partner.id == row.partner_id)
        .where(row.notice_id == notice_id, *_narrowed(which, now, outcome))
    )
    if words:
        columns = (User.name, User.email, Partner.name)
        query = query.where(or_(*(func.lower(one).contains(words.lower(), autoescape=True) for one in columns)))
    query = _join(query, steps).order_by(Partner.name, User.name, User.id)
    rows: Sequence[Any] = session.execute(query.offset(start).limit(most + 1) if most is not None else query).all()
    return list(_with_steps(session, notice_id, rows))


def _missing() -> ColumnElement[bool]:
    row = NoticeReceipt
    owes = and_(row.due_at.is_not(None), row.acked_at.is_(None))
    return or_(owes, and_(row.due_at.is_(None), row.read_at.is_(None)))


def _narrowed(which: Which, now: datetime, outcome: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    row = NoticeReceipt
    match which:
        case Which.ALL:
            return
        case Which.MISSING:
            yield _missing()
        case Which.LATE:
            yield and_(row.due_at < now, row.acked_at.is_(None))
        case Which.DONE:
            yield not_(_missing())
        case _:
            yield outcome == which.value


def _with_steps(session: Session, notice_id: int, rows: Sequence[Any]) -> Iterator[Person]:
    steps: dict[tuple[int, int], list[NoticeAttempt]] = {}
    users = [row[0].user_id for row in rows]
    for begin in range(0, len(users), 500):
        part = NoticeAttempt.user_id.in_(users[begin : begin + 500])
        query = select(NoticeAttempt).where(NoticeAttempt.notice_id == notice_id, part)
        for one in session.scalars(query.order_by(NoticeAttempt.round, NoticeAttempt.step)):
            steps.setdefault((one.user_id, one.round), []).append(one)
    for receipt, name, email, partner, outcome in rows:
        tried = steps.get((receipt.user_id, receipt.round), [])
        yield Person(receipt, name, email, partner, Outcome(outcome), tried)
