"""Who gets what: one round of giving work to agents. Pure; the router asks and writes.

Work is given in one order over all queues (the most urgent first, then who waits longest). What
nobody has room for keeps its place: the agents who could take it are not given anything behind
it. What nobody here can take at all (a language, a skill) holds up nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from contact.response.queues.agent import weight
from contact.response.queues.ways import Distribution, Ways

TURN: Final = "turn"
LOAD: Final = "load"
LAST: Final = "last"
"""They talked with this customer last."""
WIDER: Final = "wider"
"""Nobody of the queue was free in time: everybody with the skills was asked."""


@dataclass(frozen=True, slots=True)
class Work:
    """One conversation that waits for somebody. `waits` is what the order goes by."""

    id: int
    queue_id: int
    channel: str
    priority: int
    waits: tuple[bool, datetime, int]
    language: str = ""
    wide: bool = False
    """It has waited so long that everybody is asked."""

    @property
    def place(self) -> tuple[int, tuple[bool, datetime, int]]:
        return -self.priority, self.waits


@dataclass(slots=True)
class Hand:
    """An agent who is here and takes work; `load` and `capacity` in hundredths of a point."""

    id: int
    capacity: int
    load: int
    skills: frozenset[str]
    languages: frozenset[str]
    weights: Mapping[str, int] = field(default_factory=dict)

    def room(self, needed: int) -> bool:
        return self.load + needed <= self.capacity


@dataclass(frozen=True, slots=True)
class Desk:
    """A queue, who works for it, and which skills it needs (casefolded)."""

    id: int
    ways: Ways
    members: frozenset[int]
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gift:
    """This conversation goes to that agent, and why."""

    conversation_id: int
    queue_id: int
    user_id: int
    why: str


@dataclass(slots=True)
class Round:
    """What one round decides; `turns` are the changed ones."""

    gifts: list[Gift] = field(default_factory=list)
    turns: dict[tuple[int, int], int] = field(default_factory=dict)


def nobody(_work: Work) -> int | None:
    return None


def choose(
    work: Iterable[Work],
    desks: Mapping[int, Desk],
    hands: Mapping[int, Hand],
    turns: Mapping[tuple[int, int], int],
    last: Callable[[Work], int | None] = nobody,
    most: int = 1_000_000,
) -> Round:
    """One round. `hands` are changed: what is given weighs at once. `last(work)` asks who talked with them last."""
    made, now, next_turn = Round(), dict(turns), max(turns.values(), default=0) + 1
    held: set[int] = set()
    known: dict[tuple[int, str, bool], list[Hand]] = {}
    free = {number for number, hand in hands.items() if hand.load < hand.capacity}
    for one in sorted(work, key=lambda one: one.place):
        if len(made.gifts) >= most or free <= held:
            break
        desk = desks[one.queue_id]
        kind = (desk.id, one.language if one.language in desk.ways.languages else "", one.wide)
        if (fit := known.get(kind)) is None:
            fit = known[kind] = _able(one, desk, hands)
        able = [hand for hand in fit if weight(hand.weights, one.channel) <= hand.capacity]
        ready = [h for h in able if h.id not in held and h.room(weight(h.weights, one.channel))]
        if not ready:
            held.update(hand.id for hand in able)
            continue
        hand, why = _best(one, desk, ready, now, last)
        hand.load += weight(hand.weights, one.channel)
        if hand.load >= hand.capacity:
            free.discard(hand.id)
        made.gifts.append(Gift(one.id, desk.id, hand.id, why))
        now[desk.id, hand.id] = made.turns[desk.id, hand.id] = next_turn
        next_turn += 1
    return made


def fits(hand_skills: frozenset[str], speaks: frozenset[str], desk: Desk, language: str = "") -> bool:
    """Whether somebody may do the work of this queue at all, for a customer of that language."""
    wanted = desk.ways.languages
    if not desk.skills <= hand_skills:
        return False
    if not wanted:
        return True
    return language in speaks if language in wanted else not speaks.isdisjoint(wanted)


def _able(one: Work, desk: Desk, hands: Mapping[int, Hand]) -> list[Hand]:
    """Whoever is here and may do it, with room or without."""
    asked: Iterable[int] = hands if one.wide else desk.members
    found = (hands[number] for number in asked if number in hands)
    return [hand for hand in found if fits(hand.skills, hand.languages, desk, one.language)]


def _best(
    one: Work, desk: Desk, ready: list[Hand], turns: Mapping[tuple[int, int], int], last: Callable[[Work], int | None]
) -> tuple[Hand, str]:
    if desk.ways.sticky_hours:
        before = last(one)
        for hand in ready:
            if hand.id == before:
                return hand, LAST
    own = [hand for hand in ready if hand.id in desk.members]
    pool, why = (own, "") if own else (ready, WIDER)

    def turn(hand: Hand) -> tuple[int, int]:
        return turns.get((desk.id, hand.id), 0), hand.id

    if desk.ways.distribution is Distribution.LOAD:
        return min(pool, key=lambda hand: (hand.load / hand.capacity, *turn(hand))), why or LOAD
    return min(pool, key=turn), why or TURN
