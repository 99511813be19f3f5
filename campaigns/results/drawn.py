"""Pictures of results: the parts of a bar, and series over time for the charts the reports have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _

from contact.response.reports import pictures
from contact.response.reports.figures import Unit

STEPS = (1, 5, 15, 60, 360, 1440)
"""Minutes between two bars."""
WIDEST = 60
"""Bars that can still be told apart."""
LONGEST = 400
"""Days shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar: `x` and `width` of a hundred."""

    key: str
    n: int
    x: float
    width: float


def parts(values: Sequence[tuple[str, int]], least: float = 0.6) -> list[Part]:
    """Parts of a bar that is 100 wide; what there is at all can be seen (`least`), and the sum stays 100."""
    total = sum(n for _key, n in values)
    shown = [(key, n) for key, n in values if n > 0]
    if not total:
        return []
    small = [n for _key, n in shown if n / total * 100 < least]
    rest = 100 - least * len(small)
    scale = rest / max(total - sum(small), 1)
    found, x = [], 0.0
    for key, n in shown:
        width = least if n / total * 100 < least else n * scale
        found.append(Part(key, n, round(x, 3), round(width, 3)))
        x += width
    return found


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar's time, in the house's zone. `key`: ISO 8601."""

    key: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """Values by time. `step`: minutes."""

    step: int
    buckets: tuple[Bucket, ...]
    values: Mapping[str, Sequence[int]]


def series(slots: Mapping[str, Mapping[int, int]], zone: str, least: int = 1) -> Series | None:
    """`slots`: how many in which minute, by name. The step is the finest that still can be told apart."""
    minutes = [minute for one in slots.values() for minute in one]
    if not minutes:
        return None
    first, last = min(minutes), max(minutes)
    last = min(last, first + LONGEST * 1440)
    step = next((one for one in STEPS if one >= least and (last - first) // one < WIDEST), STEPS[-1])
    local = ZoneInfo(zone)
    places: dict[datetime, int] = {}
    for minute in range(first, last + min(step, 60), min(step, 60)):
        places.setdefault(_floor(min(minute, last), step, local), len(places))
    values = {name: [0] * len(places) for name in slots}
    for name, one in slots.items():
        for minute, n in one.items():
            place = places.get(_floor(minute, step, local))
            if place is not None:
                values[name][place] += n
    return Series(step, tuple(Bucket(at.isoformat(), at) for at in places), values)


def _floor(minute: int, step: int, zone: ZoneInfo) -> datetime:
    """The beginning of the bar a minute falls into, by the clocks of the zone."""
    at = datetime.fromtimestamp(minute * 60, UTC).astimezone(zone)
    if step >= 1440:
        return at.replace(hour=0, minute=0)
    past = (at.hour * 60 + at.minute) % step
    if step > 60:
        return at.replace(hour=at.hour // (step // 60) * (step // 60), minute=0)
    return at - timedelta(minutes=past)


def hours(slots: Mapping[int, int], zone: str) -> list[int]:
    """How many in which hour of the day."""
    found, local = [0] * 24, ZoneInfo(zone)
    for minute, n in slots.items():
        found[datetime.fromtimestamp(minute * 60, UTC).astimezone(local).hour] += n
    return found


# -- what the macro of the reports draws --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One series of a chart; `key` is what its people are asked by."""

    key: str
    name: str
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, slots=True)
class Line:
    key: str


def chart(columns: Sequence[Column], keys: Sequence[str], values: Sequence[Sequence[int]]) -> dict[str, Any] | None:
    """As the reports hand it to their macro; None where there is nothing to draw."""
    made = pictures.chart(values, [], Unit.COUNT)
    if made is None:
        return None
    return {"chart": made, "bars": columns, "line": None, "unit": Unit.COUNT, "lines": [Line(key) for key in keys],
            "values": values, "left_out": 0}  # fmt: skip


class Labels:
    """How the bars of a chart over time are called (see `contact/response/reports/labels.py`)."""

    def __init__(self, step: int) -> None:
        self.step = step

    def called(self, column: Column) -> str:
        return column.name

    def written(self, _unit: Unit, value: float) -> str:
        return str(format_decimal(value))

    mark = written

    def group(self, _by: str, key: str, _known: object) -> str:
        at = datetime.fromisoformat(key)
        if self.step >= 1440:
            return str(format_skeleton("MMMEd", at, locale=get_locale()))
        return f"{format_skeleton('MMMEd', at, locale=get_locale())} {at:%H:%M}"

    def short(self, _by: str, key: str, _known: object) -> str:
        at = datetime.fromisoformat(key)
        if self.step >= 1440:
            return str(format_skeleton("Md", date(at.year, at.month, at.day), locale=get_locale()))
        return f"{at:%H:%M}" if self.step <= 60 else f"{format_skeleton('Md', at, locale=get_locale())} {at:%H}"

    def each(self) -> str:
        """What one bar is."""
        match self.step:
            case 1:
                return str(_("each bar a minute"))
            case 60:
                return str(_("each bar an hour"))
            case 360:
                return str(_("each bar six hours"))
            case 1440:
                return str(_("each bar a day"))
        return str(_("each bar %(n)s minutes", n=self.step))


class Hours(Labels):
    """The hours of a day."""

    def __init__(self) -> None:
        super().__init__(60)

    def group(self, _by: str, key: str, _known: object) -> str:
        return f"{int(key):02d}:00"

    def short(self, _by: str, key: str, _known: object) -> str:
        return key
