"""The periodic work of rules, hung on the clock in `wsgi.py`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.jobs import Job
from contact.response.deeds import Saying
from contact.response.rules.reader import Rules
from contact.response.rules.rule import RulePace
from contact.worker import Context

EVERY = timedelta(minutes=1)
FORGET_EVERY = timedelta(hours=1)


async def look_at_idle(context: Context, _slot: datetime) -> None:
    """Rules that wait for hours of quiet, in short transactions."""
    rules = Rules(Saying(context.service))
    while not context.stop.is_set() and await context.write(_idle, rules):
        pass


async def forget_paces(context: Context, _slot: datetime) -> None:
    """What was counted within hours that are over."""
    await context.write(forget, utcnow())


def forget(session: Session, now: datetime) -> None:
    session.execute(delete(RulePace).where(RulePace.hour < now - timedelta(hours=1)))


def _idle(session: Session, rules: Rules) -> bool:
    return rules.idle(session, utcnow())


JOBS = (
    Job("idle rules", look_at_idle, every=EVERY),
    Job("forget rule paces", forget_paces, every=FORGET_EVERY),
)
