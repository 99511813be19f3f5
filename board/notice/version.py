"""Version: what a notice says. A row is never changed once it was published; a correction is a new one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.notice.notice import Notice
from contact.db import Base, Id, Utc
from contact.errors import NotFound


class NoticeVersion(Base):
    """`body` is clean HTML (`contact/formatted.py`), `text` the same as plain text, `note` what is different.

    `again`: it must be acknowledged anew; otherwise an acknowledgement of an older one still counts.
    """

    __tablename__ = "notice_version"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notice_id: Mapped[int] = mapped_column(Id, ForeignKey("notice.id"))
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(500), default="")
    again: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (UniqueConstraint("notice_id", "number"),)


def of(session: Session, notice_id: int, number: int) -> NoticeVersion:
    """That version; raises `NotFound`."""
    query = select(NoticeVersion).where(NoticeVersion.notice_id == notice_id, NoticeVersion.number == number)
    found = session.scalar(query)
    if found is None:
        raise NotFound("This version does not exist.")
    return found


def current(session: Session, notice: Notice) -> NoticeVersion:
    """What it says now."""
    return of(session, notice.id, notice.version)


def every(session: Session, notice_id: int) -> list[NoticeVersion]:
    """The newest first."""
    query = select(NoticeVersion).where(NoticeVersion.notice_id == notice_id)
    return list(session.scalars(query.order_by(NoticeVersion.number.desc())))


def round_of(session: Session, notice_id: int) -> int:
    """The version that must be acknowledged, or a newer one: the last that asked for it, else the first."""
    query = select(func.max(NoticeVersion.number)).where(NoticeVersion.notice_id == notice_id, NoticeVersion.again)
    return session.scalar(query) or 1


scope.seen(
    NoticeVersion,
    lambda viewer: NoticeVersion.notice_id.in_(scope.those(viewer, Notice).with_only_columns(Notice.id)),
)
