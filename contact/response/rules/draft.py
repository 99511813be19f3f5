"""What a rule says: its beginning, its condition, its steps. A value, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from contact.errors import Invalid
from contact.response.deeds import Speaker, Step, steps_of
from contact.response.rules import condition, when
from contact.response.rules.condition import Known, Tree
from contact.response.rules.when import When
from contact.text import N_, storable

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Said:
    """One version of a rule, as people wrote it."""

    name: str
    when: When
    condition: Tree
    steps: tuple[Step, ...]
    stop: bool = False
    """No further rule looks at the row once this one has acted."""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "when": self.when.as_json(),
            "if": self.condition.as_json(),
            "then": [step.as_json() for step in self.steps],
            "stop": self.stop,
        }


def parse(session: Session, given: Any, known: Known, speaker: Speaker) -> Said:
    """A rule from a form; raises `Invalid` (mostly `Wrong`, which names the place)."""
    if not isinstance(given, Mapping):
        raise Invalid(N_("This rule cannot be read."))
    name = name_of(given.get("name"))
    return Said(
        name=name,
        when=when.parse(given.get("when") or {}),
        condition=condition.parse(given.get("if"), known),
        steps=steps_of(session, given.get("then"), speaker, macro=False),
        stop=bool(given.get("stop")),
    )


def name_of(given: Any) -> str:
    """A name of a rule or a macro; raises `Invalid`."""
    name = " ".join(storable(str(given or "")).split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(N_("The name has 1 to %(n)s characters."), n=LONGEST_NAME)
    return name


def kept(body: Mapping[str, Any]) -> Said:
    """A version as the table holds it: it was checked when it was saved."""
    return Said(
        name=str(body["name"]),
        when=When(body["when"]["on"], body["when"].get("detail", "")),
        condition=condition.kept(body["if"]),
        steps=tuple(Step(step["do"], step.get("value")) for step in body["then"]),
        stop=bool(body.get("stop")),
    )
