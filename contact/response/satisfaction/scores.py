"""What the page of satisfaction shows: how many of each score, by whom and where, and the low ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import directory, users
from contact.directory import Person
from contact.log import Interaction
from contact.response import queues
from contact.response.satisfaction.ask import SatisfactionAsk
from contact.response.satisfaction.rating import Rating

PERIOD = timedelta(days=30)
MOST_LOW = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One agent, channel or queue."""

    name: str
    count: int
    mean: float
    low: int


@dataclass(frozen=True, slots=True)
class Low:
    """A low score to look at."""

    rating: Rating
    person: Person | None
    words: str
    agent: str


@dataclass(frozen=True, slots=True)
class Scores:
    """`counts` by score; `asked` and `answered` are questions of the period, the chat's stars not among them."""

    counts: dict[int, int]
    asked: int
    answered: int
    agents: list[Line]
    channels: list[Line]
    queues: list[Line]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        return sum(score * n for score, n in self.counts.items()) / self.total if self.total else None

    @property
    def satisfied(self) -> int | None:
        """Percent of 4 and 5: the field's CSAT."""
        return round(100 * (self.counts[4] + self.counts[5]) / self.total) if self.total else None


def read(session: Session, now: datetime, limit: int) -> Scores:
    """The last `PERIOD`; scores up to `limit` are low."""
    since = now - PERIOD
    found = dict(session.execute(_since(select(Rating.score, func.count()), since).group_by(Rating.score)).all())
    ask = SatisfactionAsk
    asked, answered = session.execute(select(func.count(), func.count(ask.rated_at)).where(ask.asked_at > since)).one()
    names = {user.id: user.name for user in users.everybody(session)}
    called = queues.names(session)
    return Scores(
        counts={score: found.get(score, 0) for score in range(1, 6)},
        asked=asked,
        answered=answered,
        agents=_lines(session, Rating.user_id, since, limit, lambda key: names.get(key, "–")),
        channels=_lines(session, Rating.channel, since, limit, str),
        queues=_lines(session, Rating.queue_id, since, limit, lambda key: called.get(key, "–")),
    )


def _since(query: Any, since: datetime) -> Any:
    return query.where(Rating.at > since)


def _lines(session: Session, column: Any, since: datetime, limit: int, name: Callable[[Any], str]) -> list[Line]:
    query = select(column, func.count(), func.avg(Rating.score), func.count().filter(Rating.score <= limit))
    rows = session.execute(_since(query, since).group_by(column))
    found = [Line(name(key), count, float(mean), low) for key, count, mean, low in rows if key is not None]
    return sorted(found, key=lambda line: (-line.count, line.name))


def low(session: Session, limit: int, *, handled: bool) -> list[Low]:
    """Low scores, newest first: those nobody dealt with, or those somebody did."""
    query = select(Rating).where(Rating.score <= limit)
    query = query.where(Rating.handled_at.is_not(None) if handled else Rating.handled_at.is_(None))
    rows = session.scalars(query.order_by(Rating.at.desc()).limit(MOST_LOW)).all()
    return _told(session, rows)


def _told(session: Session, rows: Sequence[Rating]) -> list[Low]:
    query = select(Interaction.id, Interaction.body, Interaction.contact_id)
    said = {
        n: (body, who)
        for n, body, who in session.execute(query.where(Interaction.id.in_([r.interaction_id for r in rows])))
    }
    people = directory.people(session, {who for _, who in said.values() if who})
    names = {user.id: user.name for user in users.everybody(session)}
    found = []
    for row in rows:
        body, who = said.get(row.interaction_id, ("", None))
        found.append(Low(row, people.get(who or 0), body or "", names.get(row.user_id or 0, "")))
    return found
