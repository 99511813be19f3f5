"""Periodic work on contents."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.content import pictures
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

EVERY = timedelta(days=1)


async def sweep_pictures(context: Context, _slot: datetime) -> None:
    """Forget pictures that were brought and never stood in a version."""
    await context.write(pictures.sweep, utcnow())


JOBS = (Job("sweep pictures", sweep_pictures, every=EVERY),)
