"""Which conversation a message belongs to, by the message ids it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.messages import Thread

CHAIN = 20
"""How many ids a References header of ours names: the first and the newest (RFC 5322 allows cutting)."""


class MessageRef(Base):
    """A message id (bare) of ours or theirs. Not unique: broken mailers use one twice."""

    __tablename__ = "message_ref"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))
    conversation_id: Mapped[int] = mapped_column(Id, ForeignKey("conversation.id"))
    interaction_id: Mapped[int] = mapped_column(Id, ForeignKey("interaction.id"))

    __table_args__ = (
        Index("ix_message_ref_value", "value"),
        Index("ix_message_ref_conversation_id", "conversation_id", "id"),
    )


def remember(session: Session, ids: Iterable[str], conversation_id: int, interaction_id: int) -> None:
    """Answers that name these ids will find this conversation."""
    session.add_all(
        MessageRef(value=value[:255], conversation_id=conversation_id, interaction_id=interaction_id)
        for value in ids
        if value
    )


def find(session: Session, thread: Thread) -> int | None:
    """The conversation named by In-Reply-To, else by References (newest first), else by our token."""
    wanted = [*thread.in_reply_to, *reversed(thread.references)]
    if wanted:
        rows = session.execute(
            select(MessageRef.value, MessageRef.conversation_id)
            .where(MessageRef.value.in_({value[:255] for value in wanted}))
            .order_by(MessageRef.id)
        )
        known = dict(rows.all())
        for value in wanted:
            if value[:255] in known:
                return known[value[:255]]
    return thread.token


def chain(session: Session, conversation_ids: Sequence[int]) -> list[str]:
    """The ids a new message of this conversation refers to, oldest first."""
    rows = session.scalars(
        select(MessageRef.value).where(MessageRef.conversation_id.in_(conversation_ids)).order_by(MessageRef.id)
    ).all()
    unique = list(dict.fromkeys(rows))
    return unique if len(unique) <= CHAIN else [unique[0], *unique[1 - CHAIN :]]
