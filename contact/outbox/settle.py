"""What became of a delivery: claiming it, and settling it by the provider's word or a person's.

A state only moves along `NEXT`; a receipt that comes late or twice is kept as an `Exchange`
and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from contact import caught, consent, directory, log
from contact import conversation as conversations
from contact.channel import HAND, ChannelError, Unsure
from contact.db import wake
from contact.directory import Address
from contact.errors import Conflict, NotFound
from contact.messages import AddressKind, Fault, Receipt, Who
from contact.messages import DeliveryState as S
from contact.outbox import delivery as rules
from contact.outbox.delivery import Delivery, Exchange, may_follow, retry_at
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
_OWNER = Prepared(select(Address.contact_id).where(Address.id == bindparam("number")), [Address.contact_id])
NO_POST = "No letter can be delivered at this address. Correct it first."
_WORDS = frozenset(_NAMES) - {S.QUEUED, S.HELD}
"""What a provider may say. Sending once more is decided by `fail` and by people, never by a receipt."""


def claim(
    session: Session, now: datetime, owner: str, channels: Sequence[str], limit: int = 20, without: Collection[int] = ()
) -> list[int]:
    """Lease the next due deliveries of `channels` to `owner`; paused inboxes wait, expired messages never leave.

    `without` are inboxes that must wait now, because whoever carries their mail has no hand free.
    """
    from contact.inbox import Inbox, InboxState

    query = (
        select(Delivery.id)
        .join(Inbox, Inbox.id == Delivery.inbox_id)
        .where(Delivery.state == S.QUEUED.value, Delivery.next_at <= now, Delivery.channel.in_(channels))
        .where(or_(Delivery.lease_until.is_(None), Delivery.lease_until < now))
        .where(Inbox.state == InboxState.ACTIVE.value, Delivery.expires_at > now, Inbox.provider != HAND)
        .order_by(Delivery.priority, Delivery.next_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    due = session.scalars(query.where(Delivery.inbox_id.not_in(without)) if without else query).all()
    if due:
        session.execute(
            update(Delivery).where(Delivery.id.in_(due)).values(lease_owner=owner, lease_until=now + rules.LEASE)
        )
    return list(due)


def due_at(session: Session) -> datetime | None:
    """When the next queued delivery is due, None when nothing waits; what a person carries waits for nobody's clock."""
    from contact.inbox import Inbox

    ours = select(Inbox.id).where(Inbox.provider == HAND)
    queued = select(func.min(Delivery.next_at)).where(Delivery.state == S.QUEUED.value)
    return session.scalar(queued.where(Delivery.inbox_id.not_in(ours)))


def begin(session: Session, now: datetime, delivery_id: int, owner: str) -> Delivery | None:
    """Mark it `sending`, if it is still ours to send. Commit before the first byte leaves.

    From here on a crash means `unknown`: the lease runs out and `recover` says so.
    """
    taken = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == S.QUEUED.value)
        .where(Delivery.lease_owner == owner, Delivery.lease_until > now)
        .values(state=S.SENDING.value, attempts=Delivery.attempts + 1, lease_until=now + rules.LEASE)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return session.get(Delivery, delivery_id, populate_existing=True)


def settle(
    session: Session, now: datetime, receipt: Receipt, inbox_id: int | None = None, user_id: int | None = None
) -> bool:
    """Apply the provider's word, or that of a person who saw it (`user_id`); returns whether it changed anything.

    A provider's own number of a message means something at one inbox only: `inbox_id` says
    which. Raises `NotFound` when it names no delivery of ours.
    """
    log.lock(session)
    delivery = _named(session, receipt, inbox_id)
    _beside(session, now, delivery, receipt)
    if receipt.progress and S(delivery.state) is receipt.state:
        return False  # a page further, and nothing else
    _exchange(session, now, delivery, receipt.state.value, receipt.reason, dict(receipt.exchange))
    if receipt.recipient and receipt.recipient.lower() in _copies(delivery):
        _copy_settled(session, now, receipt)
        return False
    if receipt.state not in _WORDS or not may_follow(S(delivery.state), receipt.state):
        return False
    _apply(session, now, delivery, receipt, user_id)
    return True


def _beside(session: Session, now: datetime, delivery: Delivery, receipt: Receipt) -> None:
    """What a receipt says besides the state: how far it has come, what a sandbox caught, what the recipient wishes."""
    if receipt.progress:
        delivery.progress = asdict(receipt.progress)
    if receipt.provider_ref and not delivery.provider_ref:
        delivery.provider_ref = receipt.provider_ref[:255]
    if receipt.caught:
        caught.keep(session, now, receipt.caught)
    if receipt.wish:
        address = session.get_one(Address, delivery.address_id)
        consent.record(session, now, address, receipt.wish, channel=delivery.channel)


def message_of(session: Session, receipt: Receipt, inbox_id: int | None = None) -> int:
    """The row of the log that promised the message a receipt is about; raises `NotFound`."""
    return _named(session, receipt, inbox_id).interaction_id


def hold_refused(session: Session, now: datetime, claimed: Sequence[int]) -> list[int]:
    """Keep back what nobody wants any more, at the last moment before it leaves; returns what may go.

    Held until a person decides: the owner of the address may have changed their mind.
    """
    rows = session.execute(select(Delivery.id, Delivery.address_id).where(Delivery.id.in_(claimed))).all()
    addresses = {address for _, address in rows}
    unwanted, returned = consent.refused(session, addresses), _returned(session, addresses)
    held = {number: address in unwanted for number, address in rows if address in unwanted | returned}
    for number, wished in sorted(held.items()):
        log.lock(session)
        reason = "The owner of this address does not want to be written to." if wished else NO_POST
        fault = Fault.OPTED_OUT if wished else Fault.ADDRESS_UNREACHABLE
        receipt = Receipt(S.HELD, delivery_id=number, fault=fault, who=Who.CONTACT, reason=reason)
        _apply(session, now, _get(session, number), receipt)
    return [number for number in claimed if number not in held]


def _returned(session: Session, address_ids: Collection[int]) -> set[int]:
    """Those of the addresses that letters came back from. Paper and postage are not spent on hope."""
    query = select(Address.id).where(Address.id.in_(address_ids), Address.kind == AddressKind.POST.value)
    return set(session.scalars(query.where(Address.unreachable_at.is_not(None))))


def fail(session: Session, now: datetime, delivery: Delivery, error: ChannelError) -> None:
    """Nothing was handed over: try again later, or give up when that cannot help."""
    log.lock(session)
    delivery = _get(session, delivery.id)
    _exchange(session, now, delivery, "error", error.reason, error.exchange)
    again = retry_at(now, delivery.attempts, error.retry_after)
    erased = delivery.message is None
    state = S.QUEUED if error.retryable and again < delivery.expires_at and not erased else S.FAILED
    if error.retryable and state is S.FAILED:
        state = S.EXPIRED
    if not may_follow(S(delivery.state), state):  # later evidence was faster
        return
    if state is S.QUEUED:
        delivery.next_at = again
    receipt = Receipt(
        state, delivery_id=delivery.id, fault=error.fault, who=error.who, code=error.code, reason=error.reason
    )
    _apply(session, now, delivery, receipt)


def unsure(session: Session, now: datetime, delivery: Delivery, error: Unsure) -> None:
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


def retry(session: Session, now: datetime, delivery_id: int, user_id: int | None) -> Delivery:
    """A person says: send it again. Tries and expiry begin anew; the Message-ID stays."""
    log.lock(session)
    delivery = _get(session, delivery_id)
    if S(delivery.state) not in (S.FAILED, S.BOUNCED, S.EXPIRED, S.UNKNOWN, S.HELD):
        raise Conflict("This message is on its way or has arrived.")
    if delivery.message is None:
        raise Conflict("This person was erased; there is nothing left to send.")
    delivery.expires_at = now + (delivery.expires_at - delivery.created_at)
    delivery.attempts = 0
    delivery.next_at = now
    _apply(session, now, delivery, Receipt(S.QUEUED, delivery_id=delivery.id), user_id)
    wake(session, "outbox")
    return delivery


def settle_by_hand(session: Session, now: datetime, delivery_id: int, arrived: bool, user_id: int) -> Delivery:
    """A person found out what became of an `unknown` one."""
    log.lock(session)
    delivery = _get(session, delivery_id)
    if delivery.state != S.UNKNOWN:
        raise Conflict("It is known what became of this message.")
    state = S.WIRED if arrived else S.FAILED
    _apply(session, now, delivery, Receipt(state, delivery_id=delivery.id, reason="by hand"), user_id)
    return delivery


def _get(session: Session, delivery_id: int) -> Delivery:
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound("This message does not exist.")
    return delivery


def _named(session: Session, receipt: Receipt, inbox_id: int | None) -> Delivery:
    if receipt.delivery_id is not None:
        return _get(session, receipt.delivery_id)
    query = select(Delivery).where(Delivery.provider_ref == receipt.provider_ref)
    if inbox_id is not None:
        query = query.where(Delivery.inbox_id == inbox_id)
    delivery = session.scalar(query.order_by(Delivery.id.desc()).limit(1).with_for_update())
    if delivery is None:
        raise NotFound("A receipt for a message we never sent.")
    return delivery


def _exchange(
    session: Session, now: datetime, delivery: Delivery, outcome: str, reason: str, detail: dict[str, object]
) -> None:
    _EXCHANGE.rows(
        session,
        {
            "delivery_id": delivery.id,
            "at": now,
            "attempt": delivery.attempts,
            "outcome": outcome,
            "reason": storable(reason),
            "detail": storable(detail),
        },
    )


def _apply(session: Session, now: datetime, delivery: Delivery, receipt: Receipt, user_id: int | None = None) -> None:
    delivery.state = receipt.state.value
    delivery.lease_owner = delivery.lease_until = None
    delivery.fault = receipt.fault.value if receipt.fault else None
    delivery.who = receipt.who.value if receipt.who else None
    delivery.code, delivery.reason = receipt.code[:60], storable(receipt.reason)
    delivery.settled_at = None if receipt.state is S.QUEUED else now
    if receipt.provider_ref:
        delivery.provider_ref = receipt.provider_ref[:255]
    _reachable(session, now, delivery.address_id, receipt)
    session.flush()
    data = {"state": receipt.state.value, "fault": delivery.fault, "code": receipt.code}
    if receipt.state is S.QUEUED:
        data["next"] = delivery.next_at.isoformat()
    talk = conversations.talk(session, delivery.conversation_id)
    if talk is None:
        raise NotFound("This conversation does not exist.")
    conversations.record(
        session,
        now,
        talk,
        _NAMES[receipt.state],
        contact_id=_OWNER.number(session, {"number": delivery.address_id}),
        address_id=delivery.address_id,
        inbox_id=delivery.inbox_id,
        channel=delivery.channel,
        user_id=user_id,
        about_id=delivery.interaction_id,
        delivery_id=delivery.id,
        content={"reason": delivery.reason} if receipt.reason else None,  # it names the address as often as not
        data={name: value for name, value in data.items() if value},
    )


def _copies(delivery: Delivery) -> set[str]:
    """The addresses in CC and BCC: their fate is not the delivery's."""
    message = delivery.message or {}
    return {party["value"].lower() for party in (*message.get("cc", ()), *message.get("bcc", ()))}


def _copy_settled(session: Session, now: datetime, receipt: Receipt) -> None:
    address = directory.find(session, AddressKind.EMAIL, receipt.recipient.lower())
    if address is not None:
        _reachable(session, now, address.id, receipt)


def _reachable(session: Session, now: datetime, address_id: int, receipt: Receipt) -> None:
    """Remember on the address what the provider said about it."""
    if receipt.fault in (Fault.ADDRESS_INVALID, Fault.ADDRESS_UNREACHABLE) and receipt.state in (S.FAILED, S.BOUNCED):
        values = {"unreachable_at": now, "unreachable_reason": storable(receipt.reason or receipt.code)[:200]}
    elif receipt.state in (S.DELIVERED, S.READ):
        values = {"unreachable_at": None, "unreachable_reason": ""}
    else:
        return
    session.execute(update(Address).where(Address.id == address_id).values(values))
