"""Pictures of a report as geometry: the template draws them as SVG. No style, no script. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contact.response.reports.figures import Unit

WIDTH, HEIGHT = 960, 300
LEFT, TOP, BOTTOM, RIGHT = 64, 14, 34, 8
WIDEST = 46.0
"""Of a bar."""
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Seconds between two lines across."""

Value = int | float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: whose, of which group, where."""

    series: int
    group: int
    x: float
    y: float
    width: float
    height: float
    value: int | float


@dataclass(frozen=True, slots=True)
class Point:
    group: int
    x: float
    y: float
    value: int | float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars beside each other, and a line over them with a scale of its own if its unit is another."""

    bars: tuple[Bar, ...]
    points: tuple[Point, ...]
    paths: tuple[str, ...]
    """The line, in pieces where something is missing."""
    across: tuple[tuple[float, float], ...]
    """Height of a line across, and what it stands for."""
    labels: tuple[tuple[float, int], ...]
    """Middle of a label, and its group."""


def chart(bars: Sequence[Sequence[Value]], line: Sequence[Value], unit: Unit, wide: int = 12) -> Chart | None:
    """`bars`: the values of each series; `wide`: how many labels fit. None when there is nothing to draw."""
    count = max([len(line), *(len(one) for one in bars)], default=0)
    most = max((value for one in (*bars, line) for value in one if value), default=0)
    if not count or not most:
        return None
    across = scale(most, unit)
    top, room = across[-1], HEIGHT - TOP - BOTTOM
    each = (WIDTH - LEFT - RIGHT) / count

    def height(value: float) -> float:
        return room * value / top

    thick = min(WIDEST, each * 0.72 / max(1, len(bars)))
    made = []
    for place, one in enumerate(bars):
        for group, value in enumerate(one):
            if value:
                x = LEFT + each * (group + 0.5) + thick * (place - len(bars) / 2)
                tall = max(1.0, height(value))
                made.append(Bar(place, group, _r(x), _r(TOP + room - tall), _r(thick * 0.94), _r(tall), value))
    points = tuple(
        Point(group, _r(LEFT + each * (group + 0.5)), _r(TOP + room - height(value)), value)
        for group, value in enumerate(line)
        if value is not None
    )
    every = max(1, -(-count // wide))
    labels = tuple((_r(LEFT + each * (group + 0.5)), group) for group in range(0, count, every))
    lines = tuple((_r(TOP + room - height(number)), number) for number in across)
    return Chart(tuple(made), points, _paths(points), lines, labels)


def _paths(points: Sequence[Point]) -> tuple[str, ...]:
    pieces: list[list[Point]] = []
    for point in points:
        if pieces and pieces[-1][-1].group == point.group - 1:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return tuple("M" + " L".join(f"{one.x} {one.y}" for one in piece) for piece in pieces if len(piece) > 1)


def scale(most: float, unit: Unit) -> list[float]:
    """Round numbers from 0 to at least `most`, three to six of them."""
    if unit is Unit.SHARE:
        return [0, 0.25, 0.5, 0.75, 1.0]
    if unit is Unit.SCORE:
        return [0, 1, 2, 3, 4, 5]
    step = _time_step(most) if unit is Unit.TIME else _round_step(most)
    return [step * number for number in range(int(-(-most // step)) + 1)]


def _round_step(most: float) -> float:
    size = 1
    while True:
        for factor in (1, 2, 5):
            if most <= factor * size * 4:
                return factor * size
        size *= 10


def _time_step(most: float) -> float:
    for step in _TIME_STEPS:
        if most <= step * 1000 * 4:
            return step * 1000
    return _round_step(most / 86_400_000) * 86_400_000


@dataclass(frozen=True, slots=True)
class Square:
    """One hour of one weekday."""

    key: str
    weekday: int
    hour: int
    x: float
    y: float
    level: int
    """0 (nothing) to `LEVELS`."""
    value: Value


LEVELS = 5
SQUARE = 36.0
HEAT_LEFT, HEAT_TOP = 64, 24
HEAT_WIDTH, HEAT_HEIGHT = int(HEAT_LEFT + 24 * SQUARE) + 2, int(HEAT_TOP + 7 * SQUARE) + 2


def heat(values: Sequence[Value]) -> tuple[Square, ...]:
    """Seven rows of 24 squares; `values` from Monday 0 o'clock on."""
    most = max((value for value in values if value), default=0)

    def level(value: Value) -> int:
        return 0 if not value or not most else max(1, -int(-(value / most * LEVELS) // 1))

    return tuple(
        Square(str(n), n // 24, n % 24, HEAT_LEFT + n % 24 * SQUARE, HEAT_TOP + n // 24 * SQUARE, level(value), value)
        for n, value in enumerate(values)
    )


def _r(number: float) -> float:
    return round(number, 1)
