"""The reader "service levels": keeps each conversation's clocks while the log grows."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.following import Reader, ReaderState
from contact.log import Appended, Name
from contact.response.levels import clock, retold
from contact.response.levels.course import STEPS, Course, absorb, step

NAME = "service levels"
_MERGES = frozenset({str(Name.CONVERSATION_MERGED), str(Name.CONVERSATION_UNMERGED)})
_ANEW = str(Name.DELIVERY_CANCELLED)


def read(session: Session, row: Appended) -> None:
    """One row; twice changes nothing more: a clock is known by the row it began with."""
    number = row.conversation_id
    if number is None:
        return
    if row.name in STEPS:
        _step(session, number, row)
    elif row.name == _ANEW:  # a message was taken back: everything is as if it had never been written
        retold.refold(session, retold.shown_in(session, number, row.id), row.id)
    elif row.name in _MERGES:
        _merge(session, number, row)


def _step(session: Session, number: int, row: Appended) -> None:
    before = clock.course_of(session, number)
    if before is None and row.name != Name.CONVERSATION_OPENED:
        _unknown(session, number, row)
        return
    after, ended = step(before or Course(), row)
    if ended:
        clock.finish(session, number, ended)
    if after != before:
        clock.keep(session, number, after)


def _unknown(session: Session, number: int, row: Appended) -> None:
    """Done, and something happens again; or merged, and then the other one has its clocks."""
    if retold.shown_in(session, number, row.id) == number:
        retold.refold(session, number, row.id)


def _merge(session: Session, number: int, row: Appended) -> None:
    if row.name == Name.CONVERSATION_UNMERGED:
        retold.refold(session, number, row.id)
        retold.refold(session, retold.shown_in(session, row.data["from"], row.id), row.id)
        return
    gone, into = clock.course_of(session, number), row.data["into"]
    clock.keep(session, number, None)
    if gone is None or not gone.clocks:
        return
    known = clock.course_of(session, into)
    course = known if known is not None else retold.told(session, into, row.id - 1)[0]
    clock.keep(session, into, absorb(course, row.at, gone))


def position(session: Session) -> int:
    """The row it has read last; 0 before it has read any."""
    return session.scalar(select(ReaderState.position).where(ReaderState.name == NAME)) or 0


reader = Reader(NAME, read, STEPS | _MERGES | {_ANEW}, clock.prepare, clock.write)
