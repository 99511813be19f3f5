"""The interaction log: the one spine of the house. Append-only, one order, everything reads it.

Every row says that something happened between us and a contact. Rows are added by `append`
and by nothing else; database triggers refuse to change or delete one, save that erasing a
person may empty it (`contact/erasure.py`). The order of ids is the order of commits: SQLite
has one writer, and on PostgreSQL `lock` holds a transaction-scoped advisory lock, because a
plain sequence would let a reader's cursor skip a row that commits late.

Readers follow the log by a position each (`contact/following.py`); live pages follow it by `news`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TextClause,
    bindparam,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.ids import reserve
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
    TRADE_NOTED = "trade.noted"

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
    RECIPIENT_REPORTED = "recipient.reported"
    RECIPIENT_DELIVERED = "recipient.delivered"
    RECIPIENT_RETURNED = "recipient.returned"
    RECIPIENT_RESOLVED = "recipient.resolved"

    PARTNER_APPLIED = "partner.applied"
    PARTNER_REJECTED = "partner.rejected"
    PARTNER_ADDED = "partner.added"
    PARTNER_CHANGED = "partner.changed"
    PARTNER_MOVED = "partner.moved"
    MEMBER_INVITED = "member.invited"
    MEMBER_ENTRUSTED = "member.entrusted"
    MEMBER_ENDED = "member.ended"
    POST_ADDED = "post.added"
    POST_COMMENTED = "post.commented"
    POST_ANSWERED = "post.answered"

    NOTICE_PUBLISHED = "notice.published"
    NOTICE_CHANGED = "notice.changed"
    NOTICE_WITHDRAWN = "notice.withdrawn"
    NOTICE_EXPIRED = "notice.expired"
    NOTICE_ACKNOWLEDGED = "notice.acknowledged"
    SUGGESTION_MADE = "suggestion.made"
    SUGGESTION_MOVED = "suggestion.moved"

    RESPONSE_REPLIED = "response.replied"
    RESPONSE_CLICKED = "response.clicked"
    RESPONSE_OPENED = "response.opened"
    RESPONSE_GOAL = "response.goal"


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


_NOTHING = dict.fromkeys(_GIVEN)
_WHOLE = Prepared.whole(Interaction)
_COLUMNS = [column.name for column in _TABLE.columns]


def numbered(session: Session, now: datetime, rows: Sequence[Mapping[str, Any]]) -> list[Appended]:
    """Rows, each with its own `name`, as `append_rows` would add them next, with their ids: nothing is written yet."""
    if not rows:
        return []
    lock(session)
    return [
        Appended(number, **{**_NOTHING, "data": {}, **row, "at": now})
        for number, row in zip(reserve(session, Interaction, len(rows)), rows, strict=True)
    ]


def append_rows(session: Session, now: datetime, rows: Sequence[Mapping[str, Any]]) -> list[Appended]:
    """Add rows, each with its own `name`, in this order, as `append` would one by one: by one call."""
    return append_numbered(session, numbered(session, now, rows))


def append_numbered(session: Session, rows: list[Appended]) -> list[Appended]:
    """Add what `numbered` gave, which nobody may have numbered anything behind."""
    if rows:
        session.flush()  # what they point to is written first
        _WHOLE.many(session, [{name: getattr(row, name) for name in _COLUMNS} for row in rows])
        wake(session, "log")
    return rows


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


BEHIND = (
    select(Interaction)
    .where(Interaction.id > bindparam("after"))
    .order_by(Interaction.id)
    .limit(bindparam("limit", type_=Integer))
)


def tail(session: Session, after: int, limit: int = 500) -> Sequence[Interaction]:
    """Rows behind `after`, oldest first."""
    return session.scalars(BEHIND, {"after": after, "limit": limit}).all()


SHOWN = [getattr(Interaction, one.name) for one in fields(Appended)]


def without(names: frozenset[str]) -> TextClause:
    """A condition: none of these. In the very words, so that both databases take them for constants."""
    return text("interaction.name NOT IN (" + ", ".join(f"'{name}'" for name in sorted(names)) + ")")


_NO_CROWD = without(CROWD)
_NEWS = Prepared(BEHIND.where(_NO_CROWD).with_only_columns(*SHOWN, maintain_column_froms=True), SHOWN)


def news(session: Session, after: int, limit: int = 500) -> list[Appended]:
    """As `tail`, for live pages: some hundred times a second, so without the ORM's objects, and without the `CROWD`."""
    return [Appended(*row) for row in _NEWS.rows(session, {"after": after, "limit": limit})]


def replay(session: Session, after: int = 0, batch: int = 5000) -> Iterator[Interaction]:
    """Every row from the beginning, in order, without holding them all."""
    while rows := tail(session, after, batch):
        yield from rows
        after = rows[-1].id
        session.expunge_all()
