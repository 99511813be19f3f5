"""Ahead: the messages of those who leave next, made ready while others leave.

Where a mail is signed, that takes as long as all the rest of it. A hand that waited for it would keep a place at the
receiver's door for nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from campaigns.pipe.claim import Row
from campaigns.pipe.line import Line
from contact.channel import Ahead, Prepared, Sender
from contact.messages import Outbound


class Making:
    """Of one sender. What is made for somebody who does not leave after all is forgotten."""

    def __init__(self, sender: Sender, queue: Line, write: Callable[[Row], Outbound]) -> None:
        self._sender, self._queue, self._write = sender, queue, write
        self._made: dict[int, Prepared] = {}

    def go_on(self, now: float) -> None:
        """Begin more where half of them are used up. `now`: by the clock of the loop."""
        sender = self._sender
        if isinstance(sender, Ahead) and len(self._made) * 2 <= sender.ahead:
            before, self._made = self._made, {}
            for row in self._queue.soon(sender.ahead, now):
                with contextlib.suppress(Exception):  # whatever a template can raise: their own turn says so
                    self._made[row.number] = before.get(row.number) or sender.prepare(self._write(row))

    def take(self, number: int) -> Prepared | None:
        """The message of this recipient, if it was begun."""
        return self._made.pop(number, None)
