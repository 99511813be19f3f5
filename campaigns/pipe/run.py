"""Run: one campaign in one worker. Claims windows, lets several hands send, settles what has landed.

While it runs it looks twice a second whether it still may: a pause, a cancellation and a refusal act on what
is in hand and has not left, within a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign, State
from campaigns.pipe import claim as claims
from campaigns.pipe import judged, plain, settle, window
from campaigns.pipe.answers import Answers
from campaigns.pipe.claim import Claimed, Row
from campaigns.pipe.doors import Doors, door_of
from campaigns.pipe.gate import Gate
from campaigns.pipe.hands import GROUP, Hands
from campaigns.pipe.journal import REASON, FileJournal, Word
from campaigns.pipe.judged import Judge
from campaigns.pipe.line import Line
from campaigns.pipe.ports import Ports, Verdict
from campaigns.pipe.settle import Landed
from campaigns.pipe.threshold import Threshold
from campaigns.pipe.written import Going, Written
from campaigns.recipient import Fate
from contact.channel import ChannelError, Queues
from contact.db import utcnow
from contact.inbox import Inbox, InboxState
from contact.messages import AddressKind
from contact.outbox.pace import Pace, pace_of
from contact.outbox.rest import lane_of
from contact.worker import Context

LOOK = 0.4
"""Seconds between two looks at whether it still may go on, and to whom of those who were not asked about lately."""
TURN = 0.1
"""Seconds between two groups of settled recipients."""
FIRST, LEAST, MOST = 200, 100, 2000
"""Recipients of a window, the first one and within what."""
AHEAD = 0.4
"""Seconds in which a window leaves, more where claiming takes long: who waits longer must be asked about again."""
SOON = timedelta(seconds=5)
ROOM = 2.0
"""Seconds until a provider whose queue is full is asked again."""


class Run:
    """Belongs to the worker's loop. `go` returns when nothing is due soon, or it may not go on."""

    def __init__(
        self, context: Context, owner: str, journal: FileJournal, ports: Ports, going: Going, doors: Doors | None = None
    ) -> None:
        self._context, self._owner, self._journal, self._ports = context, owner, journal, ports
        self._going, self._campaign = going, going.campaign
        self._channel = context.channels[going.campaign.channel]
        can = self._channel.capabilities
        self._written = Written(context.settings, self._channel, ports, going)
        self._queue = Line(door_of if can.address is AddressKind.EMAIL else None, doors)
        lane = lane_of(going.inbox.channel, going.inbox.provider)
        self._gate = Gate(context, going.inbox.id, lane, pace_of(going.inbox.settings, can.pace))
        each = bool(self._written.names)
        self._judge = Judge(going.campaign.id, self._queue.doors, can.retry_for, each=each)
        self._hands = Hands(self._queue, self._gate, self._judge, self._written, utcnow())
        self._left: Counter[int] = Counter()
        """Recipients in hand by window."""
        self._answers = Answers()
        self._size, self._since = FIRST, 0.0
        self._low = FIRST // 2
        """When so many are left the next ones are claimed."""
        self._took = 0.0
        """Seconds of the last claim."""
        self._dry = False
        """Whether hands waited for it."""
        self._more = True
        self._full = self._again = 0.0
        """By the clock of the loop: until then the provider's queue is full, or its own rate spent."""
        self._moved = False

    @property
    def paused(self) -> str:
        """Why it cannot go on without a person."""
        return self._judge.paused

    def news(self) -> tuple[bool, str]:
        """Whether somebody came to an end since this was asked last, and what holds it up."""
        moved, self._moved = self._moved, False
        now = asyncio.get_running_loop().time()
        if not self._judge.trouble:
            closed = [f"{door.said} ({name})" for name, door in self._queue.doors.closed(now)]
            return moved, "; ".join(closed)[:REASON]
        return moved, self._judge.trouble

    def stop(self) -> None:
        """Begin nothing more."""
        self._hands.close()

    async def go(self) -> None:
        async with (
            plain.sender(self._channel, self._going.inbox, Threshold(self._journal, self._hands)) as sender,
            self._hands.at_work(sender),
        ):
            await self._turns()

    async def _turns(self) -> None:
        loop = asyncio.get_running_loop()
        looked = self._since = loop.time()
        while True:
            self._hands.at = utcnow()
            await self._settle()
            if loop.time() - looked >= LOOK:
                await self._look()
                looked = loop.time()
            if not self._hands.open:
                self._hands.give_back()
                if not len(self._hands):
                    return
            elif not await self._feed():
                return
            self._make_room()
            await self._wait()

    async def _wait(self) -> None:
        hands = self._hands
        hands.low = self._low
        hands.bell.clear()
        if len(hands.landed) >= GROUP or (not hands.open and hands.landed):
            return
        try:
            async with asyncio.timeout(TURN):
                await hands.bell.wait()
        except TimeoutError:
            pass

    # -- claim -------------------------------------------------------------------------------

    async def _feed(self) -> bool:
        """Claim the next window when the queue runs low; False when nothing is left to do soon."""
        loop = asyncio.get_running_loop()
        if len(self._queue) > self._low or loop.time() < max(self._judge.rests_until, self._full, self._again):
            return True
        if not self._more and self._queue:
            return True
        self._adapt()
        if not await self._room():
            return True
        begun = loop.time()
        claimed, closings = await self._context.call(self._claim)
        self._took = loop.time() - begun
        self._dry = claimed.more and not self._queue and self._hands.are_idle
        self._answers.claimed({row.window for row in claimed.rows}, begun)
        self._take(claimed, closings)
        if claimed.rows or claimed.more or len(self._hands):
            return True
        due = await self._context.read(claims.next_at, self._campaign.id)
        return due is not None and due <= utcnow() + SOON

    async def _room(self) -> bool:
        """Whether the provider should be given more now; no more than that is claimed."""
        if not isinstance(self._channel, Queues):
            return True
        try:
            most = await self._channel.room(self._going.inbox) - len(self._hands)
        except ChannelError as error:
            self._judge.rest(error)
            self._heed()
            return False
        self._size = max(min(self._size, most), 1)
        if most <= 0:
            self._full = asyncio.get_running_loop().time() + ROOM
        return most > 0

    def _claim(self) -> tuple[Claimed, Mapping[int, datetime]]:
        """`sending` must outlive the loss of power, too: then it is unknown, and not repeated."""
        with self._context.db.write(lasting=True) as session:
            now, one = utcnow(), self._campaign
            claimed = claims.claim(session, now, one.id, self._owner, self._size, self._ports, self._written.fields)
            addresses = {row.address_id for row in claimed.rows} if self._written.names else set()  # mail has no night
            closings = self._ports.closings(session, now, addresses, channel=one.channel, purpose=one.purpose)
        return claimed, closings

    def _take(self, claimed: Claimed, closings: Mapping[int, datetime]) -> None:
        self._more = claimed.more
        if claimed.again is not None:
            wait = (claimed.again - utcnow()).total_seconds()
            self._again = asyncio.get_running_loop().time() + min(max(wait, 0.0), 60.0)
        self._left.update(row.window for row in claimed.rows)
        self._hands.take(claimed.rows, closings)

    def _adapt(self) -> None:
        """As many as leave in that time; the next ones are claimed while as many are left as leave meanwhile."""
        now = asyncio.get_running_loop().time()
        if now - self._since >= 0.5:
            rate = self._hands.done / (now - self._since)
            least = max(self._size * 1.5 if self._dry else 0, LEAST)  # shrinking would go on
            self._size = int(min(max(rate * max(AHEAD, self._took * 1.5), least), MOST))
            self._low = max(self._size // 2, min(int(rate * self._took * 1.25), MOST))
            self._hands.done, self._since = 0, now

    def _make_room(self) -> None:
        """Whoever is behind a closed door goes back, so that others come; the rest are looked at again."""
        if not self._queue or not self._hands.open:
            return
        full = self._hands.are_idle and len(self._queue) * 2 >= self._size
        for row, wait in self._queue.aside(asyncio.get_running_loop().time(), full=full):
            later = Landed(row.number, row.window, Word(Fate.PLANNED), timedelta(seconds=wait), tried=False)
            self._hands.landed.append((row, later))
        self._hands.wake(len(self._queue))

    # -- look --------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Whether it still may, and whether somebody in hand has refused meanwhile."""
        in_hand = chain(self._queue, self._hands.air.values())
        addresses = self._answers.stale(in_hand, asyncio.get_running_loop().time())
        may, limits, refused = await self._context.read(self._asked, addresses)
        if not may:
            self._hands.open = False
        self._gate.limits = limits
        for row in self._queue.remove({row.number for row in self._queue if row.address_id in refused}):
            self._hands.landed.append((row, _refused(row, refused[row.address_id])))
        self._hands.bar(refused)

    def _asked(self, session: Session, addresses: set[int]) -> tuple[bool, Pace, dict[int, Verdict]]:
        state = session.scalar(select(Campaign.state).where(Campaign.id == self._campaign.id)) or ""
        inbox = session.execute(select(Inbox.state, Inbox.settings).where(Inbox.id == self._campaign.inbox_id)).one()
        found = claims.sieve(session, utcnow(), self._campaign, self._ports, addresses) if addresses else {}
        may = state == State.RUNNING.value and inbox.state == InboxState.ACTIVE.value
        return may, pace_of(inbox.settings, self._channel.capabilities.pace), dict(found)

    # -- settle ------------------------------------------------------------------------------

    async def _settle(self) -> None:
        landed, self._hands.landed = self._hands.landed, []
        if not landed:
            return
        try:
            told = [self._judge.told(row, self._queue.door(row), outcome) for row, outcome in landed]
            self._heed()
            beside = [(row, outcome) for row, outcome in landed if judged.says_more(outcome)]
            left = self._left - Counter(one.window for one in told)
            over = [number for number in self._left if not left[number]]
            await self._context.write(self._write, told, over, beside)
        except Exception:
            self._hands.landed = landed + self._hands.landed
            raise
        self._left = left

    def _heed(self) -> None:
        """Nobody can be reached, or a person must look first: what is in hand goes back."""
        if asyncio.get_running_loop().time() < self._judge.rests_until:
            self._hands.give_back()
        if self._judge.paused:
            self._hands.open = False

    def _write(
        self, session: Session, told: Sequence[Landed], over: Sequence[int], beside: Sequence[tuple[Row, Any]] = ()
    ) -> None:
        now = utcnow()
        settle.settle(session, now, self._campaign, told)
        self._moved = self._moved or any(one.word.fate is not Fate.PLANNED for one in told)
        for row, outcome in beside:
            judged.note(session, now, self._campaign.channel, row, outcome)
        if over:
            window.end(session, now, over)


def _refused(row: Row, verdict: Verdict) -> Landed:
    """In hand, not left, and now it may not."""
    if verdict.until is None:
        return Landed(row.number, row.window, Word(Fate.SUPPRESSED, "", verdict.reason[:REASON]), tried=False)
    wait = max(verdict.until - utcnow(), timedelta(0))
    return Landed(row.number, row.window, Word(Fate.PLANNED), wait, tried=False)


def pause(session: Session, now: datetime, campaign_id: int, reason: str) -> None:
    """The house pauses it, because a person must act first."""
    campaigns.pause(session, now, campaign_id, None, reason)
