"""Readers follow the log by a position each: every row once, in order, in the transaction of what they write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import String, Table, Text, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc, wake
from contact.log import BEHIND, CROWD, SHOWN, Appended, Interaction, is_postgresql, without
from contact.prepared import Prepared


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
    end, rows = _ahead(session, place, limit, until, _unwanted(together))
    for reader in together if rows else ():
        _read(session, reader, rows)
    if end > place:
        session.flush()
        _MOVED.many(session, [{"reader": reader.name, "place": end} for reader in together])
    return len(rows)


def _unwanted(readers: Sequence[Reader]) -> frozenset[str]:
    """The `CROWD` that none of them names."""
    return CROWD.difference(*(reader.names for reader in readers if reader.names is not None))


SKIPPED = 5_000
"""Rows looked over at once for those that concern a reader."""
ROUNDS = 20
"""So many times in one transaction, while nothing is found that does."""


def _ahead(
    session: Session, place: int, limit: int, until: int | None, unwanted: frozenset[str]
) -> tuple[int, list[Appended]]:
    """The next rows for somebody who stands at `place`, and where they stand after it.

    What nobody of them wants of the `CROWD` is passed over by the database: some hundred thousand rows of it cost
    them next to nothing.
    """
    found = _passing(unwanted)
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


_UP_TO = BEHIND.where(Interaction.id <= bindparam("end")).with_only_columns(*SHOWN, maintain_column_froms=True)
_LAST = Prepared(
    select(func.max(BEHIND.with_only_columns(Interaction.id).subquery().c.id)), [Interaction.id]
)  # fmt: skip


@cache
def _passing(names: frozenset[str]) -> Prepared:
    """The next rows, without those of these names."""
    return Prepared(_UP_TO.where(without(names)) if names else _UP_TO, SHOWN)


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
