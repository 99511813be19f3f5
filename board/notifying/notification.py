"""Notification: one thing one user is told, once. It stands on their page; a mail or a text message may follow.

`mail` and `sms` say what is still to come there: now, daily or weekly; `off` where nothing is, `sent` where it went.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from board import scope
from contact.db import Base, Id, Utc

SENT: Final = "sent"
_UNREAD = text("read_at IS NULL AND shown")
_MAIL = text("mail IN ('now', 'daily', 'weekly')")
_SMS = text("sms IN ('now', 'daily', 'weekly')")


class Notification(Base):
    """Unique by user and key: who calls twice tells once."""

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id)
    event: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(String(200))
    """The name of the thing."""
    text: Mapped[str] = mapped_column(Text)
    """The first words of what was said."""
    link: Mapped[str] = mapped_column(String(300))
    """The path of its page."""
    about: Mapped[str] = mapped_column(String(20))
    about_id: Mapped[int] = mapped_column(Id)
    """The thing itself, for whether it may still be seen, and for an answer to the mail; "" and 0: nothing of ours."""
    by_id: Mapped[int | None] = mapped_column(Id)
    """Who did it."""
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    """That person as a contact: whose words these are."""
    at: Mapped[datetime] = mapped_column(Utc)
    read_at: Mapped[datetime | None] = mapped_column(Utc)
    shown: Mapped[bool]
    """Stands on the page: its user has not switched that off."""
    mail: Mapped[str] = mapped_column(String(6))
    sms: Mapped[str] = mapped_column(String(6))

    __table_args__ = (
        UniqueConstraint("user_id", "key", name="uq_notification_user_key"),
        Index("ix_notification_user", "user_id", "id"),
        Index("ix_notification_unread", "user_id", "link", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
        Index("ix_notification_about", "about", "about_id"),
        Index("ix_notification_mail", "mail", "user_id", "at", sqlite_where=_MAIL, postgresql_where=_MAIL),
        Index("ix_notification_sms", "sms", "user_id", "at", sqlite_where=_SMS, postgresql_where=_SMS),
        {"info": {"erase": ("title", "text")}},
    )


scope.seen(Notification, lambda viewer: (Notification.user_id == viewer.user_id) & Notification.shown)
