"""The database as one file and back: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from contact.db import Database
from contact.errors import HanmaruError
from contact.notify import libpq


class ToolFailed(HanmaruError):
    """A tool of PostgreSQL failed."""

    code = "tool"


def save(db: Database, target: Path) -> None:
    """A consistent copy while others read and write: one snapshot, from one moment."""
    if db.is_sqlite:
        with closing(sqlite3.connect(_path(db), timeout=30)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)  # in one step: in WAL mode it holds a snapshot and stops nobody
            copy.execute("PRAGMA journal_mode = DELETE")
        return
    _run("pg_dump", db.engine.url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def load(db: Database, source: Path) -> None:
    """Replace everything in the database by what `source` holds. Nobody else may use it meanwhile."""
    if db.is_sqlite:
        with closing(sqlite3.connect(source)) as copy:
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise ToolFailed(f"The copy of the database is damaged: {verdict}")
        db.close()
        path = Path(_path(db))
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        source.replace(path)
        return
    db.close()
    _run(
        "pg_restore", db.engine.url, "--clean", "--if-exists", "--no-owner", "--no-privileges",
        "--single-transaction", "--exit-on-error", str(source),
    )  # fmt: skip


def _path(db: Database) -> str:
    return str(db.engine.url.database)


def _run(tool: str, url: URL, *arguments: str) -> None:
    program = shutil.which(tool)
    if program is None:
        raise ToolFailed(f"{tool} is not installed; it comes with PostgreSQL's client programs")
    bare = libpq(url.set(password=None).render_as_string(hide_password=False))
    environment = {"PGPASSWORD": str(url.password)} if url.password else {}  # never in the process list
    done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's own, the arguments are ours
        [program, f"--dbname={bare}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolFailed(f"{tool} failed: {done.stderr.strip()[-500:]}")
