"""Rows of the log as people read them: one conversation's thread, one person's timeline."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, union_all
from sqlalchemy.orm import Session, aliased

from contact.conversation.verbs import members
from contact.directory import Contact
from contact.log import Interaction


def thread(
    session: Session, conversation_id: int, *, before: int | None = None, after: int | None = None, limit: int = 100
) -> list[Interaction]:
    """Rows of a conversation and all merged into it, oldest first.

    Without `after` the newest `limit` rows (older than `before`); with `after` the next
    `limit` rows behind it: what a page that knows row `after` has missed.
    """
    ids = members(session, conversation_id)
    return _rows(session, [Interaction.conversation_id == number for number in ids], before, after, limit)


def timeline(session: Session, root_id: int, *, before: int | None = None, limit: int = 100) -> list[Interaction]:
    """Everything between us and one person, on every channel, in true order, oldest first."""
    ids = session.scalars(select(Contact.id).where(Contact.root_id == root_id)).all()
    return _rows(session, [Interaction.contact_id == number for number in ids], before, None, limit)


def _rows(
    session: Session, wheres: Sequence[ColumnElement[bool]], before: int | None, after: int | None, limit: int
) -> list[Interaction]:
    """One index walk for each member, merged: never a sort of a whole history."""
    if not wheres:
        return []
    forward = after is not None
    walks = []
    for where in wheres:
        walk = select(Interaction.id).where(where)
        if before is not None:
            walk = walk.where(Interaction.id < before)
        if after is not None:
            walk = walk.where(Interaction.id > after)
        walk = walk.order_by(Interaction.id if forward else Interaction.id.desc()).limit(limit)
        walks.append(select(walk.subquery()))
    numbers = union_all(*walks).subquery()
    row = aliased(Interaction)
    query = select(row).where(row.id.in_(select(numbers.c.id)))
    query = query.order_by(row.id if forward else row.id.desc()).limit(limit)
    found = list(session.scalars(query))
    return found if forward else found[::-1]
