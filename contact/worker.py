"""The worker process: asyncio, not monkey-patched, a handful of supervised parts.

A part is a name and one coroutine function. A part that fails is logged, shown (its pulse)
and started again with back-off; the others go on. SIGTERM sets `stop`, parts finish what
they hold within `GRACE` seconds, then they are cancelled. When the process that started the
worker dies, its end of the pipe closes, and the worker ends too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy.orm import Session

from contact import heap, pulse
from contact.bells import AsyncBell, AsyncBells
from contact.channel import Channels
from contact.db import Database, utcnow
from contact.files import Store
from contact.nudge import Nudges
from contact.service import Service
from contact.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 20.0
"""Seconds parts get to finish after SIGTERM."""
ORPHAN_GRACE = 3.0
"""The same when our parent died: its successor waits for our ports."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
THREADS = 4

log = structlog.stdlib.get_logger(__name__)


class Context:
    """What a part may use. Database work runs in threads, so that the loop never waits for a disk."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.stop = asyncio.Event()
        self.process = pulse.process_name()
        self.beats: dict[str, pulse.Beat] = {}
        """What the supervisor knows of each part."""
        self.changed = asyncio.Event()
        """Rings the heart: the state of a part is another one."""
        self._bells = AsyncBells(service.nudges, self.stop)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="db")

    @property
    def settings(self) -> Settings:
        return self.service.settings

    @property
    def db(self) -> Database:
        return self.service.db

    @property
    def channels(self) -> Channels:
        return self.service.channels

    @property
    def store(self) -> Store:
        return self.service.store

    @property
    def nudges(self) -> Nudges:
        return self.service.nudges

    def bell(self, name: str) -> AsyncBell:
        """A waiter for nudges with this name (`log`, `outbox`); make it before you look."""
        return self._bells.on(name)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def read(self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(session, ...)` with a reading session, in a thread."""

        def run() -> T:
            with self.db.read() as session:
                return function(session, *args, **kwargs)

        return await self.call(run)

    async def write(self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(session, ...)` in one transaction, in a thread."""

        def run() -> T:
            with self.db.write() as session:
                return function(session, *args, **kwargs)

        return await self.call(run)

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not past `stop`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop.wait()

    def opened(self, part: str) -> None:
        """This part's door stands open: from now on the house may be called ready."""
        if part in self.beats:
            self.become(self.beats[part], "running")

    def become(self, beat: pulse.Beat, state: str) -> None:
        """Write a part's state; the other processes hear of it at once."""
        beat.state, beat.since = state, utcnow()
        self.changed.set()

    def end(self) -> None:
        self.stop.set()
        self._bells.stop()

    def close(self) -> None:
        self._bells.close()
        self._threads.shutdown(wait=True)


@dataclass(frozen=True, slots=True)
class Part:
    """One endless work of the worker: returns when `context.stop` is set, or because it has nothing to do.

    One that `opens` a door says `context.opened(name)` when it stands open.
    """

    name: str
    run: Callable[[Context], Awaitable[None]]
    opens: bool = False

    @property
    def first(self) -> str:
        return "starting" if self.opens else "running"


def main(service: Service, parts: Sequence[Part], *, child: bool = False) -> None:
    """Run until SIGTERM, SIGINT, or (as a child) the end of standard input."""
    asyncio.run(_main(service, parts, child))


async def _main(service: Service, parts: Sequence[Part], child: bool) -> None:
    context = Context(service)
    orphan = _watch_ends(context, child)
    context.beats = {part.name: pulse.Beat(part.name, part.first, utcnow()) for part in parts}
    tasks = [asyncio.create_task(_supervise(context, part, context.beats[part.name])) for part in parts]
    heart = asyncio.create_task(_heart(context))
    heap.settle()
    log.info("worker started", parts=[part.name for part in parts])
    await context.stop.wait()
    grace = ORPHAN_GRACE if orphan.is_set() else GRACE
    _, late = await asyncio.wait(tasks, timeout=grace) if tasks else (set(), set())
    if late:
        log.warning("parts did not end in time", seconds=grace, count=len(late))
    for task in (*late, heart):
        task.cancel()
    await asyncio.gather(*tasks, heart, return_exceptions=True)
    await _close(context)
    log.info("worker ended")


def _watch_ends(context: Context, child: bool) -> asyncio.Event:
    """End on signals; as a child also with the parent. The event tells that the parent died."""
    loop, orphan = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, context.end)

    def parent_spoke() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            orphan.set()
            context.end()

    if child:
        loop.add_reader(0, parent_spoke)
    return orphan


async def _supervise(context: Context, part: Part, beat: pulse.Beat) -> None:
    wait = FIRST_WAIT
    while not context.stop.is_set():
        context.become(beat, part.first)
        started = asyncio.get_running_loop().time()
        try:
            await part.run(context)
        except Exception as error:
            if asyncio.get_running_loop().time() - started > LONGEST_WAIT:
                wait = FIRST_WAIT
            beat.failures, beat.error = beat.failures + 1, f"{type(error).__name__}: {error}"
            context.become(beat, "waiting")
            log.exception("part failed", part=part.name, failures=beat.failures, retry_in=round(wait, 1))
            await context.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            break
    context.become(beat, "stopped")


async def _heart(context: Context) -> None:
    while True:
        context.changed.clear()
        try:
            beats = [replace(beat) for beat in context.beats.values()]  # a thread writes them, as they are now
            await context.write(pulse.beat, utcnow(), context.process, beats)
        except Exception:
            log.exception("no pulse written")
            await asyncio.sleep(1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pulse.EVERY):
                await context.changed.wait()


async def _close(context: Context) -> None:
    with contextlib.suppress(Exception):  # the database may be what ended us
        await context.write(pulse.forget, context.process)
    for channel in context.channels:
        await channel.close()
    context.close()
