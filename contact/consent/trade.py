"""Trade with a contact: for six months after it ended, advertising for the same kind of goods needs no consent.

Network Act article 50 (1), proviso 1, and decree article 61 (1). Whoever refused gets none all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.consent.law.korea import TRADE
from contact.consent.law.periods import after_months, day_of, end_of
from contact.db import Base, Id, Utc
from contact.directory import Contact
from contact.errors import Invalid


class Trade(Base):
    """The newest trade of a contact in goods of one kind: `category` is the house's own word for the kind."""

    __tablename__ = "trade"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"))
    category: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime] = mapped_column(Utc)
    recorded_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_trade_contact_id", "contact_id", "category", unique=True),)


def ended(session: Session, now: datetime, contact_id: int, category: str, ended_at: datetime) -> Trade:
    """Note that a trade ended; a later one in the same kind of goods counts instead of an earlier one."""
    category = " ".join(category.split())
    if not category or len(category) > 60:
        raise Invalid("A kind of goods has 1 to 60 characters.")
    found = session.scalar(select(Trade).where(Trade.contact_id == contact_id, Trade.category == category))
    one = found or Trade(contact_id=contact_id, category=category, ended_at=ended_at, recorded_at=now)
    one.ended_at, one.recorded_at = max(one.ended_at, ended_at), now
    session.add(one)
    session.flush()
    return one


def until(ended_at: datetime) -> datetime:
    """The first moment at which the exception is over."""
    return end_of(after_months(day_of(ended_at), TRADE.months))


def covered(session: Session, now: datetime, roots: Collection[int], category: str) -> set[int]:
    """Those of the persons (root contacts) who bought goods of this kind lately enough."""
    found = session.execute(
        select(Contact.root_id, Trade.ended_at)
        .join(Trade, Trade.contact_id == Contact.id)
        .where(Contact.root_id.in_(roots), Trade.category == category)
    )
    return {root for root, ended_at in found if ended_at <= now < until(ended_at)}
