"""Promise a message, and take it back."""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import consent, files, log, thread
from contact import conversation as conversations
from contact.channel import Capabilities
from contact.conversation import Conversation
from contact.conversation.state import Snapshot, back_of, fold
from contact.db import wake
from contact.directory import Address, reach
from contact.errors import Conflict, Invalid, KeyReused, NotFound, SomethingArrived, Suppressed
from contact.inbox import Inbox
from contact.messages import AddressKind, DeliveryState, Party, Receipt
from contact.outbox import copies
from contact.outbox.delivery import REPLY, Delivery
from contact.outbox.settle import settle
from contact.text import storable

AUTOMATIC_CAP = 2
"""Automatic messages to one address within `AUTOMATIC_WINDOW`: two responders cannot go on for ever."""
AUTOMATIC_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Words:
    """What an agent wrote, or a machine of ours: the message, before it has an identity."""

    text: str
    subject: str = ""
    html: str = ""
    cc: tuple[Party, ...] = ()
    bcc: tuple[Party, ...] = ()
    items: tuple[files.Item, ...] = ()
    automatic: bool = False
    """No person wrote this one: it is no answer, and it is marked wherever a channel can."""
    purpose: str = ""
    """What an automatic one is for, a word for the log: `received`, `closed`, `satisfaction`."""
    capped: bool = True
    """Whether `AUTOMATIC_CAP` refuses it: not what answers nothing and has a cap of its own."""
    unsubscribe: str = ""
    """See `Outbound.unsubscribe`."""


def put(
    session: Session,
    now: datetime,
    *,
    conversation: Conversation,
    inbox: Inbox,
    address: Address,
    words: Words,
    can: Capabilities,
    user_id: int | None,
    domain: str,
    key: str | None = None,
    seen: int | None = None,
    not_before: datetime | None = None,
    priority: int = REPLY,
    about_id: int | None = None,
) -> Delivery:
    """Promise `words` to `address`; returns the delivery.

    Whoever in CC and BCC may not be written to is left out, and the row says so. `key` makes it
    idempotent: the same key again returns the delivery it made. `seen` is the newest row the author
    had on screen: when something arrived behind it, nothing is promised and `SomethingArrived` is
    raised. On a live channel a message due now is wired at once. `priority`: whatever is due with a
    smaller number leaves first. `about_id`: the row it is said along with (a rule's, a macro's).
    """
    log.lock(session)
    words = tidy(words)
    if key and (earlier := log.by_key(session, key)) is not None:
        return earlier_of(session, earlier, words)
    conversation = conversations.top(session, conversation)
    _check(session, now, address, words, can)
    out = copies.left_out(session, (*words.cc, *words.bcc))
    words = replace(words, cc=_without(words.cc, out), bcc=_without(words.bcc, out))
    if seen is not None:
        _nothing_new(session, conversation, seen, user_id)
    due = max(not_before or now, now)
    delivery = Delivery(
        interaction_id=0,
        conversation_id=conversation.id,
        inbox_id=inbox.id,
        address_id=address.id,
        channel=inbox.channel,
        state=DeliveryState.QUEUED.value,
        message_id=new_id(now, domain),
        message=message_of(words, thread.chain(session, conversations.members(session, conversation.id))),
        automatic=words.automatic,
        priority=priority,
        user_id=user_id,
        created_at=now,
        next_at=due,
        expires_at=due + can.retry_for,
    )
    session.add(delivery)
    session.flush()
    _record(session, now, conversation, delivery, words, key, about_id, out)
    if can.live and due <= now:
        settle(session, now, Receipt(DeliveryState.WIRED, delivery_id=delivery.id))
    else:
        wake(session, "outbox")
    return delivery


def new_id(now: datetime, domain: str) -> str:
    """A message id of ours: decided before the first try, the same for all tries.

    The time comes first, so that new ids stand side by side in the two indexes that have them: of what a mail to many
    people writes, every third page was one that a random id touched. The rest cannot be guessed.
    """
    return f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(12)}@{domain}"


def _without(parties: tuple[Party, ...], out: Container[str]) -> tuple[Party, ...]:
    return tuple(party for party in parties if party.value not in out)


def tidy(words: Words) -> Words:
    """Without what no database keeps."""
    text, subject, html = storable(words.text), storable(words.subject), storable(words.html)
    if (text, subject, html) == (words.text, words.subject, words.html):
        return words
    return replace(words, text=text, subject=subject, html=html)


def check(address: Address, words: Words, can: Capabilities, *, withdrawn: bool) -> None:
    """Raises `Invalid` or `Suppressed` where these words cannot or must not go there."""
    if not words.text.strip() and not words.items:
        raise Invalid("The message is empty.")
    if len(words.text) > can.max_text:
        raise Invalid("The message may have up to %(n)s characters.", n=can.max_text)
    if address.kind != can.address.value:
        raise Invalid("This address cannot be reached on this channel.")
    if withdrawn:
        raise Suppressed("The owner of this address does not want to be written to.")
    if why := reach.why_not(address):
        raise Suppressed(why)


def _check(session: Session, now: datetime, address: Address, words: Words, can: Capabilities) -> None:
    check(address, words, can, withdrawn=consent.withdrawn(session, address.id))
    if words.automatic and words.capped and _recent_automatic(session, now, address) >= AUTOMATIC_CAP:
        raise Suppressed("This address has had enough automatic answers for today.")


def _recent_automatic(session: Session, now: datetime, address: Address) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(
                Delivery.address_id == address.id,
                Delivery.automatic,
                Delivery.state != DeliveryState.CANCELLED.value,
                Delivery.created_at > now - AUTOMATIC_WINDOW,
            )
        )
        or 0
    )


_TALK = (log.Name.MESSAGE_RECEIVED, log.Name.MESSAGE_QUEUED, log.Name.NOTE_ADDED)


def _nothing_new(session: Session, conversation: Conversation, seen: int, user_id: int | None) -> None:
    row = log.Interaction
    newer = session.scalar(
        select(row.id)
        .where(row.conversation_id.in_(conversations.members(session, conversation.id)), row.id > seen)
        .where(row.name.in_([name.value for name in _TALK]))
        .where((row.user_id != user_id) | row.user_id.is_(None))
        .limit(1)
    )
    if newer is not None:
        raise SomethingArrived()


def earlier_of(session: Session, row: log.Interaction, words: Words) -> Delivery:
    """The delivery of a row with the same key; raises `KeyReused` unless it says the same."""
    delivery = session.get(Delivery, row.delivery_id) if row.delivery_id else None
    html = (row.content or {}).get("html", "")
    if delivery is None or row.body != words.text or html != words.html:
        raise KeyReused()
    return delivery


def message_of(words: Words, chain: Sequence[str] = ()) -> dict[str, Any]:
    """What the delivery keeps of it. `chain`: the ids of the messages before it."""
    return {
        "subject": words.subject,
        "html": words.html,
        "cc": [asdict(party) for party in words.cc],
        "bcc": [asdict(party) for party in words.bcc],
        "in_reply_to": chain[-1] if chain else "",
        "references": list(chain),
        **({"unsubscribe": words.unsubscribe} if words.unsubscribe else {}),
    }


def data_of(words: Words, due: datetime) -> dict[str, Any]:
    """What the row of the log says of its structure."""
    data: dict[str, Any] = {"due": due.isoformat()}
    if words.automatic:
        data["automatic"] = True
        if words.purpose:
            data["purpose"] = words.purpose
    return data


def content_of(words: Words, address: Address, out: Mapping[str, copies.Why]) -> dict[str, Any]:
    """What it says of what people see, beside the text."""
    content = {
        "subject": words.subject,
        "html": words.html,
        "to": [] if address.kind == AddressKind.VISITOR else [address.value],
        "files": [item.name for item in words.items],
        "cc": [party.value for party in words.cc],
        "bcc": [party.value for party in words.bcc],
        "left_out": [{"value": value, "why": why.value} for value, why in sorted(out.items())],
    }
    return {name: value for name, value in content.items() if value}


def _record(
    session: Session,
    now: datetime,
    conversation: Conversation,
    delivery: Delivery,
    words: Words,
    key: str | None,
    about_id: int | None,
    out: Mapping[str, copies.Why],
) -> None:
    address = session.get_one(Address, delivery.address_id)
    row = conversations.record(
        session,
        now,
        conversation,
        log.Name.MESSAGE_QUEUED,
        contact_id=address.contact_id,
        address_id=delivery.address_id,
        inbox_id=delivery.inbox_id,
        channel=delivery.channel,
        user_id=delivery.user_id,
        about_id=about_id,
        delivery_id=delivery.id,
        key=key,
        body=words.text,
        content=content_of(words, address, out),
        data=data_of(words, delivery.next_at),
    )
    delivery.interaction_id = row.id
    files.attach(session, row.id, words.items)
    thread.remember(session, [delivery.message_id], conversation.id, row.id)
    session.flush()


def cancel(session: Session, now: datetime, delivery_id: int, user_id: int | None) -> Delivery:
    """Take a message back before it leaves; raises `Conflict` when it is too late.

    State, assignee, wait and place in the lists are what they were before it, and before what
    was done along with it (rows whose `about_id` is the message).
    """
    log.lock(session)
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound("This message does not exist.")
    if delivery.state not in (DeliveryState.QUEUED, DeliveryState.HELD):
        raise Conflict("Too late: the message has left.")
    delivery.state = DeliveryState.CANCELLED.value
    delivery.settled_at = now
    session.flush()
    row = session.get_one(log.Interaction, delivery.interaction_id)
    conversation = conversations.get(session, delivery.conversation_id)
    before = _without_cancelled(session, conversation.id)
    conversations.record(
        session,
        now,
        conversation,
        log.Name.DELIVERY_CANCELLED,
        contact_id=row.contact_id,
        address_id=delivery.address_id,
        inbox_id=delivery.inbox_id,
        channel=delivery.channel,
        user_id=user_id,
        about_id=row.id,
        delivery_id=delivery.id,
        content={"preview": before.preview},
        data={
            "state": DeliveryState.CANCELLED.value,
            "waiting_since": before.waiting_since.isoformat() if before.waiting_since else None,
            "back": back_of(before),
        },
    )
    return delivery


def _without_cancelled(session: Session, conversation_id: int) -> Snapshot:
    """The conversation as if no message that was taken back, and nothing done along with it, had ever been."""
    row, after = log.Interaction, Snapshot()
    gone = set(
        session.scalars(
            select(Delivery.interaction_id).where(
                Delivery.conversation_id == conversation_id, Delivery.state == DeliveryState.CANCELLED.value
            )
        )
    )
    for each in session.scalars(select(row).where(row.conversation_id == conversation_id).order_by(row.id)):
        if each.id not in gone and each.about_id not in gone:
            after = fold(after, each)
    return after
