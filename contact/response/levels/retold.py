"""Clocks told anew from the log, beside what the reader kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.conversation import Conversation, State
from contact.log import Interaction, Name
from contact.response.levels import clock
from contact.response.levels.clock import ServiceClock, ServiceResult
from contact.response.levels.course import Course, Ended, kept, replay
from contact.response.reports import kept as measures

_ROW = Interaction
_ROWS = select(
    _ROW.id, _ROW.at, _ROW.name, _ROW.inbox_id, _ROW.channel, _ROW.user_id, _ROW.about_id, _ROW.data
).order_by(_ROW.id)


def told(session: Session, conversation_id: int, upto: int) -> tuple[Course, tuple[Ended, ...]]:
    """What the log says of a conversation up to a row, with all that is merged into it."""
    rows = session.execute(_ROWS.where(_ROW.conversation_id == conversation_id, _ROW.id <= upto)).all()
    absorbed: dict[int, tuple[datetime, Course]] = {}
    for loser, number, at in _merged(session, conversation_id, upto):
        absorbed[number] = at, told(session, loser, number)[0]
    return replay(rows, absorbed)


def _merged(session: Session, conversation_id: int, upto: int) -> list[tuple[int, int, datetime]]:
    """Conversations merged into this one, each with the row that says so, and when."""
    losers = session.scalars(select(Conversation.id).where(Conversation.merged_into == conversation_id)).all()
    found = ((loser, _last_merge(session, loser, upto)) for loser in losers)
    return [(loser, row.id, row.at) for loser, row in found if row and row.data.get("into") == conversation_id]


def _last_merge(session: Session, conversation_id: int, upto: int) -> Any:
    """The newest row that merged it or took it apart again."""
    names = (Name.CONVERSATION_MERGED.value, Name.CONVERSATION_UNMERGED.value)
    query = _ROWS.where(_ROW.conversation_id == conversation_id, _ROW.id <= upto, _ROW.name.in_(names))
    return session.execute(query.order_by(None).order_by(_ROW.id.desc()).limit(1)).first()


def shown_in(session: Session, conversation_id: int, upto: int) -> int:
    """The conversation this one was shown in after row `upto`: itself unless merged."""
    row = _last_merge(session, conversation_id, upto)
    into = row.data.get("into") if row else None
    return conversation_id if into is None else shown_in(session, into, upto)


def refold(session: Session, conversation_id: int, upto: int) -> None:
    """Write what the log says: the line anew, results that are missing, and none that are not so any more."""
    course, ended = told(session, conversation_id, upto)
    clock.keep(session, conversation_id, course)
    clock.write_results(session)
    keys = {(one.target.value, one.clock.started_id, one.row_id): one for one in ended}
    there = select(ServiceResult).where(ServiceResult.conversation_id == conversation_id)
    for row in session.scalars(there).all():
        if keys.pop((row.target, row.started_id, row.ended_id), None) is None:
            session.delete(row)
            measures.drop_kept(session, row.ended_id, row.target)
    session.flush()
    clock.finish(session, conversation_id, keys.values())


def differences(session: Session, position: int) -> Iterator[tuple[int, Any, Any]]:
    """Conversations whose line is not what the log says up to `position`: number, what is kept, what it says."""
    lines = session.execute(
        select(ServiceClock.conversation_id, ServiceClock.course).order_by(ServiceClock.conversation_id)
    )
    for number, course in lines:
        expected = kept(told(session, number, position)[0])
        if course != expected:
            yield number, course, expected
    absent = (
        select(Conversation.id)
        .outerjoin(ServiceClock, ServiceClock.conversation_id == Conversation.id)
        .where(Conversation.merged_into.is_(None), Conversation.state != State.RESOLVED.value)
        .where(ServiceClock.conversation_id.is_(None))
    )
    for number in session.scalars(absent).all():
        course, _ = told(session, number, position)
        if not course.done and course != Course() and shown_in(session, number, position) == number:
            yield number, None, kept(course)
