"""The inbound path: seen before? who? which conversation? append.

One door for every channel. The caller has stored the raw bytes and the files already, and
opens one short writing transaction around `take`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import consent, directory, files, floods, known, log, remotes, thread
from contact import conversation as conversations
from contact.consent import refusing
from contact.conversation import State, Talk
from contact.directory import Who, reach
from contact.errors import InvalidAddress, KeyReused
from contact.inbox import Inbox
from contact.known import Seen
from contact.log import Name
from contact.messages import AddressKind, Inbound, InboxFacts, Nature
from contact.prepared import Prepared
from contact.response.satisfaction import ask as satisfaction
from contact.text import is_storable, storable

RETURN = {
    AddressKind.VISITOR: timedelta(hours=24),
    AddressKind.TEL: timedelta(days=7),
    AddressKind.FAX: timedelta(days=7),
}
"""Who comes back within this time after the end goes on in the same conversation. A number's owner is
the same person next week; what they want a month later is another matter."""

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


def take(
    session: Session, now: datetime, inbound: Inbound, inbox: Inbox | InboxFacts, items: Sequence[files.Item] = ()
) -> Taken:
    """Append one message from the world; the same key twice is the same row.

    Raises `KeyReused` when the key was used with other words.
    """
    log.lock(session)
    inbound = _storable(inbound)
    found = known.look(session, inbound, inbox.id)
    if found.seen is not None:
        return _again(found.seen, inbound)
    who = directory.meet(
        session,
        now,
        inbound.sender,
        found.who,
        language=inbound.facts.get("language"),
        verified=inbound.sender.kind is AddressKind.VISITOR,
    )
    if who.unreachable_at is not None and inbound.nature is Nature.HUMAN:
        reach.found(session, now, who.address_id, reach.How.WROTE)
    if (rated := _rating(session, now, inbound, who, inbox.id)) is not None:
        return rated
    refs = thread.look(session, inbound.thread)
    talk, flood = _talk(session, now, inbound, inbox.id, who, refs, found.talk)
    given = _row(inbound, who, inbox.id, items) | ({"data": {floods.MARK: True}} if flood else {})
    row = conversations.record(session, now, talk, NAMES[inbound.nature], **given)
    files.attach(session, row.id, items)
    if inbound.remotes:
        remotes.keep(session, now, row.id, inbox.id, inbound.remotes)
    thread.remember_named(session, inbound.thread, refs, talk.id, row.id)
    thread.remember(session, [inbound.thread.message_id], talk.id, row.id)
    _others(session, now, inbound, talk)
    if inbound.nature in (Nature.HUMAN, Nature.BULK):
        conversations.reopen(session, now, talk)
    if inbound.wish:
        address = session.get_one(directory.Address, who.address_id)
        consent.record(session, now, address, inbound.wish, channel=inbound.channel, talk=talk, about_id=row.id)
    else:
        refusing.heard(session, now, inbound, who.address_id, talk, row.id)
    return Taken(row.id, talk.id, now, address_id=who.address_id)


def _rating(session: Session, now: datetime, inbound: Inbound, who: Who, inbox_id: int) -> Taken | None:
    """A bare number that answers our question is an answer to it, and nobody's work."""
    if inbound.sender.kind is not AddressKind.TEL or inbound.nature is not Nature.HUMAN or inbound.files:
        return None
    asked = satisfaction.by_number(session, now, who.address_id, inbox_id, inbound.text)
    score = satisfaction.number_in(inbound.text)
    if asked is None or score is None:
        return None
    keys = {"key": inbound.key, "fingerprint": inbound.fingerprint}
    row = satisfaction.rate(session, now, asked, score, talk=None, **keys)
    return Taken(row.id, row.conversation_id or 0, now, address_id=who.address_id) if row else None


def _row(inbound: Inbound, who: Who, inbox_id: int, items: Sequence[files.Item]) -> dict[str, Any]:
    return {
        "contact_id": who.contact_id,
        "address_id": who.address_id,
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
        "remotes": [one.name for one in inbound.remotes],
        "facts": dict(inbound.facts),
    }
    return {name: value for name, value in content.items() if value}


def _talk(
    session: Session,
    now: datetime,
    inbound: Inbound,
    inbox_id: int,
    who: Who,
    refs: Sequence[thread.Ref],
    newest: Talk | None,
) -> tuple[Talk, bool]:
    """The conversation it belongs to, or a new one; and whether it is one mail of a flood."""
    named = thread.find(inbound.thread, refs)
    found = conversations.talk(session, named) if named is not None else _likely(session, inbound, who, refs)
    if found is not None and not (found := conversations.shown_in(session, found)).erased:
        return found, False
    if newest is not None and _goes_on(going := conversations.shown_in(session, newest), inbound.sender.kind, now):
        return going, False
    if inbound.sender.kind is AddressKind.EMAIL:
        gathered = floods.gather(session, now, who, inbox_id, inbound.subject, inbound.reply_to is not None)
        if gathered is not None:
            floods.note(session, now, gathered, who)
            return gathered.talk, True
    begun = conversations.begin(
        session,
        now,
        contact_id=who.contact_id,
        root_id=who.root_id,
        inbox_id=inbox_id,
        channel=inbound.channel,
        subject=inbound.subject,
        joins=_joins(session, inbound),
    )
    if inbound.nature not in (Nature.HUMAN, Nature.BULK):  # kept and found, but nobody's work
        conversations.resolve(session, now, begun, None)
    return begun, False


def _likely(session: Session, inbound: Inbound, who: Who, refs: Sequence[thread.Ref]) -> Talk | None:
    """What is no proof joins only when the sender is in that conversation already."""
    number = inbound.thread.number
    for one in (*([] if number is None else [number]), *thread.akin(inbound.thread, refs)):
        found = conversations.talk(session, one)
        if found and (found.root_id == who.root_id or conversations.takes_part(session, one, who.address_id)):
            return found
    return None


def _goes_on(talk: Talk, kind: AddressKind, now: datetime) -> bool:
    """The sender's own conversation, unless it was resolved long ago."""
    last = talk.columns.last_at
    return talk.state != State.RESOLVED or (last is not None and last >= now - RETURN[kind])


def _joins(session: Session, inbound: Inbound) -> int | None:
    number = inbound.thread.number
    return number if number is not None and conversations.talk(session, number) is not None else None


def _others(session: Session, now: datetime, inbound: Inbound, talk: Talk) -> None:
    """To and CC become participants; what is no address is left in the content."""
    if not inbound.others:
        return
    ours = {value for (value,) in _INBOXES.rows(session, {"of_channel": inbound.channel})}
    for party in inbound.others[:OTHERS]:
        if not ours.isdisjoint((party.value, _untagged(party.value))):
            continue
        with contextlib.suppress(InvalidAddress):
            other = directory.meet(session, now, party, directory.who(session, party))
            conversations.join(session, now, talk, other.address_id, other.contact_id)


_INBOXES = Prepared(select(Inbox.address).where(Inbox.channel == bindparam("of_channel")), [Inbox.address])


def _untagged(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return local.split("+", 1)[0] + at + domain
