"""Ahead: the messages of those who leave next, made ready while others leave.

Where a mail is signed, that takes as long as all the rest of it: a hand that waited for it would keep a place at the
receiver's door for nothing. And many made one after the other cost less than each in its turn, for what makes them
stays in the processor's caches (`bench/README.md`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from campaigns.pipe.claim import Row
from campaigns.pipe.line import Line
from contact.channel import Ahead, Prepared, Sender
from contact.messages import Outbound

FRESH = 5.0
"""Seconds for which a message is as good as new: it says when it was written."""


class Making:
    """Of one sender. What is made for somebody who does not leave after all is forgotten."""

    def __init__(self, sender: Sender, queue: Line, write: Callable[[Row], Outbound]) -> None:
        self._sender = sender if isinstance(sender, Ahead) else None
        self._queue, self._write = queue, write
        self._made: dict[int, tuple[Prepared, float]] = {}
        """By recipient, and when it was begun."""

    def go_on(self, now: float) -> None:
        """Begin more where half of them are used up. `now`: by the clock of the loop."""
        sender = self._sender
        if sender is None or len(self._made) * 2 > sender.ahead:
            return
        before, self._made = self._made, {}
        written: list[tuple[int, Outbound]] = []
        for row in self._queue.soon(sender.ahead, now):
            if row.number in before:
                self._made[row.number] = before[row.number]
                continue
            with contextlib.suppress(Exception):  # whatever a template can raise: their own turn says so
                written.append((row.number, self._write(row)))
        for number, message in written:
            self._made[number] = (sender.prepare(message), now)

    def take(self, number: int, now: float) -> Prepared | None:
        """The message of this recipient, if it was begun lately."""
        made, at = self._made.pop(number, (None, now))
        return made if now - at < FRESH else None
