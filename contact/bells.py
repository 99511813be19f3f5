"""Waiting for nudges: the same bells for asyncio (worker) and gevent (web).

Make a bell *before* looking at the database: it is rung for everything committed after its
making, so `look; wait; look; wait` misses nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from contact.notify import alisten, listen
from contact.nudge import Nudges

if TYPE_CHECKING:
    from gevent.event import Event as GeventEvent


class AsyncBell:
    """One waiter for one name, in the worker."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._event = asyncio.Event()
        self._stop = stop

    def ring(self) -> None:
        self._event.set()

    async def wait(self, timeout: float = 1.0) -> bool:
        """Until rung (True), `timeout` seconds have passed (False), or the worker stops (False)."""
        if self._stop.is_set():
            return False
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return not self._stop.is_set()


class AsyncBells:
    """All bells of a worker. Make it inside the running loop."""

    def __init__(self, nudges: Nudges, stop: asyncio.Event) -> None:
        self._bells: dict[str, list[AsyncBell]] = {}
        self._stop = stop
        self._ear = nudges.listen()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ear.fileno(), self._heard)
        self._remote = asyncio.create_task(alisten(nudges.postgres, self.ring)) if nudges.postgres else None

    def on(self, name: str) -> AsyncBell:
        bell = AsyncBell(self._stop)
        self._bells.setdefault(name, []).append(bell)
        return bell

    def ring(self, name: str) -> None:
        for bell in self._bells.get(name, ()):
            bell.ring()

    def stop(self) -> None:
        """Everybody who waits looks up: `stop` is set."""
        for name in self._bells:
            self.ring(name)

    def close(self) -> None:
        self._loop.remove_reader(self._ear.fileno())
        self._ear.close()
        if self._remote:
            self._remote.cancel()

    def _heard(self) -> None:
        for name in self._ear.names():
            self.ring(name)


class GeventBell:
    """One waiter for one name, in the web process."""

    def __init__(self, event: GeventEvent) -> None:
        self._event = event

    def ring(self) -> None:
        self._event.set()

    def wait(self, timeout: float = 1.0) -> bool:
        """Until rung (True) or `timeout` seconds have passed (False)."""
        rung = bool(self._event.wait(timeout))
        self._event.clear()
        return rung


class GeventBells:
    """All bells of a web process: one greenlet listens, any number wait."""

    def __init__(self, nudges: Nudges) -> None:
        import gevent

        self._bells: dict[str, list[GeventBell]] = {}
        self._ear = nudges.listen()
        self._greenlets = [gevent.spawn(self._listen)]
        if nudges.postgres:
            self._greenlets.append(gevent.spawn(listen, nudges.postgres, self.ring))

    def on(self, name: str) -> GeventBell:
        from gevent.event import Event

        bell = GeventBell(Event())
        self._bells.setdefault(name, []).append(bell)
        return bell

    def ring(self, name: str) -> None:
        for bell in self._bells.get(name, ()):
            bell.ring()

    def close(self) -> None:
        import gevent

        gevent.killall(self._greenlets)
        self._ear.close()

    def _listen(self) -> None:
        from gevent.socket import wait_read

        while True:
            wait_read(self._ear.fileno())
            for name in self._ear.names():
                self.ring(name)
