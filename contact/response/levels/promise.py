"""What a clock's time is worth against a promise, in working hours. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contact.response.hours import Hours, NeverOpen
from contact.response.levels.course import Clock

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Promise:
    """So much working time is allowed; after `warn` of it we are warned (None = not at all)."""

    allowed: timedelta
    warn: timedelta | None
    hours: Hours
    policy_id: int
    calendar_id: int | None

    @property
    def seconds(self) -> int:
        return int(self.allowed.total_seconds())


def used(clock: Clock, hours: Hours, until: datetime) -> timedelta:
    """Working time that has run off."""
    ends = ((since, min(end or until, until)) for since, end in clock.runs)
    return sum((hours.between(since, end) for since, end in ends), _NONE)


def reached(clock: Clock, hours: Hours, amount: timedelta) -> datetime | None:
    """The instant at which so much has run off; None when the clock stands still before that, or never gets there."""
    left = amount
    for since, until in clock.runs:
        if until is None:
            return _after(hours, since, left)
        if (ran := hours.between(since, until)) >= left:
            return _after(hours, since, left)
        left -= ran
    return None


def _after(hours: Hours, since: datetime, left: timedelta) -> datetime | None:
    try:
        return hours.after(since, left)
    except NeverOpen:
        return None


def due(clock: Clock, promise: Promise) -> datetime | None:
    return reached(clock, promise.hours, promise.allowed)


def warning(clock: Clock, promise: Promise) -> datetime | None:
    return None if promise.warn is None else reached(clock, promise.hours, promise.warn)
