"""Attempt: one step of the ladder for one person. Planned all at once when the notice comes to them.

`board` is never planned: it lies there (`queued`) from the moment it is published, and is `delivered` when read.
Every other step is `planned` until it is due and whoever carries it takes it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from board import scope
from contact.db import Base, Id, Utc
from contact.text import N_


class Channel(StrEnum):
    """By what a step goes. `paper` is a fax, or a letter where there is no fax number."""

    BOARD = "board"
    EMAIL = "email"
    SMS = "sms"
    PAPER = "paper"
    FAX = "fax"
    POST = "post"
    TASK = "task"
    """Work for the one here who looks after the partner."""


CHANNELS: Final[Mapping[Channel, str]] = {
    Channel.BOARD: N_("On the board"),
    Channel.EMAIL: N_("E-mail"),
    Channel.SMS: N_("Text message"),
    Channel.PAPER: N_("Fax, or a letter"),
    Channel.FAX: N_("Fax"),
    Channel.POST: N_("Letter"),
    Channel.TASK: N_("Task for whoever looks after them"),
}


class Fate(StrEnum):
    PLANNED = "planned"
    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    """We must not, or cannot, send it there."""
    CANCELLED = "cancelled"
    """It was not needed any more: acknowledged, ended, or out of the audience."""


FATES: Final[Mapping[str, str]] = {
    Fate.PLANNED.value: N_("planned"),
    Fate.QUEUED.value: N_("on the way"),
    Fate.DELIVERED.value: N_("delivered"),
    Fate.FAILED.value: N_("failed"),
    Fate.SUPPRESSED.value: N_("not sent"),
    Fate.CANCELLED.value: N_("not needed"),
}
REASONS: Final[Mapping[str, str]] = {
    "acknowledged": N_("acknowledged before"),
    "read": N_("read before"),
    "left": N_("not in the audience any more"),
    "newer": N_("a newer version went out"),
    "expired": N_("the notice ended before"),
    "withdrawn": N_("the notice was withdrawn before"),
}
"""Reasons that are words of ours; any other is said as it stands."""


class NoticeAttempt(Base):
    """`step` is the place in the ladder, from 0. `at`: when `state` was written. `reason`: why, a word or a sentence.

    `channel` is written anew where the step left it open (`paper`).
    """

    __tablename__ = "notice_attempt"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notice_id: Mapped[int] = mapped_column(Id, ForeignKey("notice.id"))
    round: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime] = mapped_column(Utc)
    state: Mapped[str] = mapped_column(String(12), default=Fate.PLANNED.value)
    reason: Mapped[str] = mapped_column(String(300), default="")
    delivery_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("notice_id", "round", "step", "user_id"),
        Index("ix_notice_attempt_state", "state", "due_at"),
        Index("ix_notice_attempt_delivery_id", "delivery_id"),
        Index("ix_notice_attempt_contact_id", "contact_id"),
        {"info": {"erase": ("reason",)}},
    )


scope.seen(NoticeAttempt, lambda viewer: NoticeAttempt.id.is_not(None) if viewer.is_staff else false())
