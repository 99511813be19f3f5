"""Notice (공지사항): one thing every person of an audience must get to know.

draft -> scheduled -> published -> expired or withdrawn. The audience is live while it is published: whoever comes
to match gets a receipt and the ladder, whoever leaves loses what was not sent.

`ladder` is a list of steps `{"channel": CHANNEL, "days": N}`: the step's place in it is its number. A step is
taken only while the person has not acknowledged, or, where they owe no acknowledgement, has not read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Index, Integer, String, Text, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import attachment, scope
from board.notice.receipt import NoticeReceipt
from board.notifying import sight
from board.scope import Viewer
from contact.db import Base, Id, Json, Utc
from contact.errors import NotFound
from contact.text import N_

BELL = "notices"
"""Rung when steps of a ladder were planned."""


class State(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


STATES: Final[Mapping[State, str]] = {
    State.DRAFT: N_("Draft"),
    State.SCHEDULED: N_("Scheduled"),
    State.PUBLISHED: N_("Published"),
    State.EXPIRED: N_("Expired"),
    State.WITHDRAWN: N_("Withdrawn"),
}


class Notice(Base):
    """`version` is the number of the newest (`version.py`): 1 while it is a draft.

    `definition`: the audience (`board/audience/definition.py`). `category_id`: a word of the house.
    `ack_days`: how many days people have to acknowledge, from when they got it.
    """

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    state: Mapped[str] = mapped_column(String(12), default=State.DRAFT.value)
    category_id: Mapped[int | None] = mapped_column(Id)
    definition: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version: Mapped[int] = mapped_column(Integer, default=1)
    pinned_until: Mapped[datetime | None] = mapped_column(Utc)
    publish_at: Mapped[datetime | None] = mapped_column(Utc)
    published_at: Mapped[datetime | None] = mapped_column(Utc)
    expires_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why it was withdrawn, or why it could not be published."""
    needs_ack: Mapped[bool] = mapped_column(Boolean, default=False)
    ack_days: Mapped[int] = mapped_column(Integer, default=7)
    ladder: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    key: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    """Of the form that made it (`board/once.py`)."""
    created_by: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_notice_state", "state", "publish_at"),)

    @property
    def is_open(self) -> bool:
        return self.state == State.PUBLISHED.value


def get(session: Session, number: int) -> Notice:
    """The notice; raises `NotFound`."""
    found = session.get(Notice, number)
    if found is None:
        raise NotFound("This notice does not exist.")
    return found


def waits() -> ColumnElement[bool]:
    """Of a notice joined with a receipt: this person still must be reached, so the ladder goes on."""
    missing = or_(
        and_(NoticeReceipt.due_at.is_not(None), NoticeReceipt.acked_at.is_(None)),
        and_(NoticeReceipt.due_at.is_(None), NoticeReceipt.read_at.is_(None)),
    )
    return and_(Notice.state == State.PUBLISHED.value, NoticeReceipt.left_at.is_(None), missing)


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    """Theirs, once it is published; what was withdrawn is read by nobody of a partner any more."""
    if viewer.is_staff:
        return Notice.id.is_not(None)
    mine = select(NoticeReceipt.notice_id).where(
        NoticeReceipt.user_id == viewer.user_id, NoticeReceipt.left_at.is_(None)
    )
    return and_(Notice.state.in_((State.PUBLISHED.value, State.EXPIRED.value)), Notice.id.in_(mine))


scope.seen(Notice, _seen)
sight.on("notice", Notice)
attachment.under("notice", Notice)
