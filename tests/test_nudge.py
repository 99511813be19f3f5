"""Nudges: every process hears a commit at once, on both kinds of loop, on one machine and over PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from real import Postgres

from contact.bells import AsyncBells
from contact.db import Database, wake
from contact.nudge import Nudges

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


def hear(nudges: Nudges, send: Callable[[], None], name: str = "log", seconds: float = 45) -> bool:
    """Whether a bell made before `send` rings."""

    async def main() -> bool:
        stop = asyncio.Event()
        bells = AsyncBells(nudges, stop)
        bell = bells.on(name)
        send()
        try:
            if not nudges.postgres:
                return await bell.wait(seconds)
            for _ in range(200):  # LISTEN is on its way; before that only polling helps
                if await bell.wait(seconds / 200):
                    return True
                send()
            return False
        finally:
            bells.close()

    return asyncio.run(main())


def test_an_own_commit_rings(run_dir: Path, db: Database) -> None:
    nudges = Nudges(run_dir)
    db.nudge = nudges.send

    def commit() -> None:
        with db.write() as session:
            wake(session, "log")

    assert hear(nudges, commit)
    assert not hear(nudges, lambda: None, seconds=1)
    nudges.close()


def test_a_rolled_back_transaction_rings_nobody(db: Database) -> None:
    rung: list[str] = []
    db.nudge = rung.append
    with pytest.raises(ZeroDivisionError), db.write() as session:
        wake(session, "log")
        raise ZeroDivisionError
    assert rung == []


def test_names_are_kept_apart(run_dir: Path) -> None:
    nudges = Nudges(run_dir)
    ear = nudges.listen()
    nudges.send("outbox")
    nudges.send("log")
    nudges.send("log")
    assert ear.names() == {"outbox", "log"}
    assert ear.names() == set()
    ear.close()
    assert list(run_dir.iterdir()) == []
    nudges.close()


def test_an_ear_made_later_is_found(run_dir: Path) -> None:
    nudges = Nudges(run_dir)
    nudges.send("log")  # lists the folder while it is empty
    ear = nudges.listen()
    nudges.send("log")
    assert ear.names() == {"log"}
    ear.close()
    nudges.close()


def test_a_full_ear_blocks_nobody(run_dir: Path) -> None:
    nudges = Nudges(run_dir)
    ear = nudges.listen()
    for _ in range(20_000):
        nudges.send("log")
    assert ear.names() == {"log"}
    ear.close()
    nudges.close()


def test_ears_of_killed_processes_are_swept_away(run_dir: Path) -> None:
    code = "import os,sys; from pathlib import Path; from contact.nudge import Nudges; " \
           "ear = Nudges(Path(sys.argv[1])).listen(); os.kill(os.getpid(), 9)"  # fmt: skip
    subprocess.run([sys.executable, "-c", code, str(run_dir)], cwd=ROOT, check=False)
    assert len(list(run_dir.iterdir())) == 1
    nudges = Nudges(run_dir)
    nudges.send("log")
    assert list(run_dir.iterdir()) == []
    nudges.close()


def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    run_dir = tmp_path / ("long" * 30) / "run"
    nudges = Nudges(run_dir)
    ear = nudges.listen()
    nudges.send("log")
    assert ear.names() == {"log"}
    ear.close()
    nudges.close()


def test_no_file_descriptor_is_left(run_dir: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        nudges = Nudges(run_dir)
        ear = nudges.listen()
        ear.close()
        nudges.close()
    assert len(os.listdir("/proc/self/fd")) == before


_GEVENT = """
from gevent import monkey; monkey.patch_all()
import sys
from pathlib import Path
from contact.bells import GeventBells
from contact.nudge import Nudges
bells = GeventBells(Nudges(Path(sys.argv[1]), sys.argv[2]))
bell = bells.on("log")
print("ready", flush=True)
while not bell.wait(60): pass
print("rung", flush=True)
bells.close()
"""


def _listener(run_dir: Path, url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _GEVENT, str(run_dir), url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_gevent_process_hears_another_process(run_dir: Path) -> None:
    process = _listener(run_dir, "")
    nudges = Nudges(run_dir)
    nudges.send("outbox")
    nudges.send("log")
    assert process.communicate(timeout=45)[0] == "rung\n"
    nudges.close()


@pytest.mark.parametrize("loop", ["asyncio", "gevent"])
def test_over_postgresql_another_machine_hears(tmp_path: Path, postgres: Postgres, loop: str) -> None:
    """Two run folders: nothing but NOTIFY connects them."""
    here = Nudges(tmp_path / "here", postgres.url())
    if loop == "asyncio":
        there = Nudges(tmp_path / "there", postgres.url())
        assert hear(there, lambda: here.send("log"))
        there.close()
    else:
        process = _listener(tmp_path / "there", postgres.url())
        end = time.monotonic() + 45
        while process.poll() is None and time.monotonic() < end:
            here.send("log")  # LISTEN takes a moment after "ready"
            time.sleep(0.05)
        assert process.communicate(timeout=45)[0] == "rung\n"
    here.close()


def test_a_burst_is_sent_once_and_the_last_one_counts(tmp_path: Path, postgres: Postgres) -> None:
    here = Nudges(tmp_path / "here", postgres.url())
    heard: list[str] = []

    async def main() -> None:
        import psycopg

        async with await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True) as connection:
            await connection.execute("LISTEN hanmaru")
            for _ in range(500):
                here.send("log")
            here.send("outbox")
            async for notice in connection.notifies(timeout=45):
                heard.append(notice.payload)
                if notice.payload == "outbox":
                    break

    asyncio.run(main())
    assert "outbox" in heard
    assert len(heard) < 250
    here.close()
