"""Who is told in the console that a promise is due soon, or was not kept.

Whoever has the conversation; when nobody has it, those of its queue's people who are here, and
supervisors when there is none of them. Supervisors hear of every promise that was not kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.conversation import Conversation
from contact.log import Appended, Name
from contact.response.queues.member import QueueMember
from contact.users import Role, User

SUPERVISORS = "supervisors"
_NAMES = {str(Name.SERVICE_LEVEL_WARNED): False, str(Name.SERVICE_LEVEL_BREACHED): True}


def rooms(user: User) -> tuple[str, ...]:
    """Rooms a page of this user sits in, besides its own."""
    return (SUPERVISORS,) if user.may(Role.SUPERVISOR) else ()


def nobodys(rows: Sequence[Appended], places: Mapping[int, tuple[int, int | None]]) -> set[int]:
    """Conversations among those of `rows` in which something is due and that nobody has, as they are shown."""
    told = (row.conversation_id for row in rows if row.name in _NAMES and row.conversation_id is not None)
    return {top for top, assignee in (places[number] for number in told) if assignee is None}


def members(session: Session, conversations: Collection[int]) -> dict[int, set[int]]:
    """Conversation -> the people of the queue it waits in."""
    found: dict[int, set[int]] = {}
    query = select(Conversation.id, QueueMember.user_id).join(
        QueueMember, QueueMember.queue_id == Conversation.queue_id
    )
    for number, user in session.execute(query.where(Conversation.id.in_(conversations))):
        found.setdefault(number, set()).add(user)
    return found


def of(
    rows: Sequence[Appended],
    places: Mapping[int, tuple[int, int | None]],
    helpers: Mapping[int, Collection[int]] = {},
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Room and word for each row that says so. `places`: conversation -> where it is shown, who has it; `helpers`:
    conversation that nobody has -> who of its queue is here."""
    for row in rows:
        breached = _NAMES.get(row.name)
        if breached is None or row.conversation_id is None:
            continue
        top, assignee = places[row.conversation_id]
        told = {"id": row.id, "conversation": top, "target": row.data.get("target", ""), "breached": breached}
        people = sorted(helpers.get(top, ())) if assignee is None else [assignee]
        for user in people:
            yield f"u:{user}", told
        if breached or not people:
            yield SUPERVISORS, told
