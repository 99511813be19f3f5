"""Pace: how many messages one inbox may send in any window of time, whatever happens to the workers.

A send counts from the moment it begins, and every try is a send. The begun sends of an inbox
are numbered without gaps and their times never run backwards, so "M in any window of W" is one
look: the M-th last send must be at least W ago. What is looked at and what is written stands in
one transaction, alone for that inbox: SQLite has one writer, PostgreSQL an advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, bindparam, delete, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.db import Base, Id, Utc
from contact.prepared import Prepared

PACE_LOCK = 0x50414345
"""Advisory lock on PostgreSQL ("PACE"), with the inbox."""

Pace = tuple[tuple[int, timedelta], ...]
"""As `Capabilities.pace`: at most so many in any window of so long, each pair for itself."""


class Paced(Base):
    """One send of an inbox that has a pace: the `number`-th, begun `at`."""

    __tablename__ = "pace"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Utc)


@dataclass(frozen=True, slots=True)
class Room:
    """How many may begin now; when there is none, the time at which there is."""

    many: int
    free_at: datetime
    last: int
    """Number of the last send before."""
    at: datetime
    """The time these sends get: now, but never before the last one."""


_LAST = Prepared(
    select(Paced.number, Paced.at).where(Paced.inbox_id == bindparam("inbox")).order_by(Paced.number.desc()).limit(1),
    [Paced.number, Paced.at],
)
_BETWEEN = Prepared(
    select(Paced.at)
    .where(Paced.inbox_id == bindparam("inbox"))
    .where(Paced.number > bindparam("after"), Paced.number <= bindparam("upto"))
    .order_by(Paced.number),
    [Paced.at],
)
_ADD = Prepared(
    insert(Paced.__table__).values(  # type: ignore[arg-type]
        inbox_id=bindparam("inbox"), number=bindparam("number"), at=bindparam("at", type_=Utc())
    )
)
_FORGET = Prepared(delete(Paced).where(Paced.inbox_id == bindparam("inbox"), Paced.number <= bindparam("upto")))


def pace_of(settings: Any, default: Pace) -> Pace:
    """An inbox's own pace, `settings["pace"]` as `[[most, seconds], ...]`, else its channel's.

    An empty list means none. What is no such list counts as if it were not there: the channel's
    own limits are the safe side.
    """
    given = (settings or {}).get("pace")
    if not isinstance(given, list) or not all(_is_limit(one) for one in given):
        return default
    return tuple((most, timedelta(seconds=seconds)) for most, seconds in given)


def _is_limit(one: Any) -> bool:
    if not isinstance(one, list | tuple) or len(one) != 2 or any(isinstance(value, bool) for value in one):
        return False
    most, seconds = one
    return isinstance(most, int) and most > 0 and isinstance(seconds, int | float) and 0.001 <= seconds <= 366 * 86400


def lock(session: Session, inboxes: Iterable[int]) -> None:
    """Nobody else begins sends of these inboxes until this transaction ends. Read the clock behind it."""
    if log.is_postgresql(session):
        for number in sorted(set(inboxes)):  # in one order, or two workers wait for each other
            session.execute(text("select pg_advisory_xact_lock(:lock, :number)"), {"lock": PACE_LOCK, "number": number})


def room(session: Session, now: datetime, inbox_id: int, pace: Pace, want: int) -> Room:
    """How many of `want` may begin at `now`. Only what is asked behind `lock` still holds when it is used."""
    rows = _LAST.rows(session, {"inbox": inbox_id})
    last, last_at = rows[0] if rows else (0, now)
    at = max(now, last_at)
    many, free_at = want, at
    for most, window in pace:
        ask = min(want, most)  # the sends that the new ones must be so far away from
        edge = {"inbox": inbox_id, "after": last - most, "upto": last - most + ask}
        near = [time for (time,) in _BETWEEN.rows(session, edge) if time > at - window]
        many = min(many, ask - len(near))
        if len(near) == ask:
            free_at = max(free_at, near[0] + window)
    return Room(many, free_at, last, at)


def spend(session: Session, inbox_id: int, pace: Pace, room: Room, many: int) -> None:
    """Write down that `many` of `room` begin, and forget those no window of this pace reaches any more."""
    for number in range(room.last + 1, room.last + many + 1):
        _ADD.run(session, {"inbox": inbox_id, "number": number, "at": room.at})
    _FORGET.run(session, {"inbox": inbox_id, "upto": room.last + many - max(most for most, _ in pace)})
