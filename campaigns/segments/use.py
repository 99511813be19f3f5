"""Who uses a segment: campaigns that have not started follow it, those that have keep what it said then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign, State

EARLY = (State.DRAFT.value, State.SCHEDULED.value)
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Use:
    """`early`: drafts and scheduled ones, all of them. `begun`: the newest others; there are `past` of these."""

    early: Sequence[Campaign] = ()
    begun: Sequence[Campaign] = ()
    past: int = 0


def use(session: Session, segment_id: int) -> Use:
    """The campaigns of a segment."""
    mine, early = Campaign.segment_id == segment_id, Campaign.state.in_(EARLY)
    begun = select(Campaign).where(mine, ~early).order_by(Campaign.id.desc()).limit(SHOWN)
    past = session.scalar(select(func.count()).select_from(Campaign).where(mine, ~early)) or 0
    following = session.scalars(select(Campaign).where(mine, early).order_by(Campaign.id.desc()))
    return Use(following.all(), session.scalars(begun).all(), past)


def counted(session: Session) -> Mapping[int, int]:
    """By segment: how many campaigns use it, or did."""
    query = select(Campaign.segment_id, func.count()).where(Campaign.segment_id.is_not(None))
    return {number: n for number, n in session.execute(query.group_by(Campaign.segment_id)) if number is not None}
