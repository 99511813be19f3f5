"""The clock: the house's periodic work, each slot once, whoever runs it.

Jobs are defined in code and hung up in `wsgi.py`. APScheduler (3.11, memory job store) ticks
in the one worker that holds the lease `clock`; a row in `job_run`, unique by job and slot,
makes each slot run once even if two believed they held it. Slots missed while nobody ran are
caught up from the last row: all of them, or only the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import String, Text, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import lease
from contact.db import Base, Utc, utcnow
from contact.worker import Context

LEASE = "clock"
LEASE_LENGTH = timedelta(seconds=10)
RENEW = 2.0
"""Seconds between two askings for the lease."""
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""Intervals are counted from here, so that every process sees the same slots."""
WANTED = datetime(2000, 1, 1, tzinfo=UTC)
"""The slot of a job that a person wants run again."""
MOST_CAUGHT_UP = 1000
KEPT = timedelta(days=30)
_TICK = timedelta(microseconds=1)

log = structlog.stdlib.get_logger(__name__)


class JobRun(Base):
    """One slot of one job. `ended_at` empty and an old `started_at`: its process died in it."""

    __tablename__ = "job_run"

    job: Mapped[str] = mapped_column(String(60), primary_key=True)
    slot: Mapped[datetime] = mapped_column(Utc, primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    started_at: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    error: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True, slots=True)
class Job:
    """Run `run(context, slot)` at each slot: `every` so often, or by a crontab line in `zone`.

    `slot` is the time the job was due, not the time it runs. With `catch_up` every missed slot
    is run, oldest first; without it only the newest. It runs at most once a slot: a job that
    must not lose a slot to a crash in the middle says what is left to do in tables of its own.
    """

    name: str
    run: Callable[[Context, datetime], Awaitable[None]]
    every: timedelta | None = None
    crontab: str = ""
    catch_up: bool = False

    def trigger(self, zone: str) -> Any:
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        if self.every is not None:
            return IntervalTrigger(seconds=self.every.total_seconds(), start_date=EPOCH, timezone=UTC)
        return CronTrigger.from_crontab(self.crontab, timezone=zone)


class Clock:
    """The worker's part: asks for the lease, and ticks while it has it."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._ringing: set[asyncio.Task[Any]] = set()

    async def run(self, context: Context) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        since = utcnow()
        scheduler = AsyncIOScheduler(timezone=UTC)
        for job in self._jobs:
            trigger = job.trigger(context.settings.zone)
            scheduler.add_job(
                self._ring, trigger, (context, job, trigger, since),
                id=job.name, coalesce=True, max_instances=1, misfire_grace_time=None,
            )  # fmt: skip
        scheduler.start(paused=True)
        try:
            await self._lead(context, scheduler, since)
            scheduler.pause()
            await asyncio.gather(*self._ringing)  # a slot is run at most once: what began may end
        finally:
            scheduler.shutdown(wait=False)
            await context.write(lease.release, LEASE, context.process)

    async def _ring(self, context: Context, job: Job, trigger: Any, since: datetime) -> None:
        """A tick as the scheduler calls it. It takes being cut off at the end of the house for a failure of the job."""
        task = asyncio.current_task()
        assert task is not None
        self._ringing.add(task)
        try:
            with suppress(asyncio.CancelledError):
                await _tick(context, job, trigger, since)
        finally:
            self._ringing.discard(task)

    async def _lead(self, context: Context, scheduler: Any, since: datetime) -> None:
        leading = False
        while not context.stop.is_set():
            held = await context.write(lease.hold, LEASE, context.process, utcnow(), LEASE_LENGTH)
            if held and not leading:
                for job in self._jobs:
                    await _tick(context, job, job.trigger(context.settings.zone), since)
                scheduler.resume()
            elif leading and not held:
                log.warning("the clock passed to another worker")
                scheduler.pause()
            if held:
                await self._again(context)
            leading = held
            await context.sleep(RENEW)

    async def _again(self, context: Context) -> None:
        """What a person wants run before its time."""
        for name in await context.read(wanted, [job.name for job in self._jobs]):
            await context.write(unwant, name)
            job = next(job for job in self._jobs if job.name == name)
            await _run(context, job, utcnow())


async def _run(context: Context, job: Job, slot: datetime) -> None:
    """One slot, if it is ours."""
    if context.stop.is_set() or not await context.write(claim, job.name, slot, context.process, utcnow()):
        return
    error = ""
    try:
        await job.run(context, slot)
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        log.exception("job failed", job=job.name)
    await context.write(settle, job.name, slot, utcnow(), error)


async def _tick(context: Context, job: Job, trigger: Any, since: datetime) -> None:
    """Run what is due of one job, now."""
    last = await context.read(last_slot, job.name)
    for slot in due(trigger, last or since, utcnow(), job.catch_up):
        await _run(context, job, slot)


def due(trigger: Any, last: datetime, now: datetime, every: bool) -> list[datetime]:
    """Slots behind `last` up to `now`, oldest first; only the newest unless `every`."""
    slots: list[datetime] = []
    slot = trigger.get_next_fire_time(None, last + _TICK)  # None: counted from EPOCH, not from `last`
    while slot is not None and slot <= now:
        slots.append(slot.astimezone(UTC))
        if not every and len(slots) > 1:
            slots.pop(0)
        if len(slots) >= MOST_CAUGHT_UP:
            break
        slot = trigger.get_next_fire_time(None, slot + _TICK)
    return slots


def want(session: Session, job: str, by: str, now: datetime) -> None:
    """Let a job run again as soon as the clock looks: a slot before all others says so."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    asked = dialect.insert(JobRun).values(job=job, slot=WANTED, owner=by, started_at=now, error="")
    session.execute(asked.on_conflict_do_nothing())


def wanted(session: Session, names: Sequence[str]) -> list[str]:
    return list(session.scalars(select(JobRun.job).where(JobRun.job.in_(names), JobRun.slot == WANTED)))


def unwant(session: Session, job: str) -> None:
    session.execute(delete(JobRun).where(JobRun.job == job, JobRun.slot == WANTED))


def last_slot(session: Session, job: str) -> datetime | None:
    return session.scalar(select(func.max(JobRun.slot)).where(JobRun.job == job, JobRun.slot > WANTED))


def claim(session: Session, job: str, slot: datetime, owner: str, now: datetime) -> bool:
    """True for the one who may run this slot."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(JobRun)
        .values(job=job, slot=slot, owner=owner, started_at=now, error="")
        .on_conflict_do_nothing()
        .returning(JobRun.job)
    )
    return session.execute(statement).first() is not None


def settle(session: Session, job: str, slot: datetime, now: datetime, error: str) -> None:
    """Write how a slot ended; forget the job's old ones, never its last."""
    done = update(JobRun).where(JobRun.job == job, JobRun.slot == slot)
    session.execute(done.values(ended_at=now, error=error[:2000]))
    session.execute(delete(JobRun).where(JobRun.job == job, JobRun.slot < min(slot, now - KEPT)))
