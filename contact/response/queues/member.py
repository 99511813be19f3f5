"""Who works for a queue, whose turn it is there, and which inboxes feed it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc, wake
from contact.nudge import LOG


class QueueMember(Base):
    """This user works for this queue."""

    __tablename__ = "queue_member"

    queue_id: Mapped[int] = mapped_column(Id, ForeignKey("queue.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, primary_key=True)


class QueueTurn(Base):
    """When a queue gave something to this user last, counted in gifts: the smallest is next."""

    __tablename__ = "queue_turn"

    queue_id: Mapped[int] = mapped_column(Id, ForeignKey("queue.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    turn: Mapped[int] = mapped_column(Id)


class QueueInbox(Base):
    """What comes new into this inbox, since then, is the work of this queue."""

    __tablename__ = "queue_inbox"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    queue_id: Mapped[int] = mapped_column(Id, ForeignKey("queue.id"))
    since: Mapped[datetime] = mapped_column(Utc)


def members(session: Session) -> dict[int, set[int]]:
    """Queue -> users, of all queues."""
    found: dict[int, set[int]] = {}
    for queue, user in session.execute(select(QueueMember.queue_id, QueueMember.user_id)):
        found.setdefault(queue, set()).add(user)
    return found


def queues_of(session: Session, user_id: int) -> set[int]:
    """The queues this user works for."""
    return set(session.scalars(select(QueueMember.queue_id).where(QueueMember.user_id == user_id)))


def set_members(session: Session, queue_id: int, users: Iterable[int]) -> None:
    """These and no others."""
    session.execute(delete(QueueMember).where(QueueMember.queue_id == queue_id))
    session.add_all(QueueMember(queue_id=queue_id, user_id=user) for user in sorted(set(users)))
    session.flush()
    wake(session, LOG)


def turns(session: Session) -> dict[tuple[int, int], int]:
    """(queue, user) -> turn."""
    rows = session.execute(select(QueueTurn.queue_id, QueueTurn.user_id, QueueTurn.turn))
    return {(queue, user): turn for queue, user, turn in rows}


def keep_turns(session: Session, changed: dict[tuple[int, int], int]) -> None:
    """Write what `choose` made of the turns."""
    if not changed:
        return
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    rows = [{"queue_id": queue, "user_id": user, "turn": turn} for (queue, user), turn in changed.items()]
    statement = dialect.insert(QueueTurn)
    keys = [QueueTurn.queue_id, QueueTurn.user_id]
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"turn": statement.excluded.turn}), rows)


def inboxes(session: Session) -> dict[int, int]:
    """Inbox -> queue."""
    return dict(session.execute(select(QueueInbox.inbox_id, QueueInbox.queue_id)).all())


def set_inboxes(session: Session, now: datetime, queue_id: int, wanted: Iterable[int]) -> None:
    """These inboxes feed the queue from now on, whatever they fed before; others of its own no more."""
    chosen = set(wanted)
    for row in session.scalars(select(QueueInbox)).all():
        if row.inbox_id in chosen:
            chosen.discard(row.inbox_id)
            if row.queue_id != queue_id:
                row.queue_id, row.since = queue_id, now
        elif row.queue_id == queue_id:
            session.delete(row)
    session.add_all(QueueInbox(inbox_id=inbox, queue_id=queue_id, since=now) for inbox in sorted(chosen))
    session.flush()
