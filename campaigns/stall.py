"""Stall: a running campaign of which nothing moves although somebody is due; an alarm with the reason, until it moves.

Who waits for the hours of the campaign, for the night to end or for a pace to be free again is not stalled. Times are
those of the wall clock; one that jumps rings at most until the worker says the next time that it moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign, State
from campaigns.pipe import claim
from contact import alarms, pulse
from contact.channel import HAND
from contact.db import utcnow
from contact.inbox import Inbox, InboxState
from contact.jobs import Job
from contact.outbox import pace
from contact.text import N_
from contact.worker import Context

PATIENCE = timedelta(minutes=5)
SOON = timedelta(minutes=15)
"""Somebody put aside because of trouble is looked at again by then."""
EVERY = timedelta(seconds=20)
NAME = "campaign:"
"""An alarm is called so, with the number of its campaign."""
PART = "campaigns"
"""The worker's part (`wsgi.py`)."""

STOPPED = N_("The campaign “%(campaign)s” was stopped: %(detail)s")
NO_WORKER = N_("The campaign “%(campaign)s” stands still: no worker is running.")
BROKEN = N_("The campaign “%(campaign)s” stands still: its worker fails again and again. %(detail)s")
PAUSED = N_("The campaign “%(campaign)s” stands still: its inbox sends nothing. %(detail)s")
TROUBLE = N_("The campaign “%(campaign)s” stands still: %(detail)s")
NOBODY_KNOWS = N_("The campaign “%(campaign)s” stands still, and nothing says why. Look at the worker's log.")


@dataclass(frozen=True, slots=True)
class Stall:
    """`sentence` is a msgid that names %(campaign)s, and often %(detail)s: the words of whoever said no."""

    sentence: str
    detail: str = ""


def look(session: Session, now: datetime, patience: timedelta = PATIENCE) -> None:
    """Ring for those that stand still, and be silent about the others."""
    stalled: set[str] = set()
    going = select(Campaign).where(Campaign.state.in_([State.RUNNING.value, State.PAUSED.value]))
    for campaign in session.scalars(going):
        _clamp(session, now, campaign)
        found = why(session, now, campaign, patience)
        if found is None:
            continue
        name = f"{NAME}{campaign.id}"
        stalled.add(name)
        facts: dict[str, Any] = {"sentence": found.sentence, "detail": found.detail, "campaign": campaign.name}
        alarms.ring(session, now, name, facts | {"href": f"/desk/campaigns/{campaign.id}"})
    for alarm in alarms.ringing(session, NAME):
        if alarm.name not in stalled:
            alarms.clear(session, now, alarm.name)


def why(session: Session, now: datetime, campaign: Campaign, patience: timedelta = PATIENCE) -> Stall | None:
    """Why nothing moves; None: it moves, or need not."""
    if campaign.state == State.PAUSED.value and campaign.reason:  # not by a person
        return Stall(STOPPED, campaign.reason)
    if campaign.state != State.RUNNING.value or not _still(session, now, campaign, patience):
        return None
    inbox = session.get_one(Inbox, campaign.inbox_id)
    if inbox.provider == HAND and campaign.frozen_at is not None:
        return None  # it waits for a person who carries its letters
    if inbox.state != InboxState.ACTIVE.value:
        return Stall(PAUSED, inbox.paused_reason or "")
    parts = [one for one in pulse.living(session, now) if one.part == PART]
    if not parts:
        return Stall(NO_WORKER)
    if all(one.state == "waiting" for one in parts):
        return Stall(BROKEN, next((one.error for one in parts if one.error), ""))
    if campaign.trouble:
        return Stall(TROUBLE, campaign.trouble)
    return None if _paced(session, now, inbox) else Stall(NOBODY_KNOWS)


def _still(session: Session, now: datetime, campaign: Campaign, patience: timedelta) -> bool:
    moved = campaign.moved_at or campaign.launched_at
    if moved is None or moved > now - patience:
        return False
    if campaign.frozen_at is None:
        return True
    due = claim.next_at(session, campaign.id)
    return due is not None and due <= (now + SOON if campaign.trouble else now - patience)


def _clamp(session: Session, now: datetime, campaign: Campaign) -> None:
    """What moved tomorrow, by a clock that was put back since, moved now."""
    if campaign.moved_at is not None and campaign.moved_at > now:
        session.execute(update(Campaign).where(Campaign.id == campaign.id).values(moved_at=now))


def _paced(session: Session, now: datetime, inbox: Inbox) -> bool:
    """Whether the inbox has sent all it may for now."""
    limits = pace.pace_of(inbox.settings, ())
    return bool(limits) and not pace.room(session, now, inbox.id, limits, 1).many


async def watch(context: Context, _slot: datetime) -> None:
    await context.write(look, utcnow())


JOB = Job("campaigns stall", watch, every=EVERY)
