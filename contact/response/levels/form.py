"""A service level as a form: amounts with a unit, lists of ticked boxes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contact.errors import Invalid
from contact.response.levels.course import Target

UNITS = {"minutes": 1, "hours": 60}
LISTS = ("queues", "inboxes", "channels", "priorities", "tags")
_NUMBERS = ("queues", "inboxes")


def read(form: Any) -> dict[str, Any]:
    """The values of a submitted form; raises `Invalid`."""
    return {
        "name": form.get("name", ""),
        "calendar_id": _number(form.get("calendar", "")),
        "applies": {name: found for name in LISTS if (found := _list(form, name))},
        "targets": {target.value: minutes for target in Target if (minutes := _minutes(form, target.value))},
        "warn": _warn(form),
        "escalation": {
            "priority": form.get("raise", ""),
            "assignee": _number(form.get("assignee", "")) or 0,
            "queue": _number(form.get("queue", "")) or 0,
            "tag": form.get("tag", "").strip(),
        },
    }


def amount(minutes: int | None) -> tuple[str, str]:
    """Number and unit as they are shown: whole hours as hours."""
    if not minutes:
        return "", "minutes"
    return (str(minutes // 60), "hours") if minutes % 60 == 0 else (str(minutes), "minutes")


def _list(form: Any, name: str) -> list[Any]:
    if name == "tags":
        return [tag for one in form.get("tags", "").split(",") if (tag := one.strip().removeprefix("#"))]
    chosen = form.getlist(name)
    return [number for one in chosen if (number := _number(one))] if name in _NUMBERS else chosen


def _minutes(form: Mapping[str, str], name: str) -> int:
    text = form.get(name, "").strip()
    if not text:
        return 0
    number = _number(text)
    if not number:
        raise Invalid("A target is between one minute and 90 days of working time.")
    return number * UNITS.get(form.get(f"{name}_unit", ""), 1)


def _warn(form: Mapping[str, str]) -> dict[str, int]:
    kind = form.get("warn", "percent")
    if kind not in ("percent", "minutes"):
        return {}
    number = _number(form.get(f"warn_{kind}", ""))
    if not number:
        raise Invalid("Warn at 1 to 99 percent of the time, or some minutes before its end.")
    return {kind: number}


def _number(text: str) -> int | None:
    text = str(text).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
