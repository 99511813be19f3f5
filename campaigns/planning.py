"""Planning: a draft is written, and brought up to date with its segment and its content until it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns import segments
from campaigns.campaign import Campaign, State
from campaigns.content import content as contents
from campaigns.content.content import ContentVersion
from campaigns.responses import goal as goals
from campaigns.responses import tracking
from campaigns.responses.tracking import Tracking
from contact import inbox as inboxes
from contact.consent import Purpose, trade
from contact.errors import Conflict, Invalid

PURPOSES = (Purpose.ADVERTISING, Purpose.INFORMATIONAL)
EARLY = (State.DRAFT, State.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the form says."""

    name: str
    inbox_id: int
    segment_id: int
    content_id: int
    purpose: str
    expires_at: datetime | None = None
    hours: Mapping[str, Any] | None = None
    per_minute: int | None = None
    tracking: str = tracking.DEFAULT.value
    goal: Mapping[str, Any] | None = None
    goods: str = ""


def add(session: Session, now: datetime, plan: Plan, user_id: int | None) -> Campaign:
    """A draft; raises `Invalid`."""
    inbox = inboxes.get(session, plan.inbox_id)
    made = campaigns.create(
        session, now, plan.name, inbox_id=inbox.id, channel=inbox.channel, purpose=plan.purpose, user_id=user_id
    )
    _put(session, now, made, plan)
    return made


def change(session: Session, now: datetime, number: int, plan: Plan) -> Campaign:
    """A draft is written anew; what has started stays as it is."""
    kept = campaigns.get(session, number)
    if kept.state not in EARLY:
        raise Conflict
    kept.name = plan.name.strip()[:200] or kept.name
    inbox = inboxes.get(session, plan.inbox_id)
    kept.inbox_id, kept.channel = inbox.id, inbox.channel
    _put(session, now, kept, plan)
    return kept


def freshen(session: Session, campaign: Campaign) -> None:
    """Its segment and its content as they are now: what starts, and what a page shows of it, is what was last saved."""
    if campaign.state not in EARLY:
        return
    if campaign.segment_id is not None:
        campaign.definition = segments.get(session, campaign.segment_id).definition
    if campaign.version_id is not None:
        before = session.get_one(ContentVersion, campaign.version_id)
        campaign.version_id = contents.newest(session, before.content_id).id


def _put(session: Session, now: datetime, campaign: Campaign, plan: Plan) -> None:
    content = contents.get(session, plan.content_id)
    if content.channel != campaign.channel:
        raise Invalid("This content is for another channel than the inbox.")
    if plan.purpose not in [one.value for one in PURPOSES]:
        raise Invalid("Choose what it is about.")
    if plan.expires_at is not None and plan.expires_at <= now:
        raise Invalid("This time has passed already.")
    if plan.tracking not in [one.value for one in Tracking]:
        raise Invalid("Choose how links are followed.")
    goal = goals.parse(plan.goal)
    goals.fits(goal, plan.tracking)
    campaign.tracking, campaign.goal = plan.tracking, goal.kept if goal else None
    goods = trade.tidy(plan.goods) if plan.goods.strip() else ""
    campaign.goods = goods if plan.purpose == Purpose.ADVERTISING else ""  # information needs no consent
    campaign.purpose, campaign.expires_at = plan.purpose, plan.expires_at
    campaign.hours, campaign.per_minute = dict(plan.hours) if plan.hours else None, plan.per_minute
    campaign.segment_id = plan.segment_id
    campaign.definition = segments.get(session, plan.segment_id).definition
    campaign.version_id = contents.newest(session, content.id).id
    session.flush()
