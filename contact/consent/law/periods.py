"""Periods as Korea's Civil Act counts them: the first day is not counted (157), the last ends at midnight (159), and
where the month has no such day its last day ends the period (160 (3)). Pure.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

KOREA = ZoneInfo("Asia/Seoul")


def after_months(day: date, months: int) -> date:
    """The day that answers to `day` so many months later: 31 August + 6 = 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def after_years(day: date, years: int) -> date:
    """29 February 2024 + 2 = 28 February 2026, + 4 = 29 February 2028."""
    return after_months(day, years * 12)


def day_of(moment: datetime, zone: ZoneInfo = KOREA) -> date:
    """The calendar day of a moment."""
    return moment.astimezone(zone).date()


def end_of(day: date, zone: ZoneInfo = KOREA) -> datetime:
    """The first moment that is not that day any more, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
