"""Consent: may we write to this address? An append-only ledger of what people wished, and the answer.

A wish is about one address, on every channel that reaches it, and every purpose; the
newest one counts. It comes from the person (a STOP word), from a provider that has already
shut the door (an opt-out it keeps itself), or from an agent who was told. Korea's Network Act
article 50 (2) and (4), the CTIA rules for STOP words and Twilio's error 21610 all say the same:
a refusal acts at once and costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import conversation as conversations
from contact import log
from contact.conversation import Conversation, Talk
from contact.db import Base, Id, Utc
from contact.directory import Address
from contact.messages import Wish
from contact.text import storable


class Consent(Base):
    """One wish, as it was said. Rows are added and never changed; erasing a person empties `words`."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id"))
    channel: Mapped[str] = mapped_column(String(20))
    """Where it was said."""
    given: Mapped[bool] = mapped_column(Boolean)
    how: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(Text, default="")
    interaction_id: Mapped[int | None] = mapped_column(Id)
    """The row of the log that says so."""

    __table_args__ = (Index("ix_consent_address_id", "address_id", "id"),)


def latest(session: Session, address_id: int) -> Consent | None:
    """What was wished last for this address; None when nobody ever said anything."""
    query = select(Consent).where(Consent.address_id == address_id).order_by(Consent.id.desc()).limit(1)
    return session.scalar(query)


def withdrawn(session: Session, address_id: int) -> bool:
    """Whether we must not write to this address."""
    return address_id in refused(session, [address_id])


def refused(session: Session, address_ids: Collection[int]) -> set[int]:
    """Those of the addresses that we must not write to."""
    newest = select(func.max(Consent.id)).where(Consent.address_id.in_(address_ids)).group_by(Consent.address_id)
    return set(session.scalars(select(Consent.address_id).where(Consent.id.in_(newest), Consent.given.is_(False))))


def record(
    session: Session,
    now: datetime,
    address: Address,
    wish: Wish,
    *,
    channel: str,
    talk: Talk | Conversation | None = None,
    about_id: int | None = None,
    user_id: int | None = None,
) -> bool:
    """Write a wish down; returns whether it changed anything. The same wish again is no news.

    Said in a conversation (`talk`) it stands there, too. What still waits in the outbox is
    held when its turn comes.
    """
    if withdrawn(session, address.id) != wish.given:
        return False
    words = storable(wish.words)[:2000]
    name = log.Name.CONSENT_GIVEN if wish.given else log.Name.CONSENT_WITHDRAWN
    row: dict[str, Any] = {
        "contact_id": address.contact_id,
        "address_id": address.id,
        "channel": channel,
        "about_id": about_id,
        "user_id": user_id,
        "body": words,
        "content": {"value": address.value},
        "data": {"how": wish.how},
    }
    written = conversations.record(session, now, talk, name, **row) if talk else log.append(session, now, name, **row)
    session.add(
        Consent(
            at=now, address_id=address.id, channel=channel, given=wish.given, how=wish.how, words=words,
            interaction_id=written.id,
        )
    )  # fmt: skip
    session.flush()
    return True
