"""What of service levels stands on the console: the time left on cards and heads, lists by what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_datetime
from flask_babel import gettext as _
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from contact.conversation import Conversation, State, listing
from contact.conversation.listing import Card, Cursor, Filter
from contact.response import hours as business
from contact.response.hours import ALWAYS, Hours
from contact.response.levels.clock import ServiceClock
from contact.response.levels.policy import Policies
from contact.text import N_

AHEAD = timedelta(days=4)
"""How far a page that stays open counts by itself."""
MOST = 12
"""Openings a page is told."""
NAMES = {"first": N_("First answer"), "next": N_("Next answer"), "resolution": N_("Full resolution")}


@dataclass(frozen=True, slots=True)
class Pill:
    """Seconds of working time left (below nothing: over); `warn`: how many are left when it turns amber."""

    target: str
    left: int
    warn: int
    at: int
    open: str
    due_at: datetime
    hours_name: str

    @property
    def tone(self) -> str:
        return "danger" if self.left <= 0 else "warn" if self.left <= self.warn else "accent"

    @property
    def name(self) -> str:
        return str(_(NAMES[self.target]))

    @property
    def text(self) -> str:
        time = span(abs(self.left))
        return str(_("%(time)s over", time=time) if self.left <= 0 else _("%(time)s left", time=time))

    @property
    def explained(self) -> str:
        due = format_datetime(self.due_at, _("EEE, MMM d, HH:mm"))
        told = _("%(target)s, due %(due)s", target=self.name, due=due)
        return f"{told} · {self.hours_name}" if self.hours_name else str(told)


def span(seconds: int) -> str:
    """Working time as people read it."""
    minutes = seconds // 60
    if not minutes:
        return str(_("%(s)s s", s=seconds))
    if minutes < 60:
        return str(_("%(m)s min", m=minutes))
    if minutes % 60 and minutes < 600:
        return str(_("%(h)s h %(m)s min", h=minutes // 60, m=minutes % 60))
    return str(_("%(h)s h", h=minutes // 60))


def pills(session: Session, ids: Sequence[int], now: datetime) -> dict[int, Pill]:
    """The promise that is due first, of each conversation that has one: three statements at most.

    None of what is resolved, though the reader may not have read that yet.
    """
    if not ids:
        return {}
    query = (
        select(ServiceClock)
        .join(Conversation, Conversation.id == ServiceClock.conversation_id)
        .where(ServiceClock.conversation_id.in_(ids), ServiceClock.due_at.is_not(None))
        .where(Conversation.state != State.RESOLVED.value)
    )
    lines = session.scalars(query).all()
    if not lines:
        return {}
    known = Policies.of(session)
    used = {policy.id: policy.calendar_id for policy in known.every}
    names = business.names(session)
    house = business.default(session)
    names_of = {number: names.get(number or (house.id if house else 0), "") for number in {None, *used.values()}}
    opened: dict[int | None, str] = {}
    made: dict[int, Pill] = {}
    for line in lines:
        calendar = used.get(line.policy_id or 0)
        hours = known.hours.get(calendar, ALWAYS)
        if calendar not in opened:
            opened[calendar] = _opened(hours, now)
        made[line.conversation_id] = _pill(line, hours, names_of.get(calendar, ""), opened[calendar], now)
    return made


def _opened(hours: Hours, now: datetime) -> str:
    """What is open from now on, as a page reads it."""
    spans = hours.openings(now, now + AHEAD)[:MOST]
    return ",".join(f"{int(a.timestamp())}-{int(b.timestamp())}" for a, b in spans)


def _pill(line: ServiceClock, hours: Hours, name: str, opened: str, now: datetime) -> Pill:
    due = line.due_at or now
    left = hours.between(now, due) if due > now else -hours.between(due, now)
    warn = hours.between(line.warn_at, due) if line.warn_at else timedelta(0)
    return Pill(
        target=line.target or "first",
        left=int(left.total_seconds()),
        warn=int(warn.total_seconds()),
        at=int(now.timestamp()),
        open=opened,
        due_at=due,
        hours_name=name,
    )


def _walk(session: Session, filter: Filter, sort: str, now: datetime) -> Select[Any, Any]:
    """Due time and number of the list, along the clocks' own index."""
    due, number = ServiceClock.due_at, ServiceClock.conversation_id
    query = select(due, number).join(Conversation, Conversation.id == number).order_by(due, number)
    query = query.where(due.is_not(None), *listing.conditions(session, filter))
    if (few := listing.in_hand(session, filter)) is not None:
        # sorted, not walked: SQLite would go through everything that is due to save the sorting of fifty
        query = query.where(number.in_(few)).order_by(None).order_by(func.coalesce(due, due), number)
    return query.where(due <= now) if sort == "breached" else query


def count(sort: str, now: datetime) -> Callable[[Session, Filter, int], int]:
    """How many such a list holds, counted no further than the cap: as `listing.count`."""

    def of(session: Session, filter: Filter, cap: int) -> int:
        keys = _walk(session, filter, sort, now).order_by(None).limit(cap).subquery()
        return session.scalar(select(func.count()).select_from(keys)) or 0

    return of


Page = Callable[..., list[Card]]


def page(sort: str, now: datetime) -> Page:
    """A list as `listing.page` gives it, by what is due: `due` all that runs, `breached` what is over."""

    def of(session: Session, filter: Filter, *, limit: int = 50, before: Cursor | None = None) -> list[Card]:
        due, number = ServiceClock.due_at, ServiceClock.conversation_id
        query = _walk(session, filter, sort, now).limit(limit)
        if before is not None:
            query = query.where(tuple_(due, number) > (before.at, before.id))
        keys = {number: at for at, number in session.execute(query) if at is not None}
        cards = {card.id: card for card in listing.cards(session, list(keys))}
        return [replace(cards[number], cursor=Cursor(at, number)) for number, at in keys.items()]

    return of
