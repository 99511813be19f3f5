"""Deed: one thing that can be done, with its value, its check and its reverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from contact.conversation import Conversation, Snapshot


@dataclass(frozen=True, slots=True)
class Step:
    """A deed by its name, with its value (JSON-ready)."""

    do: str
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        return {"do": self.do} if self.value is None else {"do": self.do, "value": self.value}


class Speaker(Protocol):
    """Who turns the text of a step into an answer on its way."""

    def check(self, session: Session, value: Any) -> Any:
        """The value as it is kept; raises `Invalid`."""
        ...

    def say(self, session: Session, now: datetime, conversation: Conversation, value: Any, behind: Behind) -> None:
        """Promise the answer; raises what `outbox.put` raises."""
        ...

    def unsay(self, session: Session, now: datetime, conversation: Conversation, behind: Behind) -> bool:
        """Take back what was said along with `behind.about_id`; False when it has left already."""
        ...


@dataclass(frozen=True, slots=True)
class Behind:
    """Who does it and why: `user_id` None = a rule; `about_id` = the row that says which rule or macro acts."""

    user_id: int | None
    about_id: int
    speaker: Speaker
    since: datetime | None = None
    """When that happened which a rule answers to; None = a person does it now."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How a conversation stood before, as the row of a macro keeps it."""

    state: str
    assignee_id: int | None
    queue_id: int | None
    priority: int
    tags: tuple[str, ...]
    snoozed_until: datetime | None
    waiting_since: datetime | None
    last_at: datetime | None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Kept:
        return cls(**{name: getattr(snapshot, name) for name in cls.__slots__})

    def as_json(self) -> dict[str, Any]:
        """For a row's `data`: nothing a person said is in it."""
        return {
            name: value.isoformat() if isinstance(value := getattr(self, name), datetime) else value
            for name in self.__slots__
        } | {"tags": list(self.tags)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kept:
        times = {name: _time(data[name]) for name in ("snoozed_until", "waiting_since", "last_at")}
        return cls(**{name: data[name] for name in cls.__slots__} | times | {"tags": tuple(data["tags"])})


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


Do = Callable[[Session, datetime, Conversation, Any, Behind], None]
Back = Callable[[Session, datetime, Conversation, Any, Kept, Behind], None]


@dataclass(frozen=True, slots=True)
class Deed:
    """`label` and `hint` are msgids; `value` says what the editor asks for (see `catalogue.VALUES`)."""

    name: str
    label: str
    icon: str
    value: str
    check: Callable[[Session, Any, Behind | None], Any]
    do: Do
    back: Back
