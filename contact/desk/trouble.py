"""Failed work: everything that waits for a person's decision, gathered from the tables of the hall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from typing import Any

from sqlalchemy import Integer, Row, String, column, func, or_, select, table, text
from sqlalchemy.orm import Session

from contact import log, pulse
from contact.address import show
from contact.db import Id, Utc
from contact.desk.letter import decoded
from contact.directory import Address, Person, people
from contact.following import ReaderState
from contact.hooks import HookTally
from contact.inbox import Inbox, InboxState
from contact.jobs import JobRun
from contact.log import Interaction
from contact.messages import AddressKind, DeliveryState, Fault, Who
from contact.outbox import Delivery, Resting, rest
from contact.outbox.delivery import Exchange
from contact.pulse import Pulse
from contact.raw import Raw

HOOKS = timedelta(days=1)
"""How long a refused webhook stands on the page."""
CAP = 100
"""Nothing is counted further than this."""
HEAD = 16 * 1024
"""Bytes of a raw message in which its sender and subject are looked for."""
STATES = (
    DeliveryState.UNKNOWN,
    DeliveryState.FAILED,
    DeliveryState.BOUNCED,
    DeliveryState.EXPIRED,
    DeliveryState.HELD,
)
"""What needs a person, the most urgent first."""
BY_HAND = {
    DeliveryState.UNKNOWN: ("arrived", "retry", "lost"),
    DeliveryState.FAILED: ("retry",),
    DeliveryState.BOUNCED: ("retry",),
    DeliveryState.EXPIRED: ("retry",),
    DeliveryState.HELD: ("retry", "cancel"),
}
"""What a person may decide in each state."""

# A room's table, read by name: the hall knows no room, and all tables are of one house.
_MAILBOX = table(
    "mailbox_position",
    column("inbox_id", Id),
    column("folder", String),
    column("last_uid", Id),
    column("fetched_at", Utc),
    column("checked_at", Utc),
    column("present", Integer),
    column("missing", Integer),
    column("error", String),
)


@dataclass(slots=True)
class Lost:
    """A message that did not arrive, or of which nobody knows."""

    delivery: Delivery
    state: DeliveryState
    person: Person
    address: str
    inbox: str
    text: str
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def decisions(self) -> Sequence[str]:
        return BY_HAND.get(self.state, ())

    @property
    def fault(self) -> Fault | None:
        return Fault(self.delivery.fault) if self.delivery.fault else None

    @property
    def who(self) -> Who | None:
        return Who(self.delivery.who) if self.delivery.who else None


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that came in and could not be read."""

    raw: Raw
    inbox: str
    sender: str
    subject: str


@dataclass(frozen=True, slots=True)
class House:
    """What stands still in the house itself."""

    alive: bool
    """Some worker runs."""
    parts: Sequence[Pulse]
    """Parts of a living worker that failed and will be tried again."""
    readers: Sequence[ReaderState]
    head: int
    inboxes: Sequence[Inbox]
    mailboxes: Sequence[Row[Any]]
    jobs: Sequence[JobRun]
    resting: Sequence[tuple[str, Resting]]
    """Inboxes that send nothing for now, because their provider is down or told them to slow down."""
    hooks: Sequence[tuple[str, HookTally]]
    """Inboxes whose webhook turned somebody away lately."""

    @property
    def count(self) -> int:
        lists = (self.parts, self.readers, self.inboxes, self.mailboxes, self.jobs, self.resting, self.hooks)
        return sum(map(len, lists)) + (not self.alive)


def house(session: Session, now: datetime) -> House:
    """Worker, readers, paused inboxes, mailboxes, the clock's jobs."""
    living = pulse.living(session, now)
    return House(
        alive=bool(living),
        parts=[part for part in living if part.state == "waiting"],
        readers=session.scalars(select(ReaderState).where(ReaderState.stopped_at.is_not(None))).all(),
        head=log.head(session),
        inboxes=session.scalars(select(Inbox).where(Inbox.state == InboxState.PAUSED.value).order_by(Inbox.id)).all(),
        mailboxes=mailboxes(session),
        jobs=_jobs(session),
        resting=_resting(session),
        hooks=_hooks(session, now),
    )


def _resting(session: Session) -> list[tuple[str, Resting]]:
    names = inbox_names(session)
    return [(names.get(number, ""), rested) for number, rested in sorted(rest.by_inbox(session).items())]


def _hooks(session: Session, now: datetime) -> list[tuple[str, HookTally]]:
    names = inbox_names(session)
    turned = session.scalars(select(HookTally).where(HookTally.refused_at > now - HOOKS).order_by(HookTally.inbox_id))
    return [(names.get(one.inbox_id, ""), one) for one in turned]


def mailboxes(session: Session, *, all: bool = False) -> Sequence[Row[Any]]:
    """Folders that cannot be fetched, or whose tally is not even; with their inbox's name."""
    box = _MAILBOX.c
    query = select(_MAILBOX, Inbox.name.label("inbox")).join(Inbox, Inbox.id == box.inbox_id)
    if not all:
        query = query.where(or_(box.error != "", box.missing > 0))
    return session.execute(query.order_by(box.inbox_id, box.folder)).all()


def _jobs(session: Session) -> list[JobRun]:
    """Jobs whose last run failed."""
    latest = select(JobRun.job, func.max(JobRun.slot).label("slot")).group_by(JobRun.job).subquery()
    query = select(JobRun).join(latest, (latest.c.job == JobRun.job) & (latest.c.slot == JobRun.slot))
    return list(session.scalars(query.where(JobRun.error != "").order_by(JobRun.job)))


def counts(session: Session) -> dict[DeliveryState, int]:
    """How many deliveries stand in each state that needs a person, each to `CAP`."""
    return {state: _capped(session, select(Delivery.id).where(_troubled, Delivery.state == state)) for state in STATES}


def unread_count(session: Session) -> int:
    return _capped(session, select(Raw.id).where(_unread))


def total(session: Session) -> int:
    """For the navigation: messages both ways, stopped readers, paused inboxes, mailboxes."""
    box = _MAILBOX.c
    return (
        unread_count(session)
        + _capped(session, select(Delivery.id).where(_troubled))
        + _capped(session, select(ReaderState.name).where(ReaderState.stopped_at.is_not(None)))
        + _capped(session, select(Inbox.id).where(Inbox.state == InboxState.PAUSED.value))
        + _capped(session, select(box.inbox_id).where(or_(box.error != "", box.missing > 0)))
    )


# Word for word the conditions of the partial indexes: with bound values neither database would use them.
_troubled = text("delivery.state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")
_unread = text("raw.state = 'failed'")


def _capped(session: Session, query: Any) -> int:
    return session.scalar(select(func.count()).select_from(query.limit(CAP).subquery())) or 0


def lost(session: Session, state: DeliveryState | None, before: int | None, limit: int) -> list[Lost]:
    """A page of deliveries that need a person, the newest first."""
    query = select(Delivery).where(_troubled).order_by(Delivery.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Delivery.state == state.value)
    if before is not None:
        query = query.where(Delivery.id < before)
    return _told(session, session.scalars(query).all())


def one(session: Session, delivery_id: int) -> Lost | None:
    """One delivery in whatever state, with what was said in each try."""
    found = session.get(Delivery, delivery_id)
    if found is None:
        return None
    told = _told(session, [found])[0]
    said = select(Exchange).where(Exchange.delivery_id == delivery_id).order_by(Exchange.id.desc()).limit(CAP)
    told.exchanges = list(session.scalars(said))[::-1]
    return told


def _told(session: Session, found: Sequence[Delivery]) -> list[Lost]:
    addresses = _by_id(session, Address, {each.address_id for each in found})
    rows = _by_id(session, Interaction, {each.interaction_id for each in found})
    names = inbox_names(session)
    known = people(session, {address.contact_id for address in addresses.values()})
    return [
        Lost(
            delivery=each,
            state=DeliveryState(each.state),
            person=known[addresses[each.address_id].contact_id],
            address=_shown(addresses[each.address_id]),
            inbox=names.get(each.inbox_id, ""),
            text=_first_words(rows.get(each.interaction_id)),
        )
        for each in found
    ]


def _shown(address: Address) -> str:
    """As people read it; a visitor has none."""
    kind = AddressKind(address.kind)
    return "" if kind is AddressKind.VISITOR else show(kind, address.value)


def _first_words(row: Interaction | None) -> str:
    """The subject, else how the text begins."""
    if row is None:
        return ""
    return str((row.content or {}).get("subject") or " ".join((row.body or "")[:200].split()))


def unread(session: Session, before: int | None, limit: int) -> list[Unread]:
    """A page of messages that could not be read, the newest first."""
    query = select(Raw, func.substr(Raw.content, 1, HEAD)).where(_unread)
    if before is not None:
        query = query.where(Raw.id < before)
    names = inbox_names(session)
    rows = session.execute(query.order_by(Raw.id.desc()).limit(limit)).all()
    return [Unread(row, names.get(row.inbox_id, ""), *glimpse(row, head)) for row, head in rows]


def glimpse(row: Raw, head: bytes | None) -> tuple[str, str]:
    """Sender and subject as far as anybody can tell: the headers, else the envelope."""
    found = BytesHeaderParser().parsebytes(head or b"" if row.channel == "email" else b"")
    sender = found.get("from") or (row.envelope or {}).get("sender") or (row.envelope or {}).get("source") or ""
    return decoded(sender)[:200], decoded(found.get("subject") or "")[:300]


def inbox_names(session: Session) -> dict[int, str]:
    return {number: name or address for number, name, address in session.execute(
        select(Inbox.id, Inbox.name, Inbox.address)
    )}  # fmt: skip


def _by_id(session: Session, model: Any, ids: Iterable[int]) -> dict[int, Any]:
    return {each.id: each for each in session.scalars(select(model).where(model.id.in_(set(ids))))}
