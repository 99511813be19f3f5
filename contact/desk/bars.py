"""The day as a picture: two bars an hour, drawn as SVG on the server. No style attribute, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contact.desk.today import Hour

WIDTH, HEIGHT = 960, 200
LEFT, TOP, BOTTOM = 44, 16, 32
BAR = 14.0
GAP = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, and what it is worth."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    hour: Hour


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the template draws."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]
    """Height of a line across, and its number."""
    hours: tuple[tuple[float, int], ...]
    """Middle of a label below, and its hour."""
    now: float
    """Where the day stands."""


def draw(hours: Sequence[Hour], present: float) -> Picture:
    """`present`: the hour of now with its fraction."""
    step = _step(max([1, *(max(hour.received, hour.answered) for hour in hours)]))
    top = step * max(1, -(-max([1, *(max(hour.received, hour.answered) for hour in hours)]) // step))
    room, each = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / 24
    start = (each - 2 * BAR - GAP) / 2

    def bar(hour: Hour, place: int, kind: str, count: int) -> Bar:
        tall = room * count / top
        x = LEFT + hour.hour * each + start + place * (BAR + GAP)
        return Bar(round(x, 1), round(TOP + room - tall, 1), BAR, round(tall, 1), kind, hour)

    bars = [
        bar(hour, place, kind, count)
        for hour in hours
        for place, (kind, count) in enumerate((("received", hour.received), ("answered", hour.answered)))
        if count
    ]
    lines = [(round(TOP + room - room * number / top, 1), number) for number in range(0, top + 1, step)]
    labels = [(round(LEFT + (hour + 0.5) * each, 1), hour) for hour in range(0, 24, 3)]
    return Picture(tuple(bars), tuple(lines), tuple(labels), round(LEFT + present * each, 1))


def _step(most: int) -> int:
    """A round number that gives two to five lines."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if most <= factor * size * 4:
                return factor * size
        size *= 10
