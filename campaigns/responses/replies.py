"""Replies: who wrote back, on whatever channel, and to which campaign. Said in the log, beside what they wrote.

A mail that names one of our Message-IDs answers it, whoever sends it from wherever. Any other message answers
the last campaign its writer was sent, if that is not long ago and no agent wrote in between: `how` says which.
Automatic answers, bounces and complaints are other rows of the log, and no answers. Neither is a message that says
only that they want no more (it is counted as a refusal), nor, unless it names our message, a newsletter of theirs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.recipient import Fate, Recipient
from contact import conversation as conversations
from contact import log
from contact.consent.words import refuses
from contact.conversation import Conversation
from contact.directory import Address, Contact
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.thread import MessageRef

WITHIN = timedelta(days=14)
"""How long after a campaign an answer that names nothing is taken for an answer to it."""
CAME = (Fate.ACCEPTED.value, Fate.UNKNOWN.value)


class Found(NamedTuple):
    """`how`: `reference` (it names our message) or `contact` (its writer was just written to)."""

    recipient: Recipient
    how: str


class Replies:
    """Reads as "replies". `key` is the house's secret: it made the Message-IDs."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def reader(self) -> Reader:
        return Reader("replies", self.read, names=frozenset({Name.MESSAGE_RECEIVED}))

    def read(self, session: Session, row: Appended) -> None:
        if row.name != Name.MESSAGE_RECEIVED or row.conversation_id is None:
            return
        found = _named(session, row, self._key) or (_written_to(session, row) if is_answer(row) else None)
        if found is not None and not _refused(session, row) and log.by_key(session, _seen(row)) is None:
            _say(session, row, found)


def _named(session: Session, row: Appended, key: bytes) -> Found | None:
    """By the Message-IDs the mail names."""
    refs = select(MessageRef.value).where(
        MessageRef.conversation_id == row.conversation_id, MessageRef.interaction_id == row.id
    )
    for value in session.scalars(refs):
        number = recipients.named(key, value)
        recipient = session.get(Recipient, number) if number else None
        if recipient is not None:
            return Found(recipient, "reference")
    return None


def _written_to(session: Session, row: Appended) -> Found | None:
    """By the person: the newest campaign that reached them, unless an agent has written since."""
    if row.contact_id is None:
        return None
    newest = (
        select(Recipient)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Recipient.address_id.in_(places_of(row.contact_id)), Recipient.state.in_(CAME))
        .where(Recipient.settled_at.between(row.at - WITHIN, row.at))
        .order_by(Recipient.settled_at.desc())
        .limit(1)
    )
    recipient = session.scalar(newest)
    if recipient is None or _between(session, row, recipient):
        return None
    return Found(recipient, "contact")


def places_of(contact_id: int) -> Select[int]:
    """Addresses of the person, whichever of the contacts that are theirs is meant."""
    person = select(Contact.root_id).where(Contact.id == contact_id).scalar_subquery()
    return select(Address.id).join(Contact, Contact.id == Address.contact_id).where(Contact.root_id == person)


def is_answer(row: Appended | Interaction) -> bool:
    """Whether somebody wrote it for us: no newsletter, and no word that only ends what we send."""
    return not row.data.get(log.BULK) and not refuses(row.body or "", str((row.content or {}).get("subject") or ""))


def _refused(session: Session, row: Appended) -> bool:
    """Whether this message was taken for a refusal: by the channel (STOP), or by what it says."""
    if refuses(row.body or "", str((row.content or {}).get("subject") or "")):
        return True
    heard = select(Interaction.id).where(
        Interaction.conversation_id == row.conversation_id, Interaction.id > row.id,
        Interaction.name == Name.CONSENT_WITHDRAWN.value, Interaction.about_id == row.id,
    )  # fmt: skip
    return session.scalar(heard.limit(1)) is not None


def _between(session: Session, row: Appended, recipient: Recipient) -> bool:
    """Whether an agent wrote to them between the campaign and their message: then it is an answer to that."""
    person = select(Contact.root_id).where(Contact.id == row.contact_id).scalar_subquery()
    ours = (
        select(Interaction.id)
        .where(Interaction.contact_id.in_(select(Contact.id).where(Contact.root_id == person)), Interaction.id < row.id)
        .where(Interaction.name == Name.MESSAGE_QUEUED.value, Interaction.at > recipient.settled_at)
        .where(Interaction.user_id.is_not(None))  # an automatic answer is no answer
        .limit(1)
    )
    return session.scalar(ours) is not None


def _say(session: Session, row: Appended, found: Found) -> None:
    talk = conversations.top(session, session.get_one(Conversation, row.conversation_id))
    recipient = found.recipient
    campaign = session.get_one(Campaign, recipient.campaign_id)
    conversations.record(
        session,
        row.at,
        talk,
        Name.RESPONSE_REPLIED,
        key=_seen(row),
        contact_id=row.contact_id,
        address_id=row.address_id,
        channel=row.channel,
        about_id=campaign.launch_id,
        content={"subject": campaign.name},
        data={"campaign": recipient.campaign_id, "recipient": recipient.id, "message": row.id, "how": found.how},
    )


def _seen(row: Appended) -> str:
    return f"response-{row.id}"
