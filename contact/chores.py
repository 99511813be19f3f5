"""The hall's own periodic work, hung on the clock in `wsgi.py`."""

from __future__ import annotations

from datetime import datetime, timedelta

from contact import conversation, files, users
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

WAKE_EVERY = timedelta(seconds=5)
FILES_EVERY = timedelta(minutes=5)
SWEEP_EVERY = timedelta(hours=1)


async def wake_snoozed(context: Context, _slot: datetime) -> None:
    """Open the snoozed conversations whose time has come."""
    while await context.write(conversation.wake_due, utcnow()):
        pass


async def sweep_sessions(context: Context, _slot: datetime) -> None:
    """Forget sign-ins that ended long ago."""
    await context.write(users.sessions.sweep, utcnow())


async def sweep_files(context: Context, _slot: datetime) -> None:
    """Remove what erased people left behind."""
    await context.write(files.sweep, context.service.store)


JOBS = (
    Job("sweep files", sweep_files, every=FILES_EVERY),
    Job("wake snoozed", wake_snoozed, every=WAKE_EVERY),
    Job("sweep sessions", sweep_sessions, every=SWEEP_EVERY),
)
