"""A content on trial: to an address of one's own, by the way every message takes, and marked as a test."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.content.fill import Filled
from contact import address as addresses
from contact import conversation as conversations
from contact import directory, log, outbox
from contact.channel import Capabilities
from contact.errors import Invalid
from contact.inbox import Inbox
from contact.outbox import Delivery, Words
from contact.text import N_

PURPOSE = "service"
"""Somebody of the house asked for it: no advertising, so it has no night and needs no consent but the owner's peace."""


def send(
    session: Session,
    now: datetime,
    *,
    box: Inbox,
    can: Capabilities,
    to: str,
    filled: Filled,
    mark: str,
    user_id: int,
    domain: str,
) -> Delivery:
    """Promise it; its conversation is resolved at once. `mark` stands before the subject, or before the text.

    Raises `InvalidAddress`, `Suppressed` when the owner wants no messages or nothing arrives there, and
    `Invalid` when the inbox would write to itself.
    """
    party = addresses.party(can.address, to)
    if party.value in {box.address, *(box.settings or {}).get("aliases", ())}:
        raise Invalid(N_("The inbox would write to itself. Choose another address."))
    log.lock(session)
    contact, address = directory.find_or_create(session, now, party)
    subject = f"{mark} {filled.subject}".strip()
    conversation = conversations.open_for(
        session, now, contact_id=contact.id, inbox_id=box.id, channel=box.channel, subject=subject, user_id=user_id
    )
    words = Words(
        filled.text if can.subject else f"{mark} {filled.text}",
        subject=subject if can.subject else "",
        html=filled.html if can.html else "",
        automatic=True,
        purpose=PURPOSE,
        capped=False,
    )
    delivery = outbox.put(
        session, now, conversation=conversation, inbox=box, address=address, words=words, can=can, user_id=user_id,
        domain=domain,
    )  # fmt: skip
    conversations.resolve(session, now, conversation, user_id)
    return delivery
