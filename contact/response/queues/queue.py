"""Queue: a name for waiting work, and how it is given to agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.text import storable

LONGEST_NAME = 80


class Queue(Base):
    """Waiting work of one kind. A closed queue takes no new work and keeps what it has."""

    __tablename__ = "queue"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    position: Mapped[int] = mapped_column(Integer, default=0)
    """Its place on every page."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)


def add(session: Session, now: datetime, name: str) -> Queue:
    """A new queue, behind the others; raises `Invalid` or `Conflict`."""
    word = " ".join(storable(name).split())
    if not 1 <= len(word) <= LONGEST_NAME:
        raise Invalid("The name of a queue has 1 to %(n)s characters.", n=LONGEST_NAME)
    if session.scalar(select(Queue.id).where(Queue.name == word)) is not None:
        raise Conflict("There is a queue with this name already.")
    last = session.scalar(select(func.max(Queue.position))) or 0
    queue = Queue(name=word, settings={}, position=last + 1, created_at=now)
    session.add(queue)
    session.flush()
    return queue


def get(session: Session, queue_id: int) -> Queue:
    """The queue; raises `NotFound`."""
    queue = session.get(Queue, queue_id)
    if queue is None:
        raise NotFound("This queue does not exist.")
    return queue


def every(session: Session, *, closed: bool = False) -> Sequence[Queue]:
    """All queues in their order; closed ones only when asked for."""
    query = select(Queue).order_by(Queue.position, Queue.id)
    return session.scalars(query if closed else query.where(Queue.closed_at.is_(None))).all()


def names(session: Session) -> dict[int, str]:
    """Number to name, closed ones too: old rows of the log speak of them."""
    return dict(session.execute(select(Queue.id, Queue.name)).all())
