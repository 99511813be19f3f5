"""Merging two that say the same, and taking them apart again, exactly: nothing is copied or moved.

Each keeps its text, votes, comments and answers. `canonical_id` says what it was merged into, `root_id` what all of
them are shown in; the second is derived from the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from board.suggestion import change, suggestion, voting
from board.suggestion.change import What
from board.suggestion.suggestion import Suggestion
from contact import log
from contact.errors import Conflict


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be shown: votes of each, and of both together."""

    one: Suggestion
    into: Suggestion
    votes: int
    into_votes: int
    together: int


def family(session: Session, root: int) -> list[Suggestion]:
    """What is shown in this one, itself first."""
    query = select(Suggestion).where(Suggestion.root_id == root)
    return list(session.scalars(query.order_by(Suggestion.id != root, Suggestion.id)))


def preview(session: Session, number: int, into: int) -> Preview:
    """What merging would do; raises `Conflict` where it cannot be done."""
    one, target = _both(session, number, into)
    ours, theirs = voting.voters(session, one.id), voting.voters(session, target.id)
    return Preview(one, target, len(ours), len(theirs), len(ours | theirs))


def merge(session: Session, now: datetime, number: int, into: int, user_id: int | None) -> Suggestion:
    """Show one in another; returns that other. Raises `Conflict` where one of them stands in the other."""
    log.lock(session)
    one, target = _both(session, number, into)
    one.canonical_id = target.id
    session.flush()
    session.execute(update(Suggestion).where(Suggestion.root_id == one.id).values(root_id=target.id))
    change.note(session, now, one.id, What.MERGED, user_id, after=target.id)
    return target


def unmerge(session: Session, now: datetime, number: int, user_id: int | None) -> Suggestion:
    """It stands for itself again, with those that were merged into it. Raises `Conflict` where it does already."""
    log.lock(session)
    one = suggestion.get(session, number)
    if one.canonical_id is None:
        raise Conflict("This suggestion is not merged.")
    before, one.canonical_id = one.canonical_id, None
    session.flush()
    below = select(Suggestion.id).where(Suggestion.id == number).cte(recursive=True)
    below = below.union(select(Suggestion.id).join(below, Suggestion.canonical_id == below.c.id))
    session.execute(update(Suggestion).where(Suggestion.id.in_(select(below.c.id))).values(root_id=number))
    change.note(session, now, number, What.UNMERGED, user_id, before=before)
    return one


def _both(session: Session, number: int, into: int) -> tuple[Suggestion, Suggestion]:
    """The one, and what the other is shown in."""
    one = suggestion.get(session, number)
    if one.canonical_id is not None:
        raise Conflict("This suggestion is merged already. Take it apart first.")
    target = suggestion.get(session, suggestion.get(session, into).root_id)
    if target.id == one.id:
        raise Conflict("A suggestion cannot be merged into itself.")
    return one, target
