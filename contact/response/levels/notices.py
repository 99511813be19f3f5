"""Who is told in the console that a promise is due soon, or was not kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contact.log import Appended, Name
from contact.users import Role, User

SUPERVISORS = "supervisors"
_NAMES = {str(Name.SERVICE_LEVEL_WARNED): False, str(Name.SERVICE_LEVEL_BREACHED): True}


def rooms(user: User) -> tuple[str, ...]:
    """Rooms a page of this user sits in, besides its own."""
    return (SUPERVISORS,) if user.may(Role.SUPERVISOR) else ()


def of(rows: Sequence[Appended], places: Mapping[int, tuple[int, int | None]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Room and word for each row that says so. `places`: conversation -> where it is shown, who has it."""
    for row in rows:
        breached = _NAMES.get(row.name)
        if breached is None or row.conversation_id is None:
            continue
        top, assignee = places[row.conversation_id]
        told = {"id": row.id, "conversation": top, "target": row.data.get("target", ""), "breached": breached}
        if assignee is not None:
            yield f"u:{assignee}", told
        if breached:
            yield SUPERVISORS, told
