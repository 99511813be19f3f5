"""Gate: the pace of the inbox, which campaigns share with single answers. Answers go first.

A send is counted in the same table, behind the same lock and at the same moment as by the dispatcher
(`contact/outbox/pace.py`): right before it begins.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.outbox import Delivery, pace, rest
from contact.outbox.pace import Pace
from contact.worker import Context

YIELD = 0.1
"""Seconds between two looks whether the answers have left."""
LONGEST = 1.0
"""Seconds between two looks at a pace that is spent."""
_QUEUED = text("delivery.state = 'queued'")


class Gate:
    """Of one campaign in one worker. `limits` may change while it stands open."""

    def __init__(self, context: Context, inbox_id: int, lane: rest.Lane, limits: Pace) -> None:
        self._context, self._inbox, self._lane = context, inbox_id, lane
        self.limits = limits
        self._line = asyncio.Lock()
        self._waiting = self._may = 0

    async def enter(self) -> None:
        """Returns when one message may begin at once; it is counted as begun."""
        if not self.limits:
            return
        self._waiting += 1
        try:
            async with self._line:
                while self.limits and not self._may:
                    self._may, wait = await self._context.write(self._take, self._waiting)
                    if not self._may:
                        await asyncio.sleep(wait)
                self._may = max(self._may - 1, 0)
        finally:
            self._waiting -= 1

    def _take(self, session: Session, want: int) -> tuple[int, float]:
        """How many may begin now; if nobody, the seconds until it is worth asking again."""
        session.connection()  # on SQLite: alone from here on
        pace.lock(session, [self._inbox])
        now, limits = utcnow(), self.limits
        if self._answers_wait(session, now):
            return 0, YIELD
        room = pace.room(session, now, self._inbox, limits, want)
        if not room.many:
            return 0, min(max((room.free_at - now).total_seconds(), 0.005), LONGEST)
        pace.spend(session, self._inbox, limits, room, room.many)
        return room.many, 0.0

    def _answers_wait(self, session: Session, now: datetime) -> bool:
        """Whether a single message of this inbox could leave now. While its provider rests, none can."""
        due: Any = (
            select(Delivery.id)
            .where(_QUEUED, Delivery.inbox_id == self._inbox, Delivery.next_at <= now, Delivery.expires_at > now)
            .limit(1)
        )
        if session.scalar(due) is None:
            return False
        return rest.of_inbox(rest.all_(session), self._lane, self._inbox) is None
