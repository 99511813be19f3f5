"""A macro done, and undone: one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import log
from contact.conversation import Conversation, State
from contact.errors import Conflict, Forbidden, HanmaruError, Invalid
from contact.log import Interaction, Name
from contact.response.deeds import DEEDS, Behind, Kept, Speaker, Step, Wrong, do
from contact.response.macros.macro import Macro
from contact.text import N_
from contact.users import User

MANY = 200
"""Conversations one macro may touch at once."""
QUIET = ("delivery.", "file.", "chat.page", "service_level.")
"""Rows that do not stand in the way of undoing: nobody did them to the conversation."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The rows that say so, one a conversation: what `undo` takes."""

    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """Conversations that are as they were; those where something happened since; and those where all is as it
    was but an answer, which had left already."""

    back: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()


def apply(session: Session, now: datetime, macro: Macro, ids: Sequence[int], user: User, speaker: Speaker) -> Applied:
    """Do it to all of them or, when one is refused, to none: the error passes through."""
    if not 1 <= len(ids) <= MANY:
        raise Invalid("Choose 1 to %(n)s conversations.", n=MANY)
    log.lock(session)
    wanted = dict.fromkeys(ids)
    found = [conversations.top(session, conversations.get(session, number)) for number in wanted]
    return Applied(tuple(_apply(session, now, macro, one, user, speaker) for one in dict.fromkeys(found)))


def _apply(session: Session, now: datetime, macro: Macro, one: Conversation, user: User, speaker: Speaker) -> int:
    steps = macro.todo
    data = {
        "macro": macro.id,
        "name": macro.name,
        "steps": [step.as_json() for step in steps if step.do not in ("note", "say")],
        "before": Kept.of(one.snapshot()).as_json(),
    }
    row = conversations.record(session, now, one, Name.MACRO_APPLIED, user_id=user.id, data=data)
    for place, step in enumerate(steps, start=1):
        try:
            do(session, now, one, [step], Behind(user.id, row.id, speaker))
        except HanmaruError as error:
            message = N_("Action %(n)s (%(what)s) cannot be done with #%(id)s: %(why)s")
            raise Wrong(message, n=place, what=DEEDS[step.do].label, id=one.id, inner=error) from error
    return row.id


def undo(session: Session, now: datetime, rows: Sequence[int], user: User, speaker: Speaker) -> Undone:
    """Everything as it was before, where nothing happened since; raises `Forbidden` for somebody else's macro."""
    log.lock(session)
    if not 1 <= len(rows) <= MANY:
        raise Invalid("Choose 1 to %(n)s conversations.", n=MANY)
    told = Undone()
    for number in dict.fromkeys(rows):
        row = session.get(Interaction, number)
        if row is None or row.name != Name.MACRO_APPLIED or row.conversation_id is None:
            raise Invalid(N_("There is nothing to undo here."))
        if row.user_id != user.id:
            raise Forbidden
        told = _undo(session, now, row, row.conversation_id, user, speaker, told)
    return told


def undoable(session: Session, rows: Sequence[Interaction]) -> set[int]:
    """Those of `rows` that `undo` would bring back: a macro, not undone, and nothing happened since."""
    return {row.id for row in rows if row.name == Name.MACRO_APPLIED and _stands(session, row)}


def _stands(session: Session, row: Interaction) -> bool:
    try:
        return not _since(session, row)
    except Conflict:
        return False


def _undo(
    session: Session, now: datetime, row: Interaction, number: int, user: User, speaker: Speaker, told: Undone
) -> Undone:
    one = conversations.get(session, number)
    if _since(session, row):
        return replace(told, changed=(*told.changed, one.id))
    kept = _today(now, Kept.from_json(row.data["before"]))
    unsaid = speaker.unsay(session, now, one, Behind(user.id, row.id, speaker))
    behind = Behind(user.id, row.id, speaker)
    for step in reversed([Step(step["do"], step.get("value")) for step in row.data["steps"]]):
        DEEDS[step.do].back(session, now, one, step.value, kept, behind)
    _state(session, now, one, kept, behind)
    exact = kept.as_json()
    data = {name: exact[name] for name in ("waiting_since", "last_at")} if unsaid else {}
    conversations.record(session, now, one, Name.MACRO_UNDONE, user_id=user.id, about_id=row.id, data={
        "macro": row.data["macro"], "name": row.data["name"], **data,
    })  # fmt: skip
    return replace(told, back=(*told.back, one.id)) if unsaid else replace(told, sent=(*told.sent, one.id))


def _state(session: Session, now: datetime, one: Conversation, kept: Kept, behind: Behind) -> None:
    """What an answer taken back may have left different."""
    if (one.state, one.snoozed_until) != (kept.state, kept.snoozed_until):
        DEEDS["reopen"].back(session, now, one, None, kept, behind)


def _today(now: datetime, kept: Kept) -> Kept:
    """A snooze whose time came meanwhile has ended."""
    if kept.state == State.SNOOZED and kept.snoozed_until is not None and kept.snoozed_until <= now:
        return replace(kept, state=State.OPEN.value, snoozed_until=None)
    return kept


def _since(session: Session, row: Interaction) -> bool:
    """Whether anything happened to the conversation that the macro did not do itself."""
    own, other = row.id, Interaction
    later = select(other.name, other.about_id).where(other.conversation_id == row.conversation_id, other.id > own)
    for name, about in session.execute(later):
        if name == Name.MACRO_UNDONE and about == own:
            raise Conflict(N_("This macro is undone already."))
        if about != own and not name.startswith(QUIET):
            return True
    return False
