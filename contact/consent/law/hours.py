"""Hours in which nothing may be sent, by the recipient's clock, decided at the moment of asking. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def closed_until(now: datetime, zone: ZoneInfo, closed: tuple[time, time]) -> datetime | None:
    """When the night of this zone ends (UTC), None when it is day there: 21:00:00 is night, 08:00:00 is not."""
    begins, ends = closed
    there = now.astimezone(zone)
    clock = there.time()
    night = begins <= clock or clock < ends if begins > ends else begins <= clock < ends
    if not night:
        return None
    day = there.date() + timedelta(days=1 if clock >= begins and begins > ends else 0)
    return datetime.combine(day, ends, zone).astimezone(UTC)


def open_at(now: datetime, zones: Iterable[ZoneInfo], closed: tuple[time, time]) -> datetime | None:
    """As `closed_until`, for somebody who is in one of these zones: it must be day in all of them."""
    places, moment = list(zones), now
    for _ in range(4):  # zones of one number lie a few hours apart: at most two rounds are needed
        later = [until for zone in places if (until := closed_until(moment, zone, closed)) is not None]
        if not later:
            return None if moment == now else moment
        moment = max(later)
    return moment


def closes_at(now: datetime, zones: Iterable[ZoneInfo], closed: tuple[time, time]) -> datetime | None:
    """When the next night begins (UTC) for somebody who is in one of these zones: the first of them."""
    begins = []
    for place in zones:
        there = now.astimezone(place)
        later = timedelta(days=1 if there.time() >= closed[0] else 0)
        begins.append(datetime.combine(there.date() + later, closed[0], place).astimezone(UTC))
    return min(begins, default=None)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """A zone by its IANA name; None when there is no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


_KOREA = "KR", (ZoneInfo("Asia/Seoul"),)


def of_number(value: str) -> tuple[str, tuple[ZoneInfo, ...]]:
    """Country and possible zones of a telephone number in E.164."""
    return _KOREA if value.startswith("+82") else _abroad(value)


@lru_cache(maxsize=65536)
def _abroad(value: str) -> tuple[str, tuple[ZoneInfo, ...]]:
    """By libphonenumber's tables."""
    import phonenumbers
    from phonenumbers import timezone

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return "", ()
    country = phonenumbers.region_code_for_number(number) or ("US" if number.country_code == 1 else "")
    found = (zone(name) for name in timezone.time_zones_for_number(number))
    return country, tuple(one for one in found if one is not None)
