"""The worker: parts are supervised, shown, restarted, drained; readers stop alone at their row."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from real import both
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import following, migrations, pulse, readers, worker
from contact import log as spine
from contact.channel import Channels
from contact.db import Database, utcnow
from contact.following import Reader, ReaderState
from contact.log import Interaction, Name
from contact.prepared import Among
from contact.service import Service
from contact.settings import Settings
from contact.worker import Context, Part


@pytest.fixture
def service(settings: Settings) -> Service:
    service = Service.of(settings, Channels())
    migrations.upgrade(service.db.engine)
    return service


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(worker, "GRACE", 1.0)
    monkeypatch.setattr(pulse, "EVERY", 0.02)


def run(service: Service, parts: list[Part], script: Callable[[Context], Awaitable[None]]) -> None:
    """The worker with one more part that plays the person outside, and ends it."""

    async def conduct(context: Context) -> None:
        await script(context)
        context.end()

    async def main() -> None:
        async with asyncio.timeout(60):
            await worker._main(service, [*parts, Part("script", conduct)], child=False)

    asyncio.run(main())
    service.close()


async def until(check: Callable[[], Any]) -> None:
    while not check():
        await asyncio.sleep(0.005)


def test_a_failing_part_is_started_again_and_shown_while_others_run(service: Service) -> None:
    starts: list[int] = []
    ticks: list[int] = []

    async def fails_twice(context: Context) -> None:
        starts.append(1)
        if len(starts) < 3:
            raise RuntimeError("the mailbox is gone")
        await context.stop.wait()

    async def steady(context: Context) -> None:
        while not context.stop.is_set():
            ticks.append(1)
            await context.sleep(0.01)

    seen: list[pulse.Pulse] = []

    async def script(context: Context) -> None:
        await until(lambda: len(starts) == 3)
        while not seen or seen[0].state != "running":
            seen[:] = await context.read(
                lambda s: [p for p in pulse.living(s, utcnow()) if p.part == "fails" and p.failures == 2]
            )

    run(service, [Part("fails", fails_twice), Part("steady", steady)], script)
    assert seen[0].error == "RuntimeError: the mailbox is gone"
    assert len(ticks) > 1


def test_an_orderly_end_lets_parts_finish_and_forgets_its_pulse(service: Service) -> None:
    finished: list[str] = []

    async def careful(context: Context) -> None:
        await context.stop.wait()
        await asyncio.sleep(0.05)  # the last message is still being handed over
        finished.append("careful")

    async def stubborn(context: Context) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            finished.append("cancelled")

    async def script(context: Context) -> None:
        while len(await context.read(pulse.living, utcnow())) < 3:
            await asyncio.sleep(0.01)

    run(service, [Part("careful", careful), Part("stubborn", stubborn)], script)
    assert finished == ["careful", "cancelled"]
    with service.db.read() as session:
        assert pulse.living(session, utcnow()) == []


def test_a_pulse_that_stopped_is_not_alive(session: Session) -> None:
    now = utcnow()
    pulse.beat(session, now - timedelta(seconds=60), "gone:1", [pulse.Beat("clock", "running", now)])
    pulse.beat(session, now, "here:2", [pulse.Beat("clock", "running", now)])
    assert [row.process for row in pulse.living(session, now)] == ["here:2"]
    pulse.beat(session, now + timedelta(hours=2), "here:2", [])
    assert session.scalars(select(pulse.Pulse)).all() == []


def test_database_work_leaves_the_loop_free(service: Service) -> None:
    gate = threading.Event()
    ran: list[bool] = []

    async def script(context: Context) -> None:
        blocked = asyncio.create_task(context.call(gate.wait, 60))
        await asyncio.sleep(0.01)
        ran.append(True)  # impossible if the wait held the loop
        gate.set()
        assert await blocked

    run(service, [], script)
    assert ran


def test_a_write_is_one_transaction(service: Service) -> None:
    def half(session: Session) -> None:
        pulse.beat(session, utcnow(), "x:1", [pulse.Beat("p", "running", utcnow())])
        session.flush()
        raise ValueError

    async def script(context: Context) -> None:
        with pytest.raises(ValueError):
            await context.write(half)
        assert not [p for p in await context.read(pulse.living, utcnow()) if p.process == "x:1"]

    run(service, [], script)


def append(db: Database, count: int) -> list[int]:
    with db.write() as session:
        return [spine.append(session, utcnow(), Name.CONTACT_CHANGED).id for _ in range(count)]


def read_all(service: Service, reader: Reader, other: Reader, done: Callable[[], bool]) -> None:
    async def script(context: Context) -> None:
        await until(done)

    run(service, [Part("readers", readers.Readers([reader, other]).run)], script)


def test_readers_follow_the_log_and_wake_by_nudge(service: Service) -> None:
    seen: list[int] = []
    other: list[int] = []
    first = append(service.db, 450)  # more than two batches

    async def script(context: Context) -> None:
        await until(lambda: len(seen) == 450)
        began = asyncio.get_running_loop().time()
        more.extend(await context.call(append, service.db, 3))
        await until(lambda: len(seen) == 453)
        waited.append(asyncio.get_running_loop().time() - began)

    more: list[int] = []
    waited: list[float] = []
    pair = [Reader("a", lambda s, row: seen.append(row.id)), Reader("b", lambda s, row: other.append(row.id))]
    run(service, [Part("readers", readers.Readers(pair).run)], script)
    assert seen == first + more
    assert set(other) <= set(seen)


def test_a_reader_that_fails_stops_alone_at_its_row_and_loses_nothing(service: Service) -> None:
    rows = append(service.db, 30)
    bad = rows[17]
    good: set[int] = set()  # what was read together with the bad row is read again

    def read(session: Session, row: Interaction) -> None:
        if row.id == bad:
            raise KeyError("a row nobody expected")
        session.merge(pulse.Pulse(process="reader", part=str(row.id), state="read", since=row.at, beat_at=utcnow()))

    read_all(service, Reader("bad", read), Reader("good", lambda s, row: good.add(row.id)), lambda: len(good) == 30)
    with service.db.read() as session:
        state = session.get(ReaderState, "bad")
        assert state is not None
        assert (state.position, state.stopped_at is not None) == (bad - 1, True)
        assert state.error is not None
        assert "KeyError" in state.error
        written = set(session.scalars(select(pulse.Pulse.part).where(pulse.Pulse.process == "reader")))
    assert written == {str(row) for row in rows if row < bad}, "the rows before the bad one were rolled back with it"


@both
def test_a_restarted_reader_goes_on_at_its_row(db: Database) -> None:
    rows = append(db, 5)
    broken = True
    seen: list[int] = []

    def read(session: Session, row: Interaction) -> None:
        if broken and row.id == rows[2]:
            raise RuntimeError
        seen.append(row.id)

    reader = Reader("r", read)
    with db.write() as session:
        assert following.advance(session, reader, 2) == 2
    with pytest.raises(following.ReaderFailed) as failed, db.write() as session:
        following.advance(session, reader, 1)
    with db.write() as session:
        following.stop_reader(session, utcnow(), failed.value)
    with db.write() as session:
        assert following.advance(session, reader, 10) == 0
    broken = False
    with db.write() as session:
        following.restart_reader(session, "r")
    with db.write() as session:
        assert following.advance(session, reader, 10) == 3
    assert seen == rows


def test_who_is_behind_reads_alone_until_all_stand_together(service: Service) -> None:
    """Of readers at one place each row is fetched once; one that is new begins at the first row and catches up."""
    rows = append(service.db, 130)
    seen: dict[str, list[int]] = {"old": [], "new": []}
    old, new = (Reader(name, lambda _s, row, name=name: seen[name].append(row.id)) for name in ("old", "new"))  # type: ignore[misc]
    with service.db.write() as session:
        assert following.advance(session, old, 120) == 120
    read_all(service, old, new, lambda: len(seen["new"]) == 130)
    assert seen == {"old": rows, "new": rows}
    with service.db.read() as session:
        assert set(following.places(session).values()) == {rows[-1]}


def test_a_batch_that_cannot_be_written_at_its_end_is_read_row_by_row_and_nothing_is_lost(service: Service) -> None:
    """A reader that gathers what it writes stops at the row whose writing fails, as one that writes at once."""
    rows = append(service.db, 12)
    bad, gathered, fetched = rows[6], list[int](), list[list[int]]()

    def after(session: Session) -> None:
        numbers, gathered[:] = gathered[:], []
        for number in numbers:
            if number == bad:
                raise KeyError("a row nobody expected")
            session.merge(
                pulse.Pulse(process="gatherer", part=str(number), state="read", since=utcnow(), beat_at=utcnow())
            )

    def before(_session: Session, batch: Sequence[spine.Appended]) -> None:
        gathered.clear()
        fetched.append([row.id for row in batch])

    good: set[int] = set()
    gatherer = Reader("gatherer", lambda _s, row: gathered.append(row.id), before=before, after=after)
    read_all(service, gatherer, Reader("good", lambda _s, row: good.add(row.id)), lambda: len(good) == 12)
    assert fetched[0] == rows
    with service.db.read() as session:
        state = session.get(ReaderState, "gatherer")
        assert state is not None
        assert (state.position, state.stopped_at is not None) == (bad - 1, True)
        assert f"row {bad}" in str(state.error)
        written = set(session.scalars(select(pulse.Pulse.part).where(pulse.Pulse.process == "gatherer")))
    assert written == {str(row) for row in rows if row < bad}


@both
def test_a_reader_is_not_troubled_with_rows_it_does_not_read(db: Database) -> None:
    rows = append(db, 4)
    seen: list[int] = []

    def never(_session: Session, *_rows: object) -> None:
        raise AssertionError("nothing here is for it")

    deaf = Reader("deaf", never, frozenset({"chat.rated"}), never, never)
    with db.write() as session:
        assert following.advance_together(session, [deaf, Reader("all", lambda _s, row: seen.append(row.id))], 10) == 4
    with db.read() as session:
        assert following.places(session) == {"deaf": rows[-1], "all": rows[-1]}
    assert seen == rows


@both
def test_several_numbers_are_asked_for_in_statements_of_fixed_size(db: Database) -> None:
    rows = append(db, 300)
    among = Among(select(spine.Interaction.id), spine.Interaction.id, [spine.Interaction.id])
    with db.read() as session:
        for numbers in ([], rows[:1], rows[:4], rows[:5], rows[:33], rows, [*rows, 10**9]):
            assert sorted(number for (number,) in among.rows(session, numbers)) == sorted(set(numbers) & set(rows))
