"""The dispatcher: what is due leaves, once. recover, claim, begin, commit, send, settle.

No provider is spoken to inside a transaction. From the commit of `begin` on, a crash means
`unknown`. A worker that was frozen past its lease finds its deadline gone when it wakes and
hands nothing over: the deadline is set on the monotonic clock before the lease is written,
and cuts the adapter off wherever it stands (`contact.cutoff`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from channels.flight import Flight, Landed, Late, Loaded, Outcome, conclude, conclude_all, load_all
from contact import cutoff, outbox, owner
from contact import log as spine
from contact.channel import ChannelError, Unsure
from contact.cutoff import TooLate
from contact.db import utcnow
from contact.messages import DeliveryState, InboxFacts, Outbound, Receipt
from contact.nudge import OUTBOX
from contact.outbox import Begun, Hands
from contact.outbox import delivery as rules
from contact.vault import Vault
from contact.worker import Context

POLL = 5.0
"""Seconds after which it looks without having been nudged."""
MARGIN = 0.1
"""Part of the lease kept back: who is later than that does not begin to hand over."""
SOON = 0.05
"""Seconds until it looks who is behind those that have just begun, unless one of them lands before."""
SETTLE_TRIES = 5
SHOWN = 50
"""Due messages of live channels settled in one transaction."""
log = structlog.stdlib.get_logger(__name__)


class Dispatcher:
    """The worker's part. `at_once` limits messages in flight by channel, for each provider of it.

    Where it says nothing, what the channel can do counts.
    """

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
        self._flights: dict[int, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._landed: list[Landed] = []
        self._bell = context.bell(OUTBOX)
        self._clock = asyncio.get_running_loop()
        self._vault = Vault.of(context.settings)
        self._hands = _hands(context, at_once)
        self._tidied = -POLL
        self._busy = False
        """Something was begun in this turn: who is behind it in line, and due when, is not known yet."""
        self._look_at: datetime | None = None
        """When what waits for its time, its pace or the end of a rest is due; None when nothing does."""

    async def loop(self) -> None:
        """Until `stop` is set and what was in the air has landed and is written down."""
        await self._context.write(_tidy, utcnow(), self._owner, DeliveryState.QUEUED)
        try:
            while not self._context.stop.is_set():
                if not await self._turn():
                    await self._bell.wait(min(self._pause(), SOON) if self._busy else self._pause())
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
        """Whether there may be more to do at once."""
        if self._clock.time() - self._tidied >= POLL:
            more = await self._context.write(_tidy, utcnow(), self._owner)
            self._tidied = -POLL if more else self._clock.time()
        landed = bool(self._landed)
        await self._settle()
        return await self._begin(landed)

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

    async def _begin(self, sure: bool) -> bool:
        """Begin whatever may; whether some were put aside, so that others may begin in their place.

        `sure`: hands have just become free, so there is most likely somebody behind.
        """
        deadline = self._deadline()
        hands = replace(self._hands, busy=Counter(flight.begun.lane for flight in self._flights.values()))
        took = await self._context.call(_take, self._context, self._vault, self._owner, hands, sure)
        self._look_at, self._busy = took.look_at, bool(took.begun)
        for begun, loaded in zip(took.begun, took.loaded, strict=True):
            flight = self._flights[begun.number] = Flight(begun, deadline)
            task = asyncio.create_task(self._fly(flight, loaded))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return took.aside > 0

    def _pause(self) -> float:
        """Seconds until something is due; what is due and not ours to take is looked at again later."""
        wait = (self._look_at - utcnow()).total_seconds() if self._look_at else POLL
        return min(max(wait, 0.001), POLL)

    async def _fly(self, flight: Flight, loaded: Loaded) -> None:
        outcome: Outcome = loaded if isinstance(loaded, ChannelError) else await self._send(flight, *loaded)
        self._landed.append((flight, outcome))
        self._bell.ring()

    async def _send(self, flight: Flight, message: Outbound, facts: InboxFacts) -> Outcome:
        if self._clock.time() >= flight.deadline:
            return Late()
        try:
            async with cutoff.at(flight.deadline) as flight.timer:
                return await self._context.channels[flight.channel].send(message, facts)
        except (ChannelError, Unsure) as error:
            return error
        except TooLate:
            return Late()
        except TimeoutError:
            return Unsure("The lease ran out while the message was being handed over.")
        except Exception as error:
            log.exception("channel broke the contract", channel=flight.channel, delivery=flight.id)
            words = f"{type(error).__name__}: {error}"[:500]
            return Unsure(f"The channel broke down while it was handing the message over: {words}")

    async def _settle(self) -> None:
        """Write down what became of all that has landed."""
        landed, self._landed = self._landed, []
        if not landed:
            return
        try:
            await self._context.write(conclude_all, utcnow(), landed, self._owner)
        except Exception:
            log.exception("deliveries not settled together", count=len(landed))
            for one in landed:
                await self._settle_one(one)
        for flight, _ in landed:
            self._flights.pop(flight.id, None)

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


def _tidy(session: Session, now: datetime, me: str, state: DeliveryState = DeliveryState.SENDING) -> bool:
    """Deliveries of killed or frozen workers: what they had begun is unknown, the rest is free again.

    Whether so many have expired that there is more to do.
    """
    outbox.bury(session, now, lambda name: owner.is_dead(name, me), state)
    if lost := outbox.recover(session, now):
        log.warning("deliveries with unknown fate", count=lost)
    return outbox.expire(session, now) > 0


def _hands(context: Context, at_once: Mapping[str, int]) -> Hands:
    can = {channel.name: channel.capabilities for channel in context.channels}
    return Hands(
        most={name: at_once.get(name, able.at_once) for name, able in can.items() if not able.live},
        paces={name: able.pace for name, able in can.items()},
        live=[name for name, able in can.items() if able.live],
    )


@dataclass(slots=True)
class _Took:
    """What one look has brought: flights to be, those put aside or shown, and when to look again."""

    begun: Sequence[Begun] = ()
    loaded: Sequence[Loaded] = ()
    aside: int = 0
    look_at: datetime | None = None


def _take(context: Context, vault: Vault, me: str, hands: Hands, sure: bool) -> _Took:
    """Begin in one transaction, each starts the moment it is committed; then read what they say.

    Where it is not `sure`, it looks before it writes: most nudges bring nothing that may leave now.
    """
    if not sure:
        with context.db.read() as session:
            planned = outbox.plan(session, utcnow, hands)
        if not planned.turns and not planned.live:
            return _Took(look_at=planned.look_at)
    with context.db.write() as session:
        taken = outbox.begin_due(session, utcnow, me, hands)
    took = _Took(taken.begun, aside=len(taken.refused), look_at=taken.plan.look_at)
    if taken.refused or taken.plan.live:
        with context.db.write() as session:
            spine.lock(session)
            outbox.hold(session, utcnow(), taken.refused)
            took.aside += _show(session, utcnow(), me, hands.live)
    if took.begun:
        with context.db.read() as session:
            took.loaded = load_all(session, took.begun, context.store, vault)
    return took


def _show(session: Session, now: datetime, me: str, channels: Collection[str]) -> int:
    """Live channels: our own pages show the message now that it is due, nothing is handed over."""
    due = outbox.claim(session, now, me, channels, SHOWN)
    return sum(outbox.settle(session, now, Receipt(DeliveryState.WIRED, delivery_id=number)) for number in due)
