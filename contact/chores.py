"""The hall's own periodic work, hung on the clock in `wsgi.py`."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from contact import conversation, sweeping, users, watching
from contact.db import utcnow
from contact.desk.held import held
from contact.desk.uploads import Uploads
from contact.imports import book
from contact.jobs import Job
from contact.worker import Context

WAKE_EVERY = timedelta(seconds=5)
FILES_EVERY = timedelta(minutes=5)
SWEEP_EVERY = timedelta(hours=1)
STORE_EVERY = timedelta(days=1)

log = structlog.stdlib.get_logger(__name__)


async def wake_snoozed(context: Context, _slot: datetime) -> None:
    """Open the snoozed conversations whose time has come."""
    while await context.write(conversation.wake_due, utcnow()):
        pass


async def sweep_sessions(context: Context, _slot: datetime) -> None:
    """Forget sign-ins that ended long ago."""
    await context.write(users.sessions.sweep, utcnow())


async def sweep_files(context: Context, _slot: datetime) -> None:
    """Remove what erased people left behind."""
    await context.write(sweeping.doomed, context.service.store)


async def sweep_store(context: Context, _slot: datetime) -> None:
    """Remove files that nobody speaks of, and what was cut off while it came."""
    service = context.service
    drafted = await context.read(held, Uploads(service.settings.secret()))
    swept = await context.call(sweeping.sweep, context.db, service.store, drafted)
    if swept.files or swept.cut_off:
        log.info("files swept", files=swept.files, cut_off=swept.cut_off)


async def sweep_imports(context: Context, _slot: datetime) -> None:
    """Remove files of contacts that were taken in a week ago."""
    await context.write(book.sweep, context.settings.data_dir, utcnow())


JOBS = (
    Job("sweep imports", sweep_imports, every=SWEEP_EVERY),
    Job("sweep files", sweep_files, every=FILES_EVERY),
    Job("sweep store", sweep_store, every=STORE_EVERY),
    watching.JOB,
    Job("wake snoozed", wake_snoozed, every=WAKE_EVERY),
    Job("sweep sessions", sweep_sessions, every=SWEEP_EVERY),
)
