"""A flight: one delivery between `begin` and its settling, read at its start and written down at its landing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox as inboxes
from contact import log as spine
from contact import outbox
from contact.channel import ChannelError, Unsure
from contact.directory import Address, Contact
from contact.errors import NotFound
from contact.files import Store
from contact.inbox import Inbox
from contact.log import Interaction
from contact.messages import DeliveryState, Fault, InboxFacts, Outbound, Receipt, Who
from contact.outbox.delivery import Delivery
from contact.vault import Sealed, Vault

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Flight:
    """One delivery between `begin` and its settling. `deadline` is on the loop's (monotonic) clock."""

    id: int
    channel: str
    lane: Lane
    inbox_id: int
    deadline: float
    timer: asyncio.Timeout | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """Too late to hand over: the lease is gone, or nearly. Nothing has left."""


Lane = tuple[str, str]
"""A channel and the provider that carries it: hands are counted by lane, so that a slow provider holds up no other."""
Outcome = Receipt | ChannelError | Unsure | Late
Loaded = tuple[Outbound, InboxFacts] | ChannelError
Landed = tuple[Flight, Outcome]


def load_all(session: Session, flights: Sequence[Flight], store: Store, vault: Vault) -> list[Loaded]:
    loaded: list[Loaded] = []
    kept = _rows_of(session, [flight.id for flight in flights])
    for flight in flights:
        try:
            loaded.append(_load(session, flight, store, vault))
        except ChannelError as error:
            loaded.append(error)
    del kept  # the session only holds what somebody else holds
    return loaded


def _rows_of(session: Session, ids: Sequence[int]) -> list[object]:
    """Everything `outbound` will ask the session for, read at once."""
    deliveries = session.scalars(select(Delivery).where(Delivery.id.in_(ids))).all()
    rows = session.scalars(select(Interaction).where(Interaction.id.in_([one.interaction_id for one in deliveries])))
    addresses = session.scalars(select(Address).where(Address.id.in_([one.address_id for one in deliveries]))).all()
    contacts = session.scalars(select(Contact).where(Contact.id.in_([one.contact_id for one in addresses])))
    return [*deliveries, *rows, *addresses, *contacts]


def _load(session: Session, flight: Flight, store: Store, vault: Vault) -> tuple[Outbound, InboxFacts]:
    """The message as its channel sends it; raises `ChannelError` when it cannot be made ready."""
    try:
        ours = inboxes.get(session, flight.inbox_id)
        secrets = vault.open_all(ours.secrets or "")
        message = outbox.outbound(session, session.get_one(Delivery, flight.id), store)
    except Sealed as error:
        raise ChannelError(str(error), fault=Fault.CONFIG, who=Who.US) from error
    except NotFound as error:
        raise ChannelError(f"A part of the message is missing: {error}", fault=Fault.OTHER, who=Who.US) from error
    return message, inboxes.facts(ours, secrets)


def conclude_all(session: Session, now: datetime, landed: Sequence[Landed], me: str) -> None:
    for flight, outcome in landed:
        conclude(session, now, flight, outcome, me)


def conclude(session: Session, now: datetime, flight: Flight, outcome: Outcome, me: str) -> None:
    """Apply the outcome. Somebody may have declared the delivery unknown meanwhile: evidence still counts."""
    if isinstance(outcome, Receipt):
        outbox.settle(session, now, outcome)
        return
    spine.lock(session)
    delivery = session.get_one(Delivery, flight.id, with_for_update=True, populate_existing=True)
    ours = delivery.state == DeliveryState.SENDING and delivery.lease_owner == me
    match outcome:
        case ChannelError() if ours:
            _failed(session, now, delivery, outcome)
        case Late() if ours:
            late = ChannelError("The worker was held up; nothing was sent.", retryable=True, who=Who.US, retry_after=0)
            outbox.fail(session, now, delivery, late)
        case Unsure() if ours:
            outbox.unsure(session, now, delivery, outcome)
        case ChannelError() if delivery.state == DeliveryState.UNKNOWN:
            outbox.settle(session, now, _not_sent(flight.id, outcome))


def _failed(session: Session, now: datetime, delivery: Delivery, error: ChannelError) -> None:
    """A sender's own permanent trouble stops its inbox, not its messages: they wait until somebody acted."""
    if error.fault in (Fault.AUTH, Fault.CONFIG) and error.who is Who.US and not error.retryable:
        inboxes.pause(session.get_one(Inbox, delivery.inbox_id), error.reason)
        log.error("inbox paused", inbox=delivery.inbox_id, reason=error.reason)
        error.retryable = True
    outbox.fail(session, now, delivery, error)


def _not_sent(number: int, error: ChannelError) -> Receipt:
    return Receipt(
        DeliveryState.FAILED,
        delivery_id=number,
        fault=error.fault,
        who=error.who,
        code=error.code,
        reason=error.reason,
        exchange=error.exchange,
        wish=error.wish,
    )
