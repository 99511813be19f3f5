"""The clock: one leader, each slot once, missed slots caught up; on both databases, with real processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from real import both, wait_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import jobs, lease, migrations, worker
from contact.channel import Channels
from contact.db import Database, utcnow
from contact.jobs import Clock, Job, JobRun
from contact.service import Service
from contact.settings import Settings
from contact.worker import Context, Part

ROOT = Path(__file__).parents[1]
TTL = timedelta(seconds=10)


@both
def test_a_lease_has_one_holder(session: Session, now: datetime) -> None:
    assert lease.hold(session, "clock", "a:1", now, TTL)
    assert not lease.hold(session, "clock", "b:2", now + timedelta(seconds=5), TTL)
    assert lease.hold(session, "clock", "a:1", now + timedelta(seconds=8), TTL)
    assert not lease.hold(session, "clock", "b:2", now + timedelta(seconds=15), TTL)
    assert lease.hold(session, "clock", "b:2", now + timedelta(seconds=19), TTL)
    assert lease.holder(session, "clock", now + timedelta(seconds=20)) == "b:2"
    assert not lease.hold(session, "clock", "a:1", now + timedelta(seconds=20), TTL)
    lease.release(session, "clock", "b:2")
    assert lease.holder(session, "clock", now) is None
    assert lease.hold(session, "clock", "a:1", now, TTL)


@both
def test_a_slot_is_claimed_once(session: Session, now: datetime) -> None:
    assert jobs.claim(session, "j", now, "a:1", now)
    assert not jobs.claim(session, "j", now, "b:2", now)
    assert jobs.claim(session, "other", now, "b:2", now)
    jobs.settle(session, "j", now, now, "")
    assert jobs.last_slot(session, "j") == now
    later = now + timedelta(days=60)
    assert jobs.claim(session, "j", later, "a:1", later)
    jobs.settle(session, "j", later, later, "")
    session.expire_all()
    assert session.scalars(select(JobRun.slot).where(JobRun.job == "j")).all() == [later]


def slots(job: Job, last: datetime, now: datetime, every: bool) -> list[datetime]:
    return jobs.due(job.trigger("Asia/Seoul"), last, now, every)


async def nothing(context: Context, slot: datetime) -> None: ...


def test_intervals_give_every_process_the_same_slots() -> None:
    job = Job("j", nothing, every=timedelta(minutes=5))
    last = datetime(2026, 3, 2, 3, 1, 7, tzinfo=UTC)
    found = slots(job, last, last + timedelta(minutes=12), True)
    assert [f"{slot:%H:%M:%S}" for slot in found] == ["03:05:00", "03:10:00"]
    assert slots(job, last, last + timedelta(minutes=12), False) == found[-1:]
    assert slots(job, found[0], found[0], True) == []
    assert slots(job, found[0], found[1], True) == [found[1]]


def test_crontab_speaks_the_houses_zone() -> None:
    job = Job("j", nothing, crontab="30 9 * * *")
    last = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert slots(job, last, last + timedelta(days=2), True) == [
        datetime(2026, 3, 3, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 4, 0, 30, tzinfo=UTC),
    ]


def test_a_month_asleep_does_not_run_for_ever() -> None:
    job = Job("j", nothing, every=timedelta(seconds=1))
    last = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(slots(job, last, last + timedelta(days=30), True)) == jobs.MOST_CAUGHT_UP


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    service = Service.of(settings, Channels())
    migrations.upgrade(service.db.engine)
    yield service
    service.close()


def run(service: Service, clock: Clock, script: Callable[[Context], Awaitable[None]]) -> None:
    async def conduct(context: Context) -> None:
        await script(context)
        context.end()

    async def main() -> None:
        async with asyncio.timeout(60):
            await worker._main(service, [Part("clock", clock.run), Part("script", conduct)], child=False)

    asyncio.run(main())


async def until(check: Callable[[], Any]) -> None:
    while not check():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("grace", [20.0, 0.2])
def test_what_runs_when_the_house_closes(
    service: Service, grace: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may end, as its slot comes but once; cut off because it is late, it is no failure of the job."""
    monkeypatch.setattr(worker, "GRACE", grace)
    began, ended = asyncio.Event(), asyncio.Event()

    async def work(context: Context, slot: datetime) -> None:
        began.set()
        await context.stop.wait()
        await asyncio.sleep(0.5)
        ended.set()

    async def script(context: Context) -> None:
        await began.wait()

    run(service, Clock([Job("long", work, every=timedelta(seconds=1))]), script)
    assert ended.is_set() is (grace > 1)
    with service.db.read() as session:
        (kept,) = session.scalars(select(JobRun))
    assert (kept.ended_at is not None) is ended.is_set()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_missed_slots_are_caught_up_and_a_failing_job_is_kept(service: Service) -> None:
    ran: dict[str, list[datetime]] = {"each": [], "newest": [], "fails": []}

    def recorder(name: str) -> Callable[[Context, datetime], Awaitable[None]]:
        async def record(context: Context, slot: datetime) -> None:
            ran[name].append(slot)
            if name == "fails":
                raise OSError("the printer is on fire")

        return record

    day = timedelta(days=1)  # a slot that begins while the test runs is rarer than with hours
    last = jobs.due(Job("x", nothing, every=day).trigger("UTC"), utcnow() - 5 * day, utcnow(), True)[0]
    with service.db.write() as session:
        for name in ran:
            jobs.claim(session, name, last, "old:1", last)
    table = [Job(name, recorder(name), every=day, catch_up=name == "each") for name in ran]

    async def script(context: Context) -> None:
        await until(lambda: ran["fails"])
        while (await context.read(lambda s: s.get(JobRun, ("fails", ran["fails"][0])))).ended_at is None:
            await asyncio.sleep(0.01)

    run(service, Clock(table), script)
    assert ran["each"] == [last + n * day for n in range(1, 5)]
    assert ran["newest"] == [last + 4 * day]
    with service.db.read() as session:
        kept = session.get(JobRun, ("fails", last + 4 * day))
        assert kept is not None
        assert kept.error == "OSError: the printer is on fire"
        assert lease.holder(session, jobs.LEASE, utcnow()) is None, "an orderly end gives the lease back"


_PROCESS = """
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from contact import jobs, worker
from contact.channel import Channels
from contact.service import Service
from contact.settings import Settings
jobs.LEASE_LENGTH = timedelta(seconds=1); jobs.RENEW = 0.1
async def tick(context, slot):
    with open(sys.argv[3], "a") as file: file.write(f"{slot.timestamp()}\\n")
service = Service.of(Settings(_env_file=None, data_dir=Path(sys.argv[1]), database_url=sys.argv[2]), Channels())
clock = jobs.Clock([jobs.Job("tick", tick, every=timedelta(seconds=0.2), catch_up=True)])
worker.main(service, [worker.Part("clock", clock.run)])
"""


def _leader(db: Database) -> str | None:
    with db.read() as session:
        return lease.holder(session, jobs.LEASE, utcnow())


@both
def test_three_workers_run_each_slot_once_also_when_the_leader_is_killed(db: Database, tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    ticks.touch()
    url = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    arguments = [sys.executable, "-c", _PROCESS, str(tmp_path / "data"), url, str(ticks)]
    processes = [
        subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)
    ]

    def ran() -> list[float]:
        return [float(line) for line in ticks.read_text().split()]

    try:
        wait_for(lambda: len(ran()) > 5, what="the first slots")
        leader = wait_for(lambda: _leader(db), what="a leader")
        killed = next(one for one in processes if leader.endswith(f":{one.pid}"))
        killed.kill()
        before = len(ran())
        wait_for(lambda: len(ran()) > before + 12, what="another leader")
    finally:
        for one in processes:
            one.terminate()
        for one in processes:
            one.wait(60)
    found = sorted(ran())  # one that waited for the processor writes late
    assert max(Counter(found).values()) == 1, "a slot ran twice"
    steps = {round(b - a, 3) for a, b in pairwise(found)}
    assert steps <= {0.2, 0.4}, "slots were lost (one may die with its process)"
