"""Which conversation a message belongs to, by the message ids it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Boolean, ForeignKey, Index, String, bindparam, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.messages import Thread
from contact.prepared import Prepared

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


@dataclass(frozen=True, slots=True)
class Ref:
    """What one row of `message_ref` says."""

    value: str
    conversation_id: int
    seen: bool


_NEW = Prepared.insert(MessageRef)


def remember(
    session: Session, ids: Iterable[str], conversation_id: int, interaction_id: int, seen: bool = True
) -> None:
    """Answers that name these ids will find this conversation."""
    for value in ids:
        if value:
            row = {"value": value[:255], "conversation_id": conversation_id, "interaction_id": interaction_id}
            _NEW.rows(session, {**row, "seen": seen})


_EACH = Prepared(
    insert(MessageRef).values(
        value=bindparam("value"), conversation_id=bindparam("conversation_id"),
        interaction_id=bindparam("interaction_id"), seen=bindparam("seen"),
    )
)  # fmt: skip


def remember_each(session: Session, those: Iterable[tuple[str, int, int]]) -> None:
    """As `remember`, for messages of many conversations: id, conversation, row."""
    _EACH.many(session, [
        {"value": value[:255], "conversation_id": talk, "interaction_id": row, "seen": True}
        for value, talk, row in those
    ])  # fmt: skip


def remember_named(
    session: Session, thread: Thread, refs: Sequence[Ref], conversation_id: int, interaction_id: int
) -> None:
    """Keep the ids of messages we never saw: their other answers, or they themselves, may come later."""
    named = list(dict.fromkeys(value[:255] for value in (*thread.references, *thread.in_reply_to) if value))[-CHAIN:]
    known = {ref.value for ref in refs if ref.conversation_id == conversation_id}
    remember(session, (value for value in named if value not in known), conversation_id, interaction_id, seen=False)


def look(session: Session, thread: Thread) -> list[Ref]:
    """What we know of the ids a message names, and of its own, oldest first."""
    wanted = [*_wanted(thread), *([thread.message_id[:255]] if thread.message_id else [])]
    if not wanted:
        return []
    room = 1 << (len(wanted) - 1).bit_length()  # statements are kept by their number of ids: 1, 2, 4, 8 ...
    wanted += wanted[:1] * (room - len(wanted))
    return [Ref(*row) for row in _refs(room).rows(session, {f"id{n}": value for n, value in enumerate(wanted)})]


@cache
def _refs(room: int) -> Prepared:
    row, ids = MessageRef, [bindparam(f"id{n}", type_=String) for n in range(room)]
    columns = [row.value, row.conversation_id, row.seen]
    return Prepared(select(*columns).where(row.value.in_(ids)).order_by(row.id), columns)


def find(thread: Thread, refs: Sequence[Ref]) -> int | None:
    """The conversation named by In-Reply-To, else by References (newest first), else by our token."""
    known = {ref.value: ref.conversation_id for ref in refs if ref.seen}
    return next((known[value] for value in _wanted(thread) if value in known), thread.token)


def akin(thread: Thread, refs: Sequence[Ref]) -> list[int]:
    """Conversations that may be meant, the likeliest first: they name the same unseen message, or this very one.

    Not proof: many people answer one newsletter, and broken mailers use an id twice. The
    caller asks whether the sender takes part there.
    """
    wanted = [*_wanted(thread), thread.message_id[:255]]
    return list(dict.fromkeys(ref.conversation_id for value in wanted for ref in reversed(refs) if ref.value == value))


def _wanted(thread: Thread) -> list[str]:
    """Parent first, then the ancestors, nearest first; a mail that names itself is not its own parent."""
    ids = (value[:255] for value in (*thread.in_reply_to, *reversed(thread.references)))
    return [value for value in dict.fromkeys(ids) if value and value != thread.message_id[:255]][:NAMED]


def chain(session: Session, conversation_ids: Sequence[int]) -> list[str]:
    """The ids a new message of this conversation refers to, oldest first."""
    rows = session.scalars(
        select(MessageRef.value).where(MessageRef.conversation_id.in_(conversation_ids)).order_by(MessageRef.id)
    ).all()
    unique = list(dict.fromkeys(rows))
    return unique if len(unique) <= CHAIN else [unique[0], *unique[1 - CHAIN :]]
