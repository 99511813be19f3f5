"""Backup and restore: under load, on both databases, damaged, foreign, into a house that lives."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from real import House, Postgres
from sqlalchemy import func, select, text

from contact import files, inbox, migrations, raw, users
from contact import log as spine
from contact.channel import Channels
from contact.db import Base, utcnow
from contact.errors import Conflict
from contact.files import Attachment
from contact.log import Interaction, Name
from contact.messages import File
from contact.ops import archive, backup
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

NOW = utcnow()


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def build(name: str, kind: str = "sqlite") -> Service:
        url = ""
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            url = server.url(server.create())
        settings = Settings(_env_file=None, data_dir=tmp_path / name, database_url=url)  # type: ignore[call-arg]
        service = Service.of(settings, Channels())
        settings.secret()
        made.append(service)
        return service

    yield build
    for service in made:
        service.close()


def say(service: Service, number: int) -> None:
    """One thing that happens: a file is stored, then the row that names it, in one transaction with its words."""
    items = files.keep(service.store, [File(f"{number}.txt", "text/plain", f"file {number} ".encode() * 100)])
    with service.db.write() as session:
        row = spine.append(session, utcnow(), Name.MESSAGE_RECEIVED, key=f"k{number}", body=f"상담 {number}")
        files.attach(session, row.id, items)


def live_in(service: Service, count: int = 30) -> None:
    migrations.upgrade(service.db.engine)
    with service.db.write() as session:
        users.first_admin(session, NOW)
        box = inbox.add(session, NOW, "email", "help@shop.example", "Help")
        box.secrets = Vault(service.settings.secret()).seal_all({"password": "s3cret"})
    for number in range(count):
        say(service, number)


def contents(service: Service) -> dict[str, Any]:
    """Every row of every table that a copy must bring along, in order."""
    skip = {"pulse", "lease"}
    with service.db.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key)).all()]
            for table in Base.metadata.sorted_tables
            if table.name not in skip
        }


def stored(service: Service) -> dict[str, bytes]:
    """The files, by their hashes; not the lock of the folder."""
    folder = service.settings.files_dir
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("??/*")}


def every_file_is_there(service: Service) -> int:
    with service.db.read() as session:
        hashes = session.scalars(select(Attachment.sha256)).all()
    for sha256 in hashes:
        with service.store.open(sha256) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == sha256
    return len(hashes)


@pytest.fixture
def pg_tools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the very server."""
    server: Postgres = request.getfixturevalue("postgres")
    monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")


@pytest.mark.parametrize("name", ["house.tar", "house.tar.gz"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_saved_comes_back_the_same(
    make: Callable[..., Service], tmp_path: Path, kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        request.getfixturevalue("pg_tools")
    first, second = make("first", kind), make("second", kind)
    live_in(first)
    target = tmp_path / name
    backup.save(first, target, NOW)
    assert target.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith((".", "house"))} == {name}
    backup.restore(second, target)
    assert contents(second) == contents(first)
    assert stored(second) == stored(first)
    assert second.settings.secret() == first.settings.secret()
    assert (second.settings.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600
    with second.db.read() as session:
        box = inbox.find(session, "email", "help@shop.example")
        assert box is not None
        assert Vault(second.settings.secret()).open_all(box.secrets or "") == {"password": "s3cret"}
    say(second, 1000)  # triggers, sequences and indexes came along
    with pytest.raises(Exception, match="append-only"), second.db.write() as session:
        session.execute(text("UPDATE interaction SET body = 'changed'"))


def test_a_backup_under_load_is_one_moment(make: Callable[..., Service], tmp_path: Path) -> None:
    """Writers go on while it is written; every row in the copy has its file, and none of the rows is torn."""
    first, second = make("first"), make("second")
    live_in(first, 50)
    stop = threading.Event()
    said: list[int] = []
    errors: list[BaseException] = []

    def talk(start: int) -> None:
        number = start
        try:
            while not stop.is_set():
                say(first, number)
                said.append(number)
                number += 1
        except BaseException as error:  # noqa: BLE001 - told by the test itself
            errors.append(error)

    writers = [threading.Thread(target=talk, args=(n * 100_000,)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    before = 0
    for turn in range(3):
        while len(said) < before + 20 and not errors:
            pass
        before = len(said)
        backup.save(first, tmp_path / f"{turn}.tar", NOW)
    stop.set()
    for writer in writers:
        writer.join()
    assert not errors
    assert len(said) > before, "nothing was written meanwhile: the backup stopped the writers"
    backup.restore(second, tmp_path / "2.tar")
    with second.db.read() as session:
        ids = list(session.scalars(select(Interaction.id).order_by(Interaction.id)))
        rows = session.scalar(select(func.count()).select_from(Interaction))
    assert ids == list(range(1, len(ids) + 1)), "a gap in the log"
    assert rows is not None
    assert rows >= 50 + before
    assert every_file_is_there(second) == rows


def test_raw_mail_comes_along(make: Callable[..., Service], tmp_path: Path) -> None:
    first, second = make("first"), make("second")
    live_in(first, 1)
    big = os.urandom(raw.IN_ROW + 1)
    kept = first.store.put([big])
    with first.db.write() as session:
        session.execute(
            text(
                "INSERT INTO raw (channel, inbox_id, envelope, sha256, size, received_at, state, tries, error)"
                " VALUES ('email', 1, '{}', :sha, :size, '2026-01-01', 'kept', 0, '')"
            ),
            {"sha": kept.sha256, "size": kept.size},
        )
    backup.save(first, tmp_path / "b.tar", NOW)
    backup.restore(second, tmp_path / "b.tar")
    with second.store.open(kept.sha256) as stream:
        assert stream.read() == big


def test_a_house_that_lives_is_refused_and_with_force_put_aside(make: Callable[..., Service], tmp_path: Path) -> None:
    first, second = make("first"), make("second")
    live_in(first, 3)
    live_in(second, 7)
    backup.save(first, tmp_path / "b.tar", NOW)
    former, former_key = contents(second), second.settings.secret()
    with pytest.raises(Conflict, match="not empty"):
        backup.restore(second, tmp_path / "b.tar")
    assert contents(second) == former
    backup.restore(second, tmp_path / "b.tar", force=True)
    assert contents(second) == contents(first)
    aside = next(second.settings.data_dir.glob("before-*"))
    assert (aside / "secret.key").read_bytes() == former_key
    assert len([*(aside / "files").glob("??/*")]) == 7
    with sqlite3.connect(aside / "database") as copy:
        assert copy.execute("SELECT count(*) FROM interaction").fetchone() == (7,)
    copy.close()


def test_an_open_house_is_refused(make: Callable[..., Service], tmp_path: Path) -> None:
    first, second = make("first"), make("second")
    live_in(first, 1)
    backup.save(first, tmp_path / "b.tar", NOW)
    ear = second.nudges.listen()
    with pytest.raises(Conflict, match="open"):
        backup.restore(second, tmp_path / "b.tar", force=True)
    ear.close()
    backup.restore(second, tmp_path / "b.tar")


def test_a_backup_of_another_kind_or_a_newer_version_is_refused(make: Callable[..., Service], tmp_path: Path) -> None:
    first, second = make("first"), make("second")
    live_in(first, 1)
    backup.save(first, tmp_path / "b.tar", NOW)
    for field, value in (("kind", "postgresql"), ("revision", "9999_later"), ("format", 99)):
        altered = alter(tmp_path / "b.tar", tmp_path / f"{field}.tar", manifest={field: value})
        with pytest.raises((Conflict, archive.BadBackup)):
            backup.restore(second, altered)
    assert backup.is_empty(second)


def alter(source: Path, target: Path, manifest: dict[str, Any] | None = None, **members: bytes) -> Path:
    """A copy of a backup with other bytes in it."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            stream = old.extractfile(info)
            assert stream is not None
            content = stream.read()
            if info.name == archive.MANIFEST and manifest:
                content = orjson.dumps(orjson.loads(content) | manifest)
            content = members.pop(info.name, content)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return target


def test_a_damaged_backup_changes_nothing(make: Callable[..., Service], tmp_path: Path) -> None:
    first, second = make("first"), make("second")
    live_in(first, 3)
    live_in(second, 2)
    whole = tmp_path / "b.tar"
    backup.save(first, whole, NOW)
    zipped = tmp_path / "b.tar.gz"
    backup.save(first, zipped, NOW)
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "cut.tar.gz").write_bytes(zipped.read_bytes()[: zipped.stat().st_size // 2])
    data = bytearray(zipped.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bit.tar.gz").write_bytes(data)
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "noise.tar").write_bytes(os.urandom(20_000))
    alter(whole, tmp_path / "key.tar", **{"secret.key": b"another"})
    alter(whole, tmp_path / "more.tar", **{"files/aa/bb": b"smuggled"})
    alter(whole, tmp_path / "out.tar", **{"../outside": b"smuggled"})
    alter(whole, tmp_path / "deep.tar", **{"files/../../outside": b"smuggled"})
    former, former_files = contents(second), stored(second)
    for path in (found for found in tmp_path.iterdir() if found.is_file() and found not in (whole, zipped)):
        with pytest.raises(archive.BadBackup):
            backup.restore(second, path, force=True)
    assert contents(second) == former
    assert stored(second) == former_files
    assert not list(tmp_path.rglob("outside"))


def test_a_backup_that_cannot_be_finished_leaves_the_old_one(
    make: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make("first")
    live_in(first, 2)
    target = tmp_path / "b.tar"
    backup.save(first, target, NOW)
    old = target.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.Writer, "add_bytes", full)
    with pytest.raises(OSError):
        backup.save(first, target, NOW)
    assert target.read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "first"]


def test_the_commands_on_an_open_house(server: House, make_house: Callable[..., House]) -> None:
    """The very programs, as an administrator types them."""
    done = server.command("backup", "copy.tar.gz")
    assert done.returncode == 0, done.stderr
    assert "found whole" in done.stdout
    copy = str(server.home / "copy.tar.gz")
    refused = server.command("restore", copy, "--force")
    assert refused.returncode == 1
    assert "The house is open" in refused.stderr
    assert "Traceback" not in refused.stderr
    other = make_house()
    done = other.command("restore", copy)
    assert done.returncode == 0, done.stderr
    assert (other.data / "secret.key").read_bytes() == (server.data / "secret.key").read_bytes()
    other.start()
    assert "shown this once" not in other.output, "the people of the copy live here now"
