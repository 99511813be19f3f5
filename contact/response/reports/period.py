"""A time as people choose it, and its parts as the clocks of one zone count them. Pure.

Days begin at the zone's midnight, so one may have 23 or 25 hours; sums are made of quarters of
an hour (`measure.SLOT`), which no zone of today cuts in two.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from contact.errors import Invalid
from contact.response.reports.measure import SLOT, slot_of
from contact.text import N_

LONGEST = 732
"""Days."""
DAYS_SHOWN = 62
"""Longer times are shown by the week, and very long ones by the month, unless asked otherwise."""
WEEKS_SHOWN = 200
HOUR = 3600 // SLOT

NAMES = {
    "today": N_("Today"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
    "month": N_("This month"),
    "last": N_("Last month"),
    "own": N_("Own period"),
}
TIMES = ("day", "week", "month")
CLOCKS = ("hour", "weekday", "heat")


@dataclass(frozen=True)
class Period:
    """From `first` to `last`, both included, in `zone`."""

    name: str
    first: date
    last: date
    zone: str
    until: datetime | None = None
    """Ends earlier on its last day: a period to compare an unfinished one with."""

    @cached_property
    def local(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def midnight(self, day: date) -> datetime:
        """The instant at which this day begins; where the clocks skip it, the moment of the change."""
        return datetime.combine(day, time(), self.local).astimezone(UTC)

    @property
    def begin(self) -> datetime:
        return self.midnight(self.first)

    @property
    def end(self) -> datetime:
        whole = self.midnight(self.last + timedelta(days=1))
        return whole if self.until is None else min(whole, self.until)

    @property
    def slots(self) -> tuple[int, int]:
        """The first slot of it, and the first behind it."""
        return slot_of(self.begin), slot_of(self.end)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self, now: datetime) -> Period:
        """The same length right before; when this one is not over, only as far as this one has come."""
        back = timedelta(days=self.days)
        same = replace(self, name="own", first=self.first - back, last=self.last - back)
        if not self.begin <= now < self.end:
            return same
        clock = now.astimezone(self.local)
        then = datetime.combine(clock.date() - back, clock.time(), self.local).astimezone(UTC)
        return replace(same, until=datetime.fromtimestamp(slot_of(then) * SLOT, UTC))


def choose(name: str, now: datetime, zone: str, first: str = "", last: str = "") -> Period:
    """The period with this name as of now; `own` needs two ISO dates. Raises `Invalid`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    month = today.replace(day=1)
    spans = {
        "today": (today, today),
        "7d": (today - timedelta(days=6), today),
        "30d": (today - timedelta(days=29), today),
        "month": (month, today),
        "last": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
    }
    if name == "own":
        return _own(first, last, zone)
    if name not in spans:
        raise Invalid("There is no period %(name)s.", name=name[:20])
    return Period(name, *spans[name], zone)


def _own(first: str, last: str, zone: str) -> Period:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise Invalid("A period needs a first and a last day.") from None
    if begin > end:
        begin, end = end, begin
    if not 2000 <= begin.year <= end.year <= 2200:
        raise Invalid("A period needs a first and a last day.")
    if (end - begin).days >= LONGEST:
        raise Invalid("A report covers %(n)s days at most.", n=LONGEST)
    return Period("own", begin, end, zone)


def usual(period: Period) -> str:
    """How a period is cut when nobody says."""
    if period.days == 1:
        return "hour"
    return "day" if period.days <= DAYS_SHOWN else "week" if period.days <= WEEKS_SHOWN else "month"


@dataclass(frozen=True, slots=True)
class Part:
    """One day, week or month of a period, or what of it lies inside."""

    key: str
    """The date it begins."""
    begin: int
    end: int
    """Slots: the first, and the first behind it."""


def parts(period: Period, by: str) -> list[Part]:
    """The days, weeks (from Monday) or months, in order; the first and the last may be cut."""
    firsts: list[date] = []
    day = period.first
    while day <= period.last:
        if not firsts or by == "day" or (day.weekday() == 0 if by == "week" else day.day == 1):
            firsts.append(day)
        day += timedelta(days=1)
    edges = [slot_of(period.midnight(day)) for day in firsts] + [slot_of(period.end)]
    return [Part(day.isoformat(), edges[i], max(edges[i], edges[i + 1])) for i, day in enumerate(firsts)]


def keys(period: Period, by: str) -> list[str]:
    """Every group there is, also those in which nothing happened."""
    if by in TIMES:
        return [part.key for part in parts(period, by)]
    count = {"hour": 24, "weekday": 7, "heat": 7 * 24}[by]
    return [str(number) for number in range(count)]


def step(period: Period) -> int:
    """Slots that may be summed before they are sorted into parts: an hour, where the zone's clocks go by hours."""
    days = (period.first + timedelta(days=n) for n in range(period.days + 2))
    offsets = (period.midnight(day).astimezone(period.local).utcoffset() for day in days)
    whole = all(offset is not None and offset.total_seconds() % 3600 == 0 for offset in offsets)
    return HOUR if whole else 1


def sorter(period: Period, by: str, size: int) -> Callable[[int], str]:
    """What group a slot belongs to; it is given in units of `size` slots."""
    known: dict[int, str] = {}
    find = _in_parts(period, by) if by in TIMES else _by_the_clock(period, by)

    def sort(unit: int) -> str:
        if (found := known.get(unit)) is None:
            found = known[unit] = find(unit * size)
        return found

    return sort


def _in_parts(period: Period, by: str) -> Callable[[int], str]:
    found = parts(period, by)
    begins = [part.begin for part in found]
    return lambda slot: found[max(0, bisect.bisect_right(begins, slot) - 1)].key


def _by_the_clock(period: Period, by: str) -> Callable[[int], str]:
    def find(slot: int) -> str:
        clock = datetime.fromtimestamp(slot * SLOT, UTC).astimezone(period.local)
        if by == "hour":
            return str(clock.hour)
        return str(clock.weekday() if by == "weekday" else clock.weekday() * 24 + clock.hour)

    return find


def units(period: Period, by: str, key: str) -> Iterable[tuple[int, int]]:
    """The stretches of slots [first, behind) that make a group: the rows behind its figures lie in them."""
    begin, end = period.slots
    if by in TIMES:
        yield from ((part.begin, part.end) for part in parts(period, by) if part.key == key)
        return
    sort = sorter(period, by, 1)
    start: int | None = None
    for slot in range(begin, end):
        inside = sort(slot) == key
        if inside and start is None:
            start = slot
        elif not inside and start is not None:
            yield start, slot
            start = None
    if start is not None:
        yield start, end
