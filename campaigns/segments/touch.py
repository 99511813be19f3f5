"""When a contact and we last wrote to one another, at each inbox: folded from the log by the reader "touches".

`recompute` makes it anew from the log. A merge moves nothing: a row belongs to the contact that wrote, and
a segment looks at the whole family. Automatic mail, ours or theirs, is nobody's words and does not count.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, bindparam, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.db import Base, Id, Utc
from contact.following import Reader, ReaderState
from contact.log import Appended, Name
from contact.prepared import Prepared


class Touch(Base):
    """`answered_at`: the last time they wrote after we had."""

    __tablename__ = "contact_touch"

    contact_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    inbox_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(20))
    heard_at: Mapped[datetime | None] = mapped_column(Utc)
    written_at: Mapped[datetime | None] = mapped_column(Utc)
    answered_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = ({"sqlite_with_rowid": False},)


_KEY = and_(Touch.contact_id == bindparam("contact"), Touch.inbox_id == bindparam("inbox"))
_FIND = Prepared(
    select(Touch.heard_at, Touch.written_at, Touch.answered_at).where(_KEY),
    [Touch.heard_at, Touch.written_at, Touch.answered_at],
)
_ADD = Prepared(
    insert(Touch).values(
        contact_id=bindparam("contact"), inbox_id=bindparam("inbox"), channel=bindparam("channel"),
        heard_at=bindparam("heard_at"), written_at=bindparam("written_at"), answered_at=bindparam("answered_at"),
    )
)  # fmt: skip
_SET = Prepared(
    update(Touch)
    .where(_KEY)
    .values(
        heard_at=bindparam("heard_at"), written_at=bindparam("written_at"), answered_at=bindparam("answered_at")
    )
)  # fmt: skip

Times = tuple[datetime | None, datetime | None, datetime | None]
"""Heard, written, answered."""


def counts(row: Any) -> bool:
    """Whether a row of the log is words between two people."""
    if row.contact_id is None or row.name not in (Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED):
        return False
    return not (row.content or {}).get("nature") and not (row.data or {}).get("automatic")


def fold(before: Times, name: str, at: datetime) -> Times:
    """What is known after one more row. Pure; the same row again changes nothing."""
    heard, written, answered = before
    if name == Name.MESSAGE_QUEUED:
        return heard, _later(written, at), answered
    replied = written is not None and written <= at
    return _later(heard, at), written, _later(answered, at) if replied else answered


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def read(session: Session, row: Appended) -> None:
    """One row of the log."""
    if not counts(row):
        return
    key = {"contact": row.contact_id, "inbox": row.inbox_id or 0}
    known: list[Any] = list(_FIND.rows(session, key))
    before: Times = tuple(known[0]) if known else (None, None, None)
    after = fold(before, row.name, row.at)
    if after == before:
        return
    values = {**key, "heard_at": after[0], "written_at": after[1], "answered_at": after[2]}
    if known:
        _SET.run(session, values)
    else:
        _ADD.run(session, {**values, "channel": row.channel or ""})


READER = Reader("touches", read, names=frozenset({Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED}))


def recompute(session: Session, batch: int = 5000) -> int:
    """Make the table anew from the log up to where its reader stands; returns how many rows of the log counted."""
    place = session.get(ReaderState, READER.name)
    until = place.position if place else 0
    session.execute(delete(Touch))
    known: dict[tuple[int, int], tuple[str, Times]] = {}
    n = 0
    for row in log.replay(session, batch=batch):
        if row.id > until:
            break
        if counts(row):
            key = (row.contact_id or 0, row.inbox_id or 0)
            channel, before = known.get(key, (row.channel or "", (None, None, None)))
            known[key] = (channel, fold(before, row.name, row.at))
            n += 1
    rows = [
        {"contact_id": who, "inbox_id": box, "channel": channel, "heard_at": a, "written_at": b, "answered_at": c}
        for (who, box), (channel, (a, b, c)) in known.items()
    ]
    for first in range(0, len(rows), 1000):
        session.execute(insert(Touch), rows[first : first + 1000])
    return n
