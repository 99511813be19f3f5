"""A campaign once more: what it said and how, as a new draft; and drafts that nobody wants go."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete as remove
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign, State
from contact.errors import Conflict

LIFE = frozenset({
    "id", "name", "state", "reason", "start_at", "expires_at", "launched_at", "launch_id", "frozen_at", "ended_at",
    "created_at", "user_id",
})  # fmt: skip
"""What is its own of each campaign; everything else is taken over."""


def copy(session: Session, now: datetime, number: int, user_id: int | None, named: str) -> Campaign:
    """`named`: how it is called, `%(name)s` being the old name. Its start brings segment and content up to date."""
    old = campaigns.get(session, number)
    taken = {one.key: getattr(old, one.key) for one in inspect(Campaign).column_attrs if one.key not in LIFE}
    name = (named % {"name": old.name})[:200] if "%(name)s" in named else old.name
    return campaigns.create(session, now, name, user_id=user_id, **taken)


def delete(session: Session, number: int) -> None:
    """A draft that never started; raises `Conflict` for any other."""
    campaigns.get(session, number)
    draft = remove(Campaign).where(
        Campaign.id == number, Campaign.state == State.DRAFT.value, Campaign.launch_id.is_(None)
    )
    gone = session.execute(draft.returning(Campaign.id).execution_options(synchronize_session=False)).first()
    if gone is None:
        raise Conflict
    session.expire_all()
