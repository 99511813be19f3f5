"""Working time between two moments, for a hundred thousand of them: openings are added up once. Pure."""

from __future__ import annotations

import bisect
from datetime import UTC, datetime, timedelta
from typing import Any

from contact.response.hours import Hours
from contact.response.hours.hours import instant, zone_of
from contact.response.reports.talk import micros

DAY = timedelta(days=1)


def _openings(hours: Hours, begin: datetime, end: datetime) -> list[tuple[int, int]]:
    """Every opening between two moments and a day around them, in microseconds, none reaching into the next."""
    zone = zone_of(hours.zone)
    day, last = begin.astimezone(zone).date() - 2 * DAY, end.astimezone(zone).date() + DAY
    found: list[tuple[int, int]] = []
    while day <= last:
        for span in hours.spans_on(day):
            opens, closes = (micros(instant(zone, day, minutes)) for minutes in (span.start, span.end))
            opens = max(opens, found[-1][1]) if found else opens
            if opens < closes:
                found.append((opens, closes))
        day += DAY
    return found


class Worked:
    """`hours.between`, of moments between `begin` and `end`."""

    def __init__(self, hours: Hours, begin: datetime, end: datetime) -> None:
        openings = _openings(hours, begin, end)
        self._opens = [opens for opens, _closes in openings]
        self._length = [closes - opens for opens, closes in openings]
        self._before = [0]
        for length in self._length:
            self._before.append(self._before[-1] + length)

    def _until(self, at: int) -> int:
        """Working time from the first opening to `at`."""
        place = bisect.bisect_right(self._opens, at) - 1
        return 0 if place < 0 else self._before[place] + min(at - self._opens[place], self._length[place])

    def took(self, at: Any, value: int) -> int:
        """Milliseconds of work in the `value` milliseconds before `at`, as the driver gives it."""
        end = micros(at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=UTC))
        return (self._until(end) - self._until(end - value * 1000)) // 1000
