"""What the law wants people to be told about their consent: one row for each notice that went out, or could not."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id, Utc

RESULT = "result"
"""What became of a consent or a refusal, within 14 days."""
CONFIRM = "confirm"
"""That a consent stands, every two years."""


class ConsentNotice(Base):
    """`round` counts the confirmations of one consent. Without a delivery it could not be sent: `why` says so."""

    __tablename__ = "consent_notice"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    consent_id: Mapped[int] = mapped_column(Id, ForeignKey("consent.id"))
    kind: Mapped[str] = mapped_column(String(10))
    round: Mapped[int] = mapped_column(Integer, default=0)
    due_on: Mapped[date] = mapped_column(Date)
    """The last day on which the law allows it to be sent."""
    at: Mapped[datetime] = mapped_column(Utc)
    delivery_id: Mapped[int | None] = mapped_column(Id)
    why: Mapped[str] = mapped_column(String(20), default="")

    __table_args__ = (UniqueConstraint("consent_id", "kind", "round"),)
