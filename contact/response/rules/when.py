"""What a rule waits for: the rows of the log that wake it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contact.conversation.state import State
from contact.errors import Invalid
from contact.log import Name
from contact.text import N_, storable
from contact.wrong import Wrong

IDLE: Final = "idle"
"""The one that no row wakes: a job looks."""
LONGEST_IDLE = 24 * 365
"""Hours."""

STATES: Final[Mapping[str, str]] = {
    Name.CONVERSATION_REOPENED: State.OPEN.value,
    Name.CONVERSATION_WOKEN: State.OPEN.value,
    Name.CONVERSATION_PENDING: State.PENDING.value,
    Name.CONVERSATION_SNOOZED: State.SNOOZED.value,
    Name.CONVERSATION_RESOLVED: State.RESOLVED.value,
}

ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "received": (Name.MESSAGE_RECEIVED,),
    "opened": (Name.CONVERSATION_OPENED,),
    "automatic": (Name.AUTO_REPLY_RECEIVED, Name.BOUNCE_RECEIVED, Name.COMPLAINT_RECEIVED),
    "state": tuple(STATES),
    "tagged": (Name.CONVERSATION_TAGGED,),
    "due_near": ("service_level.warned",),
    "overdue": ("service_level.breached",),
    IDLE: (),
}
"""By name of a beginning: the rows that are one."""

NAMES: Final[Mapping[str, str]] = {
    "received": N_("A message arrives"),
    "opened": N_("A conversation begins"),
    "automatic": N_("An automatic mail arrives"),
    "state": N_("The state changes"),
    "tagged": N_("A tag is added"),
    "due_near": N_("The due time comes near"),
    "overdue": N_("The due time has passed"),
    IDLE: N_("Nothing happens for some hours"),
}


@dataclass(frozen=True, slots=True)
class When:
    """`on` is one of `ROWS`; `detail`: the state it changes to, the tag that is added (empty = any), or hours."""

    on: str
    detail: str | int = ""

    def as_json(self) -> dict[str, Any]:
        return {"on": self.on} | ({"detail": self.detail} if self.detail != "" else {})

    def wakes(self, name: str, data: Mapping[str, Any]) -> bool:
        """Whether a row of the log is what it waits for."""
        if name not in ROWS[self.on]:
            return False
        if self.on == "state":
            return self.detail in ("", STATES[name])
        return self.on != "tagged" or self.detail in ("", data.get("tag"))


def parse(given: Any) -> When:
    """From JSON; raises `Wrong`."""
    on = str(given.get("on", "")) if isinstance(given, dict) else ""
    if on not in ROWS:
        raise Wrong(N_("There is nothing named “%(name)s” that a rule can wait for."), name=on[:40])
    return When(on, _detail(on, given.get("detail", "")))


def _detail(on: str, given: Any) -> str | int:
    if on == "state":
        state = str(given or "")
        if state and state not in tuple(State):
            raise Invalid(N_("What was chosen does not exist any more."))
        return state
    if on == "tagged":
        return " ".join(storable(str(given or "")).split()).removeprefix("#")[:60]
    if on != IDLE:
        return ""
    if not str(given).strip().isdecimal() or not 1 <= int(given) <= LONGEST_IDLE:
        raise Invalid(N_("Wait for 1 to %(n)s hours."), n=LONGEST_IDLE)
    return int(given)
