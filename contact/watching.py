"""Failed work that grows: the one watch that raises and clears the alarms supervisors hear of.

A reader that stops is told at once. Messages that fail are told when `GROWN` of them failed within
`LATELY`, once, and again only after it was quiet: below `QUIET` in the same span. What is looked at are the
newest `VIEW` of each kind, so the watch costs the same in a house with a million old failures.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contact import alarms, floods
from contact.conversation import Conversation
from contact.db import utcnow
from contact.following import ReaderState
from contact.jobs import Job
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.raw import Raw
from contact.worker import Context

EVERY = timedelta(seconds=10)
LATELY = timedelta(minutes=10)
GROWN, QUIET = 10, 3
VIEW = 500
READER, GROWTH, FLOOD = "reader:", "growth:", "flood:"
FAILED = (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.EXPIRED)

# Word for word the conditions of the partial indexes: with bound values neither database would use them.
_troubled = text("delivery.state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")
_unread = text("raw.state = 'failed'")


async def watch(context: Context, _slot: datetime) -> None:
    """The clock's work: look, raise, clear."""
    await context.write(look, utcnow())


def look(session: Session, now: datetime) -> None:
    """Compare what is with what was told."""
    _readers(session, now)
    for kind, count in grown(session, now).items():
        _growth(session, now, kind, count)
    _floods(session, now)
    alarms.sweep(session, now)


def grown(session: Session, now: datetime) -> dict[str, int]:
    """How many of each kind failed within `LATELY`, to `VIEW`."""
    newest = select(Delivery.state, Delivery.settled_at).where(_troubled).order_by(Delivery.id.desc()).limit(VIEW)
    lately = [state for state, at in session.execute(newest) if at is not None and at > now - LATELY]
    unread = select(Raw.received_at).where(_unread).order_by(Raw.id.desc()).limit(VIEW)
    return {
        "unknown": lately.count(DeliveryState.UNKNOWN.value),
        "failed": sum(lately.count(state.value) for state in FAILED),
        "unread": sum(at > now - LATELY for at in session.scalars(unread)),
    }


def oldest(session: Session) -> dict[str, datetime]:
    """Since when the oldest of each kind waits for a person; a kind of which nothing waits is left out."""
    first = select(Delivery.created_at).where(_troubled).order_by(Delivery.id).limit(1)
    unread = select(Raw.received_at).where(_unread).order_by(Raw.id).limit(1)
    stopped = select(func.min(ReaderState.stopped_at))
    found = {"messages": session.scalar(first), "unread": session.scalar(unread), "readers": session.scalar(stopped)}
    return {kind: at for kind, at in found.items() if at is not None}


def _readers(session: Session, now: datetime) -> None:
    stopped = {one.name: one for one in session.scalars(select(ReaderState).where(ReaderState.stopped_at.is_not(None)))}
    for name, reader in stopped.items():
        alarms.ring(session, now, READER + name, {"reader": name, "position": reader.position})
    for alarm in alarms.ringing(session, READER):
        if alarm.name.removeprefix(READER) not in stopped:
            alarms.clear(session, now, alarm.name)


def _growth(session: Session, now: datetime, kind: str, count: int) -> None:
    name = GROWTH + kind
    rings = any(alarm.name == name for alarm in alarms.ringing(session, name))
    if count >= GROWN or (rings and count > QUIET):
        if not rings:
            alarms.ring(session, now, name, {"count": count, "minutes": LATELY // timedelta(minutes=1)})
    elif rings:
        alarms.clear(session, now, name)


def _floods(session: Session, now: datetime) -> None:
    """Over when nothing more came for as long as a flood is counted."""
    for alarm in alarms.ringing(session, FLOOD):
        talk = session.get(Conversation, alarm.facts.get("conversation", 0))
        if talk is None or talk.last_at < now - floods.WINDOW:
            alarms.clear(session, now, alarm.name)


JOB = Job("watch trouble", watch, every=EVERY)
