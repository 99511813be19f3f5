"""The interaction log: the one spine of the house. Append-only, one order, everything reads it.

Every row says that something happened between us and a contact. Rows are added by `append`
and by nothing else; database triggers refuse to change or delete one, save that erasing a
person may empty it (`contact/erasure.py`). The order of ids is the order of commits: SQLite
has one writer, and on PostgreSQL `lock` holds a transaction-scoped advisory lock, because a
plain sequence would let a reader's cursor skip a row that commits late.

Readers (`Reader`) follow the log by a position each; live pages follow it by `news`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ForeignKey, Index, Integer, String, Table, Text, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.prepared import Prepared

LOG_LOCK = 0x48414E4D
"""Advisory lock of the log on PostgreSQL ("HANM")."""
_LOCKED = "log locked by"
"""Key in `session.info`: the transaction that holds the lock."""


BULK = "bulk"
"""Key in `data`: the message came from a list or a sender of bulk mail, or the row is due to such a message."""


class Name(StrEnum):
    """What happened: subject.verb in the past. The one page of words of the log.

    The sentence and the icon of each stand in `contact/desk/words.py`.
    """

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_QUEUED = "message.queued"
    AUTO_REPLY_RECEIVED = "auto_reply.received"
    BOUNCE_RECEIVED = "bounce.received"
    COMPLAINT_RECEIVED = "complaint.received"

    DELIVERY_HELD = "delivery.held"
    DELIVERY_WIRED = "delivery.wired"
    DELIVERY_DELIVERED = "delivery.delivered"
    DELIVERY_READ = "delivery.read"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_BOUNCED = "delivery.bounced"
    DELIVERY_EXPIRED = "delivery.expired"
    DELIVERY_CANCELLED = "delivery.cancelled"
    DELIVERY_UNKNOWN = "delivery.unknown"
    DELIVERY_RETRIED = "delivery.retried"

    CONVERSATION_OPENED = "conversation.opened"
    CONVERSATION_REOPENED = "conversation.reopened"
    CONVERSATION_PENDING = "conversation.pending"
    CONVERSATION_SNOOZED = "conversation.snoozed"
    CONVERSATION_WOKEN = "conversation.woken"
    CONVERSATION_RESOLVED = "conversation.resolved"
    CONVERSATION_QUEUED = "conversation.queued"
    CONVERSATION_ASSIGNED = "conversation.assigned"
    CONVERSATION_PRIORITISED = "conversation.prioritised"
    CONVERSATION_TAGGED = "conversation.tagged"
    CONVERSATION_UNTAGGED = "conversation.untagged"
    CONVERSATION_RENAMED = "conversation.renamed"
    CONVERSATION_MERGED = "conversation.merged"
    CONVERSATION_UNMERGED = "conversation.unmerged"

    SERVICE_LEVEL_WARNED = "service_level.warned"
    SERVICE_LEVEL_BREACHED = "service_level.breached"

    FILE_FETCHED = "file.fetched"
    FILE_MISSING = "file.missing"

    RULE_APPLIED = "rule.applied"
    RULE_FAILED = "rule.failed"
    MACRO_APPLIED = "macro.applied"
    MACRO_UNDONE = "macro.undone"

    NOTE_ADDED = "note.added"
    PARTICIPANT_JOINED = "participant.joined"

    CHAT_ENDED = "chat.ended"
    CHAT_RATED = "chat.rated"
    CHAT_PAGE_VISITED = "chat.page_visited"
    CHAT_PAGES_SHARED = "chat.pages_shared"

    SATISFACTION_ASKED = "satisfaction.asked"
    SATISFACTION_RATED = "satisfaction.rated"

    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_GIVEN = "consent.given"

    CONTACT_CHANGED = "contact.changed"
    CONTACT_MERGED = "contact.merged"
    CONTACT_UNMERGED = "contact.unmerged"
    CONTACT_ERASED = "contact.erased"
    ADDRESS_ADDED = "address.added"
    ADDRESS_CLAIMED = "address.claimed"
    ADDRESS_REMOVED = "address.removed"
    ADDRESS_UNREACHABLE = "address.unreachable"
    ADDRESS_REACHABLE = "address.reachable"
    SENDER_FLOODED = "sender.flooded"

    CAMPAIGN_SCHEDULED = "campaign.scheduled"
    CAMPAIGN_LAUNCHED = "campaign.launched"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_CANCELLED = "campaign.cancelled"
    CAMPAIGN_FINISHED = "campaign.finished"
    RECIPIENT_ACCEPTED = "recipient.accepted"
    RECIPIENT_FAILED = "recipient.failed"
    RECIPIENT_UNKNOWN = "recipient.unknown"
    RECIPIENT_SUPPRESSED = "recipient.suppressed"
    RECIPIENT_EXPIRED = "recipient.expired"
    RECIPIENT_CANCELLED = "recipient.cancelled"

    RESPONSE_REPLIED = "response.replied"
    RESPONSE_CLICKED = "response.clicked"
    RESPONSE_OPENED = "response.opened"


CROWD = frozenset(name.value for name in Name if name.value.startswith("recipient."))
"""Rows that a campaign writes by the hundred thousand. Only readers that name them are given them."""


OF_CAMPAIGNS = text("(interaction.name LIKE 'recipient.%' OR interaction.name LIKE 'response.%')")
"""Rows about the launch of a campaign. Databases use their index only for a query that says this very condition."""
_CAMPAIGNS = text("name LIKE 'recipient.%' OR name LIKE 'response.%'")


class Interaction(Base):
    """One row of the log.

    `data` holds the structure that states are folded from (ids, states, times as ISO 8601);
    `body` and `content` hold what people said and are emptied when a person is erased.
    `key` is the seen-before key, a hash or an id without meaning, kept after erasure so that
    the same mail cannot come in again.
    """

    __tablename__ = "interaction"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Utc)
    name: Mapped[str] = mapped_column(String(40))
    conversation_id: Mapped[int | None] = mapped_column(Id, ForeignKey("conversation.id"))
    contact_id: Mapped[int | None] = mapped_column(Id, ForeignKey("contact.id"))
    address_id: Mapped[int | None] = mapped_column(Id)
    inbox_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(Id)
    """The agent who did it; None = the contact, or the house itself."""
    about_id: Mapped[int | None] = mapped_column(Id)
    """The row this one is about: a delivery's message, the first of two merged."""
    delivery_id: Mapped[int | None] = mapped_column(Id)
    key: Mapped[str | None] = mapped_column(String(120), unique=True)
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str | None] = mapped_column(Text)
    content: Mapped[dict[str, Any] | None] = mapped_column(Json)
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    erased_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_interaction_conversation_id_id", "conversation_id", "id"),
        Index("ix_interaction_contact_id_id", "contact_id", "id"),
        Index("ix_interaction_delivery_id", "delivery_id"),
        Index("ix_interaction_campaign", "about_id", "name", sqlite_where=_CAMPAIGNS, postgresql_where=_CAMPAIGNS),
        {"sqlite_autoincrement": True},
    )


class Change(Protocol):
    """What a fold over the log reads of a row, wherever the row comes from."""

    @property
    def id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def name(self) -> str: ...
    @property
    def conversation_id(self) -> int | None: ...
    @property
    def contact_id(self) -> int | None: ...
    @property
    def inbox_id(self) -> int | None: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def about_id(self) -> int | None: ...
    @property
    def delivery_id(self) -> int | None: ...
    @property
    def body(self) -> str | None: ...
    @property
    def content(self) -> Mapping[str, Any] | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


def is_postgresql(session: Session) -> bool:
    """Asked at every row: without the search that `get_bind` makes."""
    return session.bind is not None and session.bind.dialect.name == "postgresql"


def lock(session: Session) -> None:
    """Become the one writer of the log until this transaction ends.

    Nothing is done on SQLite, where a writing transaction is alone from its beginning. On
    PostgreSQL whatever this session read before may have changed while it waited, so it is
    read again when it is next looked at.
    """
    if not is_postgresql(session):
        return
    transaction = session.get_nested_transaction() or session.get_transaction()
    if transaction is not None and session.info.get(_LOCKED) is transaction:
        return
    session.flush()
    session.execute(text("select pg_advisory_xact_lock(:n)"), {"n": LOG_LOCK})
    session.expire_all()
    session.info[_LOCKED] = session.get_nested_transaction() or session.get_transaction()


@dataclass(slots=True)
class Appended:
    """A row as it was added, and as live pages and readers see it: what an `Interaction` says, without a session."""

    id: int
    at: datetime
    name: str
    conversation_id: int | None
    contact_id: int | None
    address_id: int | None
    inbox_id: int | None
    channel: str | None
    user_id: int | None
    about_id: int | None
    delivery_id: int | None
    key: str | None
    fingerprint: str | None
    body: str | None
    content: dict[str, Any] | None
    data: dict[str, Any]
    erased_at: datetime | None = None


_TABLE: Table = Interaction.__table__  # type: ignore[assignment]
_GIVEN = [column.name for column in _TABLE.columns if column.name not in ("id", "erased_at")]
_INSERT = Prepared(
    insert(_TABLE).values({name: bindparam(name) for name in _GIVEN}).returning(_TABLE.c.id), columns=[_TABLE.c.id]
)


def append(
    session: Session,
    now: datetime,
    name: Name,
    *,
    conversation_id: int | None = None,
    contact_id: int | None = None,
    address_id: int | None = None,
    inbox_id: int | None = None,
    channel: str | None = None,
    user_id: int | None = None,
    about_id: int | None = None,
    delivery_id: int | None = None,
    key: str | None = None,
    fingerprint: str | None = None,
    body: str | None = None,
    content: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> Appended:
    """Add one row and return it. Call it last, in a short transaction."""
    values: dict[str, Any] = {
        "at": now,
        "name": name.value,
        "conversation_id": conversation_id,
        "contact_id": contact_id,
        "address_id": address_id,
        "inbox_id": inbox_id,
        "channel": channel,
        "user_id": user_id,
        "about_id": about_id,
        "delivery_id": delivery_id,
        "key": key,
        "fingerprint": fingerprint,
        "body": body,
        "content": content,
        "data": data or {},
    }
    lock(session)
    session.flush()  # what it points to is written first
    ((number,),) = _INSERT.rows(session, values)
    wake(session, "log")
    return Appended(number, **values)


_GROUPED = ("at", "name", "contact_id", "address_id", "inbox_id", "channel", "about_id", "data")


def append_all(session: Session, rows: Any, values: Mapping[str, Any]) -> None:
    """Add the rows a SELECT gives, by one statement: what became of many recipients at once.

    `rows` is text with `values`, its columns: at, name, contact_id, address_id, inbox_id, channel, about_id,
    data. Call it behind `lock`, in the transaction that changes those it speaks of.
    """
    columns = [_TABLE.c[name] for name in _GROUPED]
    session.execute(insert(_TABLE).from_select(columns, rows.columns(*columns), include_defaults=False), values)
    wake(session, "log")


def by_key(session: Session, key: str) -> Interaction | None:
    """The row with this seen-before key, if it was seen before. Take `lock` first."""
    return session.scalar(select(Interaction).where(Interaction.key == key))


def head(session: Session) -> int:
    """The newest id, 0 when the log is empty."""
    return session.scalar(select(func.max(Interaction.id))) or 0


_BEHIND = (
    select(Interaction)
    .where(Interaction.id > bindparam("after"))
    .order_by(Interaction.id)
    .limit(bindparam("limit", type_=Integer))
)


def tail(session: Session, after: int, limit: int = 500) -> Sequence[Interaction]:
    """Rows behind `after`, oldest first."""
    return session.scalars(_BEHIND, {"after": after, "limit": limit}).all()


_SHOWN = [getattr(Interaction, one.name) for one in fields(Appended)]
_NO_CROWD = text("interaction.name NOT IN (" + ", ".join(f"'{name}'" for name in sorted(CROWD)) + ")")
_NEWS = Prepared(_BEHIND.where(_NO_CROWD).with_only_columns(*_SHOWN, maintain_column_froms=True), _SHOWN)


def news(session: Session, after: int, limit: int = 500) -> list[Appended]:
    """As `tail`, for live pages: some hundred times a second, so without the ORM's objects, and without the `CROWD`."""
    return [Appended(*row) for row in _NEWS.rows(session, {"after": after, "limit": limit})]


class ReaderState(Base):
    """Where a reader stands, and why it stopped if it did."""

    __tablename__ = "reader"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(Id, default=0)
    stopped_at: Mapped[datetime | None] = mapped_column(Utc)
    error: Mapped[str | None] = mapped_column(Text)


_READERS: Table = ReaderState.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Reader:
    """A name and a function. Run twice on a row, it must change nothing more.

    `names`: the rows it reads; every other one is passed by (None = it reads all but the `CROWD`). `before`
    sees the rows of a batch before it reads them one by one, to fetch at once what they need; `after` writes at
    once what it gathered. A reader that has these must also read a row without them.
    """

    name: str
    read: Callable[[Session, Appended], None]
    names: frozenset[str] | None = None
    before: Callable[[Session, Sequence[Appended]], None] | None = None
    after: Callable[[Session], None] | None = None


def advance(session: Session, reader: Reader, limit: int = 200) -> int:
    """Let `reader` read the next rows, in this transaction; returns how many it read.

    The position moves in the same transaction as what the reader writes, so a row is read
    exactly once even when the process dies. An error passes through: the caller rolls back
    and calls `stop_reader` with the row that failed.
    """
    return advance_together(session, [reader], limit)


def advance_together(session: Session, readers: Sequence[Reader], limit: int = 200, until: int | None = None) -> int:
    """As `advance`, for readers that stand at one place: the rows are fetched once, and read by one after the
    other. Who stands elsewhere by now, or has stopped, is left out. `until`: the last row they may read.
    """
    places = _places(session, [reader.name for reader in readers])
    if not places:
        return 0
    place = min(places.values())
    together = [reader for reader in readers if places.get(reader.name) == place]
    end, rows = _ahead(session, place, limit, until, crowd=any(_wants_crowd(reader) for reader in together))
    for reader in together if rows else ():
        _read(session, reader, rows)
    if end > place:
        session.flush()
        _MOVED.many(session, [{"reader": reader.name, "place": end} for reader in together])
    return len(rows)


def _wants_crowd(reader: Reader) -> bool:
    return reader.names is not None and not CROWD.isdisjoint(reader.names)


SKIPPED = 5_000
"""Rows looked over at once for those that concern a reader."""
ROUNDS = 20
"""So many times in one transaction, while nothing is found that does."""


def _ahead(session: Session, place: int, limit: int, until: int | None, *, crowd: bool) -> tuple[int, list[Appended]]:
    """The next rows for somebody who stands at `place`, and where they stand after it.

    Those who do not want the `CROWD` have it passed over by the database: some hundred thousand rows of it cost
    them next to nothing.
    """
    found = _ALL if crowd else _SOME
    for _ in range(ROUNDS):
        ((last,),) = _LAST.rows(session, {"after": place, "limit": max(limit, SKIPPED)})
        end = last if until is None or last is None else min(last, until)
        if end is None or end <= place:
            return place, []
        rows = [Appended(*row) for row in found.rows(session, {"after": place, "end": end, "limit": limit})]
        if len(rows) == limit:
            return rows[-1].id, rows
        if rows or end == until:
            return end, rows
        place = end
    return place, []


def _read(session: Session, reader: Reader, rows: Sequence[Appended]) -> None:
    """One batch. An error of `before` is that of the first row, one of `after` that of the last."""
    mine = [row for row in rows if (row.name in reader.names if reader.names is not None else row.name not in CROWD)]
    if not mine:
        return
    number = mine[0].id
    try:
        if reader.before is not None:
            reader.before(session, mine)
        for row in mine:
            number = row.id
            reader.read(session, row)
        if reader.after is not None:
            reader.after(session)
    except Exception as error:
        raise ReaderFailed(reader.name, number, error) from error


_UP_TO = _BEHIND.where(Interaction.id <= bindparam("end")).with_only_columns(*_SHOWN, maintain_column_froms=True)
_ALL, _SOME = Prepared(_UP_TO, _SHOWN), Prepared(_UP_TO.where(_NO_CROWD), _SHOWN)
_LAST = Prepared(
    select(func.max(_BEHIND.with_only_columns(Interaction.id).subquery().c.id)), [Interaction.id]
)  # fmt: skip
_ONE = _READERS.c
_MOVED = Prepared(update(_READERS).where(_ONE.name == bindparam("reader")).values(position=bindparam("place")))
_WHERE = Prepared(
    select(_ONE.name, _ONE.position, _ONE.stopped_at).order_by(_ONE.name).with_for_update(),
    [_ONE.name, _ONE.position, _ONE.stopped_at],
)
_STAND = Prepared(select(_ONE.name, _ONE.position), [_ONE.name, _ONE.position])


def _places(session: Session, names: Sequence[str]) -> dict[str, int]:
    """Where those of them stand that have not stopped, locked: of several workers one reads at a time."""
    session.flush()
    known = _WHERE.rows(session, {})
    if missing := {*names}.difference(name for name, *_ in known):
        new = [{"name": name, "position": 0} for name in sorted(missing)]
        dialect: Any = postgresql if is_postgresql(session) else sqlite
        session.execute(dialect.insert(_READERS).values(new).on_conflict_do_nothing())
        known = _WHERE.rows(session, {})
    return {name: place for name, place, stopped in known if stopped is None and name in names}


def places(session: Session) -> dict[str, int]:
    """Where the readers stand that have read anything yet."""
    return dict(_STAND.rows(session, {}))


class ReaderFailed(Exception):
    """A reader raised at a row."""

    def __init__(self, reader: str, row: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.reader = reader
        self.row = row


def stop_reader(session: Session, now: datetime, failed: ReaderFailed) -> None:
    """Stop one reader, visibly. Its position stays: the rows before the failed one were rolled back with it."""
    state = session.get(ReaderState, failed.reader) or ReaderState(name=failed.reader, position=0)
    state.stopped_at = now
    state.error = f"row {failed.row}: {failed}"
    session.add(state)


def restart_reader(session: Session, name: str) -> None:
    """Let a stopped reader try its row again."""
    session.execute(update(ReaderState).where(ReaderState.name == name).values(stopped_at=None, error=None))
    wake(session, "log")


def replay(session: Session, after: int = 0, batch: int = 5000) -> Iterator[Interaction]:
    """Every row from the beginning, in order, without holding them all."""
    while rows := tail(session, after, batch):
        yield from rows
        after = rows[-1].id
        session.expunge_all()
