"""A flight: one delivery between `begin` and its settling, read at its start and written down at its landing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import inbox as inboxes
from contact import log as spine
from contact import outbox
from contact.channel import ChannelError, Unsure
from contact.errors import NotFound
from contact.files import Store
from contact.inbox import Inbox
from contact.messages import DeliveryState, Fault, InboxFacts, Outbound, Receipt, Who
from contact.outbox import Begun, rest
from contact.outbox import row as rows
from contact.outbox.row import Row
from contact.prepared import Prepared
from contact.vault import Sealed, Vault

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Flight:
    """One delivery between `begin` and its settling. `deadline` is on the loop's (monotonic) clock."""

    begun: Begun
    deadline: float
    timer: asyncio.Timeout | None = None

    @property
    def id(self) -> int:
        return self.begun.number

    @property
    def channel(self) -> str:
        return self.begun.channel


@dataclass(frozen=True, slots=True)
class Late:
    """Too late to hand over: the lease is gone, or nearly. Nothing has left."""


Outcome = Receipt | ChannelError | Unsure | Late
Loaded = tuple[Outbound, InboxFacts] | ChannelError
Landed = tuple[Flight, Outcome]

_FACTS = ("id", "channel", "provider", "address", "name", "language", "signature")
_COLUMNS = (*(getattr(Inbox, name) for name in _FACTS), Inbox.settings, Inbox.secrets)
_INBOX = Prepared(select(*_COLUMNS).where(Inbox.id == bindparam("number")), _COLUMNS)


def load_all(session: Session, begun: Sequence[Begun], store: Store, vault: Vault) -> list[Loaded]:
    """The messages as their channels send them. Nothing has left, so a failure is only a failure."""
    try:
        facts = {number: _facts(session, number, vault) for number in {one.inbox_id for one in begun}}
        return [_load(session, one, facts[one.inbox_id], store) for one in begun]
    except Exception as error:  # a fault of ours must not leave them `sending` until nobody knows
        log.exception("messages not made ready")
        words = f"The message could not be made ready: {type(error).__name__}: {error}"[:500]
        return [ChannelError(words, retryable=True, who=Who.US) for _ in begun]


def _facts(session: Session, number: int, vault: Vault) -> InboxFacts | ChannelError:
    ((*named, settings, secrets),) = _INBOX.rows(session, {"number": number})
    plain = dict(zip(_FACTS, named, strict=True))
    try:
        return InboxFacts(**plain, settings=settings or {}, secrets=vault.open_all(secrets or ""))
    except Sealed as error:
        return ChannelError(str(error), fault=Fault.CONFIG, who=Who.US)


def _load(session: Session, begun: Begun, facts: InboxFacts | ChannelError, store: Store) -> Loaded:
    if isinstance(facts, ChannelError):
        return facts
    try:
        return outbox.outbound(session, begun.number, store), facts
    except NotFound as error:
        return ChannelError(f"A part of the message is missing: {error}", fault=Fault.OTHER, who=Who.US)


def conclude_all(session: Session, now: datetime, landed: Sequence[Landed], me: str) -> None:
    for flight, outcome in landed:
        conclude(session, now, flight, outcome, me)


def conclude(session: Session, now: datetime, flight: Flight, outcome: Outcome, me: str) -> None:
    """Apply the outcome. Somebody may have declared the delivery unknown meanwhile: evidence still counts."""
    until = _rest(session, now, flight.begun, outcome)
    if isinstance(outcome, Receipt):
        outbox.settle(session, now, outcome)
        return
    spine.lock(session)
    row = rows.read(session, flight.id)
    ours = row.state == DeliveryState.SENDING and row.lease_owner == me
    match outcome:
        case ChannelError() if ours:
            _failed(session, now, row, outcome, until)
        case Late() if ours:
            late = ChannelError("The worker was held up; nothing was sent.", retryable=True, who=Who.US, retry_after=0)
            outbox.fail(session, now, row, late)
        case Unsure() if ours:
            outbox.unsure(session, now, row, outcome)
        case ChannelError() if row.state == DeliveryState.UNKNOWN:
            outbox.settle(session, now, _not_sent(flight.id, outcome))


def _rest(session: Session, now: datetime, begun: Begun, outcome: Outcome) -> datetime | None:
    """What an outcome says about provider and sender; until when they rest because of it.

    Only the message that was sent to find out (`probe`) can end a rest: others may have left before it began.
    """
    spine.lock(session)
    lane, box = (*begun.lane, 0), (*begun.lane, begun.inbox_id)
    match outcome:
        case ChannelError(fault=Fault.PROVIDER_DOWN | Fault.TIMEOUT, retryable=True, alone=False) | Unsure():
            after = outcome.retry_after if isinstance(outcome, ChannelError) else None
            return rest.start(session, now, lane, outcome.reason, after=after, probe=begun.probe)
        case ChannelError(fault=Fault.RATE_LIMITED | Fault.CONFIG | Fault.AUTH, retryable=True, alone=False):
            if begun.probe:
                rest.end(session, *begun.lane, (0,))
            return rest.start(session, now, box, outcome.reason, after=outcome.retry_after, probe=begun.probe)
        case Late() | ChannelError(who=Who.US) if begun.probe:  # it says nothing about the provider
            for key in (lane, box):
                rest.again(session, now, key)
        case _ if begun.probe:
            rest.end(session, *begun.lane, (0, begun.inbox_id))
    return None


def _failed(session: Session, now: datetime, row: Row, error: ChannelError, again: datetime | None) -> None:
    """A sender's own permanent trouble stops its inbox, not its messages: they wait until somebody acted."""
    if error.fault in (Fault.AUTH, Fault.CONFIG) and error.who is Who.US and not error.retryable:
        inboxes.pause(session.get_one(Inbox, row.inbox_id), error.reason)
        log.error("inbox paused", inbox=row.inbox_id, reason=error.reason)
        error = copy(error)
        error.retryable = True
    outbox.fail(session, now, row, error, again)


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
