"""The inbound path: seen before? who? which conversation? append.

One door for every channel. The caller has stored the raw bytes and the files already, and
opens one short writing transaction around `take`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, files, known, log, thread
from contact.conversation import Conversation, State
from contact.directory import Address, Contact
from contact.errors import InvalidAddress, KeyReused
from contact.inbox import Inbox
from contact.known import Seen, Talk
from contact.log import Name
from contact.messages import AddressKind, Inbound, Nature, Party, Thread
from contact.text import is_storable, storable

CHAT_RETURN = timedelta(hours=24)
"""A visitor who comes back within this time after the end goes on in the same conversation."""

OTHERS = 50
"""To and CC that become participants, at most."""

NAMES = {
    Nature.HUMAN: Name.MESSAGE_RECEIVED,
    Nature.BULK: Name.MESSAGE_RECEIVED,
    Nature.AUTO_REPLY: Name.AUTO_REPLY_RECEIVED,
    Nature.BOUNCE: Name.BOUNCE_RECEIVED,
    Nature.COMPLAINT: Name.COMPLAINT_RECEIVED,
}


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a message went; `new` is False when it had been taken before."""

    interaction_id: int
    conversation_id: int
    at: datetime
    new: bool = True
    address_id: int = 0


def take(session: Session, now: datetime, inbound: Inbound, inbox: Inbox, items: Sequence[files.Item] = ()) -> Taken:
    """Append one message from the world; the same key twice is the same row.

    Raises `KeyReused` when the key was used with other words.
    """
    log.lock(session)
    inbound = _storable(inbound)
    seen, talk = known.look(session, inbound, inbox.id)
    if seen is not None:
        return _again(seen, inbound)
    if talk is not None and _goes_on(inbound, talk):
        return _next(session, now, inbound, inbox.id, items, talk)
    contact, address = directory.find_or_create(
        session,
        now,
        inbound.sender,
        language=inbound.facts.get("language"),
        verified=inbound.sender.kind is AddressKind.VISITOR,
    )
    conversation = _conversation(session, now, inbound, inbox, contact, address)
    row = conversations.record(
        session, now, conversation, NAMES[inbound.nature], **_row(inbound, contact.id, address.id, inbox.id, items)
    )
    files.attach(session, row.id, items)
    thread.remember_named(session, inbound.thread, conversation.id, row.id)
    thread.remember(session, [inbound.thread.message_id], conversation.id, row.id)
    _others(session, now, inbound, conversation)
    if inbound.nature in (Nature.HUMAN, Nature.BULK):
        conversations.reopen(session, now, conversation)
    return Taken(row.id, conversation.id, now, address_id=address.id)


def _goes_on(inbound: Inbound, talk: Talk) -> bool:
    """A visitor in the middle of an open chat: there is nothing to decide."""
    return (
        inbound.sender.kind is AddressKind.VISITOR
        and talk.verified
        and talk.snapshot.state == State.OPEN
        and talk.snapshot.merged_into is None
        and bool(talk.contact_name or not inbound.sender.name)
        and inbound.nature is Nature.HUMAN
        and inbound.thread == _NO_THREAD
        and not inbound.others
    )


_NO_THREAD = Thread()


def _next(
    session: Session, now: datetime, inbound: Inbound, inbox_id: int, items: Sequence[files.Item], talk: Talk
) -> Taken:
    """The next message of a talk that goes on: one row, one update."""
    row = conversations.record_on(
        session,
        now,
        talk.conversation_id,
        talk.snapshot,
        Name.MESSAGE_RECEIVED,
        **_row(inbound, talk.contact_id, talk.address_id, inbox_id, items),
    )
    if items:
        files.attach(session, row.id, items)
    return Taken(row.id, talk.conversation_id, now, address_id=talk.address_id)


def _row(
    inbound: Inbound, contact_id: int, address_id: int, inbox_id: int, items: Sequence[files.Item]
) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "address_id": address_id,
        "inbox_id": inbox_id,
        "channel": inbound.channel,
        "key": inbound.key,
        "fingerprint": inbound.fingerprint,
        "body": inbound.text,
        "content": _content(inbound, items),
    }


def _storable(inbound: Inbound) -> Inbound:
    """Its words as every database keeps them; nearly always they are."""
    sender, facts = inbound.sender, dict(inbound.facts)
    if is_storable((inbound.text, inbound.subject, inbound.html, inbound.quoted, sender.name, facts)):
        return inbound
    return replace(
        inbound,
        text=storable(inbound.text),
        subject=storable(inbound.subject),
        html=storable(inbound.html),
        quoted=storable(inbound.quoted),
        sender=replace(sender, name=storable(sender.name)),
        facts=storable(facts),
    )


def _again(seen: Seen, inbound: Inbound) -> Taken:
    if seen.fingerprint != inbound.fingerprint:
        raise KeyReused()
    return Taken(seen.id, seen.conversation_id or 0, seen.at, new=False, address_id=seen.address_id or 0)


def _content(inbound: Inbound, items: Sequence[files.Item]) -> dict[str, Any]:
    content = {
        "subject": inbound.subject,
        "html": inbound.html,
        "quoted": inbound.quoted,
        "from": inbound.sender.value if inbound.sender.kind is not AddressKind.VISITOR else "",
        "from_name": inbound.sender.name,
        "to": [party.value for party in inbound.others[:OTHERS]],
        "reply_to": inbound.reply_to.value if inbound.reply_to else "",
        "sent_at": inbound.at.isoformat() if inbound.at else "",
        "message_id": inbound.thread.message_id,
        "nature": "" if inbound.nature is Nature.HUMAN else inbound.nature.value,
        "nature_reason": inbound.nature_reason,
        "files": [item.name for item in items],
        "facts": dict(inbound.facts),
    }
    return {name: value for name, value in content.items() if value}


def _conversation(
    session: Session, now: datetime, inbound: Inbound, inbox: Inbox, contact: Contact, address: Address
) -> Conversation:
    """The conversation it belongs to, or a new one."""
    found = thread.find(session, inbound.thread)
    if found is None:
        number = inbound.thread.number
        likely = [*([] if number is None else [number]), *thread.akin(session, inbound.thread)]
        found = next((one for one in likely if _takes_part(session, one, contact, address)), None)
    if found is not None and (named := session.get(Conversation, found)) is not None:
        joined = conversations.top(session, named)
        if directory.get(session, joined.contact_id).erased_at is None:
            return joined
    if address.kind == AddressKind.VISITOR and (going := _going_on(session, now, inbox, contact)) is not None:
        return going
    opened = conversations.open_for(
        session,
        now,
        contact_id=contact.id,
        inbox_id=inbox.id,
        channel=inbound.channel,
        subject=inbound.subject,
        joins=_joins(session, inbound),
    )
    if inbound.nature not in (Nature.HUMAN, Nature.BULK):  # kept and found, but nobody's work
        conversations.resolve(session, now, opened, None)
    return opened


def _takes_part(session: Session, number: int, contact: Contact, address: Address) -> bool:
    """What is no proof joins only when the sender is in that conversation already."""
    conversation = session.get(Conversation, number)
    if conversation is None:
        return False
    owner = directory.get(session, conversation.contact_id)
    if owner.root_id == contact.root_id:
        return True
    return session.get(conversations.Participant, (number, address.id)) is not None


def _joins(session: Session, inbound: Inbound) -> int | None:
    number = inbound.thread.number
    return number if number is not None and session.get(Conversation, number) is not None else None


def _going_on(session: Session, now: datetime, inbox: Inbox, contact: Contact) -> Conversation | None:
    """The visitor's own conversation, unless it was resolved long ago."""
    last = session.scalar(
        select(Conversation)
        .where(Conversation.contact_id == contact.id, Conversation.inbox_id == inbox.id)
        .order_by(Conversation.id.desc())
        .limit(1)
    )
    if last is None:
        return None
    last = conversations.top(session, last)
    over = last.state == State.RESOLVED and last.last_at < now - CHAT_RETURN
    return None if over else last


def _others(session: Session, now: datetime, inbound: Inbound, conversation: Conversation) -> None:
    """To and CC become participants; what is no address is left in the content."""
    for party in inbound.others[:OTHERS]:
        if _is_ours(session, inbound.channel, party):
            continue
        try:
            contact, address = directory.find_or_create(session, now, party)
        except InvalidAddress:
            continue
        conversations.join(session, now, conversation, address.id, contact.id)


def _is_ours(session: Session, channel: str, party: Party) -> bool:
    local, at, domain = party.value.rpartition("@")
    bare = local.split("+", 1)[0] + at + domain
    found = select(Inbox.id).where(Inbox.channel == channel, Inbox.address.in_([party.value, bare]))
    return session.scalar(found) is not None
