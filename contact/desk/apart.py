"""An agent's answer to "does this belong to conversation #n?": no, it stays apart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.conversation import Conversation
from contact.db import Base, Id, Utc
from contact.log import Interaction, Name


class KeptApart(Base):
    """Do not ask about this conversation again."""

    __tablename__ = "kept_apart"

    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)


def keep(session: Session, now: datetime, conversation_id: int, user_id: int) -> None:
    """The question is answered with no."""
    session.merge(KeptApart(conversation_id=conversation_id, user_id=user_id, at=now))


def asks(session: Session, conversation: Conversation) -> Conversation | None:
    """The conversation this one may belong to, while nobody has answered the question."""
    if conversation.merged_into is not None or session.get(KeptApart, conversation.id) is not None:
        return None
    first = session.scalar(
        select(Interaction).where(Interaction.conversation_id == conversation.id).order_by(Interaction.id).limit(1)
    )
    if first is None or first.name != Name.CONVERSATION_OPENED:
        return None
    other = first.data.get("joins")
    return session.get(Conversation, other) if other else None
