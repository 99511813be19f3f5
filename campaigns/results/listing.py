"""The list of campaigns: found by name and state, a page at a time, each with how far it is and what came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import recipient as recipients
from campaigns.campaign import Campaign, State
from campaigns.results import fold, what
from campaigns.results.counted import Counted
from campaigns.results.table import Count, Cut

PAGE = 30
GOING = (State.RUNNING.value, State.PAUSED.value)
KINDS = {"": (), "early": (State.DRAFT, State.SCHEDULED), "going": (State.RUNNING, State.PAUSED),
         "over": (State.FINISHED, State.CANCELLED)}  # fmt: skip
"""What can be asked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`fates` add up to the audience."""

    campaign: Campaign
    fates: dict[str, int]
    replied: int = 0
    clicked: int = 0

    @property
    def audience(self) -> int:
        return sum(self.fates.values())


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Shown]
    more: int | None
    """The last number shown, where there are older ones."""


def page(session: Session, *, kind: str = "", words: str = "", after: int | None = None, limit: int = PAGE) -> Page:
    """The newest first. Numbers of what is over are those the worker has counted, some seconds old at most."""
    query = select(Campaign).order_by(Campaign.id.desc()).limit(limit + 1)
    if states := KINDS.get(kind):
        query = query.where(Campaign.state.in_([state.value for state in states]))
    if words.strip():
        query = query.where(Campaign.name.icontains(words.strip(), autoescape=True))
    if after is not None:
        query = query.where(Campaign.id < after)
    found = session.scalars(query).all()
    shown = found[:limit]
    counted = _counted(session, [one.launch_id for one in shown if one.launch_id is not None])
    rows = [_shown(session, one, counted.get(one.launch_id or 0, Counted())) for one in shown]
    return Page(rows, shown[-1].id if len(found) > limit else None)


def _shown(session: Session, one: Campaign, counted: Counted) -> Shown:
    if one.launch_id is None:
        return Shown(one, {})
    fates = {end: counted.fate(end) for end in what.ENDS}
    audience = sum(dict(counted.of(Cut.DOMAIN, fold.AUDIENCE)).values())
    if one.state in GOING or audience < sum(fates.values()):
        states = recipients.counts(session, one.id)
        fates, audience = {end: states[end] for end in what.ENDS}, sum(states.values())
    fates["waiting"] = audience - sum(fates.values())
    return Shown(one, fates, counted.people("replied"), counted.people("clicked.human"))


def _counted(session: Session, launches: Sequence[int]) -> dict[int, Counted]:
    """Without times and reasons."""
    few = [Cut.ROWS.value, Cut.PEOPLE.value]
    wanted = Count.cut.in_(few) | ((Count.cut == Cut.DOMAIN.value) & (Count.name == fold.AUDIENCE))
    query = select(Count.launch_id, Count.cut, Count.name, Count.key, Count.n)
    found: dict[int, Counter[tuple[str, str, str]]] = {}
    for launch, cut, name, key, n in session.execute(query.where(Count.launch_id.in_(launches), wanted)):
        found.setdefault(launch, Counter())[cut, name, key] = n
    return {launch: Counted(cells) for launch, cells in found.items()}
