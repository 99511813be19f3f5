"""Ratings as reports read them: one row for each answer that stands, whatever way it came.

Derived from the log by the reader "satisfaction": from `satisfaction.rated` (links and numbers; an answer that was
changed replaces the one before, `data.instead_of`) and from `chat.rated` (the widget's stars). To rebuild it, empty
the table and set the reader's position to 0; who dealt with a low score (`handled_*`) is not in the log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.conversation import Conversation
from contact.db import Base, Id, Utc
from contact.log import Appended, Name
from contact.response.satisfaction.ask import SatisfactionAsk


class Rating(Base):
    """`interaction_id` is the row of the log; the words of the customer stand there alone."""

    __tablename__ = "rating"

    interaction_id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id)
    inbox_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    score: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Utc)
    handled_at: Mapped[datetime | None] = mapped_column(Utc)
    handled_by: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (Index("ix_rating_at", "at"), Index("ix_rating_conversation_id", "conversation_id"))


def heard(session: Session, row: Appended) -> Rating | None:
    """The rating a row speaks of, made if it is new; None when it says no score."""
    data: dict[str, Any] = row.data or {}
    score = data.get("score")
    if not isinstance(score, int) or row.conversation_id is None:
        return None
    if (known := session.get(Rating, row.id)) is not None:
        return known
    if data.get("instead_of"):
        session.execute(delete(Rating).where(Rating.interaction_id == data["instead_of"]))
    if (ask := session.get(SatisfactionAsk, data.get("ask") or 0)) and (ask.rated_id or 0) > row.id:
        return None  # changed meanwhile: another row stands in its place
    made = Rating(
        interaction_id=row.id,
        conversation_id=row.conversation_id,
        inbox_id=row.inbox_id,
        channel=row.channel or "",
        score=score,
        at=row.at,
        **_whose(session, row, data),
    )
    session.add(made)
    session.flush()
    return made


def _whose(session: Session, row: Appended, data: dict[str, Any]) -> dict[str, int | None]:
    if row.name == Name.SATISFACTION_RATED:
        return {"user_id": data.get("agent"), "queue_id": data.get("queue")}
    talk = session.get(Conversation, row.conversation_id)
    return {"user_id": talk.assignee_id if talk else None, "queue_id": talk.queue_id if talk else None}
