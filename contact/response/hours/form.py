"""Business hours as a form: one line a day, `09:00-12:00, 13:00-18:00`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contact.errors import Invalid
from contact.response.hours.hours import spans_of

_PAIR = re.compile(r"\s*(\d{1,2}:\d{2})\s*[-–~]\s*(\d{1,2}:\d{2})\s*")


def line_of(pairs: list[list[str]]) -> str:
    """A day as people write it; empty = closed."""
    return ", ".join(f"{start}-{end}" for start, end in pairs)


def pairs_of(line: str) -> list[list[str]]:
    """The opening times of a line; raises `Invalid` with what is wrong with it."""
    pairs = []
    for part in filter(None, (one.strip() for one in line.split(","))):
        found = _PAIR.fullmatch(part)
        if found is None:
            raise Invalid("“%(text)s” is not like 09:00-18:00.", text=part[:40])
        pairs.append([found[1], found[2]])
    spans_of(pairs)
    return pairs


def read(form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Invalid]]:
    """The values of a submitted form, and what is wrong by field."""
    week: list[list[list[str]]] = []
    wrong: dict[str, Invalid] = {}
    for day in range(7):
        try:
            week.append(pairs_of(form.get(f"day{day}", "")))
        except Invalid as error:
            wrong[f"day{day}"] = error
            week.append([])
    values = {name: form.get(name, "") for name in ("name", "zone", "country", "subdivision")}
    return values | {"week": week}, wrong
