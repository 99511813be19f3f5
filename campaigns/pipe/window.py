"""Window: some recipients of one campaign that one worker has in hand, under one lease.

The lease is one row for all of them: renewing it costs the same for ten and for five hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc

LEASE = timedelta(seconds=60)
MARGIN = 0.1
"""Part of the lease kept back: who is later than that hands nothing over."""
_OPEN = text("ended_at IS NULL")


class Window(Base):
    """Open until everything in it is settled, or another worker has decided what became of it."""

    __tablename__ = "campaign_window"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(Id, ForeignKey("campaign.id"))
    owner: Mapped[str] = mapped_column(String(60))
    begun_at: Mapped[datetime] = mapped_column(Utc)
    until: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (Index("ix_campaign_window_open", "until", sqlite_where=_OPEN, postgresql_where=_OPEN),)


def renew(session: Session, now: datetime, owner: str) -> int:
    """Hold all open windows of `owner` for another `LEASE`; returns how many."""
    held = update(Window).where(Window.owner == owner, Window.ended_at.is_(None)).values(until=now + LEASE)
    return len(session.execute(held.returning(Window.id).execution_options(synchronize_session=False)).all())


def end(session: Session, now: datetime, numbers: Collection[int]) -> list[int]:
    """Close windows; those that were open, which the caller alone has closed."""
    ended = update(Window).where(Window.id.in_(numbers), Window.ended_at.is_(None)).values(ended_at=now)
    return [row.id for row in session.execute(ended.returning(Window.id).execution_options(synchronize_session=False))]


def lock(session: Session, numbers: Collection[int]) -> None:
    """Nobody else settles or takes these windows until this transaction ends; in one order."""
    session.execute(select(Window.id).where(Window.id.in_(numbers)).order_by(Window.id).with_for_update()).all()


def open_of_others(session: Session, owner: str) -> Sequence[Window]:
    return session.scalars(select(Window).where(Window.ended_at.is_(None), Window.owner != owner)).all()


def owners(session: Session) -> set[str]:
    """Whose windows are open."""
    return set(session.scalars(select(Window.owner).where(Window.ended_at.is_(None)).distinct()))
