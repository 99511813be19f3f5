"""The upgrade: all of it or nothing, and once, however many start at the same time."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from contact import migrations
from contact.db import Database

FORK = multiprocessing.get_context("fork")


def _upgrade(url: str, go: Event) -> None:
    go.wait()
    migrations.upgrade(Database(url).engine)


def _together(url: str, count: int) -> list[int | None]:
    """How `count` processes ended that upgraded one database in the same moment."""
    go = FORK.Event()
    started = [FORK.Process(target=_upgrade, args=(url, go)) for _ in range(count)]
    for one in started:
        one.start()
    go.set()
    for one in started:
        one.join(60)
    return [one.exitcode for one in started]


@pytest.mark.parametrize("_again", range(3))
def test_many_upgrade_at_once(tmp_path: Path, _again: int) -> None:
    url = f"sqlite:///{tmp_path}/house.db"
    assert _together(url, 4) == [0, 0, 0, 0]
    assert migrations.current(Database(url).engine) == migrations.HEAD


def test_many_upgrade_postgresql_at_once(request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("_postgres_server")
    name = server.create()
    try:
        assert _together(server.url(name), 4) == [0, 0, 0, 0]
        db = Database(server.url(name), pool=0)
        assert migrations.current(db.engine) == migrations.HEAD
        db.close()
    finally:
        server.drop(name)


def test_an_upgrade_that_is_killed_never_was(tmp_path: Path) -> None:
    """Killed at random moments: the tables of half a line are never seen, and the next start makes them all."""
    url = f"sqlite:///{tmp_path}/house.db"
    chance = random.Random(20)
    for _ in range(6):
        go = FORK.Event()
        one = FORK.Process(target=_upgrade, args=(url, go))
        one.start()
        go.set()
        time.sleep(chance.uniform(0.02, 0.4))
        one.kill()
        one.join(10)
        assert migrations.current(Database(url).engine) in (None, migrations.HEAD)
    migrations.upgrade(Database(url).engine)
    assert migrations.current(Database(url).engine) == migrations.HEAD
