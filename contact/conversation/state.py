"""What a conversation's state is: a pure fold over its rows of the log.

The same `fold` is used when a row is written and when `flask log verify` replays the log,
so the two can only differ when something else wrote to the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from contact.errors import Invalid
from contact.log import Change, Name

PREVIEW = 140
"""Characters of the last message shown in a list."""


class State(StrEnum):
    """Where a conversation stands. Merged ones are resolved, with `merged_into`."""

    OPEN = "open"
    PENDING = "pending"
    """The ball is with somebody else; comes back with the next message."""
    SNOOZED = "snoozed"
    """Comes back at `snoozed_until`, or with the next message."""
    RESOLVED = "resolved"


PRIORITIES = ("low", "normal", "high", "urgent")


def priority_of(name: str) -> int:
    """`low` 0 ... `urgent` 3; raises `Invalid`."""
    try:
        return PRIORITIES.index(name)
    except ValueError:
        raise Invalid("There is no priority %(name)s.", name=name) from None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about a conversation that follows from the log."""

    contact_id: int = 0
    inbox_id: int = 0
    channel: str = ""
    subject: str = ""
    state: str = State.OPEN.value
    assignee_id: int | None = None
    queue_id: int | None = None
    """Whose waiting work it is, whoever has it in hand; None = nobody sorted it."""
    queued_at: datetime | None = None
    """When a person or a rule put it there; None = it came over from a full queue, and goes no further by itself."""
    priority: int = 1
    snoozed_until: datetime | None = None
    tags: tuple[str, ...] = ()
    merged_into: int | None = None
    waiting_since: datetime | None = None
    """When the first message nobody has answered yet came in."""
    last_id: int = 0
    """The newest row that people read as part of the talk."""
    last_at: datetime | None = None
    preview: str = ""


def fold(before: Snapshot, row: Change) -> Snapshot:
    """The state after `row`. Names it does not know leave the state as it is."""
    step = _STEPS.get(row.name)
    return step(before, row) if step else before


def preview_of(body: str | None) -> str:
    """The first characters of a message, in one line."""
    return " ".join((body or "")[: PREVIEW * 20].split())[:PREVIEW]


def _opened(before: Snapshot, row: Change) -> Snapshot:
    return replace(
        before,
        contact_id=row.contact_id or 0,
        inbox_id=row.inbox_id or 0,
        channel=row.channel or "",
        subject=(row.content or {}).get("subject", ""),
        last_id=row.id,
        last_at=row.at,
    )


def _said(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, last_id=row.id, last_at=row.at, preview=preview_of(row.body))


def _received(before: Snapshot, row: Change) -> Snapshot:
    return replace(
        before,
        last_id=row.id,
        last_at=row.at,
        preview=preview_of(row.body),
        waiting_since=before.waiting_since or row.at,
        inbox_id=row.inbox_id or before.inbox_id,
        channel=row.channel or before.channel,
    )


def _queued(before: Snapshot, row: Change) -> Snapshot:
    after = _said(before, row)
    return replace(after, waiting_since=before.waiting_since if row.data.get("automatic") else None)


def _taken_back(before: Snapshot, row: Change) -> Snapshot:
    """A message cancelled before it left: everything is as if it had not been written (see `back_of`)."""
    after = replace(
        before,
        waiting_since=_time(row.data["waiting_since"]),
        preview=(row.content or {}).get("preview", ""),
        last_id=row.id,
    )
    back = row.data.get("back")
    if back is None:  # taken back before 2026-11: only the wait was restored
        return after
    return replace(
        after,
        state=back["state"],
        assignee_id=back["assignee"],
        snoozed_until=_time(back["snoozed_until"]),
        last_at=_time(back["last_at"]),
    )


def back_of(snapshot: Snapshot) -> dict[str, Any]:
    """What a row of the log says to bring a conversation back to `snapshot`, but for its words."""
    return {
        "state": snapshot.state,
        "assignee": snapshot.assignee_id,
        "snoozed_until": snapshot.snoozed_until.isoformat() if snapshot.snoozed_until else None,
        "last_at": snapshot.last_at.isoformat() if snapshot.last_at else None,
    }


def _to(state: State) -> Callable[[Snapshot, Change], Snapshot]:
    def step(before: Snapshot, row: Change) -> Snapshot:
        waiting = None if state is State.RESOLVED else before.waiting_since
        until = _time(row.data.get("until")) if state is State.SNOOZED else None
        return replace(before, state=state.value, snoozed_until=until, waiting_since=waiting)

    return step


def _assigned(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, assignee_id=row.data["assignee"])


def _enqueued(before: Snapshot, row: Change) -> Snapshot:
    over = row.data.get("why") == "overflow"
    return replace(before, queue_id=row.data["queue"], queued_at=None if over else row.at)


def _prioritised(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, priority=row.data["priority"])


def _tagged(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, tags=tuple(sorted({*before.tags, row.data["tag"]})))


def _untagged(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, tags=tuple(tag for tag in before.tags if tag != row.data["tag"]))


def _renamed(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, subject=(row.content or {}).get("subject", ""))


def _merged(before: Snapshot, row: Change) -> Snapshot:
    return replace(before, merged_into=row.data["into"])


def _unmerged(before: Snapshot, _row: Change) -> Snapshot:
    return replace(before, merged_into=None)


def _undone(before: Snapshot, row: Change) -> Snapshot:
    """The rest of taking a macro back: what none of the verbs it was undone with can say."""
    waiting, last = row.data.get("waiting_since"), row.data.get("last_at")
    return replace(before, waiting_since=_time(waiting), last_at=_time(last)) if last else before


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


_STEPS: dict[str, Callable[[Snapshot, Change], Snapshot]] = {
    Name.CONVERSATION_OPENED: _opened,
    Name.MESSAGE_RECEIVED: _received,
    Name.MESSAGE_QUEUED: _queued,
    Name.NOTE_ADDED: lambda before, row: replace(before, last_id=row.id, last_at=row.at),
    Name.DELIVERY_CANCELLED: _taken_back,
    Name.CONVERSATION_REOPENED: _to(State.OPEN),
    Name.CONVERSATION_WOKEN: _to(State.OPEN),
    Name.CONVERSATION_PENDING: _to(State.PENDING),
    Name.CONVERSATION_SNOOZED: _to(State.SNOOZED),
    Name.CONVERSATION_RESOLVED: _to(State.RESOLVED),
    Name.CONVERSATION_QUEUED: _enqueued,
    Name.CONVERSATION_ASSIGNED: _assigned,
    Name.CONVERSATION_PRIORITISED: _prioritised,
    Name.CONVERSATION_TAGGED: _tagged,
    Name.CONVERSATION_UNTAGGED: _untagged,
    Name.CONVERSATION_RENAMED: _renamed,
    Name.CONVERSATION_MERGED: _merged,
    Name.CONVERSATION_UNMERGED: _unmerged,
    Name.MACRO_UNDONE: _undone,
}
