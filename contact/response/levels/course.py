"""The course of a conversation: whose turn it is, and which clocks run since when. A pure fold over its rows.

Three clocks: the first answer, every next answer, and the resolution. Answer clocks start with a
customer's message that nobody has answered and end with the next answer a person writes;
automatic answers and notes are none, and a mail of a list or in bulk starts no clock. The
resolution clock starts with the first message and ends with resolving; opened again, the
conversation gets a new one, and it stands still while the conversation is pending or snoozed.
Answer clocks do not: an unanswered customer waits all the same.
A clock knows nothing of promises: it keeps the stretches of time in which it ran, and what those
are worth in working hours is asked later (`promise.py`).

What was taken back before it left never was: `replay` leaves it out, with what was done along
with it. A merged conversation gives its clocks to the one it is shown in (`absorb`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from contact.conversation.state import State
from contact.log import BULK, Change, Name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Target(StrEnum):
    """What can be promised."""

    FIRST = "first"
    NEXT = "next"
    RESOLUTION = "resolution"


ANSWERS = (Target.FIRST, Target.NEXT)
Run = tuple[datetime, datetime | None]
"""From when to when a clock ran; None = it runs."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock. `warned`, `breached`: the longest promise (seconds) of which that was told; no shorter one is."""

    started_at: datetime
    started_id: int
    """The row it started with: its name for ever."""
    runs: tuple[Run, ...] = ()
    warned: int = 0
    breached: int = 0

    @property
    def running(self) -> bool:
        return bool(self.runs) and self.runs[-1][1] is None

    def resumed(self, at: datetime) -> Clock:
        return self if self.running else replace(self, runs=(*self.runs, (at, None)))

    def paused(self, at: datetime) -> Clock:
        """Stretches without length are forgotten."""
        if not self.running:
            return self
        since = self.runs[-1][0]
        last = () if at <= since else ((since, at),)
        return replace(self, runs=(*self.runs[:-1], *last))


@dataclass(frozen=True, slots=True)
class Facts:
    """What policies look at."""

    channel: str = ""
    inbox_id: int = 0
    queue_id: int | None = None
    priority: int = 1
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """All of it, after some row."""

    state: str = State.OPEN.value
    answered: bool = False
    """A person of ours has written in it."""
    facts: Facts = Facts()
    clocks: Mapping[Target, Clock] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Nothing to keep: it can be told anew from the log when it is needed."""
        return self.state == State.RESOLVED.value and not self.clocks


@dataclass(frozen=True, slots=True)
class Ended:
    """A clock that ended at a row. `kept`: it was kept by what it waited for, not given up."""

    target: Target
    clock: Clock
    facts: Facts
    at: datetime
    row_id: int
    user_id: int | None
    kept: bool


def step(course: Course, row: Change) -> tuple[Course, tuple[Ended, ...]]:
    """After `row`, and the clocks it ended. Names it does not know change nothing."""
    change = _STEPS.get(row.name)
    return change(course, row) if change else (course, ())


def replay(
    rows: Iterable[Change], absorbed: Mapping[int, tuple[datetime, Course]] | None = None
) -> tuple[Course, tuple[Ended, ...]]:
    """The course after all rows of one conversation. `absorbed`: by the row that merged one, when and what."""
    rows, joins = list(rows), dict(absorbed or {})
    gone = {row.about_id for row in rows if row.name == Name.DELIVERY_CANCELLED}
    course, ended = Course(), list[Ended]()
    for row in rows:
        for number in sorted(number for number in joins if number < row.id):
            course = absorb(course, *joins.pop(number))
        if row.id not in gone and row.about_id not in gone:
            course, more = step(course, row)
            ended += more
    for number in sorted(joins):
        course = absorb(course, *joins[number])
    return course, tuple(ended)


def absorb(course: Course, at: datetime, other: Course) -> Course:
    """The clocks of a conversation merged into this one go on here; of two of a kind the older."""
    clocks = dict(course.clocks)
    for target, clock in other.clocks.items():
        place = Target.NEXT if target is Target.FIRST and course.answered else target
        if (own := clocks.get(place)) is None or clock.started_at < own.started_at:
            clocks[place] = clock
    return _settled(replace(course, clocks=clocks), at)


def _settled(course: Course, at: datetime) -> Course:
    """Clocks as the state has them. Whoever waits for an answer goes on waiting while we snooze; the matter rests."""
    moving = course.state == State.OPEN.value
    clocks = {
        target: clock.resumed(at) if moving or target in ANSWERS else clock.paused(at)
        for target, clock in course.clocks.items()
    }
    return replace(course, clocks=clocks)


Step = tuple[Course, tuple[Ended, ...]]


def _opened(course: Course, row: Change) -> Step:
    return replace(course, facts=Facts(channel=row.channel or "", inbox_id=row.inbox_id or 0)), ()


def _received(course: Course, row: Change) -> Step:
    facts = course.facts
    facts = replace(facts, inbox_id=row.inbox_id or facts.inbox_id, channel=row.channel or facts.channel)
    if row.data.get(BULK):
        return replace(course, facts=facts), ()
    clocks = dict(course.clocks)
    runs: tuple[Run, ...] = ((row.at, None),) if course.state == State.OPEN.value else ()
    if not any(target in clocks for target in ANSWERS):
        clocks[Target.NEXT if course.answered else Target.FIRST] = Clock(row.at, row.id, ((row.at, None),))
    clocks.setdefault(Target.RESOLUTION, Clock(row.at, row.id, runs))
    return replace(course, facts=facts, clocks=clocks), ()


def _said(course: Course, row: Change) -> Step:
    """An answer, when a person wrote it."""
    if row.data.get("automatic") or row.user_id is None:
        return course, ()
    after, ended = _end(course, row, ANSWERS, kept=True)
    return replace(after, answered=True), ended


def _resolved(course: Course, row: Change) -> Step:
    after, kept = _end(course, row, (Target.RESOLUTION,), kept=True)
    after, given_up = _end(after, row, ANSWERS, kept=False)
    return replace(after, state=State.RESOLVED.value), kept + given_up


def _end(course: Course, row: Change, targets: tuple[Target, ...], kept: bool) -> Step:
    clocks, ended = dict(course.clocks), list[Ended]()
    for target in targets:
        if (clock := clocks.pop(target, None)) is not None:
            ended.append(Ended(target, clock.paused(row.at), course.facts, row.at, row.id, row.user_id, kept))
    return replace(course, clocks=clocks), tuple(ended)


def _to(state: State) -> Callable[[Course, Change], Step]:
    def change(course: Course, row: Change) -> Step:
        anew = state is State.OPEN and course.state == State.RESOLVED.value and not row.data.get(BULK)
        if anew and Target.RESOLUTION not in course.clocks:
            course = replace(course, clocks={**course.clocks, Target.RESOLUTION: Clock(row.at, row.id)})
        return _settled(replace(course, state=state.value), row.at), ()

    return change


def _fact(make: Callable[[Facts, Mapping[str, Any]], Facts]) -> Callable[[Course, Change], Step]:
    return lambda course, row: (replace(course, facts=make(course.facts, row.data)), ())


def _told(course: Course, row: Change) -> Step:
    """Said once for a promise, it is not said again."""
    clock = course.clocks.get(Target(row.data["target"]))
    if clock is None or clock.started_id != row.data["started"]:
        return course, ()
    allowed = int(row.data["allowed"])
    breached = max(allowed, clock.breached) if row.name == Name.SERVICE_LEVEL_BREACHED else clock.breached
    told = replace(clock, warned=max(allowed, clock.warned), breached=breached)
    return replace(course, clocks={**course.clocks, Target(row.data["target"]): told}), ()


_STEPS: dict[str, Callable[[Course, Change], Step]] = {
    Name.CONVERSATION_OPENED: _opened,
    Name.MESSAGE_RECEIVED: _received,
    Name.MESSAGE_QUEUED: _said,
    Name.CONVERSATION_REOPENED: _to(State.OPEN),
    Name.CONVERSATION_WOKEN: _to(State.OPEN),
    Name.CONVERSATION_PENDING: _to(State.PENDING),
    Name.CONVERSATION_SNOOZED: _to(State.SNOOZED),
    Name.CONVERSATION_RESOLVED: _resolved,
    Name.CONVERSATION_QUEUED: _fact(lambda facts, data: replace(facts, queue_id=data["queue"])),
    Name.CONVERSATION_PRIORITISED: _fact(lambda facts, data: replace(facts, priority=data["priority"])),
    Name.CONVERSATION_TAGGED: _fact(lambda facts, data: replace(facts, tags=tuple(sorted({*facts.tags, data["tag"]})))),
    Name.CONVERSATION_UNTAGGED: _fact(
        lambda facts, data: replace(facts, tags=tuple(tag for tag in facts.tags if tag != data["tag"]))
    ),
    Name.SERVICE_LEVEL_WARNED: _told,
    Name.SERVICE_LEVEL_BREACHED: _told,
}
STEPS = frozenset(str(name) for name in _STEPS)


# -- as kept in the table ------------------------------------------------------------------------


def kept(course: Course) -> dict[str, Any]:
    """As JSON: times as microseconds of Unix time, so that nothing is rounded."""
    facts = course.facts
    return {
        "state": course.state,
        "answered": course.answered,
        "facts": [facts.channel, facts.inbox_id, facts.queue_id, facts.priority, list(facts.tags)],
        "clocks": {
            target.value: [
                _micros(clock.started_at),
                clock.started_id,
                [[_micros(since), None if until is None else _micros(until)] for since, until in clock.runs],
                clock.warned,
                clock.breached,
            ]
            for target, clock in course.clocks.items()
        },
    }


def of_kept(value: Mapping[str, Any]) -> Course:
    channel, inbox_id, queue_id, priority, tags = value["facts"]
    return Course(
        state=value["state"],
        answered=value["answered"],
        facts=Facts(channel, inbox_id, queue_id, priority, tuple(tags)),
        clocks={Target(target): _clock(*fields) for target, fields in value["clocks"].items()},
    )


def _clock(started: int, started_id: int, runs: list[list[int | None]], warned: int, breached: int) -> Clock:
    spans = tuple((_moment(since or 0), None if until is None else _moment(until)) for since, until in runs)
    return Clock(_moment(started), started_id, spans, warned, breached)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICRO


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
