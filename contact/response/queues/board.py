"""The figures of the wallboard: how much waits, how long, who is there, and what nobody can take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contact import attendance
from contact.conversation import Conversation, State
from contact.conversation.conversation import TO_GIVE
from contact.response.queues import work
from contact.response.queues.agent import weight
from contact.response.queues.choose import Desk, fits
from contact.response.queues.queue import Queue, every
from contact.response.queues.work import Able
from contact.text import N_
from contact.users import working

_C = Conversation

NO_MEMBERS: Final = N_("Nobody works for this queue. Choose people on its page.")
NO_SKILL: Final = N_("Nobody of this queue has what it asks for: %(what)s.")
NO_LANGUAGE: Final = N_("Nobody of this queue speaks %(what)s.")
NO_ROOM: Final = N_("Nobody of this queue has room for a single conversation.")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nobody can take what waits, whoever comes: `text` with `what` in it (skills, or codes of languages)."""

    text: str
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One queue."""

    queue: Queue
    desk: Desk
    waiting: int
    oldest: datetime | None
    in_hand: int
    free: int
    """Members who are here, take work, can do it and have room."""
    here: int
    trouble: Trouble | None

    def level(self, now: datetime) -> str:
        """`calm`, `warn` (a threshold is passed) or `bad` (twice)."""
        ways = self.desk.ways
        waited = (now - self.oldest) / timedelta(minutes=1) if self.oldest else 0.0
        much = max(_over(self.waiting, ways.warn_waiting), _over(waited, ways.warn_minutes))
        if self.trouble and self.waiting:
            return "bad"
        return "bad" if much >= 2 else "warn" if much >= 1 else "calm"


@dataclass(frozen=True, slots=True)
class Person:
    """One agent; `state` is `free`, `full`, `away`, `closed` (takes no work) or `off`."""

    id: int
    name: str
    state: str
    load: int
    capacity: int
    since: datetime | None = None

    @property
    def percent(self) -> int:
        """How full, 0 to 100."""
        return 100 if self.load and not self.capacity else min(100, 100 * self.load // max(1, self.capacity))


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the wallboard."""

    lines: list[Line]
    people: list[Person]

    @property
    def waiting(self) -> int:
        return sum(line.waiting for line in self.lines)

    @property
    def oldest(self) -> datetime | None:
        return min((line.oldest for line in self.lines if line.oldest), default=None)


def read(session: Session, now: datetime, live: Collection[str], only: Collection[int] | None = None) -> Board:
    """Open queues in their order, and closed ones that still have something; `only` these queues."""
    desks, able, waits = work.desks(session, automatic=False), work.able(session), waiting(session)
    queues = [queue for queue in every(session, closed=True) if queue.closed_at is None or queue.id in waits]
    if only is not None:
        queues = [queue for queue in queues if queue.id in only]
    members = {user for queue in queues for user in desks[queue.id].members}
    people = persons(session, now, live, members, able)
    states = {one.id: one.state for one in people}
    lines = [_line(session, queue, desks[queue.id], waits.get(queue.id), states, able) for queue in queues]
    return Board(lines, people)


def waiting(session: Session) -> dict[int, tuple[int, datetime | None]]:
    """Queue -> how many wait for somebody, and since when the first."""
    rows = session.execute(
        select(_C.queue_id, func.count(), func.min(_C.waiting_since)).where(text(TO_GIVE)).group_by(_C.queue_id)
    )
    return {queue: (n, oldest) for queue, n, oldest in rows if queue is not None}


def persons(
    session: Session, now: datetime, live: Collection[str], users: Collection[int], able: Mapping[int, Able]
) -> list[Person]:
    """These agents, those who can take something first."""
    seen = attendance.seen(session, now)
    loads = work.loads(session, now, live, users, {user: one.weights for user, one in able.items()}) if users else {}
    found = []
    for user in working(session):
        if user.id in users and (one := able.get(user.id)) is not None:
            load, here = loads.get(user.id, 0), seen.get(user.id)
            state = _state(one, load, here is not None, here is not None and here.is_here(now))
            found.append(Person(user.id, user.name, state, load, one.capacity, here.since if here else None))
    return sorted(found, key=lambda one: ("free", "full", "closed", "away", "off").index(one.state))


def _state(one: Able, load: int, is_open: bool, is_here: bool) -> str:
    if not is_open:
        return "off"
    if not is_here:
        return "away"
    if not one.takes_work:
        return "closed"
    return "full" if load >= one.capacity else "free"


def _line(
    session: Session, queue: Queue, desk: Desk, waits: tuple[int, datetime | None] | None,
    states: Mapping[int, str], able: Mapping[int, Able],
) -> Line:  # fmt: skip
    open_ = select(func.count()).where(
        _C.merged_into.is_(None), _C.queue_id == queue.id, _C.state == State.OPEN.value, _C.queue_id.is_not(None)
    )
    count, oldest = waits or (0, None)
    fit = [user for user in desk.members if (one := able.get(user)) and fits(one.skills, one.languages, desk)]
    own = [states.get(user, "off") for user in fit]
    return Line(
        queue,
        desk,
        count,
        oldest,
        (session.scalar(open_) or 0) - count,
        own.count("free"),
        own.count("free") + own.count("full"),
        trouble(desk, able),
    )


def trouble(desk: Desk, able: Mapping[int, Able]) -> Trouble | None:
    """What no presence can mend; None where somebody may come who can take it."""
    if not desk.ways.automatic and desk.members:
        return None
    asked = [one for user, one in able.items() if desk.ways.widens or user in desk.members]
    if not asked:
        return Trouble(NO_MEMBERS)
    if any(fits(one.skills, one.languages, desk) and one.capacity >= _lightest(one) for one in asked):
        return None
    missing = tuple(word for word in desk.ways.skills if not any(word.casefold() in one.skills for one in asked))
    if missing or not any(desk.skills <= one.skills for one in asked):
        return Trouble(NO_SKILL, missing or desk.ways.skills)
    if not any(fits(one.skills, one.languages, desk) for one in asked):
        return Trouble(NO_LANGUAGE, desk.ways.languages)
    return Trouble(NO_ROOM)


def _lightest(one: Able) -> int:
    """The least that any conversation weighs for them."""
    return min(weight(one.weights, channel) for channel in ("chat", "email", "sms", "fax", "post"))


def _over(value: float, limit: int) -> float:
    return value / limit if limit else 0.0
