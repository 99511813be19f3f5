"""The cut-off of a message in hand: from then on others may have it, and nobody hands it over any more.

The dispatcher cancels an adapter at its cut-off. That alone is not enough: a cancellation that meets
the answer waited for in the same turn of the loop, as it does when a frozen process wakes, is swallowed
by `asyncio.wait_for` before Python 3.12 (https://github.com/python/cpython/issues/86296), and provider
libraries stand on it. So adapters ask once more right before the step nobody can take back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_NEXT: ContextVar[asyncio.Timeout | None] = ContextVar("cutoff", default=None)
_MARK: ContextVar[Callable[[], None] | None] = ContextVar("mark", default=None)


class TooLate(Exception):
    """The cut-off is over. Nothing was handed over."""


@asynccontextmanager
async def at(moment: float) -> AsyncIterator[asyncio.Timeout]:
    """What is awaited within is cut off at `moment` (on the loop's clock; can be moved). Raises `TimeoutError`."""
    async with asyncio.timeout_at(moment) as timer:
        _NEXT.set(timer)
        yield timer


@contextmanager
def marked(mark: Callable[[], None]) -> Iterator[None]:
    """Within, `check` also calls `mark`: it writes down that the point of no return is here. May raise `TooLate`."""
    token = _MARK.set(mark)
    try:
        yield
    finally:
        _MARK.reset(token)


def check() -> None:
    """Called by an adapter right before the point of no return. Raises `TooLate`."""
    in_time()
    if (mark := _MARK.get()) is not None:
        mark()


def in_time() -> None:
    """Raises `TooLate` when the cut-off is over."""
    timer = _NEXT.get()
    if timer is None:
        return
    moment = timer.when()
    if timer.expired() or (moment is not None and asyncio.get_running_loop().time() >= moment):
        raise TooLate
