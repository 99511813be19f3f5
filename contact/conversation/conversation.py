"""The conversation's table: its snapshot as columns, kept by `record` and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.conversation.state import Snapshot, State, fold
from contact.db import Base, Id, Json, Utc, show
from contact.errors import NotFound
from contact.prepared import Prepared

TO_GIVE = "merged_into IS NULL AND state = 'open' AND assignee_id IS NULL AND queue_id IS NOT NULL"
WEIGHS = "merged_into IS NULL AND state = 'open' AND assignee_id IS NOT NULL AND waiting_since IS NOT NULL"
"""The conditions of two small indexes, word for word as a query must say them."""


class Conversation(Base):
    """A thread about one matter. Every column but `id`, `number` and `created_at` follows from the log."""

    __tablename__ = "conversation"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"))
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    channel: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(1000), default="")
    state: Mapped[str] = mapped_column(String(10), default=State.OPEN.value)
    assignee_id: Mapped[int | None] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    queued_at: Mapped[datetime | None] = mapped_column(Utc)
    priority: Mapped[int] = mapped_column(Integer, default=1)
    snoozed_until: Mapped[datetime | None] = mapped_column(Utc)
    tags: Mapped[list[str]] = mapped_column(Json, default=list)
    merged_into: Mapped[int | None] = mapped_column(Id, ForeignKey("conversation.id"))
    waiting_since: Mapped[datetime | None] = mapped_column(Utc)
    last_id: Mapped[int] = mapped_column(Id, default=0)
    last_at: Mapped[datetime] = mapped_column(Utc)
    preview: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        # Lists are one state, newest first (scanned backwards); assignee_id narrows Mine and Unassigned.
        Index(
            "ix_conversation_list",
            "state",
            "last_at",
            "id",
            postgresql_where=text("merged_into IS NULL"),
            sqlite_where=text("merged_into IS NULL"),
        ),
        Index(
            "ix_conversation_mine",
            "assignee_id",
            "state",
            "last_at",
            "id",
            postgresql_where=text("merged_into IS NULL"),
            sqlite_where=text("merged_into IS NULL"),
        ),
        Index(
            "ix_conversation_inbox",
            "inbox_id",
            "state",
            "last_at",
            "id",
            postgresql_where=text("merged_into IS NULL"),
            sqlite_where=text("merged_into IS NULL"),
        ),
        Index(  # the longest wait first
            "ix_conversation_waiting",
            "state",
            "waiting_since",
            "id",
            postgresql_where=text("merged_into IS NULL AND waiting_since IS NOT NULL"),
            sqlite_where=text("merged_into IS NULL AND waiting_since IS NOT NULL"),
        ),
        Index(  # high and urgent are few: a list of them must not walk past all the others
            "ix_conversation_priority",
            "state",
            "last_at",
            "id",
            postgresql_where=text("merged_into IS NULL AND priority > 1"),
            sqlite_where=text("merged_into IS NULL AND priority > 1"),
        ),
        Index(  # lists of a queue, and what is open there
            "ix_conversation_queue",
            "queue_id",
            "state",
            "last_at",
            "id",
            postgresql_where=text("merged_into IS NULL AND queue_id IS NOT NULL"),
            sqlite_where=text("merged_into IS NULL AND queue_id IS NOT NULL"),
        ),
        Index(  # what waits in a queue for somebody, in the order it is given
            "ix_conversation_to_give",
            "queue_id",
            "priority",
            "waiting_since",
            "id",
            postgresql_where=text(TO_GIVE),
            sqlite_where=text(TO_GIVE),
        ),
        Index(  # what weighs on an agent
            "ix_conversation_weighs",
            "state",  # always open: so it is as good as the index of all that wait, and SQLite takes this one
            "assignee_id",
            "channel",
            postgresql_where=text(WEIGHS),
            sqlite_where=text(WEIGHS),
        ),
        Index("ix_conversation_contact_id", "contact_id", "id"),
        Index(  # without the others, or SQLite believes it a good way to everything that is not merged
            "ix_conversation_merged_into",
            "merged_into",
            postgresql_where=text("merged_into IS NOT NULL"),
            sqlite_where=text("merged_into IS NOT NULL"),
        ),
        Index(
            "ix_conversation_snoozed",
            "snoozed_until",
            postgresql_where=text("state = 'snoozed'"),
            sqlite_where=text("state = 'snoozed'"),
        ),
        {"sqlite_autoincrement": True},
    )

    def snapshot(self) -> Snapshot:
        """The columns as the pure value `fold` works on."""
        return Snapshot(
            contact_id=self.contact_id,
            inbox_id=self.inbox_id,
            channel=self.channel,
            subject=self.subject,
            state=self.state,
            assignee_id=self.assignee_id,
            queue_id=self.queue_id,
            queued_at=self.queued_at,
            priority=self.priority,
            snoozed_until=self.snoozed_until,
            tags=tuple(self.tags or ()),
            merged_into=self.merged_into,
            waiting_since=self.waiting_since,
            last_id=self.last_id,
            last_at=self.last_at,
            preview=self.preview,
        )


class ConversationTag(Base):
    """One tag of one conversation: the searchable copy of `Conversation.tags`."""

    __tablename__ = "conversation_tag"

    conversation_id: Mapped[int] = mapped_column(Id, ForeignKey("conversation.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(60), primary_key=True)

    __table_args__ = (Index("ix_conversation_tag_tag", "tag", "conversation_id"),)


class Participant(Base):
    """Somebody else in the conversation (CC): their answers join it."""

    __tablename__ = "participant"

    conversation_id: Mapped[int] = mapped_column(Id, ForeignKey("conversation.id"), primary_key=True)
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id"), primary_key=True)
    interaction_id: Mapped[int] = mapped_column(Id)


class ConversationCount(Base):
    """How many conversations stand in a state, by assignee (0 = nobody): never counted, always kept."""

    __tablename__ = "conversation_count"

    state: Mapped[str] = mapped_column(String(10), primary_key=True)
    assignee_id: Mapped[int] = mapped_column(Id, primary_key=True)
    n: Mapped[int] = mapped_column(Integer, default=0)


def get(session: Session, conversation_id: int) -> Conversation:
    """The conversation; raises `NotFound`."""
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        raise NotFound("This conversation does not exist.")
    return conversation


@dataclass(slots=True)
class Talk:
    """A conversation as intake works with it: its columns as a value, read under the log's lock, without an object.

    `root_id` and `erased` tell of the contact it belongs to.
    """

    id: int
    columns: Snapshot
    root_id: int
    erased: bool = False

    @property
    def contact_id(self) -> int:
        return self.columns.contact_id

    @property
    def state(self) -> str:
        return self.columns.state

    @property
    def assignee_id(self) -> int | None:
        return self.columns.assignee_id

    @property
    def queue_id(self) -> int | None:
        return self.columns.queue_id

    @property
    def priority(self) -> int:
        return self.columns.priority

    @property
    def tags(self) -> Sequence[str]:
        return self.columns.tags

    def snapshot(self) -> Snapshot:
        return self.columns


def record(
    session: Session, now: datetime, conversation: Conversation | Talk, name: log.Name, **row: Any
) -> log.Appended:
    """Append one row about a conversation and bring its columns up to date, in one transaction.

    `row` is what `log.append` takes. The conversation is read under the log's lock, so two
    people at once cannot fold over the same former state.
    """
    log.lock(session)
    row.setdefault("contact_id", conversation.contact_id)
    added = log.append(session, now, name, conversation_id=conversation.id, **row)
    project(session, conversation, fold(conversation.snapshot(), added))
    return added


def project(session: Session, conversation: Conversation | Talk, after: Snapshot, *, retag: bool = False) -> None:
    """Write a snapshot into the columns, the tag rows and the counters. `retag`: the tag rows are wrong."""
    if retag:
        _tags(session, conversation.id, after.tags)
    changed = _write(session, conversation.id, conversation.snapshot(), after)
    if isinstance(conversation, Talk):
        conversation.columns = after
    show(session, Conversation, conversation.id, changed)  # on the object, without a second UPDATE at flush


_FIELDS = tuple(Snapshot.__dataclass_fields__)
_UPDATES: dict[tuple[str, ...], Prepared] = {}
"""One statement for each set of columns that change together; there are some twenty."""


def _write(session: Session, number: int, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """The columns that differ, their tag rows and counters; returns what was written."""
    changed = _changed(before, after)
    if not changed:
        return {}
    if "tags" in changed:
        _tags(session, number, after.tags)
    _update(tuple(changed)).run(session, {"number": number, **changed})
    if (slot := _slot(before)) != (new := _slot(after)):
        count(session, slot, -1)
        count(session, new, +1)
    return changed


def _changed(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    found = {name: new for name in _FIELDS if (new := getattr(after, name)) != getattr(before, name)}
    return found | {"tags": list(after.tags)} if "tags" in found else found


def _update(names: tuple[str, ...]) -> Prepared:
    if (known := _UPDATES.get(names)) is None:
        table: Table = Conversation.__table__  # type: ignore[assignment]
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        known = _UPDATES[names] = Prepared(update(table).where(table.c.id == bindparam("number")).values(values))
    return known


_UNTAG = Prepared(delete(ConversationTag).where(ConversationTag.conversation_id == bindparam("number")))
_TAG = Prepared(insert(ConversationTag).values(conversation_id=bindparam("number"), tag=bindparam("tag")))


def _tags(session: Session, conversation_id: int, tags: tuple[str, ...]) -> None:
    session.flush()
    _UNTAG.run(session, {"number": conversation_id})
    _TAG.many(session, [{"number": conversation_id, "tag": tag} for tag in tags])


def _slot(snapshot: Snapshot) -> tuple[str, int] | None:
    """The counter a conversation is in; a merged one is in none."""
    return None if snapshot.merged_into else (snapshot.state, snapshot.assignee_id or 0)


_COUNT = Prepared(
    update(ConversationCount)
    .where(ConversationCount.state == bindparam("slot"), ConversationCount.assignee_id == bindparam("assignee"))
    .values(n=ConversationCount.n + bindparam("by"))
    .returning(ConversationCount.n),
    columns=[ConversationCount.n],
)


def count(session: Session, slot: tuple[str, int] | None, by: int) -> None:
    """Move one counter, making it at its first use."""
    if slot is None:
        return
    if not _COUNT.rows(session, {"slot": slot[0], "assignee": slot[1], "by": by}):
        session.execute(insert(ConversationCount).values(state=slot[0], assignee_id=slot[1], n=by))


def counts(session: Session) -> dict[tuple[str, int], int]:
    """All counters: (state, assignee or 0) -> how many."""
    rows = session.execute(select(ConversationCount.state, ConversationCount.assignee_id, ConversationCount.n))
    return {(state, assignee): n for state, assignee, n in rows if n}
