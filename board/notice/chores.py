"""The clock's work for notices: what is scheduled is published, what is over ends, audiences are looked at."""

from __future__ import annotations

from datetime import datetime, timedelta

from board.notice import life, live
from contact.db import utcnow
from contact.jobs import Job
from contact.worker import Context

EVERY = timedelta(seconds=10)
LOOK_EVERY = timedelta(hours=1)


async def turn(context: Context, _slot: datetime) -> None:
    """End what is over, then publish what is due, each in a transaction of its own."""
    if await context.read(life.over, utcnow()):
        await context.write(life.expire_due, utcnow())
    for number in await context.read(life.due, utcnow()):
        await context.write(life.publish_due, utcnow(), number)


async def look(context: Context, _slot: datetime) -> None:
    """Compare every audience with whom it came to."""
    for part in await context.read(lambda session: list(live.partners(session))):
        await context.write(live.settle, utcnow(), part)


JOBS = (Job("notices", turn, every=EVERY), Job("notice audiences", look, every=LOOK_EVERY))
