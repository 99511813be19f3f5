"""Where one conversation stands in the counting: what the next row of the log needs to know. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@dataclass(slots=True)
class Talk:
    """One conversation; times are microseconds since 1970."""

    counted: bool = False
    """Somebody said something in it: it counts as a conversation."""
    resolved: bool = False
    answered: bool = False
    """A person of ours has written in it."""
    sorted: bool = False
    """It was in a queue once."""
    given: bool = False
    """Somebody had it once."""
    channel: str = ""
    inbox: int | None = None
    queue: int | None = None
    agent: int | None = None
    """Who has it."""
    writer: int | None = None
    """Who of ours wrote last."""
    round_id: int = 0
    """The row with which it began or was opened again."""
    round_at: int = 0
    resolved_id: int = 0
    score_id: int = 0
    """The last rating since then."""
    waits: int | None = None
    """Since when the customer waits for an answer."""
    into: int | None = None
    """The conversation it is merged into."""
    carried: dict[str, int] = field(default_factory=dict)
    """Waits of conversations that are merged into this one."""
    merges: list[Any] = field(default_factory=list)
    """Row, conversation and wait (None = none, or taken apart again) of each merge into this one."""

    @classmethod
    def of(cls, kept: list[Any]) -> Talk:
        return cls(*kept)

    def kept(self) -> list[Any]:
        return [getattr(self, name) for name in _FIELDS]

    def wait(self) -> int | None:
        """Since when somebody waits here, also those who wrote in a conversation merged into this one."""
        own = () if self.waits is None else (self.waits,)
        return min((*own, *self.carried.values()), default=None)

    def nobody_waits(self) -> None:
        self.waits = None
        self.carried = {}

    def carry(self, row: int, other: int, wait: int | None) -> None:
        """A conversation was merged into this one (with its wait), or was taken out (None)."""
        self.carried.pop(str(other), None)
        if wait is not None:
            self.carried[str(other)] = wait


_FIELDS = tuple(one.name for one in fields(Talk))
