"""The clock's work for campaigns: what is scheduled starts, once, whoever's clock it is."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns import campaign
from campaigns.campaign import Check
from campaigns.lawful import Lawful
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

EVERY = timedelta(seconds=5)


def jobs(check: Check | None = None) -> list[Job]:
    async def start(context: Context, _slot: datetime) -> None:
        asked = check or Lawful(context.settings)
        await context.write(lambda session: campaign.start_due(session, utcnow(), check=asked))

    return [Job("campaigns start", start, every=EVERY)]
