"""The queue of one live connection: what engineio needs of `JoinableQueue`, without a timer for each wait.

gevent's queue arms and disarms a timer in every `get(timeout)`: a sixth of the cost of a chat
message. The time-out is not needed: engineio pings each connection and puts an end mark into
the queue of one that does not answer.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from gevent import get_hub, sleep
from gevent.hub import Waiter
from gevent.queue import Empty

JOIN_STEP, JOIN_STEPS = 0.01, 500
"""`join` looks every 10 ms, and gives up after 5 s on a peer that does not read."""


class Queue:
    """For one process's greenlets; `maxsize` is accepted and ignored, as engineio never sets it."""

    __slots__ = ("_ended", "_items", "_unfinished", "_waiters")

    def __init__(self, *_: Any, **__: Any) -> None:
        self._items: deque[Any] = deque()
        self._waiters: deque[Waiter[None]] = deque()
        self._unfinished = 0
        self._ended = False

    def put(self, item: Any, *_: Any, **__: Any) -> None:
        self._items.append(item)
        self._unfinished += 1
        self._wake()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest item; waits for one, or raises `Empty` at once when `block` is False."""
        while not self._items:
            if not block:
                raise Empty
            waiter: Waiter[None] = Waiter()
            self._waiters.append(waiter)
            try:
                waiter.get()
            except BaseException:  # killed while waiting: what woke us is for somebody else
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._items:
                    self._wake()
                raise
        item = self._items.popleft()
        self._ended = self._ended or (block and item is None)
        return item

    def _wake(self) -> None:
        if self._waiters:
            get_hub().loop.run_callback(self._waiters.popleft().switch, None)

    def task_done(self) -> None:
        self._unfinished -= 1

    def join(self, *_: Any, **__: Any) -> None:
        """Until everything put in was taken out and done, within reason.

        Whoever waits for an item and gets the end mark takes no more: a second mark, which
        engineio's reader puts in when the peer has answered our goodbye, stays where it is.
        """
        for _step in range(JOIN_STEPS):
            if self._unfinished <= 0 or self._ended:
                return
            sleep(JOIN_STEP)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)
