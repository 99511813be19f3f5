"""A question to one contact about one matter: waiting, asked, rated, or dropped with its reason.

Only the answer is in the log (`satisfaction.asked`, `satisfaction.rated`); this table is the work to be done and
what a link in a mail points to. It holds no words. Erasing a person deletes their questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, Integer, String, UniqueConstraint, delete, exists, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import conversation as conversations
from contact.conversation import Conversation, Talk
from contact.db import Base, Id, Utc
from contact.log import Appended, Interaction, Name
from contact.text import storable

LASTS = timedelta(days=14)
"""How long a link is good."""
CHANGEABLE = timedelta(days=1)
"""How long an answer may be changed."""
BY_NUMBER = timedelta(days=3)
"""How long a bare number that comes in counts as the answer."""
LONGEST_COMMENT = 2000
_NUMBER = re.compile(r"\s*([1-5１-５])\s*(?:점|/\s*5|\.)?\s*")


class Step(StrEnum):
    """Where a question stands."""

    WAITING = "waiting"
    ASKED = "asked"
    RATED = "rated"
    DROPPED = "dropped"


class SatisfactionAsk(Base):
    """`resolved_id` is the row that ended the matter: one question for each. `contact_id` is the root contact."""

    __tablename__ = "satisfaction_ask"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int] = mapped_column(Id)
    address_id: Mapped[int] = mapped_column(Id)
    inbox_id: Mapped[int] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(Id)
    """The agent it is about."""
    queue_id: Mapped[int | None] = mapped_column(Id)
    resolved_id: Mapped[int] = mapped_column(Id)
    language: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(20), default="")
    due_at: Mapped[datetime] = mapped_column(Utc)
    asked_at: Mapped[datetime | None] = mapped_column(Utc)
    rated_at: Mapped[datetime | None] = mapped_column(Utc)
    rated_id: Mapped[int | None] = mapped_column(Id)
    score: Mapped[int | None] = mapped_column(Integer)

    __table_args__ = (
        UniqueConstraint("resolved_id"),
        Index(
            "ix_satisfaction_ask_due",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_satisfaction_ask_contact_id", "contact_id", "asked_at"),
        Index("ix_satisfaction_ask_address_id", "address_id", "asked_at"),
    )

    def good_at(self, now: datetime) -> bool:
        """Whether its links are good."""
        return self.asked_at is not None and now < self.asked_at + LASTS

    def changeable_at(self, now: datetime) -> bool:
        """Whether an answer may be given or changed now."""
        return self.good_at(now) and (self.rated_at is None or now < self.rated_at + CHANGEABLE)


def drop(ask: SatisfactionAsk, why: str) -> None:
    """It is not asked."""
    ask.state, ask.why = Step.DROPPED.value, why


def number_in(text: str) -> int | None:
    """The score, when a message is a number from 1 to 5 and nothing else."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None  # int() reads full-width digits


def by_number(session: Session, now: datetime, address_id: int, inbox_id: int, text: str) -> SatisfactionAsk | None:
    """The question a bare number answers: asked lately, there, and with nothing said in between."""
    if number_in(text) is None:
        return None
    ask = session.scalar(
        select(SatisfactionAsk)
        .where(SatisfactionAsk.address_id == address_id, SatisfactionAsk.asked_at > now - BY_NUMBER)
        .where(SatisfactionAsk.inbox_id == inbox_id, SatisfactionAsk.state == Step.ASKED.value)
        .order_by(SatisfactionAsk.asked_at.desc())
        .limit(1)
    )
    if ask is None or ask.asked_at is None:
        return None
    row = Interaction
    other = exists().where(
        row.conversation_id == ask.conversation_id, row.name == Name.MESSAGE_RECEIVED.value, row.at >= ask.asked_at
    )
    return None if session.scalar(select(other)) else ask


def rate(
    session: Session, now: datetime, ask: SatisfactionAsk, score: int, comment: str = "",
    talk: Talk | Conversation | None = None, key: str | None = None, fingerprint: str | None = None,
) -> Appended | None:  # fmt: skip
    """Write an answer into the log; the same once more is no news. It opens nothing again and waits for nobody."""
    words = str(storable(comment)).strip()[:LONGEST_COMMENT]
    if ask.score == score and not words and key is None:
        return None
    place = talk or conversations.top(session, conversations.get(session, ask.conversation_id))
    data = {"score": score, "ask": ask.id, "agent": ask.user_id, "queue": ask.queue_id, "instead_of": ask.rated_id}
    row = conversations.record(
        session,
        now,
        place,
        Name.SATISFACTION_RATED,
        contact_id=ask.contact_id,
        address_id=ask.address_id,
        inbox_id=ask.inbox_id,
        channel=ask.channel,
        body=words or None,
        data={name: value for name, value in data.items() if value is not None},
        key=key,
        fingerprint=fingerprint,
    )
    ask.state, ask.score, ask.rated_id = Step.RATED.value, score, row.id
    ask.rated_at = ask.rated_at or now
    session.flush()
    return row


def forget(session: Session, contacts: Iterable[int], conversation_ids: Iterable[int]) -> None:
    """Somebody is erased: their questions go, and their links lead nowhere."""
    ask = SatisfactionAsk
    gone = or_(ask.contact_id.in_(list(contacts)), ask.conversation_id.in_(list(conversation_ids)))
    session.execute(delete(ask).where(gone))
