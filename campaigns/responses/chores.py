"""Periodic work on responses."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.responses import visit
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

EVERY = timedelta(seconds=10)


async def judge_visits(context: Context, _slot: datetime) -> None:
    """Say who followed links and opened mails, once it can be told."""
    while await context.write(visit.judge_due, utcnow()):
        pass


JOBS = (Job("judge visits", judge_visits, every=EVERY),)
