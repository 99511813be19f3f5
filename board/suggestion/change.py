"""What happened to a suggestion: one row each, never changed (triggers refuse it) and never taken away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.suggestion.suggestion import ids
from contact.db import Base, Id, Utc


class What(StrEnum):
    MADE = "made"
    STATUS = "status"
    OWNER = "owner"
    DUE = "due"
    VISIBILITY = "visibility"
    CATEGORY = "category"
    MERGED = "merged"
    UNMERGED = "unmerged"
    ESCALATED = "escalated"


class SuggestionChange(Base):
    """`before` and `after`: statuses, days, numbers as text. `text`: the public answer given with a status."""

    __tablename__ = "suggestion_change"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    suggestion_id: Mapped[int] = mapped_column(Id, ForeignKey("suggestion.id"), index=True)
    what: Mapped[str] = mapped_column(String(12))
    before: Mapped[str] = mapped_column(String(20), default="")
    after: Mapped[str] = mapped_column(String(20), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    user_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = ({"sqlite_autoincrement": True},)


def note(
    session: Session, now: datetime, number: int, what: What, user_id: int | None,
    before: object = "", after: object = "", text: str = "",
) -> SuggestionChange:  # fmt: skip
    """One more row."""
    row = SuggestionChange(
        suggestion_id=number, what=what.value, before=_short(before), after=_short(after), text=text,
        user_id=user_id, at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _short(value: object) -> str:
    return "" if value is None else str(value)[:20]


def of(session: Session, numbers: Collection[int], *whats: What) -> Sequence[SuggestionChange]:
    """What happened to these, the oldest first; of some sorts alone where they are named."""
    query = select(SuggestionChange).where(SuggestionChange.suggestion_id.in_(numbers))
    if whats:
        query = query.where(SuggestionChange.what.in_([what.value for what in whats]))
    return session.scalars(query.order_by(SuggestionChange.id)).all()


scope.seen(SuggestionChange, lambda viewer: SuggestionChange.suggestion_id.in_(ids(viewer)))
