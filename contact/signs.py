"""Signs of people: who types, looks, reads, is here. They are shown and forgotten, never in the log."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

State = Literal["online", "away"]
Side = Literal["agent", "visitor"]


@dataclass(frozen=True, slots=True)
class Typing:
    """`who` is typing in a conversation; `id` = user or address, never both at once."""

    conversation_id: int
    who: Side
    id: int
    name: str
    on: bool

    @property
    def key(self) -> tuple[int, str, int]:
        return self.conversation_id, self.who, self.id


@dataclass(frozen=True, slots=True)
class Viewing:
    """An agent has a conversation on screen; `state` is viewing, writing, noting or gone."""

    conversation_id: int
    user_id: int
    name: str
    state: str

    @property
    def key(self) -> tuple[int, int]:
        return self.conversation_id, self.user_id


@dataclass(frozen=True, slots=True)
class Looked:
    """An agent has read a conversation up to row `n`."""

    conversation_id: int
    n: int


@dataclass(frozen=True, slots=True)
class Agents:
    """Who of the agents is here now (not away)."""

    online: frozenset[int]


Sign = Typing | Viewing | Looked
"""What one process says to the others as it happens."""
Change = Sign | Agents
KINDS: dict[str, type[Sign]] = {"typing": Typing, "view": Viewing, "looked": Looked}


def word_of(sign: Sign) -> dict[str, list[object]]:
    """The sign as it travels."""
    kind = next(name for name, kind in KINDS.items() if isinstance(sign, kind))
    return {kind: list(astuple(sign))}
