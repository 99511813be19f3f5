"""What falls due: warned before, told and escalated when it is overdue. Wakes at the next due time.

The sweep reads the log to its end first, in its own transaction and as the log's one writer, so that an
answer that was just given is never called late. A reader that stopped stops the sweep, too: better no
alarm than a false one, and the stopped reader is shown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import following, log
from contact.conversation.state import priority_of
from contact.db import utcnow
from contact.following import ReaderFailed, ReaderState
from contact.log import Name
from contact.response.levels import clock as clocks
from contact.response.levels import promise as promises
from contact.response.levels.clock import NUDGE, ServiceClock
from contact.response.levels.course import Clock, Course, Target, of_kept
from contact.response.levels.policy import Policies, Policy
from contact.response.levels.promise import Promise
from contact.response.levels.reader import NAME, reader
from contact.users import User
from contact.worker import Context

BATCH = 200
LONGEST = 30.0
"""Seconds without looking: a nudge may be lost."""
GAP = 0.01
"""Seconds between two batches: whoever waits for the write lock comes first."""
REST = 2.0
"""Seconds when nothing can be done: the reader stands still."""
_SLACK = timedelta(milliseconds=1)
"""A clock answered right at its due time is kept, so we look behind it."""


def next_look(session: Session) -> datetime | None:
    """When the sweep has something to do; one step into an index, whatever the size of the house."""
    at = ServiceClock.next_at
    return session.scalar(select(at).where(at.is_not(None)).order_by(at).limit(1))


def sweep(session: Session, now: datetime, limit: int = BATCH) -> int | None:
    """Look at what is due, `limit` conversations at most; returns how many, None while the reader is not at the end."""
    log.lock(session)
    if following.advance(session, reader, BATCH) == BATCH:
        return limit
    state = session.get(ReaderState, NAME)
    if state is None or state.stopped_at is not None:
        return None
    at = ServiceClock.next_at
    line = select(ServiceClock.conversation_id, ServiceClock.course).where(at.is_not(None), at < now)
    due = session.execute(line.order_by(at).limit(limit)).all()
    known = Policies.of(session)
    for number, course in due:
        _look(session, now, known, number, of_kept(course))
    return len(due)


def _look(session: Session, now: datetime, known: Policies, number: int, course: Course) -> None:
    """Tell what is due of one conversation; what is not, after all, is written down anew."""
    told = False
    for target, clock in course.clocks.items():
        promise = known.promise(course.facts, target, clock)
        if promise is not None and clock.running and clock.breached < promise.seconds:
            told |= _tell(session, now, number, target, clock, promise)
    if not told:
        clocks.keep(session, number, course)


def _tell(session: Session, now: datetime, number: int, target: Target, clock: Clock, promise: Promise) -> bool:
    due, warn = promises.due(clock, promise), promises.warning(clock, promise)
    if due is not None and due < now:
        row = _append(session, now, number, Name.SERVICE_LEVEL_BREACHED, target, clock, promise, due)
        if row is not None and (policy := session.get(Policy, promise.policy_id)) is not None:
            _escalate(session, now, number, policy.escalation, row.id)
        return row is not None
    if due is not None and warn is not None and warn < now and clock.warned < promise.seconds:
        return _append(session, now, number, Name.SERVICE_LEVEL_WARNED, target, clock, promise, due) is not None
    return False


def _append(
    session: Session,
    now: datetime,
    number: int,
    name: Name,
    target: Target,
    clock: Clock,
    promise: Promise,
    due: datetime,
) -> log.Appended | None:
    talk = conversations.talk(session, number)
    if talk is None:
        return None
    data: dict[str, Any] = {
        "target": target.value,
        "started": clock.started_id,
        "allowed": promise.seconds,
        "due": due.isoformat(),
        "policy": promise.policy_id,
    }
    return conversations.record(session, now, talk, name, data=data)


def _escalate(session: Session, now: datetime, number: int, wanted: dict[str, Any], about_id: int) -> None:
    """What the policy wants done with an overdue conversation, each along with the row that says so."""
    if not wanted:
        return
    one = conversations.talk(session, number)
    if one is None:
        return
    if (priority := wanted.get("priority")) and priority_of(priority) > one.priority:
        conversations.prioritise(session, now, one, priority, None, about_id)
    if queue := wanted.get("queue"):
        conversations.enqueue(session, now, one, queue, None, about_id)
    if tag := wanted.get("tag"):
        conversations.tag(session, now, one, tag, None, about_id)
    if assignee := wanted.get("assignee"):
        user = session.get(User, assignee)
        if user is not None and user.active:
            conversations.assign(session, now, one, assignee, None, about_id)


async def run(context: Context) -> None:
    """The worker's part."""
    bell = context.bell(NUDGE)
    while not context.stop.is_set():
        upcoming, now = await context.read(next_look), utcnow()
        if upcoming is None or upcoming + _SLACK > now:
            wait = LONGEST if upcoming is None else (upcoming + _SLACK - now).total_seconds()
            await bell.wait(min(LONGEST, max(GAP, wait)))
            continue
        try:
            done = await context.write(sweep, utcnow())
        except ReaderFailed:  # the part "readers" meets the same row, and stops and shows it
            done = None
        await context.sleep(REST if done is None else GAP)
