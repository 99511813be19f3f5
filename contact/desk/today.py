"""Today at a glance: who waits, what came and went each hour, who is here. Cheap with a million conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from contact.conversation import Conversation, Mention, listing
from contact.conversation.listing import Card, Filter, Totals
from contact.directory import Person, people
from contact.log import Interaction, Name, head
from contact.users import User

CAP = 1000
"""Waiting conversations are counted no further than this."""
LONGEST = 5
MENTIONS = 8
_SAID = (Name.MESSAGE_RECEIVED.value, Name.MESSAGE_QUEUED.value)


@dataclass(frozen=True, slots=True)
class Hour:
    """What came in and what people answered in one hour of the day."""

    hour: int
    received: int
    answered: int


@dataclass(frozen=True, slots=True)
class Named:
    """A note that names the agent and was not seen yet."""

    conversation: Conversation
    person: Person
    by: User | None
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Today:
    """Everything the page shows of conversations."""

    waiting: int
    longest: Sequence[Card]
    totals: Totals
    hours: Sequence[Hour]
    mentions: Sequence[Named]

    @property
    def received(self) -> int:
        return sum(hour.received for hour in self.hours)

    @property
    def answered(self) -> int:
        return sum(hour.answered for hour in self.hours)


def read(session: Session, now: datetime, zone: str, user_id: int) -> Today:
    """All of it; `zone` says when the day begins."""
    waiting = Filter(waiting=True)
    return Today(
        waiting=listing.count(session, waiting, CAP),
        longest=listing.page(session, waiting, limit=LONGEST),
        totals=listing.totals(session, user_id),
        hours=hours(session, now, zone),
        mentions=_mentions(session, user_id),
    )


def hours(session: Session, now: datetime, zone: str) -> list[Hour]:
    """The hours of the day so far and to come, as the clock on the wall counts them."""
    local = ZoneInfo(zone)
    date = now.astimezone(local).date()
    begin, end = (datetime.combine(day, time(), local).astimezone(UTC) for day in (date, date + timedelta(days=1)))
    counts: dict[tuple[int, str], int] = {}
    for passed, name, count in _by_hour(session, begin):
        hour = (begin + timedelta(hours=passed)).astimezone(local).hour  # on the day the clocks change, too
        if 0 <= passed < (end - begin) / timedelta(hours=1):
            counts[hour, name] = counts.get((hour, name), 0) + count
    return [Hour(hour, *(counts.get((hour, name), 0) for name in _SAID)) for hour in range(24)]


def _by_hour(session: Session, begin: datetime) -> Sequence[Any]:
    """Rows since `begin` by whole hours since then. They are found by id: the log has no index by time."""
    row = Interaction
    if session.get_bind().dialect.name == "sqlite":
        passed = (cast(func.strftime("%s", row.at), Integer) - int(begin.timestamp())) // 3600
    else:
        passed = cast(func.floor((func.extract("epoch", row.at) - int(begin.timestamp())) / 3600), Integer)
    by_people = (row.name == _SAID[0]) | row.user_id.is_not(None)
    query = select(passed, row.name, func.count()).where(row.id >= first_since(session, begin), row.at >= begin)
    return session.execute(query.where(row.name.in_(_SAID), by_people).group_by(passed, row.name)).all()


def first_since(session: Session, begin: datetime) -> int:
    """The lowest id whose row, and all behind it, may be as young as `begin`: a search along the key.

    Ids grow with time but for rows that were written in the same moment; an hour is taken off
    for clocks that were set.
    """
    low, high, row = 0, head(session) + 1, Interaction
    border = begin - timedelta(hours=1)
    while low < high:
        middle = (low + high) // 2
        found = session.execute(select(row.id, row.at).where(row.id >= middle).order_by(row.id).limit(1)).first()
        if found is None or found.at >= border:
            high = middle
        else:
            low = found.id + 1
    return low


def _mentions(session: Session, user_id: int) -> list[Named]:
    query = (
        select(Interaction, Conversation)
        .join(Mention, Mention.interaction_id == Interaction.id)
        .join(Conversation, Conversation.id == Mention.conversation_id)
        .where(Mention.user_id == user_id, Mention.seen_at.is_(None))
        .order_by(Interaction.id.desc())
        .limit(MENTIONS)
    )
    rows = session.execute(query).all()
    known = people(session, {conversation.contact_id for _row, conversation in rows})
    writers = {
        each.id: each for each in session.scalars(select(User).where(User.id.in_({row.user_id for row, _c in rows})))
    }
    return [
        Named(
            conversation, known[conversation.contact_id], writers.get(row.user_id or 0), row.at, (row.body or "")[:200]
        )
        for row, conversation in rows
    ]
