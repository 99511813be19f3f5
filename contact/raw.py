"""Raw messages: the bytes as they came, stored before anything understands them.

fetched = parsed + failed + waiting, always: a row is never removed because it could not be
read. What fails to parse stays visible with its reason and can be tried again.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.errors import NotFound
from contact.files import Store
from contact.messages import Envelope
from contact.prepared import Prepared
from contact.text import storable

IN_ROW = 256 * 1024
"""Bytes up to which a message is kept in its row; larger ones go to the file store."""


class RawState(StrEnum):
    """Stored and waiting, understood, or not understood."""

    KEPT = "kept"
    PARSED = "parsed"
    FAILED = "failed"


class Raw(Base):
    """`key` names where the bytes came from (mailbox, validity, uid); None when each arrival is its own."""

    __tablename__ = "raw"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(20))
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    key: Mapped[str | None] = mapped_column(String(255), unique=True)
    envelope: Mapped[dict[str, Any]] = mapped_column(Json)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    received_at: Mapped[datetime] = mapped_column(Utc)
    state: Mapped[str] = mapped_column(String(10), default=RawState.KEPT.value)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    interaction_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (
        Index("ix_raw_waiting", "id", postgresql_where=text("state = 'kept'"), sqlite_where=text("state = 'kept'")),
        Index("ix_raw_failed", "id", postgresql_where=text("state = 'failed'"), sqlite_where=text("state = 'failed'")),
        Index("ix_raw_interaction_id", "interaction_id"),
        Index("ix_raw_inbox_id", "inbox_id"),
        Index("ix_raw_sha256", "sha256"),
        {"sqlite_autoincrement": True},
    )


def large(store: Store, content: bytes) -> str | None:
    """Put what is too large for a row into the store, before the transaction; its hash, or None."""
    return store.put([content]).sha256 if len(content) > IN_ROW else None


def keep(
    session: Session,
    now: datetime,
    envelope: Envelope,
    content: bytes,
    *,
    key: str | None = None,
    stored: str | None = None,
) -> int:
    """Store one message; the same `key` again is the same row. Returns its id.

    `stored` is what `large` gave back for it.
    """
    if key is not None and (known := session.scalar(select(Raw.id).where(Raw.key == key))) is not None:
        return known
    facts = asdict(envelope)
    facts["received_at"] = None
    values = {
        "channel": envelope.channel,
        "inbox_id": envelope.inbox_id,
        "key": key,
        "envelope": storable(facts),
        "sha256": stored or hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "content": None if stored else content,
        "received_at": now,
    }
    rows = _INSERT[session.get_bind().dialect.name].rows(session, values)
    if not rows:  # another fetcher was faster
        return session.scalars(select(Raw.id).where(Raw.key == key)).one()
    wake(session, "raw")
    return int(rows[0][0])


def known(session: Session, key: str) -> bool:
    """Whether a message with this key was kept before."""
    return session.scalar(select(Raw.id).where(Raw.key == key)) is not None


def _insert(dialect: Any) -> Prepared:
    row = Raw.__table__
    given = ("channel", "inbox_id", "key", "envelope", "sha256", "size", "content", "received_at")
    values = {name: bindparam(name, type_=row.c[name].type) for name in given}
    fixed = {"state": RawState.KEPT.value, "tries": 0, "error": ""}
    return Prepared(
        dialect.insert(row).values({**values, **fixed}).on_conflict_do_nothing().returning(row.c.id), [row.c.id]
    )


_INSERT = {"sqlite": _insert(sqlite), "postgresql": _insert(postgresql)}


def envelope_of(row: Raw) -> Envelope:
    """The envelope as it was."""
    facts = dict(row.envelope)
    facts["recipients"] = tuple(facts.get("recipients") or ())
    facts["received_at"] = row.received_at
    return Envelope(**facts)


def content_of(row: Raw, store: Store) -> bytes:
    """The bytes as they came; raises `NotFound` when they were erased."""
    if row.content is not None:
        return row.content
    with store.open(row.sha256) as stream:
        return stream.read()


def waiting(session: Session, limit: int = 50) -> list[int]:
    """Ids of messages nobody has read yet, oldest first."""
    query = select(Raw.id).where(Raw.state == RawState.KEPT.value).order_by(Raw.id).limit(limit)
    return list(session.scalars(query))


def parsed(row: Raw, interaction_id: int | None) -> None:
    """It was understood and appended as this row, or is the provider's word about that one of ours."""
    row.state, row.error, row.interaction_id = RawState.PARSED.value, "", interaction_id
    row.tries += 1


def understood(session: Session, raw_id: int, interaction_id: int | None) -> bool:
    """`parsed` by id in one statement; False when it was not waiting any more."""
    return bool(_UNDERSTOOD.rows(session, {"raw_id": raw_id, "row": interaction_id}))


def failed(row: Raw, reason: str) -> None:
    """It was not understood; it stays, with the reason."""
    row.state, row.error = RawState.FAILED.value, storable(reason)[:2000]
    row.tries += 1


_UNDERSTOOD = Prepared(
    update(Raw)
    .where(Raw.id == bindparam("raw_id"), Raw.state == RawState.KEPT.value)
    .values(state=RawState.PARSED.value, error="", interaction_id=bindparam("row", type_=Id), tries=Raw.tries + 1)
    .returning(Raw.id),
    [Raw.id],
)


def retry(session: Session, raw_id: int) -> Raw:
    """Let the receiver try again."""
    row = session.get(Raw, raw_id)
    if row is None:
        raise NotFound("This message does not exist.")
    if row.state == RawState.FAILED:
        row.state = RawState.KEPT.value
        wake(session, "raw")
    return row


def tally(session: Session) -> dict[str, int]:
    """How many raw messages stand in each state."""
    return dict(session.execute(select(Raw.state, func.count()).group_by(Raw.state)).all())
