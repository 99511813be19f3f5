"""Digest: what went to one user in one mail or text message. Unique by user, period and kind: none goes twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id, Utc


class NotificationDigest(Base):
    """`kind`: mail.daily, sms.now …; `period`: the day or week on the user's wall, or what went at once."""

    __tablename__ = "notification_digest"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(12))
    period: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(Utc)
    count: Mapped[int]
    delivery_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (UniqueConstraint("user_id", "period", "kind", name="uq_notification_digest_user_period_kind"),)
