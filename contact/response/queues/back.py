"""What comes back to its queue: its agent left, or is not here while the customer waits; and what goes over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import attendance, log
from contact import conversation as conversations
from contact.conversation import Conversation, State
from contact.conversation.conversation import TO_GIVE, WEIGHS
from contact.db import Base, Id, Utc
from contact.log import Interaction, Name
from contact.response.queues.queue import Queue, every
from contact.response.queues.ways import EVERYBODY, Ways
from contact.users import User

AT_ONCE: Final = 100
"""Conversations moved in one transaction; the next look takes the next ones."""
LEFT: Final = "left"
"""Their agent does not work here any more."""
ABSENT: Final = "absent"
"""Their agent is not here, and the customer waits."""
REOPENED: Final = "reopened"
"""The customer came back, and their agent is not here."""
OVERFLOW: Final = "overflow"
"""Nobody of the queue took it in time."""

_C = Conversation
Move = tuple[int, str, int]
"""Conversation, why, and the minutes it waited."""


class Absence(Base):
    """Since when somebody who has work in hand is not here; kept by `sweep`, and only for them."""

    __tablename__ = "absence"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    since: Mapped[datetime] = mapped_column(Utc)


def wanted(session: Session, now: datetime) -> bool:
    """Whether `sweep` has anything to write; without any lock."""
    known, missing = _absences(session), _missing(session, now)
    return (
        set(known) != missing
        or next(_left(session), None) is not None
        or next(_absent(session, now, known), None) is not None
        or next(_over(session, now), None) is not None
    )


def sweep(session: Session, now: datetime) -> int:
    """Note who is missing, and move what must not wait for them; returns how many conversations moved."""
    log.lock(session)
    known = note_absences(session, now)
    over, moved = list(_over(session, now)), 0  # what comes back now is first given to who is free in its own queue
    for number, why, minutes in [*_left(session), *_absent(session, now, known)][:AT_ONCE]:
        give_back(session, now, conversations.get(session, number), why, minutes)
        moved += 1
    for number, to, minutes in over[: AT_ONCE - moved]:
        conversations.enqueue(session, now, conversations.get(session, number), to, None, why=OVERFLOW, minutes=minutes)
        moved += 1
    return moved


def give_back(session: Session, now: datetime, one: Conversation, why: str, minutes: int = 0) -> None:
    """Nobody has it in hand any more; the row is about the one that gave it to them."""
    about = session.scalar(
        select(func.max(Interaction.id)).where(
            Interaction.conversation_id == one.id, Interaction.name == Name.CONVERSATION_ASSIGNED.value
        )
    )
    more = {"minutes": minutes} if minutes else {}
    conversations.assign(session, now, one, None, None, about, why=why, queue=one.queue_id, **more)


def note_absences(session: Session, now: datetime) -> dict[int, datetime]:
    """Since when each of the missing is missing."""
    known, missing = _absences(session), _missing(session, now)
    if gone := set(known) - missing:
        session.execute(delete(Absence).where(Absence.user_id.in_(gone)))
    session.add_all(Absence(user_id=user, since=now) for user in sorted(missing - set(known)))
    session.flush()
    return {user: known.get(user, now) for user in missing}


def _absences(session: Session) -> dict[int, datetime]:
    return dict(session.execute(select(Absence.user_id, Absence.since)).all())


def _missing(session: Session, now: datetime) -> set[int]:
    """Agents with a customer who waits for them, who are not here."""
    busy = session.scalars(select(_C.assignee_id).where(text(WEIGHS)).distinct())
    return {user for user in busy if user is not None} - attendance.here(session, now)


def _left(session: Session) -> Iterator[Move]:
    """Open conversations of those who do not work here any more, in a queue or not."""
    gone = select(User.id).where(User.deactivated_at.is_not(None))
    for user in session.scalars(gone):
        mine = select(_C.id).where(_C.assignee_id == user, _C.state == State.OPEN.value, _C.merged_into.is_(None))
        for number in session.scalars(mine.limit(AT_ONCE)):
            yield number, LEFT, 0


def _absent(session: Session, now: datetime, since: dict[int, datetime]) -> Iterator[Move]:
    """What waits in a queue's name for somebody who is not here for as long as the queue allows."""
    ways = {queue.id: Ways.of(queue.settings) for queue in every(session, closed=True)}
    longest = {user: now - at for user, at in since.items()}
    least = min((way.return_minutes for way in ways.values() if way.return_minutes), default=0)
    late = [user for user, gone in longest.items() if least and gone >= timedelta(minutes=least)]
    if not late:
        return
    given = (
        select(Interaction.user_id)
        .where(Interaction.conversation_id == _C.id, Interaction.name == Name.CONVERSATION_ASSIGNED.value)
        .order_by(Interaction.id.desc())
        .limit(1)
        .correlate(_C)
        .scalar_subquery()
    )
    taken = [number for number, way in ways.items() if way.return_taken]
    query = select(_C.id, _C.queue_id, _C.assignee_id).where(
        text(WEIGHS), _C.assignee_id.in_(late), _C.queue_id.is_not(None), or_(_C.queue_id.in_(taken), given.is_(None))
    )  # who chose it by hand keeps it, unless the queue says otherwise
    for number, queue, user in session.execute(query):
        way = ways.get(queue or 0)
        if way is not None and way.return_minutes and longest[user or 0] >= timedelta(minutes=way.return_minutes):
            yield number, ABSENT, way.return_minutes


def _over(session: Session, now: datetime) -> Iterator[tuple[int, int, int]]:
    """What waited too long in a queue that goes over into another one: conversation, queue, minutes.

    What came over already goes no further (`queued_at` is None), so nothing goes round in circles.
    """
    open_queues = {queue.id: Ways.of(queue.settings) for queue in every(session)}
    for queue in session.scalars(select(Queue)).all():
        ways = Ways.of(queue.settings)
        to = ways.overflow_to
        if not ways.overflow_minutes or to == EVERYBODY or to == queue.id or to not in open_queues:
            continue
        before = now - timedelta(minutes=ways.overflow_minutes)
        late = select(_C.id).where(
            text(TO_GIVE), _C.queue_id == queue.id, _C.queued_at <= before, _C.waiting_since <= before
        )
        for number in session.scalars(late.order_by(_C.waiting_since).limit(AT_ONCE)):
            yield number, to, ways.overflow_minutes
