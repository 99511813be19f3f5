"""Hours: when a campaign may be said, by the recipient's clock. Pure; asked at the moment of sending.

What counts is what the clock on the recipient's wall shows. Where it is put forward over the opening, the window opens
the moment it is put forward; where it is put back into closed hours, the window closes again, and opens again.
A window over midnight belongs to the day it begins on. The law's night stands beside it: both must allow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.pipe.ports import Verdict
from contact.errors import Invalid
from contact.text import N_

CLOSED = N_("It is outside of the hours chosen for this campaign.")
EVERY_DAY = frozenset(range(7))
AHEAD = 9
"""Days that are looked at: a window of one weekday opens within eight of them."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begins` until just before `ends`, on `days` (Monday is 0). The same twice: all day."""

    begins: time
    ends: time
    days: frozenset[int] = EVERY_DAY

    @property
    def is_overnight(self) -> bool:
        return self.begins > self.ends

    def open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether it is open there now."""
        there = now.astimezone(zone)
        clock, day = there.time(), there.weekday()
        if self.begins == self.ends:
            return day in self.days
        if not self.is_overnight:
            return self.begins <= clock < self.ends and day in self.days
        return (clock >= self.begins and day in self.days) or (clock < self.ends and (day - 1) % 7 in self.days)

    def opens(self, now: datetime, zones: Sequence[ZoneInfo]) -> datetime | None:
        """When it opens for somebody who is in one of these zones; None: it is open in all of them.

        Zones whose windows never meet have no such time: then the first opening behind a week, where it is
        asked again.
        """
        moment = now
        for _ in range(4 * len(zones)):
            later = [at for zone in zones if (at := self._next(moment, zone)) > moment]
            if not later:
                return None if moment == now else moment
            moment = max(later)
        return moment

    def _next(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from `now` on at which it is open there."""
        if self.open(now, zone):
            return now
        return next(at for at in _moments(self, zone, now.astimezone(zone).date()) if at > now and self.open(at, zone))

    def minutes(self) -> frozenset[int]:
        """Minutes of a day at which it may be open."""
        first, last = (one.hour * 60 + one.minute for one in (self.begins, self.ends))
        if first == last:
            return frozenset(range(1440))
        return frozenset(range(first, last)) if first < last else frozenset([*range(first, 1440), *range(last)])


@dataclass(frozen=True, slots=True)
class Held:
    """See `campaigns.pipe.ports.Verdict`."""

    reason: str
    until: datetime | None


def beside(
    window: Hours, now: datetime, verdicts: Mapping[int, Verdict], zones: Mapping[int, Sequence[ZoneInfo]]
) -> dict[int, Verdict]:
    """The law's verdicts with the window beside them: both must allow. Who is held comes when both may be open."""
    found: dict[int, Verdict] = dict(verdicts)
    for number, where in zones.items():
        verdict = found.get(number)
        if verdict is None:
            if (until := window.opens(now, where)) is not None:
                found[number] = Held(CLOSED, until)
        elif verdict.until is not None and (until := window.opens(max(verdict.until, now), where)) is not None:
            found[number] = Held(verdict.reason, until)
    return found


def read(kept: Mapping[str, Any] | None) -> Hours | None:
    """As a campaign keeps them; None: at any time."""
    if not kept:
        return None
    return Hours(_time(kept.get("from")), _time(kept.get("to")), _days(kept.get("days", range(7))))


def write(begins: str, ends: str, days: Collection[int]) -> dict[str, Any] | None:
    """What a form says, as a campaign keeps it; all days and all hours are no hours. Raises `Invalid`."""
    if not begins and not ends:
        begins = ends = "00:00"
    if not begins or not ends:
        raise Invalid("Enter from when and until when, or neither.")
    hours = Hours(_time(begins), _time(ends), _days(days))
    if hours.begins == hours.ends and hours.days == EVERY_DAY:
        return None
    return {
        "from": f"{hours.begins:%H:%M}", "to": f"{hours.ends:%H:%M}", "days": sorted(hours.days)
    }  # fmt: skip


def _time(value: Any) -> time:
    try:
        found = time.fromisoformat(str(value))
    except ValueError:
        raise Invalid("Enter the hours like 09:00.") from None
    if found.tzinfo is not None:
        raise Invalid("Enter the hours like 09:00.")
    return found.replace(second=0, microsecond=0)


def _days(value: Any) -> frozenset[int]:
    days = frozenset(one for one in value if isinstance(one, int) and 0 <= one <= 6)
    if not days:
        raise Invalid("Choose at least one day of the week.")
    return days


@lru_cache(maxsize=4096)
def _moments(hours: Hours, zone: ZoneInfo, first: date) -> tuple[datetime, ...]:
    """Every moment at which it can begin to be open from that day on: the clock shows it, or the clock is moved."""
    found = set(_changes(zone, first))
    for number in range(-1, AHEAD):
        for clock in (hours.begins, time(0)):
            wall = datetime.combine(first + number * _DAY, clock, zone)
            found |= {wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, first: date) -> tuple[datetime, ...]:
    """When the clock is moved there, to the second."""
    return tuple(_search(zone, first))


def _search(zone: ZoneInfo, first: date) -> Iterator[datetime]:
    start = datetime.combine(first, time(0), UTC) - 2 * _DAY
    for hour in range((AHEAD + 4) * 24):
        early, late = start + timedelta(hours=hour), start + timedelta(hours=hour + 1)
        if _offset(early, zone) == _offset(late, zone):
            continue
        while late - early > timedelta(seconds=1):
            middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
            if _offset(middle, zone) == _offset(early, zone):
                early = middle
            else:
                late = middle
        yield late


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()
