"""Prove that the tables equal what the log says: replay it, compare, name every difference.

Conversations are replayed in order of their ids, some hundred at a time, with the same `fold`
that wrote them. Everything is read in one snapshot of the database, so the house may go on
working meanwhile.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from contact import log
from contact.consent import Consent, chain
from contact.conversation import Conversation, ConversationCount, ConversationTag, Participant, Snapshot, fold
from contact.conversation.conversation import project
from contact.directory import Address, Contact
from contact.errors import NotFound
from contact.files import CHUNK, Attachment, Store
from contact.following import ReaderState
from contact.log import Interaction, Name
from contact.messages import DeliveryState as S
from contact.outbox import Delivery
from contact.raw import Raw, RawState
from contact.response import levels

CHUNK_OF_CONVERSATIONS = 500

Progress = Callable[[int], None]
"""Called with how many more of `size` are done."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` of `thing` `id` is `found` in its table; the log says `expected`."""

    thing: str
    id: object
    field: str
    found: object
    expected: object

    def __str__(self) -> str:
        return f"{self.thing} {self.id}: {self.field} is {self.found!r}, the log says {self.expected!r}"


def size(session: Session) -> int:
    """How much there is to verify, in the units of `progress`: conversations."""
    return session.scalar(select(func.count()).select_from(Conversation)) or 0


def verify(
    session: Session, *, store: Store | None = None, progress: Progress = lambda _n: None
) -> Iterator[Difference]:
    """Every difference between the log and the tables. With `store` the files are read too."""
    _snapshot(session)
    yield from _conversations(session, progress)
    yield from _marks(session)
    yield from _participants(session)
    yield from _contacts(session)
    yield from _deliveries(session)
    yield from _raw(session)
    yield from _numbers(session)
    yield from _readers(session)
    yield from _levels(session)
    yield from _consents(session)
    if store is not None:
        yield from _files(session, store)


def _consents(session: Session) -> Iterator[Difference]:
    """Rows of the ledger that are not as they were written; and the end of it, which its chain cannot miss."""
    for number in chain.broken(session):
        yield Difference("consent", number, "row", "not as it was written", "its chain")
    said = (Name.CONSENT_GIVEN.value, Name.CONSENT_WITHDRAWN.value)
    newest = session.scalar(select(func.max(Interaction.id)).where(Interaction.name.in_(said)))
    known = session.scalar(select(func.max(Consent.interaction_id)))
    if newest != known:
        yield Difference("consent", "the newest", "row of the log", known, newest)


def refold(session: Session, conversation_id: int) -> bool:
    """Write what the log says into one conversation; returns whether anything was wrong."""
    log.lock(session)
    conversation = session.get(Conversation, conversation_id, populate_existing=True)
    if conversation is None:
        raise NotFound("This conversation does not exist.")
    before, after = conversation.snapshot(), Snapshot()
    for row in session.execute(_ROWS.where(Interaction.conversation_id == conversation_id).order_by(Interaction.id)):
        after = fold(after, row)
    tags = tuple(session.scalars(_TAGS.where(ConversationTag.conversation_id == conversation_id)))
    project(session, conversation, after, retag=tags != after.tags)
    return before != after or tags != after.tags


def recount(session: Session) -> None:
    """Write the counters anew from the conversations."""
    log.lock(session)
    session.execute(ConversationCount.__table__.delete())  # type: ignore[attr-defined]
    assignee = func.coalesce(Conversation.assignee_id, 0)
    rows = session.execute(
        select(Conversation.state, assignee, func.count())
        .where(Conversation.merged_into.is_(None))
        .group_by(Conversation.state, assignee)
    )
    session.add_all(ConversationCount(state=state, assignee_id=number, n=n) for state, number, n in rows)
    session.flush()


def _snapshot(session: Session) -> None:
    """One state of the database for the whole replay; a session that has looked already keeps what it has."""
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


# -- conversations ----------------------------------------------------------------------------

_ROWS = select(
    Interaction.conversation_id,
    Interaction.id,
    Interaction.at,
    Interaction.name,
    Interaction.contact_id,
    Interaction.inbox_id,
    Interaction.channel,
    Interaction.body,
    Interaction.content,
    Interaction.data,
)
_TAGS = select(ConversationTag.tag).order_by(ConversationTag.tag)
_FIELDS = tuple(field.name for field in fields(Snapshot))
_COLUMNS: Sequence[InstrumentedAttribute[Any]] = [getattr(Conversation, name) for name in _FIELDS]


def _marks(session: Session) -> Iterator[Difference]:
    """Addresses that take no mail, by the newest row about each; of erased people nothing is known any more."""
    row, names = Interaction, (Name.ADDRESS_UNREACHABLE.value, Name.ADDRESS_REACHABLE.value)
    newest = select(func.max(row.id)).where(row.name.in_(names)).group_by(row.address_id)
    found = session.execute(
        select(Address.id, Address.unreachable_at, row.name)
        .join(Address, Address.id == row.address_id)
        .join(Contact, Contact.id == Address.contact_id)
        .where(row.id.in_(newest), Contact.erased_at.is_(None))
    )
    for number, since, name in found:
        if (since is not None) != (name == Name.ADDRESS_UNREACHABLE):
            expected = "set" if name == Name.ADDRESS_UNREACHABLE else None
            yield Difference("address", number, "unreachable_at", since, expected)


def _conversations(session: Session, progress: Progress) -> Iterator[Difference]:
    counters: Counter[tuple[str, int]] = Counter()
    last = 0
    while rows := session.execute(_chunk(last)).all():
        first, last = rows[0][0], rows[-1][0]
        told, tags = _folded(session, first, last), _tags(session, first, last)
        for number, *columns in rows:
            values = dict(zip(_FIELDS, columns, strict=True))
            found = Snapshot(**{**values, "tags": tuple(values["tags"])})
            expected = told.get(number, Snapshot())
            if expected.merged_into is None:
                counters[expected.state, expected.assignee_id or 0] += 1
            yield from _compared(number, found, expected, tags.get(number, ()))
        progress(len(rows))
    yield from _counters(session, counters)


def _chunk(after: int) -> Any:
    query = select(Conversation.id, *_COLUMNS).where(Conversation.id > after)
    return query.order_by(Conversation.id).limit(CHUNK_OF_CONVERSATIONS)


def _folded(session: Session, first: int, last: int) -> dict[int, Snapshot]:
    """What the log says about conversations `first` to `last`; rows are streamed, only snapshots are kept."""
    query = _ROWS.where(Interaction.conversation_id.between(first, last))
    query = query.order_by(Interaction.conversation_id, Interaction.id).execution_options(yield_per=2000)
    told: dict[int, Snapshot] = {}
    for row in session.execute(query):
        told[row.conversation_id] = fold(told.get(row.conversation_id) or Snapshot(), row)
    return told


def _tags(session: Session, first: int, last: int) -> dict[int, tuple[str, ...]]:
    tag = ConversationTag
    query = select(tag.conversation_id, tag.tag).where(tag.conversation_id.between(first, last))
    found: dict[int, list[str]] = {}
    for number, name in session.execute(query):
        found.setdefault(number, []).append(name)
    return {number: tuple(sorted(names)) for number, names in found.items()}


def _compared(number: int, found: Snapshot, told: Snapshot, tags: tuple[str, ...]) -> Iterator[Difference]:
    for name in _FIELDS:
        if getattr(found, name) != getattr(told, name):
            yield Difference("conversation", number, name, getattr(found, name), getattr(told, name))
    if tags != told.tags:
        yield Difference("conversation", number, "tag rows", tags, told.tags)


def _counters(session: Session, counted: Counter[tuple[str, int]]) -> Iterator[Difference]:
    count = ConversationCount
    kept = {
        (state, assignee): n for state, assignee, n in session.execute(select(count.state, count.assignee_id, count.n))
    }
    for slot in sorted(counted.keys() | kept.keys()):
        if counted[slot] != kept.get(slot, 0):
            yield Difference("counter", f"{slot[0]}/{slot[1]}", "n", kept.get(slot, 0), counted[slot])


def _participants(session: Session) -> Iterator[Difference]:
    row, part = Interaction, Participant
    joined = select(row.conversation_id, row.address_id, row.id).where(row.name == Name.PARTICIPANT_JOINED.value)
    kept = select(part.conversation_id, part.address_id, part.interaction_id)
    yield from _sets("participant", session.execute(kept), session.execute(joined))


def _sets(thing: str, found: Iterable[Any], told: Iterable[Any]) -> Iterator[Difference]:
    kept, expected = {tuple(row) for row in found}, {tuple(row) for row in told}
    for row in sorted(kept - expected):
        yield Difference(thing, "/".join(map(str, row)), "row", "there", "absent")
    for row in sorted(expected - kept):
        yield Difference(thing, "/".join(map(str, row)), "row", "absent", "there")


# -- contacts ---------------------------------------------------------------------------------


def _contacts(session: Session) -> Iterator[Difference]:
    """Merges are the log's; the root is where the chain of merges ends."""
    told: dict[int, int | None] = {}
    verbs = (Name.CONTACT_MERGED.value, Name.CONTACT_UNMERGED.value)
    query = select(Interaction.contact_id, Interaction.data).where(Interaction.name.in_(verbs)).order_by(Interaction.id)
    for number, data in session.execute(query):
        told[number] = data.get("into")
    merged = {number: into for number, into in told.items() if into is not None}
    contact = Contact
    rows = session.execute(
        select(contact.id, contact.merged_into, contact.root_id)
        .where(contact.merged_into.is_not(None) | (contact.root_id != contact.id))
        .order_by(contact.id)
    )
    seen = set()
    for number, into, root in rows:
        seen.add(number)
        if into != merged.get(number):
            yield Difference("contact", number, "merged_into", into, merged.get(number))
        if root != (end := _end(merged, number)):
            yield Difference("contact", number, "root_id", root, end)
    for number in sorted(merged.keys() - seen):
        yield Difference("contact", number, "merged_into", None, merged[number])


def _end(merged: dict[int, int], number: int) -> int:
    seen = {number}
    while (into := merged.get(number)) is not None and into not in seen:
        seen.add(into)
        number = into
    return number


# -- deliveries -------------------------------------------------------------------------------

_AT_REST = {
    Name.MESSAGE_QUEUED: {S.QUEUED, S.SENDING, S.HELD},
    Name.DELIVERY_RETRIED: {S.QUEUED, S.SENDING, S.HELD},
    Name.DELIVERY_WIRED: {S.WIRED},
    Name.DELIVERY_DELIVERED: {S.DELIVERED},
    Name.DELIVERY_READ: {S.READ},
    Name.DELIVERY_FAILED: {S.FAILED},
    Name.DELIVERY_BOUNCED: {S.BOUNCED},
    Name.DELIVERY_EXPIRED: {S.EXPIRED},
    Name.DELIVERY_CANCELLED: {S.CANCELLED},
    Name.DELIVERY_UNKNOWN: {S.UNKNOWN},
}
"""The states a delivery can be in after each row: claiming and sending leave no row."""


def _deliveries(session: Session) -> Iterator[Difference]:
    row, delivery = Interaction, Delivery
    newest = select(func.max(row.id)).where(row.delivery_id == delivery.id).correlate(delivery).scalar_subquery()
    last = select(row.name).where(row.id == newest).correlate(delivery).scalar_subquery()
    query = select(delivery.id, delivery.state, last).order_by(delivery.id).execution_options(yield_per=2000)
    for number, state, name in session.execute(query):
        allowed = _AT_REST.get(name, set())
        if state not in allowed:
            yield Difference("delivery", number, "state", state, "/".join(sorted(allowed)) or name)
    queued = row.name == Name.MESSAGE_QUEUED.value
    told = select(row.id, row.delivery_id, row.conversation_id)
    kept = select(delivery.interaction_id, delivery.id, delivery.conversation_id)
    absent = told.where(queued).except_(kept)
    for number, promised, _ in session.execute(absent):
        yield Difference("interaction", number, "delivery", "absent", promised)
    for number, promised, _ in session.execute(kept.except_(told.where(queued))):
        yield Difference("delivery", promised, "interaction", number, "absent")


# -- raw messages, numbers, readers -------------------------------------------------------------


def _raw(session: Session) -> Iterator[Difference]:
    """stored = parsed + failed + waiting, and what was parsed is in the log."""
    states = dict(session.execute(select(Raw.state, func.count()).group_by(Raw.state)).all())
    for name in sorted(states.keys() - {state.value for state in RawState}):
        yield Difference("raw", name, "state", states[name], "kept, parsed or failed")
    lost = (
        select(Raw.id, Raw.interaction_id)
        .outerjoin(Interaction, Interaction.id == Raw.interaction_id)
        .where(Raw.interaction_id.is_not(None), Interaction.id.is_(None))
    )
    for number, row in session.execute(lost):
        yield Difference("raw", number, "interaction_id", row, "absent")


_NUMBERED: Sequence[Table] = [model.__table__ for model in (Interaction, Conversation, Delivery, Raw)]  # type: ignore[misc]


def _numbers(session: Session) -> Iterator[Difference]:
    """SQLite gives numbers without gaps, so a gap is a row that somebody took away.

    PostgreSQL's sequences leave gaps where a transaction failed; there the triggers alone
    stand for it.
    """
    if session.get_bind().dialect.name != "sqlite":
        return
    for table in _NUMBERED:
        rows = session.scalar(select(func.count()).select_from(table)) or 0
        query = text("select seq from sqlite_sequence where name = :name")
        given = session.scalar(query, {"name": table.name}) or 0
        if rows != given:
            yield Difference(table.name, "rows", "count", rows, given)


def _readers(session: Session) -> Iterator[Difference]:
    head = log.head(session)
    for state in session.scalars(select(ReaderState).where(ReaderState.position > head)):
        yield Difference("reader", state.name, "position", state.position, head)


def _levels(session: Session) -> Iterator[Difference]:
    """Clocks of service levels, as far as their reader has read."""
    position = levels.position(session)
    for number, found, expected in levels.differences(session, position) if position else ():
        yield Difference("service level", number, "clocks", found, expected)


# -- files ------------------------------------------------------------------------------------


def _files(session: Session, store: Store) -> Iterator[Difference]:
    """Every file that a row speaks of is there, byte for byte."""
    for sha256 in session.scalars(select(Attachment.sha256).distinct().order_by(Attachment.sha256)):
        if (found := _hash(store, sha256)) != sha256:
            yield Difference("file", sha256, "sha256", found, sha256)
    kept = select(Raw.id, Raw.sha256, Raw.content).where(Raw.sha256 != "").execution_options(yield_per=100)
    for number, sha256, content in session.execute(kept):
        found = _hash(store, sha256) if content is None else hashlib.sha256(content).hexdigest()
        if found != sha256:
            yield Difference("raw", number, "sha256", found, sha256)


def _hash(store: Store, sha256: str) -> str:
    """The hash of what the store holds under this name; "absent" when it holds nothing."""
    digest = hashlib.sha256()
    try:
        with store.open(sha256) as stream:
            while piece := stream.read(CHUNK):
                digest.update(piece)
    except NotFound:
        return "absent"
    return digest.hexdigest()
