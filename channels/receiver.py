"""The receiver: raw messages to rows of the log. keep raw, parse, take or settle.

Messages are parsed ahead by child processes and taken in the order they came, a few in one
short transaction that also marks their raw rows: a crash anywhere leaves them waiting, and
the seen-before key makes a second reading harmless. What cannot be read, or taken, stays as
a failed row with a sentence and does not hold up the next one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, undefer

from channels.parsing import Parser, Stuck
from contact import files, inbox, intake, outbox, raw, reported
from contact import log as spine
from contact.channel import Unreadable
from contact.db import utcnow
from contact.errors import HanmaruError, NotFound
from contact.messages import Envelope, Inbound, InboxFacts, Receipt
from contact.raw import Raw, RawState
from contact.worker import Context

BATCH = 60
AHEAD = 12
"""Messages being parsed, or parsed and waiting for their turn."""
GROUP = 8
"""Messages taken in one transaction, when so many are ready: short, but not one by one."""
POLL = 2.0
"""Seconds after which it looks without having been nudged."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One waiting message, read from the database. Large ones are still in the store (`sha256`)."""

    id: int
    content: bytes | None
    sha256: str
    envelope: Envelope
    facts: InboxFacts


@dataclass(frozen=True, slots=True)
class Read:
    """What a message said, its files stored; or why it could not be read."""

    id: int
    inbox: InboxFacts
    said: tuple[tuple[Inbound | Receipt, tuple[files.Item, ...]], ...] = ()
    trouble: str = ""


class Receiver:
    """The worker's part; `parsers` child processes read ahead."""

    def __init__(self, parsers: int | None = None) -> None:
        self._count = parsers or max(1, min(4, (os.cpu_count() or 2) - 1))

    async def run(self, context: Context) -> None:
        bell = context.bell("raw")
        desk = Desk(context, [Parser(context.channels) for _ in range(self._count)])
        try:
            await context.call(desk.warm)
            while not context.stop.is_set():
                if not await context.call(desk.batch):
                    await bell.wait(POLL)
        finally:
            await context.call(desk.close)


class Desk:
    """Reads a batch of waiting messages; blocking, for a thread."""

    def __init__(self, context: Context, parsers: Sequence[Parser]) -> None:
        self._context = context
        self._db, self._store = context.db, context.store
        self._idle = deque(parsers)
        self._parsers = tuple(parsers)
        self._threads = ThreadPoolExecutor(len(parsers), thread_name_prefix="parse")

    def warm(self) -> None:
        for parser in self._parsers:
            parser.warm()

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        for parser in self._parsers:
            parser.close()

    def batch(self, limit: int = BATCH) -> int:
        """Read and take up to `limit` waiting messages, oldest first; returns how many."""
        jobs, ahead, done = deque(self._jobs(limit)), deque[Future[Read]](), 0
        while (jobs or ahead) and not self._context.stop.is_set():
            while jobs and len(ahead) < AHEAD:
                ahead.append(self._threads.submit(self._read, jobs.popleft()))
            reads = [ahead.popleft().result()]
            while ahead and len(reads) < GROUP and ahead[0].done():
                reads.append(ahead.popleft().result())
            self._take(reads)
            done += len(reads)
        return done

    def _jobs(self, limit: int) -> list[Job]:
        with self._db.read() as session:
            ids = raw.waiting(session, limit)
            found = session.scalars(select(Raw).where(Raw.id.in_(ids)).options(undefer(Raw.content)))
            turns = {number: turn for turn, number in enumerate(ids)}
            rows = sorted(found, key=lambda row: turns[row.id])
            known: dict[int, InboxFacts] = {}
            jobs = []
            for row in rows:
                if row.inbox_id not in known:
                    known[row.inbox_id] = inbox.facts(inbox.get(session, row.inbox_id))
                jobs.append(Job(row.id, row.content, row.sha256, raw.envelope_of(row), known[row.inbox_id]))
            return jobs

    def _read(self, job: Job) -> Read:
        """Parse one message and store its files; in a thread of its own parser."""
        parser = self._idle.popleft()
        try:
            return self._parsed(job, parser)
        finally:
            self._idle.append(parser)

    def _parsed(self, job: Job, parser: Parser) -> Read:
        if cut := job.envelope.headers.get("cut"):  # only a part of it could be had
            return Read(job.id, job.facts, trouble=cut)
        try:
            values = parser.parse(self._content(job), job.envelope, job.facts)
        except (Unreadable, Stuck) as error:
            return Read(job.id, job.facts, trouble=str(error))
        return Read(job.id, job.facts, tuple(self._stored(value) for value in values))

    def _content(self, job: Job) -> bytes:
        if job.content is not None:
            return job.content
        try:
            with self._store.open(job.sha256) as stream:
                return stream.read()
        except NotFound:
            raise Unreadable("The bytes of this message are gone.") from None

    def _stored(self, value: Inbound | Receipt) -> tuple[Inbound | Receipt, tuple[files.Item, ...]]:
        """The value without the bytes of its files, and where these are now."""
        if isinstance(value, Receipt):
            return value, ()
        return replace(value, files=()), files.keep(self._store, value.files)

    def _take(self, reads: Sequence[Read]) -> None:
        """Into the log, together if that works, else one by one: what is wrong with one is its own affair."""
        try:
            with self._db.write() as session:
                for read in reads:
                    take(session, read)
        except (OperationalError, InterfaceError):
            raise  # the database's trouble, not the message's: the part starts again
        except Exception as error:  # noqa: BLE001 - told in `_fail`, or found again one by one
            if len(reads) > 1 or isinstance(error, IntegrityError):
                for read in reads:  # with IntegrityError another worker was faster, which can be seen now
                    self._take_one(read)
            else:
                self._fail(reads[0], error)

    def _take_one(self, read: Read) -> None:
        try:
            with self._db.write() as session:
                take(session, read)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - told in `_fail`
            self._fail(read, error)

    def _fail(self, read: Read, error: Exception) -> None:
        """The message stays as a failed row with a sentence."""
        if isinstance(error, HanmaruError):
            trouble = str(error)
        else:
            log.error("message not taken", raw=read.id, exc_info=error)
            trouble = f"The message could not be taken in: {type(error).__name__}: {error}"
        with self._db.write() as session:
            fail(session, read.id, trouble)


def take(session: Session, read: Read) -> None:
    """Append what the message said and mark its raw row, in this transaction."""
    if read.trouble:
        return fail(session, read.id, read.trouble)
    spine.lock(session)
    now, taken = utcnow(), None
    for value, items in read.said:
        if isinstance(value, Receipt) and reported.speaks_of(value):
            said = reported.note(session, now, value, read.inbox.channel, read.inbox.id)
            taken = taken or said
        elif isinstance(value, Receipt):
            number = read.inbox.id if value.delivery_id is None else None
            outbox.settle(session, now, value, number)
            taken = taken or outbox.message_of(session, value, number)
        else:
            taken = intake.take(session, now, value, read.inbox, items).interaction_id
    if not raw.understood(session, read.id, taken):
        log.info("message was read by another worker", raw=read.id)
    return None


def fail(session: Session, raw_id: int, reason: str) -> None:
    """Mark the raw row, if it still waits."""
    row = session.get(Raw, raw_id, with_for_update=True, populate_existing=True)
    if row is not None and row.state == RawState.KEPT:
        raw.failed(row, reason)
        log.warning("message failed", raw=raw_id, reason=reason[:200])
