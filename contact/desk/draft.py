"""Drafts: unsent words of an agent, kept on the server so that they follow from device to device.

A save names the version it grew from. When another device saved in between, nothing is
overwritten: `Moved` carries what is there, and the person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid

MODES = ("reply", "note")
MAX_TEXT = 200_000


class Draft(Base):
    """One agent's unsent words in one conversation.

    `fields` holds the rest of the composer: inbox, address, subject, cc, bcc, files. `seen_id`
    is the newest row the agent had on screen when the first word was written.
    """

    __tablename__ = "draft"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True)
    mode: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    fields: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    seen_id: Mapped[int] = mapped_column(Id, default=0)
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_at: Mapped[datetime] = mapped_column(Utc)


class Moved(Conflict):
    """This draft was changed on another device."""

    code = "draft_moved"

    def __init__(self, draft: Draft | None) -> None:
        super().__init__()
        self.draft = as_json(draft)
        """What is there, read before the transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the composer holds."""

    mode: str
    text: str
    fields: Mapping[str, Any]
    seen_id: int = 0

    @property
    def empty(self) -> bool:
        return (
            not self.text.strip()
            and not self.fields.get("files")
            and not self.fields.get("images")
            and not self.fields.get("to")
        )


def find(session: Session, user_id: int, conversation_id: int) -> Draft | None:
    """The draft, if there is one."""
    return session.get(Draft, (user_id, conversation_id))


def save(
    session: Session, now: datetime, user_id: int, conversation_id: int, words: Words, version: int
) -> Draft | None:
    """Keep `words`, which grew from `version` (0 = from nothing). Empty words remove the draft.

    Returns the draft as it stands; raises `Moved` when it was changed elsewhere.
    """
    if words.mode not in MODES:
        raise Invalid("There is no way of writing named %(name)s.", name=words.mode)
    if len(words.text) > MAX_TEXT:
        raise Invalid("The message may have up to %(n)s characters.", n=MAX_TEXT)
    known = session.get(Draft, (user_id, conversation_id), with_for_update=True)
    if (known.version if known else 0) != version and not (known is None and words.empty):
        raise Moved(known)
    if words.empty:
        if known:
            session.delete(known)
        return None
    if known is None:
        known = Draft(user_id=user_id, conversation_id=conversation_id, seen_id=words.seen_id, version=0)
        session.add(known)
    known.mode, known.text, known.fields = words.mode, words.text, dict(words.fields)
    known.version, known.updated_at = version + 1, now
    session.flush()
    return known


def drop(session: Session, user_id: int, conversation_id: int) -> None:
    """It was sent, or thrown away."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.conversation_id == conversation_id))


def written(session: Session, user_id: int, conversation_ids: Iterable[int]) -> set[int]:
    """Which of these conversations hold a draft of the agent."""
    query = select(Draft.conversation_id).where(
        Draft.user_id == user_id, Draft.conversation_id.in_(list(conversation_ids))
    )
    return set(session.scalars(query))


def as_json(draft: Draft | None) -> dict[str, Any] | None:
    """The draft as the composer reads it."""
    if draft is None:
        return None
    return {
        "conversation": draft.conversation_id,
        "mode": draft.mode,
        "text": draft.text,
        "fields": draft.fields,
        "seen": draft.seen_id,
        "version": draft.version,
    }
