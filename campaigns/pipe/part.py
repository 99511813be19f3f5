"""The worker's part: freezes audiences, runs campaigns, recovers what others left, ends what is over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Exists, Select, and_, exists, or_, select, text
from sqlalchemy.orm import Session

from campaigns import audience
from campaigns import campaign as campaigns
from campaigns.campaign import BELL, Campaign, State
from campaigns.pipe import claim, recover, run, settle, window, written
from campaigns.pipe import journal as journals
from campaigns.pipe.doors import Doors
from campaigns.pipe.journal import FileJournal
from campaigns.pipe.ports import Ports
from campaigns.pipe.run import Run
from campaigns.recipient import OPEN, Fate, Recipient
from contact import cutoff, lease, owner
from contact.channel import Receipts
from contact.db import utcnow
from contact.errors import Conflict
from contact.vault import Vault
from contact.worker import Context

POLL = 1.0
"""Seconds after which it looks without having been rung for."""
RECOVER = 3.0
"""Seconds between two looks at what dead workers left."""
AT_ONCE = 4
"""Campaigns that run in one worker at the same time."""
SAY = 3.0
"""Seconds between two words about which campaigns move."""
PUT_BACK = 30.0
"""Seconds by which a clock is put back, not set right."""
CLOSED = 1_000
"""Recipients cancelled or expired in one transaction."""
FREEZING = timedelta(minutes=5)

log = structlog.stdlib.get_logger(__name__)


class Pipe:
    """Hung in `wsgi.py`, once a worker."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def run(self, context: Context) -> None:
        me = owner.make()
        folder = context.settings.data_dir / "journals"
        book = FileJournal(journals.path_of(folder, me)).open()
        clean = False
        try:
            deadline = _deadline()
            book.hold(deadline)
            async with cutoff.at(deadline) as timer:
                work = _Work(context, self._ports, me, folder, book, timer)
                await work.loop()
            clean = True
        finally:
            book.close(remove=clean and not await _holds(context, me))


class _Work:
    """One run of the part. When its lease runs out, the whole of it is cut off, and begins anew."""

    def __init__(
        self, context: Context, ports: Ports, me: str, folder: Path, book: FileJournal, timer: asyncio.Timeout
    ) -> None:
        self._context, self._ports, self._me, self._folder = context, ports, me, folder
        self._book, self._timer = book, timer
        self._vault = Vault.of(context.settings)
        self._bell = context.bell(BELL)
        self._runs: dict[int, tuple[Run, asyncio.Task[None]]] = {}
        self._freezing: asyncio.Task[None] | None = None
        self._recovered = -RECOVER
        self._doors = Doors()
        """A domain is the same whichever campaign knocks."""
        self._drift = time.time() - time.monotonic()
        self._said: dict[int, str] = {}
        """What each campaign is held up by, as it was written down."""
        self._said_at = 0.0

    async def loop(self) -> None:
        keeper = asyncio.create_task(self._keep())
        try:
            while not self._context.stop.is_set():
                if self._book.is_late:
                    raise RuntimeError("this worker's campaigns were taken by another one")
                await self._turn()
                await self._bell.wait(POLL)
            await self._drain()
        finally:
            keeper.cancel()
            tasks = [keeper, *(task for _, task in self._runs.values())]
            if self._freezing is not None:
                tasks.append(self._freezing)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self) -> None:
        """Renew the lease, first in the database, then on the clock that counts."""
        while True:
            await asyncio.sleep(window.LEASE.total_seconds() / 4)
            deadline = _deadline()
            try:
                await self._context.write(window.renew, utcnow(), self._me)
            except Exception:  # the database is away: the deadline stands
                log.exception("lease of campaigns not renewed")
                continue
            if not self._book.is_late and not self._timer.expired():
                self._book.hold(deadline)
                self._timer.reschedule(deadline)

    async def _turn(self) -> None:
        await self._reap()
        if self._was_put_back():
            log.warning("the clock was put back: those who wait are asked about anew")
            await self._context.write(claim.ask_again, utcnow())
        if time.monotonic() - self._said_at >= SAY:
            self._said_at = time.monotonic()
            await self._say({number: one for number, (one, _) in self._runs.items()})
        if time.monotonic() - self._recovered >= RECOVER:
            await self._context.call(recover.recover, self._context.db, utcnow(), self._folder, self._me)
            self._recovered = time.monotonic()
        if self._freezing is None or self._freezing.done():
            if self._freezing is not None:
                self._freezing.result()
            self._freezing = asyncio.create_task(self._freeze())
        for number in await self._context.read(_to_run, utcnow()):
            if number not in self._runs and len(self._runs) < AT_ONCE:
                await self._begin(number)
        while await self._context.read(is_over, utcnow()) and await self._context.write(sweep, utcnow()):
            await asyncio.sleep(0)

    def _was_put_back(self) -> bool:
        """Whether the clock on the wall has lost against the one that only runs on."""
        before, self._drift = self._drift, time.time() - time.monotonic()
        return before - self._drift > PUT_BACK

    async def _say(self, runs: Mapping[int, Run]) -> None:
        """Write down which campaigns move, and what holds up the others."""
        news = {number: one.news() for number, one in runs.items()}
        told = {
            number: (moved, trouble)
            for number, (moved, trouble) in news.items()
            if moved or trouble != self._said.get(number, "")
        }
        if told:
            await self._context.write(campaigns.note, utcnow(), told)
            self._said |= {number: trouble for number, (_, trouble) in told.items()}

    async def _begin(self, number: int) -> None:
        going = await self._context.read(written.load, number, self._vault, self._ports)
        if going is None:
            return
        one = Run(self._context, self._me, self._book, self._ports, going, self._doors)
        task = asyncio.create_task(one.go())
        task.add_done_callback(lambda _task: self._bell.ring())
        self._runs[number] = (one, task)

    async def _reap(self) -> None:
        """What has come to its end; a run that failed brings the part down, and its journal decides."""
        for number, (one, task) in list(self._runs.items()):
            if not task.done():
                continue
            del self._runs[number]
            task.result()
            await self._say({number: one})
            if one.paused:
                with contextlib.suppress(Conflict):
                    await self._context.write(run.pause, utcnow(), number, one.paused)

    async def _drain(self) -> None:
        """Begin nothing more; what is on its way is heard to its end and written down."""
        if self._freezing is not None:
            self._freezing.cancel()
        for one, _ in self._runs.values():
            one.stop()
        if self._runs:
            log.info("campaigns drain", count=len(self._runs))
            await asyncio.gather(*(task for _, task in self._runs.values()))
        self._runs.clear()

    async def _freeze(self) -> None:
        """One audience at a time, by one worker."""
        for campaign in await self._context.read(audience.to_freeze):
            name = f"freeze {campaign.id}"
            if not await self._context.write(_hold, name, self._me):
                continue
            who = self._ports.audience(campaign.definition, channel=campaign.channel, now=utcnow())
            await self._context.call(self._add, campaign, who)
            await self._context.write(lease.release, name, self._me)
            self._bell.ring()

    def _add(self, campaign: Campaign, who: Select[Any]) -> None:
        receipts = self._context.channels[campaign.channel].capabilities.receipts
        audience.freeze(self._context.db, utcnow(), campaign, who, waits=receipts is Receipts.ASKED)


def _deadline() -> float:
    return time.monotonic() + window.LEASE.total_seconds() * (1 - window.MARGIN)


async def _holds(context: Context, me: str) -> bool:
    """Whether windows of ours are still open: then others will ask for the journal."""
    try:
        return me in await context.read(window.owners)
    except Exception:  # noqa: BLE001 - the database is away: the journal stays, and is removed when its windows are settled
        return True


def _hold(session: Session, name: str, me: str) -> bool:
    now = utcnow()
    if (holder := lease.holder(session, name, now)) is not None and owner.is_dead(holder, me):
        lease.release(session, name, holder)
    return lease.hold(session, name, me, now, FREEZING)


def _to_run(session: Session, now: datetime) -> list[int]:
    """Running, frozen, and somebody is due."""
    due = select(Recipient.id).where(
        Recipient.campaign_id == Campaign.id, text("recipient.state = 'planned'"), Recipient.next_at <= now
    )
    query = select(Campaign.id).where(Campaign.state == State.RUNNING.value, Campaign.frozen_at.is_not(None))
    return list(session.scalars(query.where(due.exists()).order_by(Campaign.launched_at)))


def _planned() -> Exists:
    return exists().where(Recipient.campaign_id == Campaign.id, text("recipient.state = 'planned'"))


def _cancelled() -> ColumnElement[bool]:
    return and_(Campaign.state == State.CANCELLED.value, _planned())


def _expired(now: datetime) -> ColumnElement[bool]:
    going = (State.RUNNING.value, State.PAUSED.value)
    return and_(Campaign.state.in_(going), Campaign.expires_at <= now, _planned())


def is_over(session: Session, now: datetime) -> bool:
    """Whether `sweep` has anything to do: it takes the one write lock, and is asked every second."""
    open_ = exists().where(Recipient.campaign_id == Campaign.id, Recipient.state.in_(OPEN))
    done = and_(Campaign.state == State.RUNNING.value, Campaign.frozen_at.is_not(None), ~open_)
    query = select(Campaign.id).where(or_(_cancelled(), _expired(now), done)).limit(1)
    return session.scalar(query) is not None


def sweep(session: Session, now: datetime) -> bool:
    """End recipients of what was cancelled or has expired, and campaigns nobody is left of; whether there is more."""
    more = False
    for campaign in session.scalars(select(Campaign).where(_cancelled())).all():
        more |= _close(session, now, campaign, Fate.CANCELLED)
    for campaign in session.scalars(select(Campaign).where(_expired(now))).all():
        more |= _close(session, now, campaign, Fate.EXPIRED)
    for number in session.scalars(select(Campaign.id).where(Campaign.state == State.RUNNING.value)).all():
        campaigns.finish(session, now, number)
    return more


def _close(session: Session, now: datetime, campaign: Campaign, fate: Fate) -> bool:
    planned = select(Recipient.id).where(Recipient.campaign_id == campaign.id, text("state = 'planned'"))
    numbers = session.scalars(planned.limit(CLOSED)).all()
    settle.close(session, now, campaign, numbers, fate)
    return len(numbers) == CLOSED
