"""Conversations shown as one: merged, taken apart again, and which one stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import log
from contact.conversation.conversation import Conversation, get, record
from contact.conversation.state import State
from contact.errors import Conflict
from contact.log import Interaction, Name


def merge(session: Session, now: datetime, loser: Conversation, winner: Conversation, user_id: int | None) -> None:
    """Show `loser` inside `winner`; its rows stay where they were, so it can be undone."""
    log.lock(session)
    session.refresh(loser)
    session.refresh(winner)
    if loser.id == winner.id or top(session, winner).id == loser.id:
        raise Conflict("These two are one conversation already.")
    if loser.merged_into:
        raise Conflict("This conversation is merged into another one already.")
    winner = top(session, winner)
    row = record(session, now, loser, Name.CONVERSATION_MERGED, user_id=user_id, data={"into": winner.id})
    if winner.state != State.OPEN and loser.state == State.OPEN:
        until = winner.snoozed_until.isoformat() if winner.snoozed_until else None
        data = {"from": winner.state, "until": until}
        record(session, now, winner, Name.CONVERSATION_REOPENED, user_id=user_id, about_id=row.id, data=data)


def unmerge(session: Session, now: datetime, conversation: Conversation, user_id: int | None) -> None:
    """Undo `merge`: both are as they were, save for what happened to them since."""
    log.lock(session)
    if conversation.merged_into is None:
        raise Conflict("This conversation is not merged.")
    winner = get(session, conversation.merged_into)
    merged = _last(session, conversation.id, [Name.CONVERSATION_MERGED])
    record(session, now, conversation, Name.CONVERSATION_UNMERGED, user_id=user_id, data={"from": winner.id})
    last = _last(
        session, winner.id, [*_MOVES.values(), Name.CONVERSATION_WOKEN, Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED]
    )
    if merged and last and last.about_id == merged.id:  # nothing happened since the merge opened it
        _close_again(session, now, winner, last, user_id)


_MOVES = {
    State.OPEN: Name.CONVERSATION_REOPENED,
    State.PENDING: Name.CONVERSATION_PENDING,
    State.SNOOZED: Name.CONVERSATION_SNOOZED,
    State.RESOLVED: Name.CONVERSATION_RESOLVED,
}


def _close_again(
    session: Session, now: datetime, winner: Conversation, opened: Interaction, user_id: int | None
) -> None:
    """Back to the state a merge took it from; a snooze that is over meanwhile stays open."""
    until = opened.data.get("until")
    if until is None or datetime.fromisoformat(until) > now:
        name = _MOVES[State(opened.data["from"])]
        data = {"until": until} if until else {}
        record(session, now, winner, name, user_id=user_id, about_id=opened.id, data=data)


def _last(session: Session, conversation_id: int, names: Iterable[str]) -> Interaction | None:
    row = Interaction
    where = (row.conversation_id == conversation_id, row.name.in_([str(name) for name in names]))
    return session.scalar(select(row).where(*where).order_by(row.id.desc()).limit(1))


def top(session: Session, conversation: Conversation) -> Conversation:
    """The conversation this one is shown in: itself unless merged."""
    while conversation.merged_into is not None:
        conversation = get(session, conversation.merged_into)
    return conversation


def members(session: Session, conversation_id: int) -> list[int]:
    """The conversation and every one merged into it, through any number of steps."""
    tree = select(Conversation.id).where(Conversation.id == conversation_id).cte(recursive=True)
    tree = tree.union(select(Conversation.id).join(tree, Conversation.merged_into == tree.c.id))
    return list(session.scalars(select(tree.c.id)))
