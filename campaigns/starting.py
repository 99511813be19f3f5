"""The clock's work for campaigns: what is scheduled starts, once, whoever's clock it is."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns import campaign
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

EVERY = timedelta(seconds=5)


async def start(context: Context, _slot: datetime) -> None:
    await context.write(campaign.start_due, utcnow())


JOBS = [Job("campaigns start", start, every=EVERY)]
