"""Running clocks, one line a conversation, and what became of those that ended.

Both tables are derived: `refold` (`retold.py`) tells a conversation's line and results anew from the log, and what
the reader kept is equal to it (as long as policies and hours stay the same; a change of those moves
the due times of running clocks, while results that are written stay).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import within
from contact.conversation import Conversation
from contact.db import Base, Id, Json, Utc, wake
from contact.log import Change
from contact.prepared import Among, Prepared
from contact.response.levels import promise as promises
from contact.response.levels.course import Course, Ended, Target, kept, of_kept
from contact.response.levels.policy import Policies, forget
from contact.response.levels.promise import Promise
from contact.response.reports import kept as measures

NUDGE = "levels"
"""Rings when something falls due sooner than was known."""
SOON = datetime(1970, 1, 1, tzinfo=UTC)
"""`next_at` of a line that must be counted anew."""


class ServiceClock(Base):
    """A conversation that is not done. The columns besides `course` are what its promises make of it.

    `due_at`, `warn_at`, `target`, `policy_id`, `allowed` (seconds): of the promise that is due first;
    a clock that stands still has none. `next_at`: when the sweep must look, None = never.
    """

    __tablename__ = "service_clock"

    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    course: Mapped[dict[str, Any]] = mapped_column(Json)
    target: Mapped[str | None] = mapped_column(String(12))
    policy_id: Mapped[int | None] = mapped_column(Id)
    allowed: Mapped[int | None] = mapped_column(Integer)
    warn_at: Mapped[datetime | None] = mapped_column(Utc)
    due_at: Mapped[datetime | None] = mapped_column(Utc)
    next_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index(
            "ix_service_clock_due",
            "due_at",
            "conversation_id",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_service_clock_next",
            "next_at",
            postgresql_where=text("next_at IS NOT NULL"),
            sqlite_where=text("next_at IS NOT NULL"),
        ),
    )


class ServiceResult(Base):
    """A clock that ended. `used`: working time in microseconds; `allowed` (seconds), `met` None = nothing promised.

    An answer clock that ended by resolving without an answer is written only when it was overdue.
    """

    __tablename__ = "service_result"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    conversation_id: Mapped[int] = mapped_column(Id)
    target: Mapped[str] = mapped_column(String(12))
    started_id: Mapped[int] = mapped_column(Id)
    started_at: Mapped[datetime] = mapped_column(Utc)
    ended_id: Mapped[int] = mapped_column(Id)
    ended_at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)
    """Who ended it."""
    used: Mapped[int] = mapped_column(BigInteger)
    allowed: Mapped[int | None] = mapped_column(Integer)
    due_at: Mapped[datetime | None] = mapped_column(Utc)
    met: Mapped[bool | None] = mapped_column(Boolean)
    policy_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    inbox_id: Mapped[int] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    priority: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        UniqueConstraint("conversation_id", "target", "started_id"),
        Index("ix_service_result_ended_at", "ended_at"),
    )


_CLOCK: Table = ServiceClock.__table__  # type: ignore[assignment]
_LINE = (_CLOCK.c.conversation_id, _CLOCK.c.course)
_READ = Among(select(*_LINE), _CLOCK.c.conversation_id, _LINE)
_DERIVED = ("course", "target", "policy_id", "allowed", "warn_at", "due_at", "next_at")
_VALUES: dict[str, Any] = {name: bindparam(name, type_=_CLOCK.c[name].type) for name in _DERIVED}
_ADD = Prepared(insert(_CLOCK).values(conversation_id=bindparam("number"), **_VALUES))
_CHANGE = Prepared(update(_CLOCK).where(_CLOCK.c.conversation_id == bindparam("number")).values(_VALUES))
_DROP = Prepared(delete(_CLOCK).where(_CLOCK.c.conversation_id == bindparam("number")))
_ENDED: Table = ServiceResult.__table__  # type: ignore[assignment]
_RESULT = Prepared(
    insert(_ENDED).values({one.name: bindparam(one.name, type_=one.type) for one in _ENDED.c if one.name != "id"})
)
_CONTACTS = Among(
    select(Conversation.id, Conversation.contact_id), Conversation.id, [Conversation.id, Conversation.contact_id]
)


@dataclass(slots=True)
class _Batch:
    """What one transaction knows. `gather`: what changes is written at its end, not one by one."""

    gather: bool = False
    courses: dict[int, Course | None] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    """Conversations that have a line in the table."""
    changed: set[int] = field(default_factory=set)
    results: list[dict[str, Any]] = field(default_factory=list)


def prepare(session: Session, rows: Sequence[Change]) -> None:
    """Before a batch of rows: the lines of its conversations, all at once."""
    batch = within.one(session, _Batch)
    batch.gather = True
    _fetch(session, batch, {row.conversation_id for row in rows if row.conversation_id is not None})


def write(session: Session) -> None:
    """After a batch: what changed."""
    batch = within.one(session, _Batch)
    batch.gather = False
    _lines(session, batch)
    _results(session, batch)


def write_results(session: Session) -> None:
    """Those that are gathered by now."""
    _results(session, within.one(session, _Batch))


def course_of(session: Session, conversation_id: int) -> Course | None:
    """What is kept of a conversation; None when it is done, merged, or was never seen."""
    batch = within.one(session, _Batch)
    if conversation_id not in batch.courses:
        _fetch(session, batch, {conversation_id})
    return batch.courses[conversation_id]


def keep(session: Session, conversation_id: int, course: Course | None) -> None:
    """Its line, with all due times; a conversation that is done, or merged (None), has none."""
    batch = within.one(session, _Batch)
    if conversation_id not in batch.courses:
        _fetch(session, batch, {conversation_id})
    batch.courses[conversation_id] = None if course is None or course.done else course
    batch.changed.add(conversation_id)
    if not batch.gather:
        _lines(session, batch)


def _fetch(session: Session, batch: _Batch, conversations: Set[int]) -> None:
    wanted = conversations - batch.courses.keys()
    batch.courses |= dict.fromkeys(wanted)
    for number, course in _READ.rows(session, wanted):
        batch.courses[number] = of_kept(course)
        batch.kept.add(number)


def _lines(session: Session, batch: _Batch) -> None:
    old, new, gone = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for number in sorted(batch.changed):
        if (course := batch.courses[number]) is not None:
            derived = derive(Policies.of(session), course)
            (old if number in batch.kept else new).append({"number": number, "course": kept(course), **derived})
            batch.kept.add(number)
        elif number in batch.kept:
            gone.append({"number": number})
            batch.kept.discard(number)
    batch.changed = set()
    for statement, lines in ((_CHANGE, old), (_ADD, new), (_DROP, gone)):
        statement.many(session, lines)
    if any(line["next_at"] is not None for line in (*old, *new)):
        wake(session, NUDGE)


def _results(session: Session, batch: _Batch) -> None:
    results, batch.results = batch.results, []
    _RESULT.many(session, results)
    kept_ones = [one for one in results if one["met"]]
    contacts = dict(_CONTACTS.rows(session, {one["conversation_id"] for one in kept_ones}))
    measures.add_kept(session, [one | {"contact_id": contacts.get(one["conversation_id"])} for one in kept_ones])


def derive(policies: Policies, course: Course) -> dict[str, Any]:
    """The columns besides `course`: the promise that is due first, and when to look next."""
    first: tuple[datetime, Target, Promise, datetime | None] | None = None
    looks: list[datetime] = []
    for target, clock in course.clocks.items():
        if not clock.running or (promise := policies.promise(course.facts, target, clock)) is None:
            continue
        if (due := promises.due(clock, promise)) is None:
            continue
        warn = promises.warning(clock, promise)
        if clock.breached < promise.seconds:
            looks.append(due if warn is None or clock.warned >= promise.seconds else min(due, warn))
        if first is None or due < first[0]:
            first = due, target, promise, warn
    values: dict[str, Any] = {"next_at": min(looks, default=None)}
    if first is None:
        return values | dict.fromkeys(("target", "policy_id", "allowed", "warn_at", "due_at"))
    due, target, promise, warn = first
    return values | {
        "target": target.value,
        "policy_id": promise.policy_id,
        "allowed": promise.seconds,
        "warn_at": warn,
        "due_at": due,
    }


def finish(session: Session, conversation_id: int, ended: Iterable[Ended]) -> None:
    """Write what became of clocks."""
    batch = within.one(session, _Batch)
    for one in ended:
        if (values := result(Policies.of(session), one)) is not None:
            batch.results.append({"conversation_id": conversation_id, **values})
    if not batch.gather:
        _results(session, batch)


def result(policies: Policies, one: Ended) -> dict[str, Any] | None:
    """The row of an ended clock; None for one that was given up in time."""
    promise = policies.promise(one.facts, one.target, one.clock)
    due = None if promise is None else promises.due(one.clock, promise)
    late = due is not None and due < one.at
    if not one.kept and not late:
        return None
    hours = policies.hours[None] if promise is None else promise.hours
    used = promises.used(one.clock, hours, one.at)
    return {
        "target": one.target.value,
        "started_id": one.clock.started_id,
        "started_at": one.clock.started_at,
        "ended_id": one.row_id,
        "ended_at": one.at,
        "user_id": one.user_id,
        "used": (used.days * 86_400 + used.seconds) * 1_000_000 + used.microseconds,
        "allowed": None if promise is None else promise.seconds,
        "due_at": due,
        "met": None if promise is None else not late,
        "policy_id": None if promise is None else promise.policy_id,
        "channel": one.facts.channel,
        "inbox_id": one.facts.inbox_id,
        "queue_id": one.facts.queue_id,
        "priority": one.facts.priority,
    }


def recount(session: Session) -> None:
    """Policies or hours changed: every line is counted anew, by the sweep, some hundred at a time."""
    forget(session)
    session.execute(update(ServiceClock).values(next_at=SOON))
    wake(session, NUDGE)
