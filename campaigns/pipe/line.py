"""Line: the recipients in hand, by the door they are behind; each door in its order, the doors in turn. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice, zip_longest

from campaigns.pipe.claim import Row
from campaigns.pipe.doors import Doors

LATEST = 600.0
"""Seconds after which somebody put aside is looked at again at the latest."""


class Line:
    """`door_of` names the door of a value; None: there are no doors, and everybody may leave at any time.

    A slow door gets three of four `hands`, so that there is always one for the others.
    """

    def __init__(self, door_of: Callable[[str], str] | None, doors: Doors | None = None, hands: int = 0) -> None:
        self._door_of = door_of
        self.share = max(hands - max(hands // 4, 1), 1) if hands > 1 else 10_000
        self.doors = doors or Doors()
        self._rows: dict[str, deque[Row]] = {}
        self._turn: deque[str] = deque()
        """Doors somebody stands at."""
        self._many = 0

    def __len__(self) -> int:
        return self._many

    def __iter__(self) -> Iterator[Row]:
        return (row for rows in self._rows.values() for row in rows)

    def door(self, row: Row) -> str:
        return self._door_of(row.value) if self._door_of is not None else ""

    def extend(self, rows: list[Row]) -> None:
        for row in rows:
            name = self.door(row)
            if (waits := self._rows.get(name)) is None:
                waits = self._rows[name] = deque()
                self._turn.append(name)
            waits.append(row)
        self._many += len(rows)

    def next(self, now: float) -> Row | None:
        """The next that may leave; whoever takes it calls `done`."""
        for _ in range(len(self._turn)):
            name = self._turn[0]
            if self._door_of is None or self._is_open(name, now):
                row = self._rows[name].popleft()
                self._many -= 1
                self._after(name)
                if self._door_of is not None:
                    self.doors[name].begin(now)
                return row
            self._turn.rotate(-1)
        return None

    def soon(self, many: int, now: float) -> list[Row]:
        """Who of the open doors will leave next, about in that order."""
        waits = (self._rows[name] for name in self._turn if now >= self.doors[name].rests_until)
        in_turn = chain.from_iterable(zip_longest(*islice(waits, many)))
        return list(islice((row for row in in_turn if row is not None), many))

    def may(self, now: float) -> bool:
        """Whether anybody may leave."""
        if self._door_of is None:
            return bool(self._turn)
        return any(self._is_open(name, now) for name in self._turn)

    def _is_open(self, name: str, now: float) -> bool:
        door = self.doors[name]
        return door.is_open(now) and (not door.slow or door.busy < self.share)

    def _after(self, name: str) -> None:
        """It was this door's turn."""
        if self._rows[name]:
            self._turn.rotate(-1)
        else:
            self._turn.popleft()
            del self._rows[name]

    def done(self, row: Row, took: float = 0.0) -> None:
        """It has landed after so many seconds, whatever became of it."""
        if self._door_of is not None:
            self.doors.landed(self.door(row), took)

    def remove(self, gone: set[int]) -> list[Row]:
        """Take these recipients out."""
        return self._keep(lambda row: row.number not in gone)

    def clear(self) -> list[Row]:
        """Take everybody out."""
        return self._keep(lambda _row: False)

    def aside(self, now: float, *, full: bool) -> list[tuple[Row, float]]:
        """Whoever cannot leave soon, with the seconds until they can: others are to come instead.

        Those behind a door that rests; and, when the line is `full` and stands still, those at the back of the
        others, each for as long as those before take.
        """
        found: list[tuple[Row, float]] = []
        for name, waits in list(self._rows.items()):
            door = self.doors[name]
            rests = max(door.rests_until - now, 0.0)
            if rests > 1.0:
                stay = 0
            elif full and not self._is_open(name, now):
                stay = max(door.busy, 1)  # as many as will be needed before it is looked again
            else:
                continue
            gone = list(waits)[stay:]
            pace = door.pace(self.share)
            found += [(row, min(rests + (stay + place + 1) / pace, LATEST)) for place, row in enumerate(gone)]
        if found:
            self.remove({row.number for row, _ in found})
        return found

    def _keep(self, stays: Callable[[Row], bool]) -> list[Row]:
        gone = [row for row in self if not stays(row)]
        if gone:
            left = [row for row in self if stays(row)]
            self._rows, self._turn, self._many = {}, deque(), 0
            self.extend(left)
        return gone
