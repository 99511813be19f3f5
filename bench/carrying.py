"""A notice carried to everybody: from published to the last mail in the outbox. `bench.board` makes the house.

The worker's part runs as it does in the worker, while another process writes one row fifty times a second, as agents
do. Shown: wall, processor time for a thousand mails, the longest transaction, how long the other process waited for the
database's one write lock. The reference is the same rows copied by bare sqlite3.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sqlite3
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from board.notice import carrying, feeder, life
from board.notice.attempt import NoticeAttempt
from board.notice.plan import Plan
from board.notice.wording import Wording
from channels.email.adapter import Email
from contact import checkpoint, heap, inbox
from contact.channel import Channels
from contact.db import Database, utcnow
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings
from contact.worker import Context

LOCK_LIMIT = 100.0
"""Milliseconds nobody may wait longer for the write lock."""
EVERY = 0.02
LADDER = [{"channel": "board", "days": 0}, {"channel": "email", "days": 0}, {"channel": "sms", "days": 1}]
BODY = "<div>From the first of October our prices change.</div><div>The list is attached.</div>" * 5
WRITTEN = {
    "interaction": "conversation_id", "conversation": "contact_id", "delivery": "address_id", "message_ref": "value",
    "board_thread": "about, about_id, user_id", "notice_attempt": "state, due_at",
}  # fmt: skip
"""The tables a mail has rows in, and what they are looked up by in the reference."""


@dataclass(slots=True)
class Held:
    """A database that notes how long each of its transactions took."""

    db: Database
    times: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def write(self, *, lasting: bool = False) -> Iterator[Session]:
        with self.db.write(lasting=lasting) as session:
            session.connection()  # has the lock from here on
            started = time.perf_counter()
            yield session
            session.flush()
        self.times.append((time.perf_counter() - started) * 1000)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def carry(settings: Settings, people: int) -> bool:
    """Once to everybody; whether nobody waited too long."""
    service = Service.of(settings, Channels(Email(settings)))
    held = Held(service.db)
    number, before = _published(service), _heads(settings)
    stop, waits = multiprocessing.Event(), multiprocessing.SimpleQueue()
    agent = multiprocessing.Process(target=_agent, args=(_file(settings), stop, waits))
    agent.start()
    time.sleep(0.5)
    spent, started = time.process_time(), time.perf_counter()
    asyncio.run(_run(Service(settings, held, service.channels, service.store, service.nudges)))  # type: ignore[arg-type]
    spent, took = time.process_time() - spent, time.perf_counter() - started
    stop.set()
    waited = sorted(waits.get())
    agent.join()
    with service.db.read() as session:
        attempt = NoticeAttempt
        query = sa.select(sa.func.count()).join_from(attempt, Delivery, Delivery.id == attempt.delivery_id)
        mails = session.scalar(query.where(attempt.notice_id == number)) or 0
    service.close()
    if mails != people:
        raise SystemExit(f"{mails} mails instead of {people}")
    least = statistics.median(_copied(settings, before) for _ in range(3))
    print(f"a notice to {mails} carried in {took:.1f} s, {spent * 1000 / mails:.2f} s of CPU for a thousand mails")
    print(f"a bare copy of its rows takes {least:.2f} s: {spent / least:.1f} times in CPU")
    times = sorted(held.times)
    p99 = times[int(len(times) * 0.99)]
    print(f"{len(times)} transactions, p50 {times[len(times) // 2]:.0f}, p99 {p99:.0f}, longest {times[-1]:.0f} ms")
    late = waited[int(len(waited) * 0.95)]
    print(f"a writer beside it waited p50 {waited[len(waited) // 2]:.1f}, p95 {late:.1f}, longest {waited[-1]:.0f} ms")
    return times[-1] < LOCK_LIMIT


def _published(service: Service) -> int:
    with service.db.write() as session:
        if inbox.first(session, "email") is None:
            inbox.add(session, utcnow(), "email", "help@shop.example", "Help")
        session.execute(sa.delete(NoticeAttempt))  # of notices that were published before
        plan = Plan({"all": []}, needs_ack=True, ladder=LADDER)
        number = life.create(session, utcnow(), plan, Wording("To everybody", BODY, ""), None).id
        life.publish(session, utcnow(), number, None)
    return number


async def _run(service: Service) -> None:
    """The worker's part, beside the one that writes SQLite's log back, until nothing is due."""
    context = Context(service)
    parts = [asyncio.create_task(run(context)) for run in (feeder.run, checkpoint.run)]
    heap.settle()
    while await context.read(carrying.waits, utcnow()):
        await asyncio.sleep(0.1)
    context.end()
    await asyncio.gather(*parts)
    context.close()


def _agent(file: str, stop: Any, waits: Any) -> None:
    """Somebody else who writes: how long until each row could be begun, in milliseconds."""
    line = sqlite3.connect(file, timeout=15, isolation_level=None)
    line.execute("CREATE TABLE IF NOT EXISTS bare_agent (at REAL)")
    found = []
    while not stop.is_set():
        started = time.perf_counter()
        line.execute("BEGIN IMMEDIATE")
        found.append((time.perf_counter() - started) * 1000)
        line.execute("INSERT INTO bare_agent VALUES (1)")
        line.execute("COMMIT")
        time.sleep(EVERY)
    line.execute("DROP TABLE bare_agent")
    waits.put(found)


def _heads(settings: Settings) -> dict[str, int]:
    with sqlite3.connect(_file(settings)) as line:
        return {table: line.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0] for table in WRITTEN}


def _copied(settings: Settings, before: dict[str, int]) -> float:
    """The rows it wrote, copied into tables with one index each."""
    with sqlite3.connect(_file(settings)) as line:
        for table in WRITTEN:
            line.execute(f"DROP TABLE IF EXISTS bare_{table}")
        line.commit()
        started = time.process_time()
        for table, keys in WRITTEN.items():
            line.execute(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE rowid > {before[table]}")
            line.execute(f"CREATE INDEX ix_bare_{table} ON bare_{table} ({keys})")
        line.commit()
        took = time.process_time() - started
        for table in WRITTEN:
            line.execute(f"DROP TABLE bare_{table}")
        return took


def _file(settings: Settings) -> str:
    return settings.database.removeprefix("sqlite:///")
