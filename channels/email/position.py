"""Position: how far a mailbox was fetched, and whether the tally came out even."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id, Utc


class MailboxPosition(Base):
    """One folder of one inbox: everything up to `last_uid` under `uidvalidity` is stored raw.

    `present`, `missing` and `checked_at` are the last tally: how many mails the server held in
    the range we fetched, and how many of them have no raw row (0, or something is wrong).
    """

    __tablename__ = "mailbox_position"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    folder: Mapped[str] = mapped_column(String(200), primary_key=True)
    uidvalidity: Mapped[int] = mapped_column(Id)
    first_uid: Mapped[int] = mapped_column(Id, default=0)
    """Mails up to this one lay there before we began, and were not asked for."""
    last_uid: Mapped[int] = mapped_column(Id, default=0)
    fetched_at: Mapped[datetime | None] = mapped_column(Utc)
    checked_at: Mapped[datetime | None] = mapped_column(Utc)
    present: Mapped[int] = mapped_column(Integer, default=0)
    missing: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    """Why the mailbox cannot be read now, empty when it can."""
