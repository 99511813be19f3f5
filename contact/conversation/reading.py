"""Rows of the log as people read them: one conversation's thread, one person's timeline."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, union_all
from sqlalchemy.orm import Session, aliased

from contact.conversation.merging import members
from contact.directory import Contact
from contact.log import Interaction, Name


def thread(
    session: Session,
    conversation_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
    names: Sequence[Name] = (),
) -> list[Interaction]:
    """Rows of a conversation and all merged into it, oldest first; only of these `names`, if any are given.

    Without `after` the newest `limit` rows (older than `before`); with `after` the next
    `limit` rows behind it: what a page that knows row `after` has missed.
    """
    ids = members(session, conversation_id)
    wheres = [Interaction.conversation_id == number for number in ids]
    return _rows(session, wheres, before, after, limit, _named(names))


def timeline(
    session: Session,
    root_id: int,
    *,
    before: int | None = None,
    limit: int = 100,
    names: Sequence[Name] = (),
    channel: str = "",
) -> list[Interaction]:
    """Everything between us and one person, on every channel (or one), in true order, oldest first."""
    ids = session.scalars(select(Contact.id).where(Contact.root_id == root_id)).all()
    more = [*_named(names), *([Interaction.channel == channel] if channel else [])]
    return _rows(session, [Interaction.contact_id == number for number in ids], before, None, limit, more)


def newest(session: Session, root_id: int, name: Name, *, of: int, limit: int) -> list[Interaction]:
    """Rows named `name` among the newest `of` rows of one person, the newest first."""
    ids = session.scalars(select(Contact.id).where(Contact.root_id == root_id)).all()
    last = select(Interaction.id).where(Interaction.contact_id.in_(ids)).order_by(Interaction.id.desc()).limit(of)
    query = select(Interaction).where(Interaction.id.in_(last), Interaction.name == name.value)
    return list(session.scalars(query.order_by(Interaction.id.desc()).limit(limit)))


def _named(names: Sequence[Name]) -> list[ColumnElement[bool]]:
    return [Interaction.name.in_([name.value for name in names])] if names else []


def _rows(
    session: Session,
    wheres: Sequence[ColumnElement[bool]],
    before: int | None,
    after: int | None,
    limit: int,
    more: Sequence[ColumnElement[bool]] = (),
) -> list[Interaction]:
    """One index walk for each member, merged: never a sort of a whole history."""
    if not wheres:
        return []
    forward = after is not None
    walks = []
    for where in wheres:
        walk = select(Interaction.id).where(where, *more)
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
