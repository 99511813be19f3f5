"""Working hours as a value: open when, open next, and working time counted on real time. Pure.

Opening times are read from the wall clock of a zone, time that passes is counted between
instants: on the day the clocks change, a shop open 00:00 to 06:00 works five or seven hours.
A wall-clock time means the first instant at which the clock shows it *or a later one*; so a
time that is skipped means the moment of the change, one that comes twice its first coming,
and intervals that touch on the wall touch in time.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contact.errors import Invalid

DAY = 24 * 60
"""Minutes."""
LOOK_AHEAD = 800
"""Days without any opening after which a calendar counts as closed for good."""
_ONE = timedelta(days=1)
_NONE = timedelta(0)


class NeverOpen(Invalid):
    """This calendar never opens, so no working time can pass in it."""

    code = "never_open"


class Span(NamedTuple):
    """One opening of one day, in minutes of the wall clock from its midnight; past 24:00 it ends on the next day."""

    start: int
    end: int


Spans = tuple[Span, ...]
Week = tuple[Spans, Spans, Spans, Spans, Spans, Spans, Spans]
"""Monday first."""

ALL_DAY: Spans = (Span(0, DAY),)
Opening = tuple[datetime, datetime]
"""Two instants: open from the first to right before the second."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone; raises `Invalid`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Invalid("There is no time zone named %(name)s.", name=name[:60]) from None


def instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """The first instant at which the clocks of `zone` show `minutes` after the midnight of `day`, or later."""
    days, rest = divmod(minutes, DAY)
    wall = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60))
    late = wall.replace(tzinfo=zone).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # skipped: the change lies between the two readings
    return _change(zone, early, late)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """When the clocks changed: behind `before`, at or before `after`; to the second."""
    offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while low + 1 < high:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


@dataclass(frozen=True)
class Hours:
    """When somebody works. An exception of a date goes before a day off, and that before the week.

    What begins on a day belongs to that day: a night shift that began before a holiday ends
    in the holiday's morning.
    """

    zone: str
    week: Week
    off: Container[date] = frozenset()
    exceptions: tuple[tuple[date, Spans], ...] = ()
    _days: Mapping[date, Spans] = field(init=False, repr=False, compare=False)
    _known: dict[date, tuple[Opening, ...]] = field(init=False, repr=False, compare=False)
    """Days that were asked before, as instants."""
    _always: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        zone_of(self.zone)
        plain = isinstance(self.off, frozenset) and not self.off and not self.exceptions
        object.__setattr__(self, "_days", dict(self.exceptions))
        object.__setattr__(self, "_known", {})
        object.__setattr__(self, "_always", plain and all(spans == ALL_DAY for spans in self.week))

    def spans_on(self, day: date) -> Spans:
        """What begins on this day, by the wall clock."""
        if (own := self._days.get(day)) is not None:
            return own
        return () if day in self.off else self.week[day.weekday()]

    def open_at(self, at: datetime) -> bool:
        """Whether somebody works at this instant; the closing minute is closed."""
        if self._always:
            return True
        first = next(self._parts(at), None)
        return first is not None and first[0] <= at

    def next_opening(self, at: datetime) -> datetime | None:
        """`at` while open, else the instant the house opens next; None when it never does."""
        at = at.astimezone(UTC)
        if self._always:
            return at
        first = next(self._parts(at), None)
        return None if first is None else max(at, first[0])

    def next_closing(self, at: datetime) -> datetime | None:
        """When the opening at `at`, or the next one, ends; None when there is none, or no end to it in sight."""
        at = at.astimezone(UTC)
        if self._always:
            return None
        end: datetime | None = None
        for opens, closes in self._parts(at):
            if end is not None and opens > end:
                return end
            end = closes if end is None else max(end, closes)
            if end - at > timedelta(days=LOOK_AHEAD):
                return None
        return end

    def after(self, start: datetime, worked: timedelta) -> datetime:
        """The first instant at which `worked` of working time has passed since `start`; raises `NeverOpen`.

        Time that is used up exactly at closing ends there, not at the next opening.
        """
        at = start.astimezone(UTC)
        if worked <= _NONE:
            return at
        if self._always:
            return at + worked
        left = worked
        for opens, closes in self._parts(at):
            at = max(at, opens)
            if closes <= at:  # inside what was counted
                continue
            if left <= closes - at:
                return at + left
            left -= closes - at
            at = closes
        raise NeverOpen

    def between(self, a: datetime, b: datetime) -> timedelta:
        """The working time from `a` to `b`; nothing when `b` is not behind `a`."""
        at, b = a.astimezone(UTC), b.astimezone(UTC)
        if b <= at:
            return _NONE
        if self._always:
            return b - at
        total = _NONE
        for opens, closes in self._parts(at, b):
            at, end = max(at, opens), min(closes, b)
            if end > at:
                total += end - at
                at = end
        return total

    def _parts(self, at: datetime, until: datetime | None = None) -> Iterator[Opening]:
        """Openings that end behind `at`, by their beginning; they may touch or overlap.

        Without `until` it ends when nothing opens for `LOOK_AHEAD` days and no exception lies further ahead.
        """
        zone = zone_of(self.zone)
        day = at.astimezone(zone).date() - 2 * _ONE  # yesterday's night shift, and a clock that is set by a day
        furthest = max((one for one, spans in self.exceptions if spans), default=day)
        last = max(day + LOOK_AHEAD * _ONE, furthest)
        if until is not None:
            last = until.astimezone(zone).date() + _ONE
        while day <= last:
            for opening in self._on(day):
                if opening[1] > at and (until is None or opening[0] < until):
                    yield opening
                    if until is None:
                        last = max(last, day + LOOK_AHEAD * _ONE)
            day += _ONE

    def _on(self, day: date) -> tuple[Opening, ...]:
        known = self._known.get(day)
        if known is None:
            zone = zone_of(self.zone)
            pairs = ((instant(zone, day, one.start), instant(zone, day, one.end)) for one in self.spans_on(day))
            known = tuple(sorted(pair for pair in pairs if pair[0] < pair[1]))
            if len(self._known) > 4000:
                self._known.clear()
            self._known[day] = known
        return known


ALWAYS = Hours("UTC", (ALL_DAY,) * 7)
"""Round the clock."""


def spans_of(pairs: object) -> Spans:
    """Openings of one day from `[["09:00", "12:00"], ["22:00", "06:00"]]`; raises `Invalid`.

    An end that is not behind its beginning lies on the next day; `24:00` is the end of this one.
    """
    if not isinstance(pairs, list | tuple):
        raise Invalid("Opening times are pairs like 09:00 to 18:00.")
    spans: list[Span] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Invalid("Opening times are pairs like 09:00 to 18:00.")
        start, end = minutes_of(pair[0]), minutes_of(pair[1])
        if start == DAY:
            raise Invalid("Nothing opens at 24:00; write 00:00 on the next day.")
        spans.append(Span(start, end if end > start else end + DAY))
    spans.sort()
    for one, two in pairwise(spans):
        if two.start < one.end:
            raise Invalid("Two opening times of one day overlap.")
    if spans and spans[-1].end > DAY + spans[0].start:
        raise Invalid("A night shift ends before the same day's hours begin on the next day.")
    return tuple(spans)


def minutes_of(clock: object) -> int:
    """`HH:MM` as minutes, up to `24:00`; raises `Invalid`."""
    text = str(clock).strip()
    hours, colon, minutes = text.partition(":")
    if colon and hours.isdecimal() and minutes.isdecimal() and len(hours) <= 2 and len(minutes) == 2:
        total = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and total <= DAY:
            return total
    raise Invalid("%(text)s is not a time of day like 09:00.", text=text[:20])


def clock_of(minutes: int) -> str:
    """Minutes as `HH:MM`: 24:00 is the end of the day, later ones are the next day's."""
    if minutes > DAY:
        minutes -= DAY
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
