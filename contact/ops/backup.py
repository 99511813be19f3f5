"""Keep a copy of the house in one file, and bring it back. Works on a house that is open, too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select

from contact import migrations, pulse
from contact.db import utcnow
from contact.errors import Conflict
from contact.lease import Lease
from contact.log import head
from contact.ops import archive, dump
from contact.ops.archive import DATABASE, FILES, SECRET, Manifest, Writer
from contact.service import Service
from contact.users import User


def save(service: Service, target: Path, now: datetime) -> Manifest:
    """Write a backup to `target` and read it back; it is there whole or not at all.

    The database is copied first: whatever it speaks of is in the file store by then, because
    files are stored before the row that names them is committed.
    """
    kind = "sqlite" if service.db.is_sqlite else "postgresql"
    manifest = Manifest(kind, migrations.current(service.db.engine) or "", now.isoformat())
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".hanmaru-backup-") as folder:
        copy = Path(folder) / DATABASE
        dump.save(service.db, copy)
        writer = Writer(target, manifest)
        try:
            writer.add(DATABASE, copy)
            writer.add_bytes(SECRET, service.settings.secret())
            for name, path in _files(service.settings.files_dir):
                _add(writer, name, path)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
    return manifest


def restore(service: Service, source: Path, *, force: bool = False) -> Manifest:
    """Make this house what it was when `source` was written.

    Everything is unpacked and checked beside the house before anything of it is touched.
    Raises `Conflict` when the house is open, or is not empty and `force` was not said; with
    `force` the former database, files and key are put aside, never deleted.
    """
    settings = service.settings
    refuse_open(service)
    empty = is_empty(service)
    if not empty and not force:
        raise Conflict("This house is not empty. Say --force to replace everything in it.")
    aside = None if empty else settings.data_dir / f"before-{utcnow():%Y%m%d-%H%M%S}"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=".restore-") as name:
        folder = Path(name)
        manifest = archive.check(source, folder)
        _refuse_foreign(service, manifest)
        if aside:
            aside.mkdir(mode=0o700)
            dump.save(service.db, aside / DATABASE)
        dump.load(service.db, folder / DATABASE)
        _swap(folder / FILES, settings.files_dir, aside)
        if not settings.secret_key:
            _swap(folder / SECRET, settings.data_dir / SECRET, aside)
    migrations.upgrade(service.db.engine)
    _forget_processes(service)
    return manifest


def is_empty(service: Service) -> bool:
    """Whether nobody lives here yet: no people, nothing in the log."""
    if migrations.current(service.db.engine) is None:
        return True
    with service.db.read() as session:
        return session.scalar(select(User.id).limit(1)) is None and head(session) == 0


def refuse_open(service: Service) -> None:
    """Raise `Conflict` while a process of the house runs, here or on another machine."""
    service.nudges.send("")  # ears of killed processes go away by this
    open_here = any(service.settings.run_dir.glob("*.ear"))
    parts: Sequence[pulse.Pulse] = ()
    if migrations.current(service.db.engine) is not None:
        with service.db.read() as session:
            parts = pulse.living(session, utcnow())
    if open_here or parts:
        raise Conflict("The house is open. Stop it first.")


def _refuse_foreign(service: Service, manifest: Manifest) -> None:
    kind = "sqlite" if service.db.is_sqlite else "postgresql"
    if manifest.kind != kind:
        raise Conflict(f"This backup is of a {manifest.kind} database; this house has {kind}.")
    if manifest.revision > migrations.HEAD:
        raise Conflict(f"This backup is of a newer version ({manifest.revision}). Update Hanmaru first.")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Whole files of the store; those being written have names with a dot."""
    for shelf in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        for path in sorted(shelf.iterdir()):
            yield f"{FILES}/{shelf.name}/{path.name}", path


def _add(writer: Writer, name: str, path: Path) -> None:
    try:
        writer.add(name, path)
    except FileNotFoundError:  # erased since we listed it
        return


def _swap(new: Path, place: Path, aside: Path | None) -> None:
    """Put `new` in its place; what was there goes aside, or away when the house was empty."""
    if place.exists() and aside:
        place.rename(aside / place.name)
    elif place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if new.exists():
        new.rename(place)


def _forget_processes(service: Service) -> None:
    """The processes and leases of the house that was copied are not ours."""
    with service.db.write() as session:
        session.execute(delete(pulse.Pulse))
        session.execute(delete(Lease))
