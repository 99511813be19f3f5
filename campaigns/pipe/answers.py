"""Answers: of whom in hand it was asked lately whether they may be written to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from campaigns.pipe.claim import Row

FRESH = 0.2
"""Seconds for which an answer is not asked for again. With the time between two looks it stays below a second."""


class Answers:
    """By window: all of one were asked about when it was claimed. Seconds of one clock."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}

    def claimed(self, windows: Collection[int], at: float) -> None:
        """`at`: when the asking began, so that what was said meanwhile counts as not heard."""
        self._at.update(dict.fromkeys(windows, at))

    def stale(self, rows: Iterable[Row], now: float) -> set[int]:
        """The addresses to be asked about at this look; the answers are those of `now`."""
        old = {window for window, at in self._at.items() if now - at >= FRESH}
        found, seen = set(), set()
        for row in rows:
            if row.window in old:
                found.add(row.address_id)
                seen.add(row.window)
        self._at.update(dict.fromkeys(seen, now))
        for window in old - seen:  # nobody of it waits any more
            del self._at[window]
        return found
