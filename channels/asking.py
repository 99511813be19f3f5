"""Asking: what became of messages whose provider does not tell by itself, and of those nobody knows of.

What is young is asked about every second, what is old every minute, and what moves is young
again. Each inbox is asked by one worker at a time, under a lease that is free again the
moment its holder is dead. Nothing is kept in between but that lease: a worker that is killed
loses nothing. A provider that cannot be asked is left alone for a while, and shown (`contact/asked.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from channels.sent import Deliveries
from contact import asked, lease, owner
from contact import inbox as inboxes
from contact.asked import Sent, Source
from contact.channel import Asks, ChannelError, Looks
from contact.db import utcnow
from contact.errors import NotFound
from contact.messages import DeliveryState, InboxFacts, Receipt
from contact.vault import Sealed, Vault
from contact.worker import Context

LOOK = 1.0
"""Seconds between two looks at what waits."""
ANSWER = 60.0
"""Seconds a provider has for one answer."""
LEASE = timedelta(seconds=2 * ANSWER)
"""How long a worker may have an inbox in hand; longer than any answer takes."""
ELSEWHERE = 5.0
"""Seconds until an inbox is looked at again that another worker asks about."""
BATCH = 100
"""Messages one question is about."""
QUICKEST, SLOWEST, STALE = 1.0, 60.0, 3600.0
YOUNG_FOR = 10.0
"""An age of so many seconds is worth one second of waiting."""
OLD = 86_400.0
"""Seconds after which a message is asked about every hour only."""
LOOK_UPS = (5.0, 60.0, 300.0, 1800.0, 7200.0, 43_200.0)
"""Ages, in seconds, at which an unknown message is looked up; then it is left to people."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Round:
    """When what is asked next, on the loop's clock; and how often an inbox did not answer."""

    due: dict[int, float] = field(default_factory=dict)
    rest: dict[int, float] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)


class Asking:
    """The worker's part: one task an inbox with something due. `sources` besides the outbox."""

    def __init__(self, answer: float = ANSWER, sources: Sequence[Source] = ()) -> None:
        self._owner = owner.make()
        self._answer = answer
        self._sources = (Deliveries(), *sources)

    async def run(self, context: Context) -> None:
        work = _Work(context, self._owner, self._answer, self._sources)
        try:
            while not context.stop.is_set():
                await work.turn()
                await context.sleep(LOOK)
        finally:
            await work.end()


class _Work:
    """One run of the part."""

    def __init__(self, context: Context, me: str, answer: float, sources: Sequence[Source]) -> None:
        self._context, self._me, self._answer, self._sources = context, me, answer, sources
        self._source_of: dict[int, Source] = {}
        self._asks = [channel.name for channel in context.channels if isinstance(channel, Asks)]
        self._looks = [channel.name for channel in context.channels if isinstance(channel, Looks)]
        self._vault = Vault.of(context.settings)
        self._clock = asyncio.get_running_loop()
        self._round = Round()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def turn(self) -> None:
        """Begin to ask about whatever is due."""
        found: list[Sent] = []
        for source in self._sources:
            some = await self._context.read(source.all_, self._asks, self._looks)
            self._source_of |= dict.fromkeys([one.id for one in some], source)
            found += some
        self._forget({one.id for one in found})
        for inbox_id, due in self._due(found).items():
            self._tasks[inbox_id] = asyncio.create_task(self._inbox(inbox_id, due))

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        with contextlib.suppress(Exception):  # the database may be what ended us; the leases run out
            await self._context.write(_release, self._me, {*self._round.rest, *self._tasks})

    def _forget(self, there: set[int]) -> None:
        for number in self._round.due.keys() - there:
            del self._round.due[number]
            if not self._tasks:  # else one of them may still be asked about
                self._source_of.pop(number, None)
        for inbox_id in [number for number, task in self._tasks.items() if task.done()]:
            task = self._tasks.pop(inbox_id)
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # the database's trouble: the part starts again

    def _due(self, found: Sequence[Sent]) -> dict[int, list[Sent]]:
        """By inbox: what should be asked about now; of each message that is new here when it will be due."""
        now, wall = self._clock.time(), utcnow()
        due: dict[int, list[Sent]] = {}
        for one in found:
            when = self._round.due.setdefault(one.id, now + _first(one, wall))
            if when <= now and one.inbox_id not in self._tasks and self._round.rest.get(one.inbox_id, 0) <= now:
                due.setdefault(one.inbox_id, []).append(one)
        return due

    async def _inbox(self, inbox_id: int, due: Sequence[Sent]) -> None:
        if not await self._context.write(_hold, utcnow(), self._me, inbox_id):
            self._round.rest[inbox_id] = self._clock.time() + ELSEWHERE
            return
        try:
            facts = await self._context.read(_facts, inbox_id, self._vault)
            waiting = [one for one in due if not one.unknown][:BATCH]
            if waiting:
                await self._ask(facts, waiting)
            for one in due:
                if one.unknown:
                    await self._look_up(facts, one)
        except (ChannelError, Sealed) as error:
            await self._trouble(inbox_id, error)
        else:
            await self._fine(inbox_id)

    async def _ask(self, facts: InboxFacts, waiting: Sequence[Sent]) -> None:
        channel = self._context.channels[facts.channel]
        assert isinstance(channel, Asks)  # `sent.all_` finds no other
        receipts = await self._told(channel.ask([one.waiting for one in waiting], facts))
        known = {one.id: one for one in waiting}
        news = [receipt for receipt in receipts if _is_news(receipt, known)]
        if news:
            await self._context.write(self._settle, [(receipt, known[receipt.delivery_id or 0]) for receipt in news])
        moved = {receipt.delivery_id for receipt in news}
        for one in waiting:
            age = (utcnow() - one.waiting.since).total_seconds()
            self._round.due[one.id] = self._clock.time() + (QUICKEST if one.id in moved else pause(age))

    async def _look_up(self, facts: InboxFacts, one: Sent) -> None:
        """Only what the provider is certain of is settled."""
        age = (utcnow() - one.waiting.since).total_seconds()
        self._round.due[one.id] = self._clock.time() + next_look(age)
        found = await self._context.read(lambda session: self._source(one).message(self._context, session, one.id))
        channel = self._context.channels[facts.channel]
        if found is None or not isinstance(channel, Looks):
            return
        receipt = await self._told(channel.look_up(*found, facts))
        if receipt is not None and receipt.state is not DeliveryState.UNKNOWN:
            await self._context.write(self._settle, [(receipt, one)])
            self._round.due.pop(one.id, None)  # found on its way: it is young again

    def _source(self, one: Sent) -> Source:
        return self._source_of[one.id]

    def _settle(self, session: Session, receipts: Sequence[tuple[Receipt, Sent]]) -> None:
        for receipt, one in receipts:
            try:
                self._source(one).settle(session, utcnow(), receipt, one)
            except NotFound as error:  # erased meanwhile
                log.info("receipt for nothing", delivery=receipt.delivery_id, reason=str(error))

    async def _told(self, answer: Any) -> Any:
        """The channel's answer, in time; whatever else comes is a provider that cannot be asked."""
        try:
            async with asyncio.timeout(self._answer):
                return await answer
        except ChannelError:
            raise
        except TimeoutError:
            raise ChannelError(f"No answer within {self._answer:.0f} seconds.", retryable=True) from None
        except Exception as error:
            log.exception("channel broke the contract")
            raise ChannelError(f"{type(error).__name__}: {error}"[:300], retryable=True) from error

    async def _fine(self, inbox_id: int) -> None:
        """Written down when that is news, and now and then."""
        now, last = self._clock.time(), self._round.answered.get(inbox_id)
        self._round.rest[inbox_id] = 0.0
        if self._round.failures.pop(inbox_id, None) or last is None or now - last > SLOWEST:
            self._round.answered[inbox_id] = now
            await self._context.write(asked.answered, utcnow(), inbox_id)

    async def _trouble(self, inbox_id: int, error: ChannelError | Sealed) -> None:
        """Leave the provider alone for a while: longer each time, or as long as it wishes."""
        failures = self._round.failures[inbox_id] = self._round.failures.get(inbox_id, 0) + 1
        wish = getattr(error, "retry_after", None)
        wait = min(wish, STALE) if wish is not None else min(2.0**failures, SLOWEST)
        self._round.rest[inbox_id] = self._clock.time() + wait
        if failures == 1:
            log.warning("provider cannot be asked", inbox=inbox_id, reason=str(error)[:200])
        await self._context.write(asked.failed, utcnow(), inbox_id, str(error))


def pause(age: float) -> float:
    """Seconds until a message of this age is asked about again."""
    return STALE if age > OLD else min(max(age / YOUNG_FOR, QUICKEST), SLOWEST)


def next_look(age: float) -> float:
    """Seconds until an unknown message of this age is looked up again; for ever when it was often enough."""
    return next((when - age for when in LOOK_UPS if when > age), float("inf"))


def _first(one: Sent, now: datetime) -> float:
    """What was there before us is asked about at once, once."""
    age = (now - one.waiting.since).total_seconds()
    return max(0.0, (LOOK_UPS[0] if one.unknown else QUICKEST) - age)


def _is_news(receipt: Receipt, known: Mapping[int, Sent]) -> bool:
    """Whether it says more than we know; about nothing but what was asked."""
    one = known.get(receipt.delivery_id or 0)
    if one is None:
        log.error("a receipt for a message nobody asked about", delivery=receipt.delivery_id)
        return False
    if receipt.state is not DeliveryState.WIRED:
        return True
    return receipt.progress is not None and asdict(receipt.progress) != one.progress


def _hold(session: Session, now: datetime, me: str, inbox_id: int) -> bool:
    name = f"asking:{inbox_id}"
    holder = lease.holder(session, name, now)
    if holder is not None and owner.is_dead(holder, me):
        lease.release(session, name, holder)
    return lease.hold(session, name, me, now, LEASE)


def _release(session: Session, me: str, inbox_ids: Collection[int]) -> None:
    for inbox_id in inbox_ids:
        lease.release(session, f"asking:{inbox_id}", me)


def _facts(session: Session, inbox_id: int, vault: Vault) -> InboxFacts:
    box = inboxes.get(session, inbox_id)
    return inboxes.facts(box, vault.open_all(box.secrets or ""))
