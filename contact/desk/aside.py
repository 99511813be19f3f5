"""Work of a channel that blocks, or speaks asynchronously, done beside the web process's greenlets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from contact.channel import Channel

T = TypeVar("T")


def aside(function: Callable[[], T]) -> T:
    """`function()` in a real thread where gevent serves, so that others are served meanwhile; else here.

    It opens no session: what it needs is read before.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return function()
    from gevent import get_hub

    return get_hub().threadpool.apply(function)  # type: ignore[no-any-return]


def spoken(channel: Channel, speak: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Let an adapter speak to its provider, now. Its connections belong to this one loop, so they are closed with it.

    Raises what the adapter raises, `TimeoutError` after `seconds`.
    """

    async def run() -> None:
        try:
            async with asyncio.timeout(seconds):
                await speak()
        finally:
            await channel.close()

    aside(lambda: asyncio.run(run()))
