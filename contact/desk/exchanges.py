"""The exchange log of one message: each try, what came late, and what was said, in a form people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.desk.words import N_
from contact.log import Interaction
from contact.messages import DeliveryState
from contact.outbox.delivery import Exchange

DURATIONS: Final = {"ms": 1, "milliseconds": 1, "duration_ms": 1, "took_ms": 1, "seconds": 1000, "took": 1000}
"""Names under which a channel says how long a try took, and how many milliseconds one of it has."""
NAMES: Final = {
    "request": N_("Request"),
    "response": N_("Response"),
    "answer": N_("Answer"),
    "method": N_("Method"),
    "url": N_("Address"),
    "status": N_("Status"),
    "headers": N_("Headers"),
    "body": N_("Content"),
    "sent": N_("Sent"),
    "relay": N_("Relay"),
    "code": N_("Code"),
    "error": N_("Error"),
    "reason": N_("Reason"),
    "command": N_("Command"),
    "lines": N_("Lines"),
    "job": N_("Job"),
    "state": N_("State"),
    "to": N_("To"),
    "from": N_("From"),
    "size": N_("Size"),
    "pages": N_("Pages"),
    "provider": N_("Provider"),
    "sandbox": N_("Sandbox"),
}
"""Names in an exchange that have words; all others stand as the channel wrote them."""
DEEPEST = 6
LONGEST = 4000
"""Characters of one value that are shown."""
MOST = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One name with its value: words, or further lines. `name` is a msgid where `known`."""

    name: str
    known: bool
    text: str = ""
    inside: tuple[Line, ...] = ()

    @property
    def long(self) -> bool:
        return len(self.text) > 200 or "\n" in self.text


@dataclass(frozen=True, slots=True)
class Try:
    """One try or one later word. `late`: it came when it could not change anything any more."""

    exchange: Exchange
    lines: tuple[Line, ...]
    milliseconds: float | None
    late: bool
    first: bool
    """Whether it begins its try: what follows is a later word about the same one."""


def tries(session: Session, exchanges: Sequence[Exchange]) -> list[Try]:
    """The exchanges of one delivery as people read them, oldest first."""
    applied = _applied(session, exchanges[0].delivery_id) if exchanges else set()
    found: list[Try] = []
    for each in exchanges:
        state = each.outcome in set(DeliveryState)
        late = state and (each.at, each.outcome) not in applied
        first = not found or found[-1].exchange.attempt != each.attempt
        detail = dict(each.detail or {})
        found.append(Try(each, lines(detail), _took(detail), late, first))
    return found


def _applied(session: Session, delivery_id: int) -> set[tuple[Any, str]]:
    """When it came into which state: the log says so at the same moment as the word that moved it."""
    rows = session.execute(
        select(Interaction.at, Interaction.data).where(
            Interaction.delivery_id == delivery_id, Interaction.about_id.is_not(None)
        )
    )
    return {(at, str((data or {}).get("state", ""))) for at, data in rows}


def _took(detail: dict[str, Any]) -> float | None:
    for name, factor in DURATIONS.items():
        value = detail.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) * factor
    return None


def lines(detail: Mapping[str, Any], depth: int = 0) -> tuple[Line, ...]:
    """Names and values, one below the other; the duration stands elsewhere."""
    some = [(str(name), value) for name, value in detail.items() if depth or name not in DURATIONS]
    return tuple(_line(name, value, depth) for name, value in some[:MOST])


def _line(name: str, value: Any, depth: int) -> Line:
    known = NAMES.get(name.lower(), "")
    if isinstance(value, Mapping) and value and depth < DEEPEST:
        return Line(known or name, bool(known), inside=lines(value, depth + 1))
    if _nested(value) and depth < DEEPEST:
        inside = tuple(_line(str(at), one, depth + 1) for at, one in enumerate(value[:MOST], 1))
        return Line(known or name, bool(known), inside=inside)
    return Line(known or name, bool(known), _text(value)[:LONGEST])


def _nested(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(one, Mapping | list | tuple) for one in value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "–"
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, list | tuple):
        return "\n".join(map(_text, value))
    return str(value)
