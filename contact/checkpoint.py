"""SQLite's checkpoints, made by the worker, so that whoever answers people never waits for the disk.

A commit only appends to the write-ahead log; a checkpoint syncs that log and copies its pages
into the database. Left to itself, SQLite has the connection do it whose commit reaches 1,000
pages: at 500 chat messages a second that stopped the web process more than once a second, and
at three mails an hour it never came. Here it comes a second after anything was written, which is
also how much a power cut can take (unless HANMARU_SQLITE_FULL_SYNC syncs every commit).
https://www.sqlite.org/wal.html#ckpt
"""

from __future__ import annotations

from pathlib import Path

import structlog

from contact.db import Database
from contact.worker import Context

EVERY = 1.0
"""Seconds between two looks."""
FULL = 8192
"""Pages (32 MiB) of log above which writers are held up for a moment, so that it begins anew."""

log = structlog.stdlib.get_logger(__name__)


async def run(context: Context) -> None:
    """The worker's part; nothing to do on PostgreSQL."""
    seen = 0
    while not context.stop.is_set():
        if context.db.is_sqlite and (written := _written(context.db)) != seen:
            await context.call(checkpoint, context.db)
            seen = written
        await context.sleep(EVERY if context.db.is_sqlite else 3600)


def checkpoint(db: Database) -> int:
    """Bring the log into the database without holding up anybody; returns its length in pages."""
    connection = db.engine.raw_connection()
    try:
        driver = connection.driver_connection
        assert driver is not None
        _, pages, done = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages > FULL:  # never empty at the right moment: writers were faster
            driver.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            log.debug("write-ahead log restarted", pages=pages, done=done)
    finally:
        connection.close()
    return int(pages)


def _written(db: Database) -> int:
    """When the log was last written, ns; 0 while there is none."""
    path = Path(f"{db.engine.url.database}-wal")
    return path.stat().st_mtime_ns if path.exists() else 0
