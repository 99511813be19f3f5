"""Recipient: one row for each to whom a campaign is said. These rows are the ledger.

planned -> sending -> accepted, failed or unknown; or never sent: suppressed, expired, cancelled. `sending` is
committed before the first byte leaves, and `unknown` is never sent again by itself. The Message-ID follows
from the house's secret and the row, so that every try has the same, and nobody else can make one.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import mac
from contact.db import Base, Id, Utc


class Fate(StrEnum):
    """Where one recipient stands."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    """The provider has taken it."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may have left, or not: the answer was never heard."""
    SUPPRESSED = "suppressed"
    """We must not write there."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN = (Fate.PLANNED.value, Fate.SENDING.value)
ENDS = tuple(fate.value for fate in Fate if fate.value not in OPEN)
_PLANNED, _SENDING = text("state = 'planned'"), text("state = 'sending'")
_WAITS, _UNKNOWN = text("waits AND state = 'accepted'"), text("state = 'unknown'")
_ENDED = text("state NOT IN ('planned', 'sending')")


class Recipient(Base):
    """`value` is the normalised address as it was frozen; `next_at` when it may be tried (again)."""

    __tablename__ = "recipient"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(Id, ForeignKey("campaign.id"))
    channel: Mapped[str] = mapped_column(String(20))
    contact_id: Mapped[int] = mapped_column(Id)
    address_id: Mapped[int] = mapped_column(Id)
    value: Mapped[str] = mapped_column(String(320))
    zone: Mapped[str | None] = mapped_column(String(50))
    state: Mapped[str] = mapped_column(String(12), default=Fate.PLANNED.value)
    window_id: Mapped[int | None] = mapped_column(Id)
    """The window it was last claimed in."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(Utc)
    code: Mapped[str] = mapped_column(String(60), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    settled_at: Mapped[datetime | None] = mapped_column(Utc)
    waits: Mapped[bool] = mapped_column(Boolean, default=False)
    """Its provider must be asked what became of it, and has not said its last word."""
    proved_at: Mapped[datetime | None] = mapped_column(Utc)
    """Since when something proves that it left: a bounce, a receipt, an answer, a click (`campaigns/evidence.py`)."""
    delivered_at: Mapped[datetime | None] = mapped_column(Utc)
    returned_at: Mapped[datetime | None] = mapped_column(Utc)
    """When the provider said so."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "channel", "value"),
        Index(
            "ix_recipient_planned", "campaign_id", "next_at", "id",
            sqlite_where=_PLANNED, postgresql_where=_PLANNED,
        ),
        Index("ix_recipient_sending", "window_id", sqlite_where=_SENDING, postgresql_where=_SENDING),
        Index("ix_recipient_waits", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_recipient_unknown", "id", sqlite_where=_UNKNOWN, postgresql_where=_UNKNOWN),
        Index("ix_recipient_state", "campaign_id", "state"),
        Index(
            "ix_recipient_ended", "contact_id", "campaign_id", "state", "settled_at",
            sqlite_where=_ENDED, postgresql_where=_ENDED,
        ),
        Index("ix_recipient_address_id", "address_id"),
        {"info": {"erase": ("value", "reason")}},
    )  # fmt: skip


def message_id(key: bytes, number: int, domain: str) -> str:
    """The bare Message-ID of one recipient: its number, and 120 bits nobody can guess."""
    return f"r{number}.{_mac(key, number)}@{domain}"


def named(key: bytes, value: str) -> int | None:
    """The recipient a Message-ID is of; None unless we made it."""
    found = _ID.match(value.lower())
    if found is None or not hmac.compare_digest(found[2], _mac(key, int(found[1]))):
        return None
    return int(found[1])


_ID = re.compile(r"r(\d{1,18})\.([0-9a-f]{30})@", re.ASCII)


def _mac(key: bytes, number: int) -> str:
    return mac.of(key).digest(b"hanmaru recipient %d" % number)[:15].hex()


def counts(session: Session, campaign_id: int) -> Mapping[str, int]:
    """How many stand where; every state is named."""
    query = select(Recipient.state, func.count()).where(Recipient.campaign_id == campaign_id)
    found = {state: number for state, number in session.execute(query.group_by(Recipient.state))}  # noqa: C416
    return {fate.value: found.get(fate.value, 0) for fate in Fate}
