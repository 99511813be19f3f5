"""Files of messages to us that still lie at their provider: fetched after the words were shown.

The row is written with the message, in one transaction, so nothing is forgotten. A worker takes what is due
by moving its `next_at` (a lease: should the worker die, another one tries later), fetches outside of any
transaction, and writes down what came of it, which is a row of the log: open pages show the file then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, Text, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import conversation as conversations
from contact import files, log
from contact.channel import ChannelError
from contact.db import Base, Id, Utc, wake
from contact.log import Interaction
from contact.messages import Remote
from contact.text import storable

NUDGE = "remotes"
STEPS = (15, 60, 300, 1800, 7200, 21600)
"""Seconds between tries; after the last one the file counts as missing."""
LEASE = timedelta(minutes=5)
"""How long one try may take, until somebody else may try."""


class State(StrEnum):
    """Where a file is."""

    WAITING = "waiting"
    FETCHED = "fetched"
    MISSING = "missing"
    """Given up: the provider does not have it, or it is nothing we take."""


class RemoteFile(Base):
    """One file. `position` is its place among the message's; `reason` is why the last try failed."""

    __tablename__ = "remote_file"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    interaction_id: Mapped[int] = mapped_column(Id, ForeignKey("interaction.id"))
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    position: Mapped[int] = mapped_column(Integer)
    url: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(10), default=State.WAITING)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(Utc)
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("ix_remote_file_interaction_id", "interaction_id"),
        Index(
            "ix_remote_file_due",
            "next_at",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Due:
    """A file to fetch now."""

    id: int
    inbox_id: int
    remote: Remote


def keep(session: Session, now: datetime, interaction_id: int, inbox_id: int, remotes: Sequence[Remote]) -> None:
    """Remember what a message that came in has lying elsewhere."""
    session.add_all(
        RemoteFile(
            interaction_id=interaction_id,
            inbox_id=inbox_id,
            position=position,
            url=storable(one.url),
            content_type=storable(one.content_type)[:120],
            name=files.clean_name(storable(one.name)),
            next_at=now,
        )
        for position, one in enumerate(remotes)
    )
    session.flush()
    wake(session, NUDGE)


def claim(session: Session, now: datetime, limit: int) -> list[Due]:
    """What is due, leased to the caller."""
    due = session.scalars(
        select(RemoteFile)
        .where(RemoteFile.state == State.WAITING.value, RemoteFile.next_at <= now)
        .order_by(RemoteFile.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        row.next_at, row.tries = now + LEASE, row.tries + 1
    return [Due(row.id, row.inbox_id, Remote(row.url, row.content_type, row.name)) for row in due]


def due_at(session: Session) -> datetime | None:
    """When the next one is due; None when nothing waits."""
    return session.scalar(select(func.min(RemoteFile.next_at)).where(RemoteFile.state == State.WAITING.value))


def fetched(session: Session, now: datetime, number: int, item: files.Item) -> bool:
    """Attach a file that was stored; False when nobody waits for it any more, for its message was erased."""
    log.lock(session)
    row = _waiting(session, number)
    if row is None:
        return False
    row.state, row.reason = State.FETCHED.value, ""
    files.attach(session, row.interaction_id, [item], first=row.position)
    _tell(session, now, row, log.Name.FILE_FETCHED)
    return True


def failed(session: Session, now: datetime, number: int, error: ChannelError) -> None:
    """Try again later, or give up, visibly."""
    log.lock(session)
    row = _waiting(session, number)
    if row is None:
        return
    row.reason = storable(error.reason)
    if error.retryable and row.tries <= len(STEPS):
        row.next_at = now + timedelta(seconds=STEPS[row.tries - 1])
        return
    row.state = State.MISSING.value
    _tell(session, now, row, log.Name.FILE_MISSING)


def of(session: Session, interaction_ids: Sequence[int]) -> dict[int, list[RemoteFile]]:
    """The files of several rows that are not here: waiting or missing."""
    rows = session.scalars(
        select(RemoteFile)
        .where(RemoteFile.interaction_id.in_(interaction_ids), RemoteFile.state != State.FETCHED.value)
        .order_by(RemoteFile.interaction_id, RemoteFile.position)
    )
    found: dict[int, list[RemoteFile]] = {}
    for row in rows:
        found.setdefault(row.interaction_id, []).append(row)
    return found


def _waiting(session: Session, number: int) -> RemoteFile | None:
    row = session.get(RemoteFile, number, with_for_update=True, populate_existing=True)
    return row if row is not None and row.state == State.WAITING else None


def _tell(session: Session, now: datetime, row: RemoteFile, name: log.Name) -> None:
    message = session.get_one(Interaction, row.interaction_id)
    talk = conversations.talk(session, message.conversation_id) if message.conversation_id else None
    if talk is None:
        return
    conversations.record(
        session,
        now,
        talk,
        name,
        contact_id=message.contact_id,
        address_id=message.address_id,
        inbox_id=row.inbox_id,
        channel=message.channel,
        about_id=message.id,
        content={"name": row.name, "reason": row.reason} if row.reason else {"name": row.name},
    )
