"""The worker's checkpoints: what was written is in the database soon, and the log begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from contact import checkpoint
from contact.channel import Channels
from contact.db import OWN_CHECKPOINT, Database
from contact.service import Service
from contact.settings import Settings
from contact.worker import Context


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service.of(Settings(_env_file=None, data_dir=tmp_path), Channels())  # type: ignore[call-arg]
    yield made
    made.close()


def write(db: Database, rows: int) -> None:
    with db.write() as session:
        session.execute(sa.text("create table if not exists filler (words text)"))
        for _ in range(rows):
            session.execute(sa.text("insert into filler values (:words)"), {"words": "x" * 4000})


def log_of(db: Database) -> Path:
    return Path(f"{db.engine.url.database}-wal")


def test_writers_leave_it_to_the_worker(service: Service) -> None:
    with service.db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == OWN_CHECKPOINT
    write(service.db, 3000)
    assert log_of(service.db).stat().st_size > 3000 * 4000
    before = Path(str(service.db.engine.url.database)).stat().st_size
    assert checkpoint.checkpoint(service.db) >= 3000
    assert Path(str(service.db.engine.url.database)).stat().st_size >= before + 3000 * 4000


def test_the_log_begins_anew_when_it_is_long(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FULL", 100)
    for _ in range(5):
        write(service.db, 200)
        checkpoint.checkpoint(service.db)
    assert log_of(service.db).stat().st_size < 2 * 200 * 4200


def test_the_part_looks_by_itself_and_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.02)
    write(service.db, 1)
    database = Path(str(service.db.engine.url.database))

    async def run() -> None:
        context = Context(service)
        part = asyncio.create_task(checkpoint.run(context))
        before = database.stat().st_size
        await context.call(write, service.db, 500)
        async with asyncio.timeout(45):
            while database.stat().st_size < before + 500 * 4000:
                await asyncio.sleep(0.02)
        context.end()
        await part
        context.close()

    asyncio.run(run())
