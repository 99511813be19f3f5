"""The worker's part that carries what is due, and takes back what is not needed any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from board.notice import carrying
from board.notice.notice import BELL
from contact import log
from contact.db import utcnow
from contact.service import Service
from contact.worker import Context

POLL = 5.0
"""Seconds until it looks by itself: steps become due without anybody ringing."""
HOLD = 0.03
"""Seconds a group should have the database's one write lock, its commit with it: a chat's next line waits for that."""
GAP = 0.017
"""Seconds between two groups, at least. Whoever waited for SQLite's lock while a group had it for `HOLD` asks again
within 15 ms (https://sqlite.org/src/file/src/main.c, sqliteDefaultBusyCallback), so it always gets in before the next.
"""
SHARE = 0.5
"""The pause as a share of the time it had the lock; all of it where somebody else had the lock when it came."""
BUSY = 0.005
"""Seconds it waits for the lock from which on somebody else is writing."""
LEAST, MOST = 10, 200


@dataclass(frozen=True, slots=True)
class Held:
    """How long a group waited for the lock, and had it, in seconds; how many steps it had."""

    waited: float
    took: float
    steps: int

    @property
    def pause(self) -> float:
        return max(GAP, self.took if self.waited > BUSY else self.took * SHARE)


async def run(context: Context) -> None:
    """Until `context.stop`."""
    bell, most, more = context.bell(BELL), carrying.GROUP, False
    while not context.stop.is_set():
        if more or await context.read(carrying.waits, utcnow()):
            held = await context.call(_group, context.service, carrying.carry, most)
            more = held.steps > 0
        elif await context.read(carrying.lingers):
            held = await context.call(_group, context.service, carrying.recall, most)
        else:
            most = carrying.GROUP
            await bell.wait(POLL)
            continue
        most = next_size(most, held.took)
        await context.sleep(held.pause)


def next_size(most: int, took: float) -> int:
    """How many steps the next group has when one of so many took so many seconds; it grows slowly, and shrinks at once.

    What a step costs depends on the machine, what else it does, and what the steps are.
    """
    fits = int(most * HOLD / max(took, 0.001))
    return max(LEAST, min(MOST, fits, most * 2))


def _group(service: Service, work: Callable[[Session, datetime, Service, int], int], most: int) -> Held:
    """One transaction, which has the lock from its first statement on."""
    asked = time.monotonic()
    with service.db.write() as session:
        session.connection()
        log.lock(session)
        got = time.monotonic()
        steps = work(session, utcnow(), service, most)
    return Held(got - asked, time.monotonic() - got, steps)
