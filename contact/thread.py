"""Which conversation a message belongs to, by the message ids it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Boolean, ColumnElement, ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.messages import Thread

CHAIN = 20
"""How many ids a References header of ours names: the first and the newest (RFC 5322 allows cutting)."""
NAMED = 200
"""How many of the ids in their headers are looked at."""


class MessageRef(Base):
    """A message id (bare) of ours or theirs. Not unique: broken mailers use one twice.

    `seen`: the message itself is in the conversation; otherwise one of its messages only named it.
    """

    __tablename__ = "message_ref"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))
    conversation_id: Mapped[int] = mapped_column(Id, ForeignKey("conversation.id"))
    interaction_id: Mapped[int] = mapped_column(Id, ForeignKey("interaction.id"))
    seen: Mapped[bool] = mapped_column(Boolean, default=True)

    __table_args__ = (
        Index("ix_message_ref_value", "value"),
        Index("ix_message_ref_conversation_id", "conversation_id", "id"),
    )


def remember(session: Session, ids: Iterable[str], conversation_id: int, interaction_id: int) -> None:
    """Answers that name these ids will find this conversation."""
    session.add_all(
        MessageRef(value=value[:255], conversation_id=conversation_id, interaction_id=interaction_id, seen=True)
        for value in ids
        if value
    )


def remember_named(session: Session, thread: Thread, conversation_id: int, interaction_id: int) -> None:
    """Keep the ids of messages we never saw: their other answers, or they themselves, may come later."""
    named = list(dict.fromkeys(value[:255] for value in (*thread.references, *thread.in_reply_to) if value))[-CHAIN:]
    if not named:
        return
    mine = select(MessageRef.value).where(MessageRef.conversation_id == conversation_id, MessageRef.value.in_(named))
    known = set(session.scalars(mine))
    session.add_all(
        MessageRef(value=value, conversation_id=conversation_id, interaction_id=interaction_id, seen=False)
        for value in named
        if value not in known
    )


def find(session: Session, thread: Thread) -> int | None:
    """The conversation named by In-Reply-To, else by References (newest first), else by our token."""
    wanted = _wanted(thread)
    if wanted:
        known = dict(_refs(session, wanted, MessageRef.seen.is_(True)))
        for value in wanted:
            if value in known:
                return known[value]
    return thread.token


def akin(session: Session, thread: Thread) -> list[int]:
    """Conversations that may be meant, the likeliest first: they name the same unseen message, or this very one.

    Not proof: many people answer one newsletter, and broken mailers use an id twice. The
    caller asks whether the sender takes part there.
    """
    wanted = [*_wanted(thread), *([thread.message_id[:255]] if thread.message_id else [])]
    if not wanted:
        return []
    rows = _refs(session, wanted)
    return list(dict.fromkeys(number for value in wanted for ref, number in reversed(rows) if ref == value))


def _wanted(thread: Thread) -> list[str]:
    """Parent first, then the ancestors, nearest first; a mail that names itself is not its own parent."""
    ids = (value[:255] for value in (*thread.in_reply_to, *reversed(thread.references)))
    return [value for value in dict.fromkeys(ids) if value and value != thread.message_id[:255]][:NAMED]


def _refs(session: Session, values: Iterable[str], *where: ColumnElement[bool]) -> list[tuple[str, int]]:
    query = select(MessageRef.value, MessageRef.conversation_id).where(MessageRef.value.in_(set(values)), *where)
    return [(value, number) for value, number in session.execute(query.order_by(MessageRef.id))]


def chain(session: Session, conversation_ids: Sequence[int]) -> list[str]:
    """The ids a new message of this conversation refers to, oldest first."""
    rows = session.scalars(
        select(MessageRef.value).where(MessageRef.conversation_id.in_(conversation_ids)).order_by(MessageRef.id)
    ).all()
    unique = list(dict.fromkeys(rows))
    return unique if len(unique) <= CHAIN else [unique[0], *unique[1 - CHAIN :]]
