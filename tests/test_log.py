"""The log: nothing is changed, nothing is skipped, nothing is read twice, whoever writes at once."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from real import both, wait_for
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from contact import following, log
from contact.db import NUDGES, Database
from contact.following import Reader, ReaderState
from contact.log import Interaction, Name

HERE = Path(__file__).parent


def rows(db: Database) -> int:
    with db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Interaction)) or 0


# -- append-only ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "statement",
    [
        "update interaction set at = at",
        "update interaction set name = 'message.received'",
        "update interaction set key = null",
        "update interaction set data = null",
        "delete from interaction",
        "update interaction set id = id + 100",
    ],
)
def test_no_row_is_changed(db: Database, statement: str) -> None:
    with db.write() as session:
        for number in range(3):
            log.append(session, NOON, Name.NOTE_ADDED, body="x", key=f"k{number}")
    with pytest.raises(DatabaseError, match=r"append-only|null"), db.write() as session:
        session.execute(sa.text(statement))
    assert rows(db) == 3


def test_no_row_is_replaced_on_sqlite(db: Database) -> None:
    with db.write() as session:
        for number in range(3):
            log.append(session, NOON, Name.NOTE_ADDED, body="x", key=f"k{number}")
    values = "(at, name, data, {0}) values ('2026-03-02 12:00:00.000000', 'note.added', '{{}}', {1})"
    for verb in ("insert or replace into", "replace into", "insert into"):
        for column, value in (("id", 2), ("id", 3), ('"key"', "'k1'")):
            with pytest.raises(IntegrityError, match="append-only"), db.write() as session:
                session.execute(sa.text(f"{verb} interaction {values.format(column, value)}"))
    with pytest.raises(IntegrityError, match="append-only"), db.write() as session:
        session.execute(
            sa.text("insert into interaction " + values.format("id", 1) + " on conflict do update set body = 'y'")
        )
    assert rows(db) == 3
    with db.write() as session:
        assert log.append(session, NOON, Name.NOTE_ADDED).id == 4


def test_postgresql_refuses_truncate(new_db: Callable[[str], Database]) -> None:
    db = new_db("postgresql")
    with db.write() as session:
        log.append(session, NOON, Name.NOTE_ADDED)
    with pytest.raises(DatabaseError, match="append-only"), db.write() as session:
        session.execute(sa.text("truncate interaction cascade"))


@both
def test_a_row_reads_as_it_was_written(db: Database) -> None:
    content = {"subject": "제목 🙂", "list": [1, 2.5, None, True], "nested": {"a": "b"}}
    with db.write() as session:
        said = log.append(session, NOON, Name.NOTE_ADDED, body="줄\n바꿈", content=content, data={"n": 1}, key="k")
        empty = log.append(session, NOON, Name.NOTE_ADDED)
        assert NUDGES in session.info
    with db.read() as session:
        row = session.get_one(Interaction, said.id)
        assert (row.at, row.body, row.content, row.data, row.key) == (NOON, "줄\n바꿈", content, {"n": 1}, "k")
        again = session.get_one(Interaction, empty.id)
        assert (again.content, again.data, again.body, again.erased_at) == (None, {}, None, None)
        assert session.scalar(sa.text("select count(*) from interaction where content is null")) == 1
        assert [one.id for one in log.tail(session, 0)] == [said.id, empty.id]
        assert [one.id for one in log.replay(session, batch=1)] == [said.id, empty.id]
        assert log.head(session) == empty.id
        assert log.by_key(session, "k") is not None


# -- one order --------------------------------------------------------------------------------


def _write(db: Database, writer: int, n: int) -> None:
    chance = random.Random(writer)
    for i in range(n):
        with contextlib.suppress(ZeroDivisionError), db.write() as session:
            log.append(session, NOON, Name.NOTE_ADDED, data={"writer": writer, "n": i})
            time.sleep(chance.random() * 0.004)  # commit late: the trap of a plain sequence
            if chance.random() < 0.1:
                raise ZeroDivisionError


@both
def test_a_cursor_skips_nothing_while_many_write(db: Database) -> None:
    """A reader that always asks "since the last I saw" sees every committed row, in order."""
    seen: list[int] = []
    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(_write, db, number, 25) for number in range(6)]
        while True:
            over = all(writer.done() for writer in writers)
            with db.read() as session:
                seen += [row.id for row in log.tail(session, seen[-1] if seen else 0, limit=7)]
                if over and log.head(session) == (seen[-1] if seen else 0):
                    break
        assert [writer.result() for writer in writers] == [None] * 6
    with db.read() as session:
        everything = list(session.scalars(sa.select(Interaction.id).order_by(Interaction.id)))
    assert seen == everything
    assert len(everything) > 100


def test_without_the_lock_the_cursor_would_skip(new_db: Callable[[str], Database]) -> None:
    """The test above can fail: on PostgreSQL a plain sequence does skip the row that commits late."""
    db = new_db("postgresql")
    insert = sa.insert(Interaction).values(at=NOON, name="note.added", data={})
    with db.write() as late:
        late.execute(insert)
        with db.write() as early:
            early.execute(insert)
        with db.read() as session:
            cursor = log.tail(session, 0)[-1].id
    with db.read() as session:
        assert log.tail(session, cursor) == []
        assert rows(db) == 2


@both
def test_one_key_is_one_row_whoever_is_first(db: Database) -> None:
    def put(number: int) -> int | None:
        try:
            with db.write() as session:
                log.lock(session)
                if (known := log.by_key(session, f"key{number % 10}")) is not None:
                    return known.id
                return log.append(session, NOON, Name.NOTE_ADDED, key=f"key{number % 10}").id
        except IntegrityError:
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(put, range(80)))
    assert None not in ids
    assert [len({ids[n] for n in range(k, 80, 10)}) for k in range(10)] == [1] * 10
    assert rows(db) == 10


@both
def test_two_processes_write_one_order(db: Database) -> None:
    url = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    code = f"""
import sys; sys.path[:0] = {[str(HERE.parent), str(HERE)]!r}
from contact import log; from contact.db import Database, utcnow; from contact.log import Name
db = Database({url!r})
for n in range(40):
    with db.write() as session: log.append(session, utcnow(), Name.NOTE_ADDED, data={{"n": n}})
"""
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    seen: list[int] = []
    while len(seen) < 120:
        assert not any(writer.poll() for writer in writers)
        with db.read() as session:
            seen += [row.id for row in log.tail(session, seen[-1] if seen else 0)]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    assert seen == sorted(seen)
    assert rows(db) == len(set(seen)) == 120


def test_what_was_read_before_the_lock_is_read_again(new_db: Callable[[str], Database], tmp_path: Path) -> None:
    """Two agents at once on PostgreSQL: the second folds over what the first left, not over what it had read."""
    from contact import conversation as conversations

    hall = Hall(new_db("postgresql"), tmp_path)
    number = hall.mail_in().conversation_id
    with hall.db.write() as second:
        talk = conversations.get(second, number)  # read, then somebody else is faster
        with hall.db.write() as first:
            conversations.assign(first, NOON, conversations.get(first, number), 5, 5)
            conversations.tag(first, NOON, conversations.get(first, number), "vip", 5)
        conversations.tag(second, NOON, talk, "환불", 6)
    with hall.db.read() as session:
        one = conversations.get(session, number)
        assert (one.assignee_id, one.tags) == (5, ["vip", "환불"])


# -- readers ----------------------------------------------------------------------------------


class Bad(Exception):
    pass


def collecting(fail_at: int = 0) -> Reader:
    """A reader that keeps the numbers it read in a table."""

    def read(session: Session, row: Interaction) -> None:
        if row.id == fail_at:
            raise Bad("this row")
        session.execute(sa.text("insert into collected values (:id)"), {"id": row.id})

    return Reader("collector", read)


@pytest.fixture
def collected(db: Database) -> Callable[[], list[int]]:
    with db.write() as session:
        session.execute(sa.text("create table collected (id integer)"))

    def numbers() -> list[int]:
        with db.read() as session:
            return list(session.scalars(sa.text("select id from collected order by id")))

    return numbers


def said(db: Database, n: int) -> None:
    with db.write() as session:
        for _ in range(n):
            log.append(session, NOON, Name.NOTE_ADDED)


@both
def test_a_reader_reads_each_row_once(db: Database, collected: Callable[[], list[int]]) -> None:
    said(db, 10)
    sizes = []
    while True:
        with db.write() as session:
            sizes.append(following.advance(session, collecting(), 4))
        if not sizes[-1]:
            break
    assert sizes == [4, 4, 2, 0]
    assert collected() == list(range(1, 11))


@both
def test_what_a_reader_wrote_goes_with_its_position(db: Database, collected: Callable[[], list[int]]) -> None:
    said(db, 5)
    with pytest.raises(RuntimeError), db.write() as session:
        following.advance(session, collecting(), 3)
        raise RuntimeError("the process dies before the commit")
    assert collected() == []
    with db.write() as session:
        following.advance(session, collecting(), 3)
    assert collected() == [1, 2, 3]


@both
def test_a_failing_reader_stops_alone_at_its_row(db: Database, collected: Callable[[], list[int]]) -> None:
    said(db, 6)
    bad = collecting(fail_at=4)
    with pytest.raises(following.ReaderFailed) as failed, db.write() as session:
        following.advance(session, bad, 10)
    assert (failed.value.row, failed.value.reader) == (4, "collector")
    while True:  # the good rows before it, one by one
        try:
            with db.write() as session:
                following.advance(session, bad, 1)
        except following.ReaderFailed as error:
            with db.write() as session:
                following.stop_reader(session, NOON, error)
            break
    with db.read() as session:
        state = session.get_one(ReaderState, "collector")
        assert (state.position, state.stopped_at) == (3, NOON)
        assert state.error == "row 4: Bad: this row"
    with db.write() as session:
        assert following.advance(session, bad, 10) == 0, "a stopped reader reads nothing"
        following.restart_reader(session, "collector")
    with db.write() as session:
        assert following.advance(session, collecting(), 10) == 3
    assert collected() == [1, 2, 3, 4, 5, 6]


@both
def test_stopping_after_a_whole_batch_failed_skips_nothing(db: Database, collected: Callable[[], list[int]]) -> None:
    said(db, 6)
    with pytest.raises(following.ReaderFailed) as failed, db.write() as session:
        following.advance(session, collecting(fail_at=5), 10)
    with db.write() as session:
        following.stop_reader(session, NOON, failed.value)
        following.restart_reader(session, "collector")
    with db.write() as session:
        following.advance(session, collecting(), 10)
    assert collected() == [1, 2, 3, 4, 5, 6]


@both
def test_several_workers_share_a_reader_without_reading_twice(db: Database, collected: Callable[[], list[int]]) -> None:
    said(db, 1)
    with db.write() as session:
        following.advance(session, collecting(), 1)
    said(db, 60)

    def work(_: int) -> None:
        while True:
            with db.write() as session:
                if not following.advance(session, collecting(), 3):
                    return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert collected() == list(range(1, 62))


@both
def test_the_first_batch_of_two_workers_at_once(db: Database, collected: Callable[[], list[int]]) -> None:
    """Nobody has a position yet, and two begin."""
    said(db, 20)
    start = threading.Barrier(4)

    def work(_: int) -> int:
        start.wait()
        with db.write() as session:
            return following.advance(session, collecting(), 5)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [5, 5, 5, 5]
    assert collected() == list(range(1, 21))


@both
def test_a_reader_killed_at_any_moment_reads_each_row_once(db: Database, collected: Callable[[], list[int]]) -> None:
    url = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    code = f"""
import sys; sys.path[:0] = {[str(HERE.parent), str(HERE)]!r}
from contact import following; from contact.db import Database
from test_log import collecting
db = Database({url!r})
while True:
    with db.write() as session: following.advance(session, collecting(), 2)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    chance = random.Random(5)
    said(db, 400)
    for _ in range(5):
        before = len(collected())
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        wanted = min(before + chance.randint(2, 60), 400)
        wait_for(lambda wanted=wanted: len(collected()) >= wanted, 30, "the reader")
        process.kill()
        process.wait()
    with db.write() as session:
        while following.advance(session, collecting(), 100):
            pass
    assert collected() == list(range(1, 401))
