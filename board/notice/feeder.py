"""The worker's part that carries what is due, and takes back what is not needed any more."""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from board.notice import carrying
from board.notice.notice import BELL
from contact.db import utcnow
from contact.service import Service
from contact.worker import Context

POLL = 5.0
"""Seconds until it looks by itself: steps become due without anybody ringing."""
HOLD = 0.06
"""Seconds a group should have the database's one write lock: a chat's next line waits for that."""
GAP = 0.05
"""Seconds between two groups, at least; as long as it had the lock, where that is more."""
LEAST, MOST = 10, 60


async def run(context: Context) -> None:
    """Until `context.stop`."""
    bell, most = context.bell(BELL), carrying.GROUP
    while not context.stop.is_set():
        if await context.read(carrying.waits, utcnow()):
            took = await context.write(_carry, context.service, most)
        elif await context.read(carrying.lingers):
            took = await context.write(_recall, most)
        else:
            most = carrying.GROUP
            await bell.wait(POLL)
            continue
        most = next_size(most, took)
        await context.sleep(max(GAP, took))


def next_size(most: int, took: float) -> int:
    """How many steps the next group has when one of so many took so many seconds; it grows slowly, and shrinks at once.

    What a step costs depends on the machine, what else it does, and what the steps are.
    """
    fits = int(most * HOLD / max(took, 0.001))
    return max(LEAST, min(MOST, fits, most * 2))


def _carry(session: Session, service: Service, most: int) -> float:
    """How long it had the lock, which it has from its first statement on."""
    session.connection()
    started = time.monotonic()
    carrying.carry(session, utcnow(), service, most)
    return time.monotonic() - started


def _recall(session: Session, most: int) -> float:
    session.connection()
    started = time.monotonic()
    carrying.recall(session, utcnow(), most)
    return time.monotonic() - started
