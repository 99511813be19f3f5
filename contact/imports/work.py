"""The worker's part: goes through running imports, a few hundred rows to a transaction.

The position moves in the transaction that takes the rows and is compared there first, so that neither a crash nor a
second worker takes a row twice: after `kill -9` the file is read anew up to the position and goes on from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import log as spine
from contact.db import Database, utcnow
from contact.directory.fields import ContactField
from contact.errors import Invalid
from contact.imports import book
from contact.imports.book import ContactImport, Step
from contact.imports.entry import Entry, Problem, understood
from contact.imports.many import take_all
from contact.imports.rows import Row, rows
from contact.imports.take import Source
from contact.text import N_
from contact.worker import Context

BATCH = 200
"""Rows of one transaction: it has the one write lock, and a chat's next line waits for that."""
GAP = 0.01
"""Seconds between two, so that whoever waits for the lock comes first."""
GONE = N_("The file is not there any more.")

log = structlog.stdlib.get_logger(__name__)


async def run(context: Context) -> None:
    """Until the worker ends."""
    bell = context.bell(book.NUDGE)
    while not context.stop.is_set():
        numbers = await context.read(book.running)
        for number in numbers:
            await _one(context, number)
        if not numbers:
            await bell.wait()


async def _one(context: Context, number: int) -> None:
    work = await context.call(Work.of, context.db, context.settings.data_dir, number, context.settings.zone)
    while not context.stop.is_set() and await context.call(work.step):
        await context.sleep(GAP)


class Work:
    """One import at work."""

    def __init__(
        self, db: Database, kept: ContactImport, path: Path, zone: str, own: Mapping[str, ContactField] | None = None
    ) -> None:
        self._db = db
        self._number = kept.id
        self._plan = kept.plan(zone, own=own)
        self._source = Source(kept.id, kept.name, kept.mode, kept.user_id)
        self._skip_header = kept.header
        self._position = kept.position
        self._rows = islice(rows(path, kept.shape), kept.position, None) if path.exists() else None

    @classmethod
    def of(cls, db: Database, data_dir: Path, number: int, zone: str) -> Work:
        with db.read() as session:
            kept = book.get(session, number)
            return cls(db, kept, book.path(data_dir, kept), zone, book.own_of(session))

    def step(self) -> bool:
        """The next rows; False when there is nothing more to do here."""
        if self._rows is None:
            return self._fail(GONE)
        try:
            part = list(islice(self._rows, BATCH))
        except Invalid as error:
            return self._fail(error.message)
        entries = list(self._entries(part))
        with self._db.write() as session:
            return take_part(session, utcnow(), self._number, self._source, self._place(len(part)), entries)

    def _place(self, n: int) -> tuple[int, int]:
        before, self._position = self._position, self._position + n
        return before, self._position

    def _entries(self, part: Sequence[Row]) -> Iterator[Entry]:
        for row in part:
            if row.number == 1 and self._skip_header:
                continue
            if (entry := understood(row, self._plan)) is not None:
                yield entry

    def _fail(self, why: str) -> bool:
        with self._db.write() as session:
            kept = book.get(session, self._number)
            if kept.state == Step.RUNNING:
                kept.state, kept.ended_at, kept.problem = Step.FAILED.value, utcnow(), why[:300]
        log.warning("an import failed", number=self._number, why=why)
        return False


def take_part(
    session: Session, now: datetime, number: int, source: Source, place: tuple[int, int], entries: Sequence[Entry]
) -> bool:
    """Take these rows and move the position, or nothing at all; False when the import has ended or is another's."""
    spine.lock(session)
    query = select(ContactImport).where(ContactImport.id == number).with_for_update()
    kept = session.scalars(query.execution_options(populate_existing=True)).one()
    before, after = place
    if kept.state != Step.RUNNING or kept.position != before:
        return False
    found: list[tuple[int, list[Problem]]] = []
    counts: Counter[str] = Counter()  # on the row at the end: each append would write it anew
    broken = [entry for entry in entries if entry.broken]
    counts["broken"] = len(broken)
    found.extend((entry.number, list(entry.problems)) for entry in broken)
    for entry, taken in take_all(session, now, [entry for entry in entries if not entry.broken], source):
        counts["made" if taken.made else "changed" if taken.changed else "same"] += 1
        counts["noted"] += bool(taken.problems)
        if taken.problems:
            found.append((entry.number, taken.problems))
    session.flush()
    book.write_problems(session, number, found)
    kept.position = after
    for name, n in counts.items():
        setattr(kept, name, getattr(kept, name) + n)
    if after == before:
        kept.state, kept.ended_at, kept.total = Step.DONE.value, now, after
    return after != before
