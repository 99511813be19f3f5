"""The form of a notice, read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from werkzeug.datastructures import MultiDict

from board.notice.plan import Plan
from contact.errors import Invalid

MOST_BODY = 200_000


def definition(given: str) -> Mapping[str, Any]:
    """The audience, out of what the editor of conditions says."""
    try:
        body = orjson.loads(given[:MOST_BODY] or "{}")
    except orjson.JSONDecodeError:
        body = {}
    found = body.get("if") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {"all": []}


def plan(form: MultiDict[str, str], zone: str) -> Plan:
    """Not checked yet, save for what is no time and no number; raises `Invalid`."""
    channels, after = form.getlist("step_channel"), form.getlist("step_days")
    ladder = [{"channel": one, "days": n or "0"} for one, n in zip(channels, after, strict=False) if one]
    pinned, expires = (moment(form.get(name, ""), zone) for name in ("pinned", "expires"))
    days = number(form.get("ack_days", "")) or 7
    category, asks = number(form.get("category", "")), bool(form.get("needs_ack"))
    return Plan(definition(form.get("body", "")), category, pinned, expires, asks, days, ladder)


def moment(value: str, zone: str) -> datetime | None:
    """A day and a clock of the house's zone, as `<input type=datetime-local>` sends them; raises `Invalid`."""
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise Invalid("Enter day and time.") from None


def number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None
