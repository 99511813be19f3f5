"""Raw messages: the bytes as they came, stored before anything understands them.

fetched = parsed + failed + waiting, always: a row is never removed because it could not be
read. What fails to parse stays visible with its reason and can be tried again.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Mapping
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

IN_VIEW = 1000
"""Waiting messages that are looked at when it is decided whose turn it is."""
HEAD = 16 * 1024
_FROM = re.compile(rb"^from:[^\r\n]{0,300}?([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255})", re.IGNORECASE | re.MULTILINE)
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
    sender: Mapped[str | None] = mapped_column(String(320))
    """Who wrote it, as far as the transport or the first lines say: whose turn it is when many wait."""
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
    sender = (envelope.sender or writer(content)).lower()[:320]
    facts["received_at"] = None
    values = {
        "channel": envelope.channel,
        "inbox_id": envelope.inbox_id,
        "key": key,
        "sender": storable(sender),
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
    given = ("channel", "inbox_id", "key", "sender", "envelope", "sha256", "size", "content", "received_at")
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
    """Ids of messages nobody has read yet: each sender's own in order, and the senders in turn.

    One that sends a thousand holds up nobody: looked at are the oldest and the newest that wait, so that
    whoever came just now is seen however long the line is.
    """
    oldest = _OLDEST.rows(session, {"most": IN_VIEW})
    line = {number: (inbox, sender or "") for number, inbox, sender in oldest}
    if len(oldest) == IN_VIEW:
        known = set(line.values())
        newest = _NEWEST.rows(session, {"most": IN_VIEW // 4})
        line |= {
            number: (inbox, sender or "") for number, inbox, sender in newest if (inbox, sender or "") not in known
        }
    return in_turn(line)[:limit]


def in_turn(line: Mapping[int, Hashable]) -> list[int]:
    """The numbers of `line` in rounds: the first of everybody, then the second of everybody. Pure."""
    taken: Counter[Hashable] = Counter()
    rounds: list[tuple[int, int]] = []
    for number in sorted(line):
        rounds.append((taken[line[number]], number))
        taken[line[number]] += 1
    return [number for _, number in sorted(rounds)]


def writer(content: bytes) -> str:
    """The address in the From field of a mail, without reading the rest; "" when there is none to see."""
    found = _FROM.search(content[:HEAD])
    return found[1].decode("ascii", "replace") if found else ""


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


_LINE = (Raw.id, Raw.inbox_id, Raw.sender)
_WAITING = select(*_LINE).where(text("raw.state = 'kept'")).limit(bindparam("most", type_=Integer))
_OLDEST, _NEWEST = (Prepared(_WAITING.order_by(order), _LINE) for order in (Raw.id, Raw.id.desc()))
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


def about(session: Session, before: int, after: int | None) -> None:
    """What became the row `before` belongs to the row `after`: whoever erases its person finds it there."""
    if after is not None:
        session.execute(update(Raw).where(Raw.interaction_id == before).values(interaction_id=after))
