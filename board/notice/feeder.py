"""The worker's part that carries what is due, and takes back what is not needed any more."""

from __future__ import annotations

from board.notice import carrying
from board.notice.notice import BELL
from contact.db import utcnow
from contact.worker import Context

POLL = 5.0
"""Seconds until it looks by itself: steps become due without anybody ringing."""
GAP = 0.05
"""Seconds between two groups: whoever waits for the database's one write lock comes first."""


async def run(context: Context) -> None:
    """Until `context.stop`."""
    bell = context.bell(BELL)
    while not context.stop.is_set():
        if await context.read(carrying.waits, utcnow()):
            await context.write(carrying.carry, utcnow(), context.service)
            await context.sleep(GAP)
        elif await context.read(carrying.lingers):
            await context.write(carrying.recall, utcnow())
            await context.sleep(GAP)
        else:
            await bell.wait(POLL)
