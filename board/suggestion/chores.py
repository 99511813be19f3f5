"""Periodic work: nobody's suggestions are brought before supervisors; by night the box of letters is emptied."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from board.suggestion import change, letter, setting
from board.suggestion.change import What
from board.suggestion.doing import ALARM
from board.suggestion.suggestion import OPEN, Suggestion
from contact import alarms
from contact.db import utcnow
from contact.jobs import Job
from contact.text import N_
from contact.worker import Context

EVERY = timedelta(hours=1)
NIGHT = "17 3 * * *"
"""At a time that is the same every day, whoever wrote when."""
TOLD = N_("Nobody looks after suggestion %(number)s.")


def escalate(session: Session, now: datetime) -> int:
    """Raise an alarm, once, for each open one that nobody has looked after for too long; returns how many."""
    since = now - timedelta(days=setting.get(session).ownerless_days)
    query = select(Suggestion).where(
        Suggestion.owner_id.is_(None), Suggestion.status.in_(OPEN), Suggestion.canonical_id.is_(None),
        Suggestion.escalated_at.is_(None), Suggestion.created_at < since,
    )  # fmt: skip
    found = session.scalars(query.order_by(Suggestion.id)).all()
    for one in found:
        one.escalated_at = now
        change.note(session, now, one.id, What.ESCALATED, None)
        facts = {"sentence": TOLD, "number": one.number, "href": f"/desk/suggestions/{one.id}"}
        alarms.ring(session, now, f"{ALARM}{one.id}", facts)
    return len(found)


async def _escalate(context: Context, _slot: datetime) -> None:
    await context.write(escalate, utcnow())


async def _take_over(context: Context, slot: datetime) -> None:
    await context.write(letter.take_over, slot)


JOBS = (
    Job("escalate suggestions", _escalate, every=EVERY),
    Job("take over suggestion letters", _take_over, crontab=NIGHT),
)
