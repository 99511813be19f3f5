"""What stands in the rail of every page: the queues of whoever looks, with what waits there, and their switch."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contact.conversation import Conversation
from contact.conversation.conversation import TO_GIVE
from contact.response.queues import agent
from contact.response.queues.member import queues_of
from contact.response.queues.queue import every
from contact.users import Role, User

CAP = 100
"""Counted no further than this."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A queue, and how many wait there for somebody, `CAP` at most."""

    id: int
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Rail:
    """`works`: they are a member of some queue, so their switch means something."""

    queues: list[QueueLine]
    works: bool
    takes_work: bool


def build(session: Session, user: User) -> Rail:
    """Supervisors see every queue, agents those they work for."""
    mine, all_ = queues_of(session, user.id), every(session)
    shown = [queue for queue in all_ if queue.id in mine or user.may(Role.SUPERVISOR)]
    lines = [QueueLine(queue.id, queue.name, _count(session, queue.id)) for queue in shown]
    return Rail(lines, bool(mine), agent.of(session, user.id).takes_work)


def _count(session: Session, queue_id: int) -> int:
    waits = select(Conversation.id).where(text(TO_GIVE), Conversation.queue_id == queue_id).limit(CAP)
    return session.scalar(select(func.count()).select_from(waits.subquery())) or 0
