"""The receiver: raw messages to rows of the log. keep raw, verify, parse, take or settle.

Messages are parsed ahead by child processes and taken in the order they came, each in one
short transaction that also marks its raw row: a crash anywhere leaves it waiting, and the
seen-before key makes a second reading harmless. What cannot be read, or taken, stays as a
failed row with a sentence and does not hold up the next one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, undefer

from channels.parsing import Parser, Stuck
from contact import files, inbox, intake, outbox, raw
from contact import log as spine
from contact.channel import Forged, Unreadable
from contact.db import utcnow
from contact.errors import HanmaruError, NotFound
from contact.messages import Envelope, Inbound, InboxFacts, Receipt
from contact.raw import Raw, RawState
from contact.worker import Context

BATCH = 40
AHEAD_BYTES = 64 * 1024 * 1024
"""Bytes of messages held in memory while they wait for their turn."""
POLL = 2.0
"""Seconds after which it looks without having been nudged."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One waiting message, read from the database."""

    id: int
    content: bytes
    envelope: Envelope
    facts: InboxFacts


@dataclass(frozen=True, slots=True)
class Read:
    """What a message said, its files stored; or why it could not be read."""

    id: int
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
        with self._db.read() as session:
            waiting = raw.waiting(session, limit)
        done = 0
        for read in self._read_ahead(waiting):
            self._take(read)
            done += 1
            if self._context.stop.is_set():
                break
        return done

    def _read_ahead(self, ids: Sequence[int]) -> Iterator[Read]:
        """Messages in order, the next ones being parsed meanwhile."""
        ahead: deque[tuple[Future[Read], int]] = deque()
        held, left = 0, deque(ids)
        while left or ahead:
            while left and (held < AHEAD_BYTES or not ahead) and len(ahead) < 2 * len(self._parsers) + 1:
                job = self._job(left.popleft())
                if job is not None:
                    ahead.append((self._threads.submit(self._read, job), len(job.content)))
                    held += len(job.content)
            if ahead:
                future, size = ahead.popleft()
                held -= size
                yield future.result()

    def _job(self, raw_id: int) -> Job | None:
        """None when another worker was faster."""
        with self._db.read() as session:
            row = session.get(Raw, raw_id, options=[undefer(Raw.content)])
            if row is None or row.state != RawState.KEPT:
                return None
            try:
                content = raw.content_of(row, self._store)
            except NotFound:
                content = b""  # the parser will say that it is empty
            ours = inbox.get(session, row.inbox_id)
            return Job(row.id, content, raw.envelope_of(row), inbox.facts(ours))

    def _read(self, job: Job) -> Read:
        parser = self._idle.popleft()
        try:
            values = parser.parse(job.content, job.envelope, job.facts)
        except (Forged, Unreadable, Stuck) as error:
            return Read(job.id, trouble=str(error))
        finally:
            self._idle.append(parser)
        return Read(job.id, tuple((value, self._files(value)) for value in values))

    def _files(self, value: Inbound | Receipt) -> tuple[files.Item, ...]:
        return files.keep(self._store, value.files) if isinstance(value, Inbound) else ()

    def _take(self, read: Read) -> None:
        """Into the log; whatever is wrong with the message itself makes it a failed row."""
        trouble = read.trouble
        try:
            if not trouble:
                self._write(read)
        except (OperationalError, InterfaceError):
            raise  # the database's trouble, not the message's: the part starts again
        except HanmaruError as error:
            trouble = str(error)
        except Exception as error:
            log.exception("message not taken", raw=read.id)
            trouble = f"The message could not be taken in: {type(error).__name__}: {error}"
        if trouble:
            with self._db.write() as session:
                if (row := _kept(session, read.id)) is not None:
                    raw.failed(row, trouble)
                    log.warning("message failed", raw=read.id, reason=trouble[:200])

    def _write(self, read: Read) -> None:
        try:
            with self._db.write() as session:
                take(session, read)
        except IntegrityError:  # another worker took the same key meanwhile: now it can be seen
            with self._db.write() as session:
                take(session, read)


def take(session: Session, read: Read) -> None:
    """Append what the message said and mark its raw row, in this transaction."""
    spine.lock(session)
    row = _kept(session, read.id)
    if row is None:
        return
    ours, now, taken = inbox.get(session, row.inbox_id), utcnow(), None
    for value, items in read.said:
        if isinstance(value, Receipt):
            outbox.settle(session, now, value)
        else:
            taken = intake.take(session, now, value, ours, items).interaction_id
    raw.parsed(row, taken)


def _kept(session: Session, raw_id: int) -> Raw | None:
    """The raw row if it still waits, held until the transaction ends."""
    row = session.get(Raw, raw_id, with_for_update=True, populate_existing=True)
    return row if row is not None and row.state == RawState.KEPT else None
