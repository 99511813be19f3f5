"""An invitation in a few legible words (RFC 5545). The file itself is kept beside it."""

from __future__ import annotations

import re
from typing import Any

_FIELDS = {
    "SUMMARY": "summary",
    "DTSTART": "start",
    "DTEND": "end",
    "LOCATION": "location",
    "ORGANIZER": "organizer",
    "STATUS": "status",
    "DESCRIPTION": "description",
}
_ESCAPED = re.compile(r"\\([nN,;\\])")


def summaries(text: str) -> list[dict[str, Any]]:
    """Each event of a calendar file: method, summary, start, end (as written, with zone), place, organiser."""
    events: list[dict[str, Any]] = []
    method = ""
    event: dict[str, Any] | None = None
    depth = 0
    for line in _unfolded(text[:1_000_000]):
        name, parameters, value = _property(line)
        if name == "METHOD":
            method = value[:40]
        elif name == "BEGIN" and value.upper() == "VEVENT":
            event, depth = {"method": method}, 0
        elif name in ("BEGIN", "END") and event is not None and value.upper() != "VEVENT":
            depth += 1 if name == "BEGIN" else -1  # an alarm's words are not the event's
        elif name == "END" and event is not None:
            events.append(event)
            event = None
        elif event is not None and depth == 0 and name in _FIELDS:
            event.setdefault(_FIELDS[name], _value(name, parameters, value))
    return events[:20]


def sentence(event: dict[str, Any]) -> str:
    """One event as lines of plain text, for a mail that holds nothing else."""
    when = " – ".join(event[key] for key in ("start", "end") if event.get(key))
    lines = (event.get("summary"), when, event.get("location"), event.get("organizer"), event.get("description"))
    return "\n".join(line for line in lines if line)


def _unfolded(text: str) -> list[str]:
    return re.sub(r"\r?\n[ \t]", "", text).splitlines()


def _property(line: str) -> tuple[str, str, str]:
    quoted = False
    for position, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == ":" and not quoted:
            name, _, parameters = line[:position].partition(";")
            return name.strip().upper(), parameters, line[position + 1 :].strip()
    return "", "", ""


def _value(name: str, parameters: str, value: str) -> str:
    if name == "ORGANIZER":
        cn = re.search(r"(?:^|;)CN=(?:\"([^\"]*)\"|([^;]*))", parameters, re.IGNORECASE)
        mail = re.sub(r"^mailto:", "", value, flags=re.IGNORECASE)
        return f"{(cn[1] or cn[2]) if cn else ''} <{mail}>".strip()[:300]
    if name in ("DTSTART", "DTEND"):
        return _moment(parameters, value)
    return _ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], value)[:4000]


def _moment(parameters: str, value: str) -> str:
    """`20240305T152100Z` -> `2024-03-05 15:21 UTC`; the zone's name as the sender wrote it."""
    parts = re.match(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d*(Z?))?", value)
    if not parts:
        return value[:40]
    day = "-".join(parts.group(1, 2, 3))
    if not parts[4]:
        return day
    zone = re.search(r"TZID=\"?([^\";:]+)", parameters, re.IGNORECASE)
    return " ".join(filter(None, (day, f"{parts[4]}:{parts[5]}", "UTC" if parts[6] else zone and zone[1].strip())))
