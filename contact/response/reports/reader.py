"""The reader "reports", and how its tables are filled anew."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, true, update
from sqlalchemy.orm import Session

from contact import following, log
from contact.db import Database, utcnow, wake
from contact.following import Reader, ReaderState
from contact.response.reports import sheet
from contact.response.reports.counting import NAMES, count
from contact.response.reports.measure import Kind, Measure, Measured

NAME = "reports"
PART = 5_000
"""Rows emptied in one transaction: whoever waits for the database's one write lock comes between two."""
REBUILDING = "being counted anew"

READER = Reader(NAME, count, NAMES, sheet.prepare, sheet.write)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log is counted."""

    position: int
    head: int
    stopped: bool

    @property
    def behind(self) -> int:
        return max(0, self.head - self.position)

    @property
    def percent(self) -> int:
        return 100 * self.position // self.head if self.head else 100


def progress(session: Session) -> Progress:
    state = session.get(ReaderState, NAME)
    position, stopped = (state.position, state.stopped_at is not None) if state else (0, False)
    return Progress(position, log.head(session), stopped)


def read_all(db: Database, batch: int = 200) -> int:
    """Read to the end, in a command or a test; returns how many rows. The worker does it by itself."""
    read = 0
    while True:
        with db.write() as session:
            done = following.advance(session, READER, batch)
        if not done:
            return read
        read += done


def rebuild(db: Database) -> None:
    """Empty the tables, part by part, and let the reader begin at the first row again."""
    with db.write() as session:
        _stop(session)
    own = Measure.kind != int(Kind.KEPT)
    for table, key, ours in ((Measure, Measure.id, own), (Measured, Measured.conversation_id, true())):
        while True:
            with db.write() as session:
                numbers = session.scalars(select(key).where(ours).order_by(key).limit(PART)).all()
                if not numbers:
                    break
                session.execute(delete(table).where(ours, key <= numbers[-1]))
    with db.write() as session:
        mine = update(ReaderState).where(ReaderState.name == NAME)
        session.execute(mine.values(position=0, stopped_at=None, error=None))
        wake(session, "log")


def _stop(session: Session) -> None:
    """So that no worker reads meanwhile."""
    state = session.get(ReaderState, NAME, with_for_update=True) or ReaderState(name=NAME, position=0)
    state.stopped_at, state.error = utcnow(), REBUILDING
    session.add(state)
