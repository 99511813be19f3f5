"""Dry run: what a rule would have touched among the newest rows of the log, and why. It writes nothing.

It goes through conversations one after another, in slices, so that a page can show how far it is. Each is
folded anew from its rows; at a row the rule waits for, the conversation stands as it stood then, with what
rules before this one did at the same row. So it tells what a live run would have done at once; what other
people did between a row and its reading, milliseconds later, it cannot know. A merged conversation is looked
at by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import log
from contact.conversation import Snapshot, fold
from contact.conversation.state import State
from contact.groups import Told
from contact.log import Interaction, Name
from contact.response.rules.book import DEEPEST, Pace, changes
from contact.response.rules.compiled import Ask, compiled, explain
from contact.response.rules.condition import Test
from contact.response.rules.draft import Said
from contact.response.rules.facts import Facts
from contact.response.rules.reader import depth_of
from contact.response.rules.when import IDLE, ROWS

WINDOW = 10_000
"""Rows of the log a dry run looks at."""
BUDGET = 0.25
"""Seconds of one slice."""
QUIET = (State.OPEN.value, State.PENDING.value)


@dataclass(slots=True)
class Row:
    """What is read of a row to fold it; nobody's words."""

    id: int
    at: datetime
    name: str
    conversation_id: int | None
    contact_id: int | None
    inbox_id: int | None
    channel: str | None
    user_id: int | None
    about_id: int | None
    delivery_id: int | None
    data: dict[str, Any]
    erased_at: datetime | None
    body: str | None = None
    content: dict[str, Any] | None = None


_COLUMNS = [getattr(Interaction, name) for name in list(Row.__dataclass_fields__)[:12]]


@dataclass(frozen=True, slots=True)
class Touch:
    """A moment the rule looked at. `acts`: it would have done something; else its condition was not met, or
    (`met`) there was nothing to do, or (`kept_out`) it was not let."""

    row_id: int
    at: datetime
    conversation_id: int
    met: bool
    acts: bool
    kept_out: str
    told: Told[Test] | None
    """Only of those that are kept."""


@dataclass(slots=True)
class Slice:
    """What one slice found; `after` is where the next begins, None = done."""

    head: int
    total: int
    done: int
    after: int | None = None
    looked: int = 0
    met: int = 0
    acts: int = 0
    slow: int = 0
    touches: list[Touch] = field(default_factory=list)
    """Those that act, and a few of the others."""


KEPT_OUT_OFTEN, KEPT_OUT_STOPPED, KEPT_OUT_DEEP = "often", "stopped", "deep"
FEW = 5
"""Moments of a slice that are told though nothing would have been done."""


def slice_of(
    session: Session,
    now: datetime,
    said: Said,
    *,
    before: Sequence[int] = (),
    rule_id: int | None = None,
    head: int | None = None,
    after: int = 0,
    window: int = WINDOW,
    budget: float = BUDGET,
) -> Slice:
    """Go on at conversation number `after` of the list, for `budget` seconds.

    `before`: rules that come earlier in the order. `head`: the newest row looked at, as the first
    slice said it.
    """
    head = log.head(session) if head is None else head
    first = _first(session, head, window)
    chosen = _conversations(session, said, first, head)
    found, ask, end = Slice(head, len(chosen), after), compiled(said.condition), time.monotonic() + budget
    for number in chosen[after:]:
        for touch in _moments(session, now, said, ask, number, first, head, set(before), rule_id, found):
            _keep(found, touch)
        found.done += 1
        if time.monotonic() > end:
            break
    found.after = found.done if found.done < len(chosen) else None
    return found


def _keep(found: Slice, touch: Touch) -> None:
    found.looked += 1
    found.met += touch.met
    found.acts += touch.acts
    if touch.told is not None:
        found.touches.append(touch)


def _first(session: Session, head: int, window: int) -> int:
    query = select(Interaction.id).where(Interaction.id <= head).order_by(Interaction.id.desc())
    return session.scalar(query.offset(window - 1).limit(1)) or 1


def _conversations(session: Session, said: Said, first: int, head: int) -> list[int]:
    """Those with a row the rule waits for, newest first."""
    row = Interaction
    query = select(row.conversation_id).where(row.id.between(first, head), row.conversation_id.is_not(None))
    if said.when.on != IDLE:
        query = query.where(row.name.in_([str(name) for name in ROWS[said.when.on]]))
    found = session.scalars(query.group_by(row.conversation_id).order_by(func.max(row.id).desc()))
    return [number for number in found if number]


def _moments(
    session: Session,
    now: datetime,
    said: Said,
    ask: Ask,
    number: int,
    first: int,
    head: int,
    before: set[int],
    rule_id: int | None,
    found: Slice,
) -> Iterator[Touch]:
    story, pace = Story.of(session, number, head), Pace()
    walk = _quiet(story, said, first, now) if said.when.on == IDLE else _woken(story, said, first, before, rule_id)
    for at, upto, snapshot, kept_out, begins in walk:
        facts = Facts(session, at, number, upto, snapshot, begins=begins)
        met = ask(facts)
        found.slow += len(facts.too_slow)
        acts = met and not kept_out and changes(said.steps, snapshot)
        if acts and not pace.allows(number, at):
            acts, kept_out = False, KEPT_OUT_OFTEN
        wanted = acts or sum(not one.acts for one in found.touches) < FEW
        told = explain(said.condition, facts) if wanted else None
        yield Touch(upto, at, number, met, acts, kept_out if met else "", told)


@dataclass(slots=True)
class Story:
    """One conversation's rows, and what rules did in it: by the row they reacted to."""

    rows: list[Row]
    applied: dict[int, list[Row]]
    along: dict[int, list[Row]]

    @classmethod
    def of(cls, session: Session, number: int, head: int) -> Story:
        row = Interaction
        query = select(*_COLUMNS).where(row.conversation_id == number, row.id <= head).order_by(row.id)
        rows = [Row(*one) for one in session.execute(query)]
        applied: dict[int, list[Row]] = {}
        along: dict[int, list[Row]] = {}
        for one in rows:
            if one.name == Name.RULE_APPLIED and one.data.get("row"):
                applied.setdefault(one.data["row"], []).append(one)
            if one.about_id is not None:
                along.setdefault(one.about_id, []).append(one)
        return cls(rows, applied, along)

    def depth(self, row: Row) -> int:
        for one in (one for rows in self.applied.values() for one in rows if one.id == row.about_id):
            return depth_of(one.name, one.data)
        return 0


Moment = tuple[datetime, int, Snapshot, str, bool]


def _woken(story: Story, said: Said, first: int, before: set[int], rule_id: int | None) -> Iterator[Moment]:
    snapshot = Snapshot()
    for row in story.rows:
        snapshot = fold(snapshot, row)
        if row.id < first or row.erased_at is not None or not said.when.wakes(row.name, row.data):
            continue
        then, kept_out = snapshot, ""
        for applied in story.applied.get(row.id, ()):
            if applied.data["rule"] == rule_id or applied.data["rule"] not in before:
                continue
            for one in story.along.get(applied.id, ()):
                then = fold(then, one)
            if applied.data.get("stop"):
                kept_out = KEPT_OUT_STOPPED
        if story.depth(row) >= DEEPEST:
            kept_out = KEPT_OUT_DEEP
        yield row.at, row.id, then, kept_out, row.name == Name.CONVERSATION_OPENED


def _quiet(story: Story, said: Said, first: int, now: datetime) -> Iterator[Moment]:
    """Moments at which it had been idle for long enough, while it was open or pending."""
    span, snapshot = timedelta(hours=int(said.when.detail)), Snapshot()
    rows = story.rows
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        snapshot = fold(snapshot, row)
        if snapshot.last_at is None or row.id < first or snapshot.merged_into or snapshot.state not in QUIET:
            continue
        moment = snapshot.last_at + span
        if row.at <= moment < (following.at if following else now) and snapshot.last_at != moment:
            yield moment, row.id, replace(snapshot), "", False
