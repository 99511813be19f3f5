"""How a queue gives its work to agents: its settings as one frozen value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from contact.errors import Invalid
from contact.text import storable

MOST_MINUTES = 60 * 24 * 14
MOST_HOURS = 24 * 90
LONGEST_SKILL = 40
MOST_SKILLS = 20
EVERYBODY = 0
"""`Ways.overflow_to`: whoever has the skills, in the queue or not."""


class Distribution(StrEnum):
    """Who gets the next one."""

    HAND = "hand"
    """Whoever takes it."""
    TURN = "turn"
    """Round robin: who was given nothing for longest."""
    LOAD = "load"
    """Who has least in hand for what they can have."""


@dataclass(frozen=True, slots=True)
class Ways:
    """0 minutes or hours = never.

    `languages`: an agent must speak one of them, and the customer's own if it is among them.
    `warn_waiting` and `warn_minutes` are when the wallboard changes colour.
    """

    distribution: Distribution = Distribution.HAND
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sticky_hours: int = 72
    overflow_minutes: int = 0
    overflow_to: int = EVERYBODY
    return_minutes: int = 10
    return_taken: bool = False
    """Also what somebody took by hand comes back when they are not here."""
    warn_waiting: int = 10
    warn_minutes: int = 15

    @property
    def automatic(self) -> bool:
        return self.distribution is not Distribution.HAND

    @property
    def widens(self) -> bool:
        """Whether everybody with the skills is asked after `overflow_minutes`."""
        return self.automatic and self.overflow_minutes > 0 and self.overflow_to == EVERYBODY

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Ways:
        """What is kept, without what this version does not know."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in (kept or {}).items() if name in known}
        return cls(**{name: _TYPES.get(name, lambda same: same)(value) for name, value in values.items()})

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Ways:
        """From a form; raises `Invalid`."""
        try:
            distribution = Distribution(values.get("distribution", "hand"))
        except ValueError:
            raise Invalid("There is no such way to give work.") from None
        return cls(
            distribution=distribution,
            skills=words(str(values.get("skills", "")).split(",")),
            languages=tuple(sorted(str(value)[:10] for value in values.get("languages", ()))),
            sticky_hours=_whole(values.get("sticky_hours"), MOST_HOURS),
            overflow_minutes=_whole(values.get("overflow_minutes"), MOST_MINUTES),
            overflow_to=_whole(values.get("overflow_to"), 2**53),
            return_minutes=_whole(values.get("return_minutes"), MOST_MINUTES),
            return_taken=bool(values.get("return_taken")),
            warn_waiting=_whole(values.get("warn_waiting"), 100_000),
            warn_minutes=_whole(values.get("warn_minutes"), MOST_MINUTES),
        )


_TYPES: Mapping[str, Any] = {"distribution": Distribution, "skills": tuple, "languages": tuple}


def words(values: Sequence[str]) -> tuple[str, ...]:
    """Skills as people write them, each once whatever the case; raises `Invalid`."""
    found: dict[str, str] = {}
    for value in values:
        if word := " ".join(str(storable(value)).split()):
            if len(word) > LONGEST_SKILL:
                raise Invalid("A skill has at most %(n)s characters.", n=LONGEST_SKILL)
            found.setdefault(word.casefold(), word)
    if len(found) > MOST_SKILLS:
        raise Invalid("There are too many skills.")
    return tuple(found.values())


def _whole(value: Any, most: int) -> int:
    text = str(value or "0").strip()
    if not (text.isascii() and text.isdecimal()) or int(text) > most:
        raise Invalid("Please enter a whole number up to %(n)s.", n=most)
    return int(text)
