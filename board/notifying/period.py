"""Period: which digest is due, on the wall clock of whoever reads it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from board.notifying.event import Mode

AWAKE = (time(8), time(21))
"""When a text message may ring."""


class Period(NamedTuple):
    """The newest digest that is due: its day or week, and since when. What was told later waits for the next."""

    name: str
    since: datetime


def period(now: datetime, zone: ZoneInfo, hour: int, mode: Mode) -> Period:
    """The last day, or Monday, on which it was `hour` there. An hour the clocks leave out is the one after; one that
    comes twice is its first."""
    step = 7 if mode is Mode.WEEKLY else 1
    day = now.astimezone(zone).date()
    if mode is Mode.WEEKLY:
        day -= timedelta(days=day.weekday())
    while (since := datetime.combine(day, time(hour), zone).astimezone(UTC)) > now:
        day -= timedelta(days=step)
    year, week, _ = day.isocalendar()
    return Period(f"{year}-W{week:02d}" if mode is Mode.WEEKLY else day.isoformat(), since)


def awake(now: datetime, zone: ZoneInfo) -> bool:
    return AWAKE[0] <= now.astimezone(zone).time() < AWAKE[1]


def zone_of(name: str, house: str) -> ZoneInfo:
    """The user's own, else the house's; also where a zone is not known here any more."""
    try:
        return ZoneInfo(name or house)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(house)
