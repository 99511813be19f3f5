"""Hands: what a run has in hand, and the tasks that send it, one message each at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from datetime import datetime

from campaigns.pipe.ahead import Making
from campaigns.pipe.claim import Row
from campaigns.pipe.gate import Gate
from campaigns.pipe.journal import REASON, Word
from campaigns.pipe.judged import Judge
from campaigns.pipe.line import Line
from campaigns.pipe.settle import Landed
from campaigns.pipe.written import Written
from campaigns.recipient import Fate
from contact.channel import Outcome, Sender
from contact.cutoff import TooLate
from contact.messages import Outbound

GROUP = 400
"""Landed recipients that are settled at once, without waiting for the turn."""


class Hands:
    """Belongs to the worker's loop. What has landed gathers in `landed`; `bell` rings when somebody should look."""

    def __init__(self, queue: Line, gate: Gate, judge: Judge, written: Written, at: datetime) -> None:
        self.queue, self._gate, self._judge, self._written = queue, gate, judge, written
        self.open = True
        self.landed: list[tuple[Row, Outcome | Landed]] = []
        self.air: dict[int, Row] = {}
        """On their way now, by number."""
        self.barred: set[int] = set()
        """Those of them who must not be written to any more (`threshold.py`)."""
        self.done = 0
        """Landed since it was set to 0."""
        self.low = 0
        """How many in the queue are too few."""
        self.at = at
        """The time, as mails say it."""
        self.bell = asyncio.Event()
        self._closes: dict[int, datetime] = {}
        """By address, of those in hand: when their night begins."""
        self._idle: deque[asyncio.Future[None]] = deque()
        """Hands with nothing to do, woken one by one: each that wakes for nothing costs as much as a claim."""

    def __len__(self) -> int:
        """Everybody who is not settled."""
        return len(self.queue) + len(self.air) + len(self.landed)

    @property
    def are_idle(self) -> bool:
        return bool(self._idle)

    @contextlib.asynccontextmanager
    async def at_work(self, sender: Sender) -> AsyncIterator[None]:
        """As many as the sender can be given at once."""
        self.queue.share = Line(None, hands=sender.at_once).share
        making = Making(sender, self.queue, self._message)
        hands = [asyncio.create_task(self._hand(sender, making)) for _ in range(sender.at_once)]
        try:
            yield
        finally:
            for hand in hands:
                hand.cancel()
            await asyncio.gather(*hands, return_exceptions=True)

    def close(self) -> None:
        """Begin nothing more."""
        self.open = False
        self.bell.set()

    def bar(self, addresses: Container[int]) -> None:
        """Who of these is on the way, and has not left, must stay."""
        self.barred |= {number for number, row in self.air.items() if row.address_id in addresses}

    def take(self, rows: Sequence[Row], closings: Mapping[int, datetime]) -> None:
        self._closes |= closings
        self.queue.extend(list(rows))
        self.wake(len(rows))

    def give_back(self) -> None:
        """What has not left is planned again, as it was."""
        self.landed += [(row, TooLate()) for row in self.queue.clear()]

    def wake(self, many: int) -> None:
        while many > 0 and self._idle:
            mark = self._idle.popleft()
            if not mark.done():  # its hand was cancelled
                mark.set_result(None)
                many -= 1

    async def _hand(self, sender: Sender, making: Making) -> None:
        loop = asyncio.get_running_loop()
        while True:
            row = await self._next()
            self.air[row.number] = row
            begun = loop.time()
            try:
                outcome = await self._send(sender, row, making)
            finally:
                del self.air[row.number]
                self._closes.pop(row.address_id, None)
                self.barred.discard(row.number)
                self.queue.done(row, loop.time() - begun)
            self._judge.busy(self.queue.door(row), outcome)
            self.landed.append((row, outcome))
            self.done += 1
            if self.queue:
                self.wake(1)
            if len(self.landed) >= GROUP or len(self.queue) <= self.low:
                self.bell.set()

    async def _next(self) -> Row:
        """The next that may leave now."""
        loop = asyncio.get_running_loop()
        while True:
            if self.open and self._gate.limits and self.queue.may(loop.time()):
                await self._gate.enter()
            if self.open and (row := self.queue.next(loop.time())) is not None:
                return row
            mark: asyncio.Future[None] = loop.create_future()
            self._idle.append(mark)
            await mark

    async def _send(self, sender: Sender, row: Row, making: Making) -> Outcome | Landed:
        now = asyncio.get_running_loop().time()
        made = making.take(row.number, now)
        making.go_on(now)
        if made is not None:
            return await made.send()
        try:
            message = self._message(row)
        except Exception as error:  # noqa: BLE001 - whatever a template can raise: nothing has left, and the others go on
            word = Word(Fate.FAILED, "content", f"The content could not be filled: {error}"[:REASON])
            return Landed(row.number, row.window, word)
        return await sender.send(message)

    def _message(self, row: Row) -> Outbound:
        return self._written.to(row, self.at, self._closes.get(row.address_id))
