"""The rules that are on, ready to be asked: compiled once, and again when a rule has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from contact.conversation import Snapshot, State
from contact.conversation.state import PRIORITIES
from contact.response.deeds import Step
from contact.response.rules import rule as rules
from contact.response.rules.compiled import Ask, compiled
from contact.response.rules.draft import Said
from contact.response.rules.when import IDLE, ROWS

DEEPEST = 3
"""Rules do not react to what rules did that reacted to what rules did ... so often."""
AN_HOUR = 10
"""How often one rule acts on one conversation within an hour."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule that is on."""

    id: int
    version: int
    since_id: int
    said: Said
    ask: Ask


@dataclass(frozen=True, slots=True)
class Book:
    """All of them; `by_row` in their order, by the name of the rows they wait for."""

    stamp: int
    by_row: dict[str, list[Ready]]
    idle: list[Ready]

    @classmethod
    def of(cls, session: Session, stamp: int) -> Book:
        versions = rules.current(session)
        by_row: dict[str, list[Ready]] = {}
        idle: list[Ready] = []
        for rule in rules.every(session):
            if not rule.enabled:
                continue
            said = versions[rule.id].said
            ready = Ready(rule.id, rule.version, rule.since_id, said, compiled(said.condition))
            if said.when.on == IDLE:
                idle.append(ready)
            for name in ROWS[said.when.on]:
                by_row.setdefault(str(name), []).append(ready)
        return cls(stamp, by_row, idle)


def changes(steps: Sequence[Step], snapshot: Snapshot) -> bool:
    """Whether any of the steps would do anything."""
    return any(_changes(step, snapshot) for step in steps)


def _changes(step: Step, snapshot: Snapshot) -> bool:
    asked = _ALREADY.get(step.do)
    return asked is None or not asked(step, snapshot)


_ALREADY: dict[str, Callable[[Step, Snapshot], bool]] = {
    "queue": lambda step, one: one.queue_id == step.value,
    "assign": lambda step, one: one.assignee_id == step.value,
    "tag": lambda step, one: step.value in one.tags,
    "untag": lambda step, one: step.value not in one.tags,
    "priority": lambda step, one: PRIORITIES[one.priority] == step.value,
    "pend": lambda _step, one: one.state == State.PENDING,
    "resolve": lambda _step, one: one.state == State.RESOLVED,
    "reopen": lambda _step, one: one.state == State.OPEN,
}
"""How a step finds that all is as it wants; what says something always does."""


class Pace:
    """How often a rule acted on a conversation within the hour: in memory, for a dry run."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[datetime, int]] = {}

    def allows(self, conversation_id: int, at: datetime) -> bool:
        """Count one more; False when that is too many."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        begun, n = self._hours.get(conversation_id, (hour, 0))
        n = n + 1 if begun == hour else 1
        self._hours[conversation_id] = (hour, n)
        return n <= AN_HOUR
