"""Delivery: one message on its way to one address, its states and their order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.messages import DeliveryState as S

RANK = {S.HELD: 0, S.QUEUED: 1, S.SENDING: 2, S.UNKNOWN: 3, S.WIRED: 4, S.DELIVERED: 5, S.READ: 6}
"""The way forward; a state of lower or equal rank never replaces one further on."""

NEXT: dict[S, frozenset[S]] = {
    S.HELD: frozenset({S.QUEUED, S.CANCELLED, S.EXPIRED}),
    S.QUEUED: frozenset({S.SENDING, S.CANCELLED, S.FAILED, S.EXPIRED, S.HELD, S.WIRED}),
    S.SENDING: frozenset({S.WIRED, S.DELIVERED, S.READ, S.QUEUED, S.FAILED, S.BOUNCED, S.EXPIRED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.WIRED, S.DELIVERED, S.READ, S.FAILED, S.BOUNCED, S.QUEUED}),
    S.WIRED: frozenset({S.DELIVERED, S.READ, S.FAILED, S.BOUNCED}),
    S.DELIVERED: frozenset({S.READ, S.BOUNCED}),
    S.READ: frozenset(),
    S.FAILED: frozenset({S.QUEUED, S.WIRED, S.DELIVERED, S.READ}),
    S.BOUNCED: frozenset({S.QUEUED}),
    S.EXPIRED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset(),
}
"""Which state may follow which. Back to `queued` from an end state is a person's decision."""

REPLY, BULK = 0, 5
"""What an agent writes, and what goes to many at once; anything between has its place there."""

LEASE = timedelta(seconds=120)
"""How long a worker may have a delivery in hand without saying that it is still at it."""

STEPS = (60, 120, 300, 600, 1200, 2400, 3600)
"""Seconds between tries of a passing failure; the last one repeats until the delivery expires."""


def may_follow(before: S, after: S) -> bool:
    """Whether a receipt that says `after` may be applied to a delivery in `before`."""
    return after in NEXT[before]


def retry_at(now: datetime, attempts: int, retry_after: float | None = None) -> datetime:
    """When to try again after `attempts` tries; a provider's own wish is honoured up to an hour."""
    seconds = STEPS[min(max(attempts, 1), len(STEPS)) - 1]
    return now + timedelta(seconds=min(retry_after, 3600.0) if retry_after is not None else seconds)


class Delivery(Base):
    """`message` holds what compose needs besides the log row: subject, html, cc, bcc, threading.

    `message_id` is fixed before the first try. `lease_*` say which worker has it in hand and
    until when. `fault`, `who`, `code` and `reason` tell the last failure in the words of
    `contact/messages.py`, the provider's code, and a sentence.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    interaction_id: Mapped[int] = mapped_column(Id)
    conversation_id: Mapped[int] = mapped_column(Id, ForeignKey("conversation.id"))
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id"))
    channel: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    message_id: Mapped[str] = mapped_column(String(255), unique=True)
    message: Mapped[dict[str, Any] | None] = mapped_column(Json)
    automatic: Mapped[bool] = mapped_column(Boolean, default=False)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    """`REPLY` ... `BULK`: whatever is due with a smaller number leaves first."""
    user_id: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    next_at: Mapped[datetime] = mapped_column(Utc)
    """Not before this time: undo, send later, or the next try."""
    expires_at: Mapped[datetime] = mapped_column(Utc)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(60))
    lease_until: Mapped[datetime | None] = mapped_column(Utc)
    provider_ref: Mapped[str | None] = mapped_column(String(255))
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """How far the provider has come with it (`messages.Progress`); None where nothing is known of that."""
    fault: Mapped[str | None] = mapped_column(String(20))
    who: Mapped[str | None] = mapped_column(String(10))
    code: Mapped[str] = mapped_column(String(60), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    settled_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index(  # by inbox first: whoever must wait (paused, resting, out of hands) is never read past
            "ix_delivery_lane",
            "inbox_id",
            "priority",
            "next_at",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_delivery_expires",
            "expires_at",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "ix_delivery_sending",
            "lease_until",
            postgresql_where=text("state = 'sending'"),
            sqlite_where=text("state = 'sending'"),
        ),
        Index(
            "ix_delivery_trouble",
            "id",
            postgresql_where=text("state IN ('failed', 'bounced', 'expired', 'unknown', 'held')"),
            sqlite_where=text("state IN ('failed', 'bounced', 'expired', 'unknown', 'held')"),
        ),
        Index("ix_delivery_provider_ref", "provider_ref"),
        Index(
            "ix_delivery_wired",
            "channel",
            "id",
            postgresql_where=text("state = 'wired'"),
            sqlite_where=text("state = 'wired'"),
        ),
        Index("ix_delivery_conversation_id", "conversation_id"),
        Index("ix_delivery_address_id", "address_id", "created_at"),
        {"sqlite_autoincrement": True},
    )


class Exchange(Base):
    """What was said between us and the provider in one try, redacted; or a receipt that came too late."""

    __tablename__ = "exchange"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(Id, ForeignKey("delivery.id"))
    at: Mapped[datetime] = mapped_column(Utc)
    attempt: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (Index("ix_exchange_delivery_id", "delivery_id", "id"),)
