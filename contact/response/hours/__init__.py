"""Business hours: when the house works, and how much working time lies between two moments."""

from contact.response.hours.calendar import (
    Calendar,
    Day,
    add,
    change,
    day_of,
    default,
    every,
    get,
    hours_of,
    make_default,
    names,
    remove,
    usual,
)
from contact.response.hours.hours import ALWAYS, Hours, NeverOpen, Span
from contact.response.hours.public import PublicHolidays

__all__ = [
    "ALWAYS",
    "Calendar",
    "Day",
    "Hours",
    "NeverOpen",
    "PublicHolidays",
    "Span",
    "add",
    "change",
    "day_of",
    "default",
    "every",
    "get",
    "hours_of",
    "make_default",
    "names",
    "remove",
    "usual",
]
