"""What an agent has read: one mark for each conversation an agent opened."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.conversation import Conversation, State
from contact.db import Base, Id

LOOK = 200
"""Newest own and unassigned conversations that the number in the tab's title is counted over."""


class Seen(Base):
    """`user` has read `conversation` up to row `last_id` of the log. No row = never opened."""

    __tablename__ = "seen"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True)
    last_id: Mapped[int] = mapped_column(Id)


def read_to(session: Session, user_id: int, conversation_id: int, last_id: int) -> None:
    """The agent has the newest words on screen. The mark only moves forward."""
    mark = session.get(Seen, (user_id, conversation_id))
    if mark is None:
        session.add(Seen(user_id=user_id, conversation_id=conversation_id, last_id=last_id))
    elif mark.last_id < last_id:
        mark.last_id = last_id


def unread(session: Session, user_id: int, conversation_id: int) -> None:
    """Show it as new again."""
    session.execute(delete(Seen).where(Seen.user_id == user_id, Seen.conversation_id == conversation_id))


def marks(session: Session, user_id: int, conversation_ids: Iterable[int]) -> dict[int, int]:
    """Conversation id -> last row read, for those that were opened."""
    rows = session.execute(
        select(Seen.conversation_id, Seen.last_id).where(
            Seen.user_id == user_id, Seen.conversation_id.in_(list(conversation_ids))
        )
    )
    return {row.conversation_id: row.last_id for row in rows}


def waiting(session: Session, user_id: int) -> int:
    """Unread open conversations among the newest own and unassigned ones: the tab's number."""
    return sum(_unread_of(session, user_id, who) for who in (user_id, None))


def _unread_of(session: Session, user_id: int, assignee: int | None) -> int:
    newest = (
        select(Conversation.id, Conversation.last_id)
        .where(Conversation.merged_into.is_(None), Conversation.state == State.OPEN.value)
        .where(Conversation.assignee_id.is_(None) if assignee is None else Conversation.assignee_id == assignee)
        .order_by(Conversation.last_at.desc(), Conversation.id.desc())
        .limit(LOOK)
        .subquery()
    )
    mark = select(Seen.last_id, Seen.conversation_id).where(Seen.user_id == user_id).subquery()
    query = (
        select(func.count())
        .select_from(newest)
        .outerjoin(mark, mark.c.conversation_id == newest.c.id)
        .where(or_(mark.c.last_id.is_(None), mark.c.last_id < newest.c.last_id))
    )
    return session.scalar(query) or 0
