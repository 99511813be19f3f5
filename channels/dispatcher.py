"""The dispatcher: what is due leaves, once. recover, claim, begin, commit, send, settle.

No provider is spoken to inside a transaction. From the commit of `begin` on, a crash means
`unknown`. A worker that was frozen past its lease finds its deadline gone when it wakes and
hands nothing over: the deadline is set on the monotonic clock before the lease is written,
and cuts the adapter off wherever it stands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.flight import Flight, Landed, Lane, Late, Loaded, Outcome, conclude, conclude_all, load_all
from contact import log as spine
from contact import outbox, owner
from contact.channel import ChannelError, Unsure
from contact.db import utcnow
from contact.inbox import Inbox
from contact.messages import DeliveryState, InboxFacts, Outbound, Receipt, Who
from contact.nudge import OUTBOX
from contact.outbox import delivery as rules
from contact.vault import Vault
from contact.worker import Context

AT_ONCE = 4
"""Messages of one channel on their way at the same time, where nothing else is said."""
POLL = 5.0
"""Seconds after which it looks without having been nudged."""
MARGIN = 0.1
"""Part of the lease kept back: who is later than that does not begin to hand over."""
SETTLE_TRIES = 5
AWAY = 0.25
"""Seconds until others are looked for again while a lane is full and none were there: a long queue is read for that."""
SHOWN = 50
"""Due messages of live channels settled in one transaction."""
log = structlog.stdlib.get_logger(__name__)


class Dispatcher:
    """The worker's part. `at_once` limits messages in flight by channel, for each provider of it."""

    def __init__(self, at_once: Mapping[str, int] | None = None) -> None:
        self._at_once = dict(at_once or {})
        self._owner = owner.make()

    async def run(self, context: Context) -> None:
        work = _Work(context, self._owner, self._at_once)
        keeper = asyncio.create_task(work.keep_leases())
        try:
            await work.loop()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            with contextlib.suppress(Exception):  # the database may be what ended us; the leases run out
                await context.write(outbox.give_back, self._owner)


class _Work:
    """One run of the part: turns of "settle what has landed, begin what there are free hands for"."""

    def __init__(self, context: Context, name: str, at_once: Mapping[str, int]) -> None:
        self._context = context
        self._owner = name
        self._at_once = at_once
        self._flights: dict[int, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._landed: list[Landed] = []
        self._bell = context.bell(OUTBOX)
        self._clock = asyncio.get_running_loop()
        self._vault = Vault.of(context.settings)
        self._live = [channel.name for channel in context.channels if channel.capabilities.live]
        self._tidied = -POLL
        self._lanes: dict[int, Lane] = {}
        """By inbox, as they were when the dispatcher last tidied up."""
        self._away: dict[str, float] = {}
        """By channel: until when nothing is looked for beside a full lane."""
        self._passed = False
        """Whether this turn looked away: then the next one comes as soon as it may look again."""

    async def loop(self) -> None:
        """Until `stop` is set and what was in the air has landed and is written down."""
        await self._context.write(_tidy, utcnow(), self._owner, DeliveryState.QUEUED)
        try:
            while not self._context.stop.is_set():
                if not await self._turn():
                    await self._bell.wait(await self._pause())
        except Exception:  # the database is away, as it seems: what is in the air must still be written down
            await self._land()
            raise
        await self._land()

    async def _land(self) -> None:
        """Begin nothing more; settle what is in the air as it comes down."""
        if self._flights:
            log.info("dispatcher drains", count=len(self._flights))
        while self._flights:
            if self._tasks and not self._landed:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._settle()

    async def _turn(self) -> bool:
        """Whether there was anything to do."""
        if self._clock.time() - self._tidied >= POLL:
            self._tidied = self._clock.time()
            await self._context.write(_tidy, utcnow(), self._owner)
            self._lanes = await self._context.read(_lanes)
        settled = await self._settle()
        return bool(await self._begin()) or settled

    async def keep_leases(self) -> None:
        """Renew the leases of what takes long to hand over, and move its deadline with them."""
        while True:
            await asyncio.sleep(rules.LEASE.total_seconds() / 4)
            if not self._flights:
                continue
            until = self._deadline()
            try:
                kept = await self._context.write(outbox.renew, utcnow(), self._owner, list(self._flights))
            except Exception:  # the database is away: the deadlines stand
                log.exception("leases not renewed")
                continue
            for flight in [self._flights[number] for number in kept if number in self._flights]:
                flight.deadline = until
                if flight.timer is not None and not flight.timer.expired():
                    flight.timer.reschedule(until)

    def _deadline(self) -> float:
        return self._clock.time() + rules.LEASE.total_seconds() * (1 - MARGIN)

    def _free(self) -> dict[str, tuple[int, list[int]]]:
        """By channel: free hands of the busiest lane that has any, and the inboxes whose lane has none."""
        busy = Counter(flight.lane for flight in self._flights.values())
        free: dict[str, tuple[int, list[int]]] = {}
        self._passed = False
        for name in [channel.name for channel in self._context.channels if channel.name not in self._live]:
            lanes = {(name, name)} | {lane for lane in self._lanes.values() if lane[0] == name}
            hands = {lane: self._at_once.get(name, AT_ONCE) - busy[lane] for lane in lanes}
            full = [number for number, lane in self._lanes.items() if hands.get(lane, 1) <= 0]
            some = [count for count in hands.values() if count > 0]
            if full and self._clock.time() < self._away.get(name, 0):
                self._passed = True
            elif some:
                free[name] = min(some), full
        return free

    async def _begin(self) -> int:
        """Begin as many deliveries as there are free hands; how many there were."""
        shown = await self._context.write(_show, utcnow(), self._owner, self._live) if self._live else 0
        free = self._free()
        if not free:
            return shown
        deadline = self._deadline()
        begun = await self._context.write(_begin, utcnow(), self._owner, free)
        found = {channel for _number, channel, _inbox in begun}
        self._away |= {
            name: self._clock.time() + AWAY for name, (_, full) in free.items() if full and name not in found
        }
        if not begun:
            return shown
        flights = [
            Flight(number, channel, self._lanes.get(inbox_id, (channel, channel)), inbox_id, deadline)
            for number, channel, inbox_id in begun
        ]
        self._flights.update({flight.id: flight for flight in flights})
        loaded = await self._load(flights)
        for flight, one in zip(flights, loaded, strict=True):
            task = asyncio.create_task(self._fly(flight, one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return shown + len(begun)

    async def _load(self, flights: Sequence[Flight]) -> list[Loaded]:
        """The messages as their channels send them. Nothing has left, so a failure is only a failure."""
        try:
            return await self._context.read(load_all, flights, self._context.store, self._vault)
        except Exception as error:
            log.exception("messages not made ready")
            words = f"The message could not be made ready: {type(error).__name__}: {error}"[:500]
            return [ChannelError(words, retryable=True, who=Who.US) for _ in flights]

    async def _pause(self) -> float:
        """Seconds until something is due; what is due and not ours to take is looked at again later."""
        if self._passed:
            return max(min(self._away.values()) - self._clock.time(), 0.02)
        due = await self._context.read(outbox.due_at)
        wait = (due - utcnow()).total_seconds() if due else POLL
        return min(max(wait, 0.02), POLL) if wait > 0 else POLL

    async def _fly(self, flight: Flight, loaded: Loaded) -> None:
        outcome: Outcome = loaded if isinstance(loaded, ChannelError) else await self._send(flight, *loaded)
        self._landed.append((flight, outcome))
        self._bell.ring()

    async def _send(self, flight: Flight, message: Outbound, facts: InboxFacts) -> Outcome:
        if self._clock.time() >= flight.deadline:
            return Late()
        try:
            async with asyncio.timeout_at(flight.deadline) as flight.timer:
                return await self._context.channels[flight.channel].send(message, facts)
        except (ChannelError, Unsure) as error:
            return error
        except TimeoutError:
            return Unsure("The lease ran out while the message was being handed over.")
        except Exception as error:
            log.exception("channel broke the contract", channel=flight.channel, delivery=flight.id)
            words = f"{type(error).__name__}: {error}"[:500]
            return Unsure(f"The channel broke down while it was handing the message over: {words}")

    async def _settle(self) -> bool:
        """Write down what became of all that has landed; whether there was any."""
        landed, self._landed = self._landed, []
        if not landed:
            return False
        try:
            await self._context.write(conclude_all, utcnow(), landed, self._owner)
        except Exception:
            log.exception("deliveries not settled together", count=len(landed))
            for one in landed:
                await self._settle_one(one)
        for flight, _ in landed:
            self._flights.pop(flight.id, None)
        return True

    async def _settle_one(self, landed: Landed) -> None:
        """When that fails for good, `recover` will say unknown."""
        for attempt in range(SETTLE_TRIES):
            try:
                await self._context.write(conclude, utcnow(), *landed, self._owner)
            except Exception:
                log.exception("delivery not settled", delivery=landed[0].id, attempt=attempt)
                await asyncio.sleep(0.2 * 2**attempt)
            else:
                return


def _tidy(session: Session, now: datetime, me: str, state: DeliveryState = DeliveryState.SENDING) -> None:
    """Deliveries of killed or frozen workers: what they had begun is unknown, the rest is free again."""
    outbox.bury(session, now, lambda name: owner.is_dead(name, me), state)
    if lost := outbox.recover(session, now):
        log.warning("deliveries with unknown fate", count=lost)


def _lanes(session: Session) -> dict[int, Lane]:
    found = session.execute(select(Inbox.id, Inbox.channel, Inbox.provider))
    return {number: (channel, provider or channel) for number, channel, provider in found}


def _begin(
    session: Session, now: datetime, me: str, free: Mapping[str, tuple[int, list[int]]]
) -> list[tuple[int, str, int]]:
    """Claim and begin in one transaction: each starts the moment it is committed. (delivery, channel, inbox)"""
    claimed: list[int] = []
    for channel, (limit, full) in free.items():
        claimed += outbox.claim(session, now, me, [channel], limit, full)
    return outbox.begin_all(session, now, outbox.hold_refused(session, now, claimed), me) if claimed else []


def _show(session: Session, now: datetime, me: str, channels: Sequence[str]) -> int:
    """Live channels: our own pages show the message now that it is due, nothing is handed over."""
    spine.lock(session)
    due = outbox.claim(session, now, me, channels, SHOWN)
    return sum(outbox.settle(session, now, Receipt(DeliveryState.WIRED, delivery_id=number)) for number in due)
