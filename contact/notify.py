"""PostgreSQL's LISTEN/NOTIFY as the nudge between machines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

CHANNEL = "hanmaru"
"""The NOTIFY channel; the payload is the nudge's name."""
RETRY = 1.0
"""Seconds until a lost connection is tried again; meanwhile everybody polls."""


def libpq(url: str) -> str:
    """SQLAlchemy's URL as libpq reads it: `postgresql+psycopg://...` -> `postgresql://...`."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}" if rest else url


class Notifier:
    """Sends NOTIFY on a connection of its own, so that committing never waits for it.

    Names that pile up while one is on its way are sent once.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._names: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def send(self, name: str) -> None:
        if self._thread is None:
            self._start()
        self._names.put(name)

    def close(self) -> None:
        self._names.put(None)
        if self._thread:
            self._thread.join(2)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        import psycopg

        while True:
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    while names := self._next():
                        for name in names:
                            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))
                return
            except psycopg.Error as error:
                log.warning("nudges are not sent to other machines: %s", type(error).__name__)
                time.sleep(RETRY)

    def _next(self) -> set[str]:
        """The names waiting now, at least one; empty = close."""
        waiting = [self._names.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self._names.get_nowait())
        return set() if None in waiting else {name for name in waiting if name}


def listen(url: str, ring: Callable[[str], None]) -> None:
    """Ring for every NOTIFY, for ever. Cooperates with gevent when it has patched the process."""
    import psycopg

    while True:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                for notice in connection.notifies():
                    ring(notice.payload)
        except psycopg.Error as error:
            log.warning("no nudges from other machines: %s", type(error).__name__)
            time.sleep(RETRY)


async def alisten(url: str, ring: Callable[[str], None]) -> None:
    """The same for asyncio; ends by cancellation."""
    import psycopg

    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                async for notice in connection.notifies():
                    ring(notice.payload)
        except psycopg.Error as error:
            log.warning("no nudges from other machines: %s", type(error).__name__)
            await asyncio.sleep(RETRY)
