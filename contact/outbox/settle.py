"""What became of a delivery, by the provider's word or because nobody can say any more.

A state only moves along `NEXT`; a receipt that comes late or twice is kept as an `Exchange`
and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from contact import caught, consent, directory, log
from contact import conversation as conversations
from contact.channel import ChannelError, Unsure
from contact.directory import Address, reach
from contact.errors import NotFound
from contact.messages import AddressKind, Fault, Party, Receipt, Who, Wish
from contact.messages import DeliveryState as S
from contact.outbox import row as rows
from contact.outbox.delivery import Delivery, Exchange, may_follow, retry_at
from contact.outbox.row import Row
from contact.prepared import Prepared
from contact.text import storable

_NAMES = {
    S.HELD: log.Name.DELIVERY_HELD,
    S.WIRED: log.Name.DELIVERY_WIRED,
    S.DELIVERED: log.Name.DELIVERY_DELIVERED,
    S.READ: log.Name.DELIVERY_READ,
    S.FAILED: log.Name.DELIVERY_FAILED,
    S.BOUNCED: log.Name.DELIVERY_BOUNCED,
    S.EXPIRED: log.Name.DELIVERY_EXPIRED,
    S.UNKNOWN: log.Name.DELIVERY_UNKNOWN,
    S.QUEUED: log.Name.DELIVERY_RETRIED,
}


_EXCHANGE = Prepared.insert(Exchange)
COMPLAINT = "complaint"
"""`how` of a wish: its owner called a message of ours spam."""
UNWANTED = "The owner of this address does not want to be written to."
_WORDS = frozenset(_NAMES) - {S.QUEUED, S.HELD}
"""What a provider may say. Sending once more is decided by `fail` and by people, never by a receipt."""


def settle(
    session: Session, now: datetime, receipt: Receipt, inbox_id: int | None = None, user_id: int | None = None
) -> bool:
    """Apply the provider's word, or that of a person who saw it (`user_id`); returns whether it changed anything.

    A provider's own number of a message means something at one inbox only: `inbox_id` says
    which. Raises `NotFound` when it names no delivery of ours.
    """
    log.lock(session)
    row = rows.read(session, _named(session, receipt, inbox_id))
    _beside(session, now, row, receipt)
    if receipt.progress and S(row.state) is receipt.state:
        return False  # a page further, and nothing else
    _exchange(session, now, row, receipt.state.value, receipt.reason, dict(receipt.exchange))
    if receipt.recipient and receipt.recipient.lower() in _copies(session, row.id):
        _copy_settled(session, now, row, receipt)
        return False
    if not _moves(row, receipt):
        return False
    apply(session, now, row, receipt, user_id)
    return True


def _moves(row: Row, receipt: Receipt) -> bool:
    return receipt.state in _WORDS and may_follow(S(row.state), receipt.state)


def _beside(session: Session, now: datetime, row: Row, receipt: Receipt) -> None:
    """What a receipt says besides the state: how far it has come, what a sandbox caught, what the recipient wishes."""
    beside: dict[str, Any] = {}
    if receipt.progress:
        beside["progress"] = asdict(receipt.progress)
    if receipt.provider_ref and not row.provider_ref:
        beside["provider_ref"] = row.provider_ref = receipt.provider_ref[:255]
    if beside and (receipt.progress or receipt.recipient or not _moves(row, receipt)):  # else `apply` writes it
        session.execute(update(Delivery).where(Delivery.id == row.id).values(beside))
    if receipt.caught:
        caught.keep(session, now, receipt.caught)
    if receipt.wish:
        _wished(session, now, row, receipt, receipt.wish)


def _wished(session: Session, now: datetime, row: Row, receipt: Receipt, wish: Wish) -> None:
    """The wish of whoever got it: of the one in copy that the receipt names, else of the delivery's own address.

    A complaint was never written to us, so the conversation says what followed from it.
    """
    to = session.get_one(Address, row.address_id)
    if receipt.recipient and receipt.recipient.lower() in _copies(session, row.id):
        to = directory.find_or_create(session, now, Party(AddressKind.EMAIL, receipt.recipient.lower()))[1]
    talk = conversations.get(session, row.conversation_id) if wish.how == COMPLAINT else None
    consent.record(
        session, now, to, wish, channel=row.channel, talk=talk, about_id=row.interaction_id if talk else None
    )


def message_of(session: Session, receipt: Receipt, inbox_id: int | None = None) -> int:
    """The row of the log that promised the message a receipt is about; raises `NotFound`."""
    return rows.read(session, _named(session, receipt, inbox_id)).interaction_id


def hold_refused(session: Session, now: datetime, claimed: Sequence[int]) -> list[int]:
    """Keep back what nobody wants any more, at the last moment before it leaves; returns what may go."""
    found = session.execute(select(Delivery.id, Delivery.address_id).where(Delivery.id.in_(claimed))).all()
    addresses = {address for _, address in found}
    unwanted = consent.refused(session, addresses) | reach.refused(session, addresses)
    held = {number for number, address in found if address in unwanted}
    hold(session, now, sorted(held))
    return [number for number in claimed if number not in held]


def hold(session: Session, now: datetime, numbers: Sequence[int]) -> None:
    """Until a person decides: the owner of the address may have changed their mind, or be found again."""
    for number in numbers:
        log.lock(session)
        row = rows.read(session, number)
        wished = consent.withdrawn(session, row.address_id)
        fault = Fault.OPTED_OUT if wished else Fault.ADDRESS_UNREACHABLE
        reason = UNWANTED if wished else reach.why_not(session.get_one(Address, row.address_id))
        if may_follow(S(row.state), S.HELD):  # else it was taken back meanwhile
            receipt = Receipt(S.HELD, delivery_id=number, fault=fault, who=Who.CONTACT, reason=reason)
            apply(session, now, row, receipt)


def fail(
    session: Session, now: datetime, delivery: Delivery | Row, error: ChannelError, again: datetime | None = None
) -> None:
    """Nothing was handed over: try again later, or give up when that cannot help.

    `again`: when its provider or sender will have rested; else its own steps count.
    """
    log.lock(session)
    row = rows.read(session, delivery.id)
    _exchange(session, now, row, "error", error.reason, error.exchange)
    if error.wish:
        consent.record(session, now, session.get_one(Address, row.address_id), error.wish, channel=row.channel)
    again = again or retry_at(now, row.attempts, error.retry_after)
    state = S.QUEUED if error.retryable and again < row.expires_at and not row.erased else S.FAILED
    if error.retryable and state is S.FAILED:
        state = S.EXPIRED
    if not may_follow(S(row.state), state):  # later evidence was faster
        return
    if state is S.QUEUED:
        row.next_at = again
    receipt = Receipt(state, delivery_id=row.id, fault=error.fault, who=error.who, code=error.code, reason=error.reason)
    apply(session, now, row, receipt)


def unsure(session: Session, now: datetime, delivery: Delivery | Row, error: Unsure) -> None:
    """It broke after the point of no return: shown to a person, never resent by itself."""
    settle(
        session,
        now,
        Receipt(
            S.UNKNOWN,
            delivery_id=delivery.id,
            fault=Fault.TIMEOUT,
            who=Who.US,
            reason=error.reason,
            exchange=error.exchange,
        ),
    )


def expire(session: Session, now: datetime) -> int:
    """What could not leave in its time (the house was shut, the inbox paused) is not sent late in silence.

    A person sees it and may send it all the same. Returns how many.
    """
    late = session.scalars(
        select(Delivery.id)
        .where(Delivery.state == S.QUEUED.value, Delivery.next_at <= now, Delivery.expires_at <= now)
        .where(or_(Delivery.lease_until.is_(None), Delivery.lease_until < now))
        .limit(500)
    ).all()
    for number in late:
        reason = "It could not leave in time. Nothing was sent."
        settle(session, now, Receipt(S.EXPIRED, delivery_id=number, fault=Fault.TIMEOUT, who=Who.US, reason=reason))
    return len(late)


def recover(session: Session, now: datetime) -> int:
    """Deliveries left `sending` by a worker that died: nobody knows. Returns how many.

    What waited too long meanwhile is expired.
    """
    expire(session, now)
    left = session.scalars(
        select(Delivery.id).where(Delivery.state == S.SENDING.value, Delivery.lease_until < now).limit(500)
    ).all()
    for number in left:
        reason = "The sender stopped while it was handing the message over."
        settle(session, now, Receipt(S.UNKNOWN, delivery_id=number, fault=Fault.OTHER, who=Who.US, reason=reason))
    return len(left)


def _named(session: Session, receipt: Receipt, inbox_id: int | None) -> int:
    if receipt.delivery_id is not None:
        return receipt.delivery_id
    query = select(Delivery.id).where(Delivery.provider_ref == receipt.provider_ref)
    if inbox_id is not None:
        query = query.where(Delivery.inbox_id == inbox_id)
    number = session.scalar(query.order_by(Delivery.id.desc()).limit(1))
    if number is None:
        raise NotFound("A receipt for a message we never sent.")
    return number


def _exchange(
    session: Session, now: datetime, row: Row, outcome: str, reason: str, detail: Mapping[str, object]
) -> None:
    _EXCHANGE.rows(
        session,
        {
            "delivery_id": row.id,
            "at": now,
            "attempt": row.attempts,
            "outcome": outcome,
            "reason": storable(reason),
            "detail": storable(dict(detail)),
        },
    )


def apply(session: Session, now: datetime, row: Row, receipt: Receipt, user_id: int | None = None) -> None:
    """Write the state a delivery has now, and say so in the log. Whether it may follow was asked before."""
    row.state = receipt.state.value
    row.lease_owner = row.lease_until = None
    row.fault = receipt.fault.value if receipt.fault else None
    row.who = receipt.who.value if receipt.who else None
    row.code, row.reason = receipt.code[:60], storable(receipt.reason)
    row.settled_at = None if receipt.state is S.QUEUED else now
    if receipt.provider_ref:
        row.provider_ref = receipt.provider_ref[:255]
    rows.write(session, row)
    data = {"state": receipt.state.value, "fault": row.fault, "code": receipt.code}
    if receipt.state is S.QUEUED:
        data["next"] = row.next_at.isoformat()
    log.append(  # of these names none changes a conversation's columns, so it need not be read
        session,
        now,
        _NAMES[receipt.state],
        conversation_id=row.conversation_id,
        contact_id=row.contact_id,
        address_id=row.address_id,
        inbox_id=row.inbox_id,
        channel=row.channel,
        user_id=user_id,
        about_id=row.interaction_id,
        delivery_id=row.id,
        content={"reason": row.reason} if receipt.reason else None,  # it names the address as often as not
        data={name: value for name, value in data.items() if value},
    )
    _reachable(session, now, row.address_id, receipt, row)


def _copies(session: Session, number: int) -> set[str]:
    """The addresses in CC and BCC: their fate is not the delivery's."""
    message = session.scalar(select(Delivery.message).where(Delivery.id == number)) or {}
    return {party["value"].lower() for party in (*message.get("cc", ()), *message.get("bcc", ()))}


def _copy_settled(session: Session, now: datetime, row: Row, receipt: Receipt) -> None:
    address = directory.find(session, AddressKind.EMAIL, receipt.recipient.lower())
    if address is not None:
        _reachable(session, now, address.id, receipt, row)


_SOFT = (Fault.ADDRESS_UNREACHABLE, Fault.QUOTA, Fault.TIMEOUT)
"""Failures that lie with the address or its server, and may pass."""
_DEAD = (Fault.ADDRESS_INVALID, Fault.ADDRESS_UNREACHABLE)


def _reachable(session: Session, now: datetime, address_id: int, receipt: Receipt, row: Row) -> None:
    """Remember on the address what the provider said about it."""
    about: dict[str, Any] = {
        "conversation_id": row.conversation_id,
        "channel": row.channel,
        "inbox_id": row.inbox_id,
        "about_id": row.interaction_id,  # no delivery_id: rows that have one are the delivery's states
    }
    if receipt.state in (S.DELIVERED, S.READ):
        reach.found(session, now, address_id, reach.How.ARRIVED, **about)
    elif (how := _how_lost(session, now, address_id, receipt)) is not None:
        reach.lost(session, now, address_id, how, receipt.reason, receipt.code, **about)


def _how_lost(session: Session, now: datetime, address_id: int, receipt: Receipt) -> reach.How | None:
    """For mail only a dead address counts at once; other channels know no passing failure of an address."""
    if receipt.state not in (S.FAILED, S.BOUNCED, S.EXPIRED) or receipt.fault not in (*_SOFT, Fault.ADDRESS_INVALID):
        return None
    if receipt.fault is Fault.ADDRESS_INVALID and receipt.state is not S.EXPIRED:
        return reach.How.DEAD
    address = session.get_one(Address, address_id)
    if address.kind != AddressKind.EMAIL:
        dead = receipt.fault in _DEAD and receipt.state is not S.EXPIRED
        return reach.How.DEAD if dead else None
    return reach.How.KEPT_FAILING if _keeps_failing(session, now, address) else None


def _keeps_failing(session: Session, now: datetime, address: Address) -> bool:
    since = max(now - reach.SOFT_DAYS, address.reachable_at or now - reach.SOFT_DAYS)
    failed = session.scalars(
        select(Delivery.created_at)
        .where(Delivery.address_id == address.id, Delivery.created_at > since)
        .where(Delivery.state.in_([S.FAILED.value, S.BOUNCED.value, S.EXPIRED.value]))
        .where(Delivery.fault.in_([fault.value for fault in _SOFT]))
        .order_by(Delivery.created_at)
    ).all()
    return len(failed) >= reach.SOFT_TIMES and failed[-1] - failed[0] >= reach.SOFT_SPAN
