"""Refusals that come in by themselves: a message that says only "unsubscribe", a click, a ticked box."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contact.consent import words
from contact.consent.ledger import record
from contact.consent.purpose import Purpose
from contact.consent.said import ADDRESS, How
from contact.conversation import Conversation, Talk
from contact.directory import Address
from contact.messages import Inbound, Nature, Wish

PLANNED = (Purpose.ADVERTISING, Purpose.INFORMATIONAL)
"""What we write without being asked. Who refuses it still gets answers."""


def refuse(
    session: Session, now: datetime, address: Address, how: How, *, channel: str, said: str = "", scope: str = ADDRESS,
    purposes: tuple[Purpose, ...] = PLANNED, **more: Any,
) -> bool:  # fmt: skip
    """No more of these purposes at this address, or to this person; returns whether that is news."""
    done = False
    for purpose in purposes:
        wish = Wish(False, how.value, said)
        done |= record(session, now, address, wish, channel=channel, purpose=purpose, scope=scope, **more)
    return done


def heard(
    session: Session, now: datetime, inbound: Inbound, address_id: int, talk: Talk | Conversation, row: int
) -> bool:
    """Write down the refusal a message plainly is, if it is one. STOP words are the channel's own (`Inbound.wish`)."""
    if inbound.nature is not Nature.HUMAN or inbound.files or not words.refuses(inbound.text, inbound.subject):
        return False
    address = session.get_one(Address, address_id)
    said = inbound.text or inbound.subject
    return refuse(session, now, address, How.REPLY, channel=inbound.channel, said=said, talk=talk, about_id=row)
