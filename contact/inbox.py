"""Inbox: one address of ours on a channel, with the provider that carries it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.errors import NotFound
from contact.messages import InboxFacts


class InboxState(StrEnum):
    """A paused inbox takes in but sends nothing until somebody acts on `paused_reason`."""

    ACTIVE = "active"
    PAUSED = "paused"


class Inbox(Base):
    """`address` is what the world uses: an e-mail address, a number, a chat widget's public key.

    `secrets` is one encrypted text (`contact/vault.py`); `settings` is the channel's own matter.
    """

    __tablename__ = "inbox"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(30))
    address: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(10), default="ko")
    signature: Mapped[str] = mapped_column(Text, default="")
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    secrets: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default=InboxState.ACTIVE)
    paused_reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("channel", "address"),)


def get(session: Session, inbox_id: int) -> Inbox:
    """The inbox; raises `NotFound`."""
    inbox = session.get(Inbox, inbox_id)
    if inbox is None:
        raise NotFound("This inbox does not exist.")
    return inbox


def find(session: Session, channel: str, address: str) -> Inbox | None:
    """The inbox that listens at `address` (normalised), if it is ours."""
    return session.scalar(select(Inbox).where(Inbox.channel == channel, Inbox.address == address))


def first(session: Session, channel: str) -> Inbox | None:
    """The oldest inbox of a channel that sends: where a machine writes from that was given none."""
    active = select(Inbox).where(Inbox.channel == channel, Inbox.state == InboxState.ACTIVE)
    return session.scalars(active.order_by(Inbox.id).limit(1)).first()


def add(session: Session, now: datetime, channel: str, address: str, name: str, **more: Any) -> Inbox:
    """A new inbox; flushed, so that it has an id."""
    inbox = Inbox(channel=channel, address=address, name=name, created_at=now, **{"provider": channel, **more})
    session.add(inbox)
    session.flush()
    return inbox


def pause(inbox: Inbox, reason: str) -> None:
    """Stop sending from this inbox until a person has looked."""
    inbox.state = InboxState.PAUSED
    inbox.paused_reason = reason


def resume(session: Session, inbox: Inbox) -> None:
    """Send again: what waited in the outbox goes out now."""
    inbox.state = InboxState.ACTIVE
    inbox.paused_reason = ""
    wake(session, "outbox")


def facts(inbox: Inbox, secrets: dict[str, str] | None = None) -> InboxFacts:
    """What an adapter may know of it."""
    return InboxFacts(
        id=inbox.id,
        channel=inbox.channel,
        provider=inbox.provider,
        address=inbox.address,
        name=inbox.name,
        language=inbox.language,
        signature=inbox.signature or "",
        settings=inbox.settings or {},
        secrets=secrets or {},
    )
