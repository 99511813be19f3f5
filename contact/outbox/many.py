"""Promise messages to many at once, each the first of a conversation of its own, by a few statements for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent, log, thread
from contact import conversation as conversations
from contact.channel import Capabilities
from contact.conversation import Beginning
from contact.db import wake
from contact.directory import Address
from contact.errors import HanmaruError
from contact.ids import reserve
from contact.inbox import Inbox
from contact.messages import DeliveryState
from contact.outbox.delivery import BULK, Delivery
from contact.outbox.put import Words, check, content_of, data_of, earlier_of, message_of, new_id, tidy
from contact.prepared import Prepared


@dataclass(frozen=True, slots=True)
class First:
    """Words no person wrote, to somebody with whom there is no conversation about this yet. `key`: see `put`."""

    address: Address
    root_id: int
    words: Words
    key: str


@dataclass(frozen=True, slots=True)
class Promised:
    delivery_id: int
    conversation_id: int


_WHOLE = Prepared.whole(Delivery)
_UNSAID = {
    "user_id": None, "attempts": 0, "lease_owner": None, "lease_until": None, "provider_ref": None, "progress": None,
    "fault": None, "who": None, "code": "", "reason": "", "settled_at": None,
}  # fmt: skip


def put_each(
    session: Session, now: datetime, *, inbox: Inbox, can: Capabilities, domain: str, firsts: Sequence[First],
    priority: int = BULK,
) -> list[Promised | HanmaruError]:  # fmt: skip
    """As `conversations.begin`, `resolve` and `put` for each: what was promised, or why nothing was written of it.

    Nothing here has copies or files, is held back by the cap of automatic answers, or goes out by a live channel.
    """
    if can.live or any(one.words.cc or one.words.bcc or one.words.items or one.words.capped for one in firsts):
        raise ValueError("these are put one by one")
    log.lock(session)
    firsts = [First(one.address, one.root_id, tidy(one.words), one.key) for one in firsts]
    found = _refused(session, can, firsts)
    going = [one for one in firsts if one.key not in found]
    made = _put(session, now, inbox, can, domain, going, priority)
    return [found.get(one.key) or made[one.key] for one in firsts]


def _refused(session: Session, can: Capabilities, firsts: Sequence[First]) -> dict[str, Promised | HanmaruError]:
    """By key: what was promised before, or must not or cannot go."""
    withdrawn = consent.refused(session, [one.address.id for one in firsts])
    row, found = log.Interaction, dict[str, Promised | HanmaruError]()
    known = {one.key: one for one in session.scalars(select(row).where(row.key.in_([one.key for one in firsts])))}
    for one in firsts:
        try:
            if one.key in known:
                earlier = earlier_of(session, known[one.key], one.words)
                found[one.key] = Promised(earlier.id, earlier.conversation_id)
            else:
                check(one.address, one.words, can, withdrawn=one.address.id in withdrawn)
        except HanmaruError as error:
            found[one.key] = error
    return found


def _put(
    session: Session, now: datetime, inbox: Inbox, can: Capabilities, domain: str, firsts: Sequence[First],
    priority: int,
) -> dict[str, Promised]:  # fmt: skip
    if not firsts:
        return {}
    numbers = reserve(session, Delivery, len(firsts))
    begun = conversations.begin_said(session, now, [
        (Beginning(one.address.contact_id, one.root_id, inbox.id, inbox.channel, one.words.subject), {
            "contact_id": one.address.contact_id, "address_id": one.address.id, "inbox_id": inbox.id,
            "channel": inbox.channel, "delivery_id": number, "key": one.key, "body": one.words.text,
            "content": content_of(one.words, one.address, {}), "data": data_of(one.words, now),
        })
        for one, number in zip(firsts, numbers, strict=True)
    ])  # fmt: skip
    until = now + can.retry_for
    values = [
        {
            **_UNSAID, "id": number, "interaction_id": row, "conversation_id": talk.id, "inbox_id": inbox.id,
            "address_id": one.address.id, "channel": inbox.channel, "state": DeliveryState.QUEUED.value,
            "message_id": new_id(now, domain), "message": message_of(one.words), "automatic": one.words.automatic,
            "priority": priority, "created_at": now, "next_at": now, "expires_at": until,
        }
        for one, (talk, row), number in zip(firsts, begun, numbers, strict=True)
    ]  # fmt: skip
    _WHOLE.many(session, values)
    ids = [str(one["message_id"]) for one in values]
    thread.remember_each(session, [(name, talk.id, row) for name, (talk, row) in zip(ids, begun, strict=True)])
    wake(session, "outbox")
    return {one.key: Promised(n, talk.id) for one, n, (talk, _) in zip(firsts, numbers, begun, strict=True)}
