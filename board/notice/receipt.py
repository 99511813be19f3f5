"""Receipt: one person of a notice's audience: what they must do by when, and what they did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from contact.db import Base, Id, Utc


class NoticeReceipt(Base):
    """`round` is the version that must be acknowledged, or any newer one. Reading is of this round, too.

    `due_at`: until when it must be acknowledged; None: they owe none, because the notice asks for none, or because
    they only read for their partner. `left_at`: does not belong to the audience any more; the row stays, and counts
    no more.
    """

    __tablename__ = "notice_receipt"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notice_id: Mapped[int] = mapped_column(Id, ForeignKey("notice.id"))
    user_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id)
    partner_id: Mapped[int] = mapped_column(Id)
    round: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Utc)
    due_at: Mapped[datetime | None] = mapped_column(Utc)
    read_at: Mapped[datetime | None] = mapped_column(Utc)
    read_via: Mapped[str] = mapped_column(String(10), default="")
    acked_at: Mapped[datetime | None] = mapped_column(Utc)
    acked_via: Mapped[str] = mapped_column(String(10), default="")
    acked_version: Mapped[int | None] = mapped_column(Integer)
    left_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("notice_id", "user_id"),
        Index("ix_notice_receipt_user_id", "user_id", "notice_id"),
    )


def of(session: Session, notice_id: int, user_id: int) -> NoticeReceipt | None:
    query = select(NoticeReceipt).where(NoticeReceipt.notice_id == notice_id, NoticeReceipt.user_id == user_id)
    return session.scalar(query)


scope.seen(
    NoticeReceipt,
    lambda viewer: (
        NoticeReceipt.id.is_not(None)
        if viewer.is_staff
        else (NoticeReceipt.user_id == viewer.user_id) & NoticeReceipt.left_at.is_(None)
    ),
)
