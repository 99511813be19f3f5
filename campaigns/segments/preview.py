"""Live preview: how many people a segment holds now, and a few of them with the reasons, condition by condition."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.segments.compiled import select_count, select_people, select_told
from campaigns.segments.definition import Test, Tree
from campaigns.segments.order import in_order
from contact.directory import Contact
from contact.groups import Told, told_by
from contact.log import is_postgresql

SAMPLE = 20
LOTS, DRAWN = 4, 500
"""How often so many contacts are drawn by lot."""
FEW = 50_000
"""A segment of no more is fetched whole, where drawing lots found too few of it: one walk instead of two."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One person of a segment."""

    contact_id: int
    address_id: int
    told: Told[Test]


@dataclass(frozen=True, slots=True)
class Preview:
    """`sample` is drawn anew each time, by the number `chance` began with."""

    count: int
    sample: tuple[Sampled, ...]


def preview(
    session: Session, now: datetime, tree: Tree, *, channel: str, chance: random.Random | None = None
) -> Preview:
    """Count and sample; raises `Invalid`."""
    chance = chance or random.Random()  # noqa: S311 - no secret
    rows, whole = _lucky(session, now, tree, channel, chance), False
    summed = is_postgresql(session)
    parts = None if summed else in_order(tree, list(explain(session, now, tree, _drawn(session, chance)).values()))
    if len(rows) < SAMPLE:
        people = select_people(tree, channel=channel, now=now, parts=parts, summed=summed).limit(FEW + 1)
        rows = [(contact, address) for contact, address in session.execute(people)]
        whole = len(rows) <= FEW
    counted = select_count(tree, channel=channel, now=now, parts=parts, summed=summed)
    count = len(rows) if whole else session.scalar(counted) or 0
    drawn = chance.sample(rows, min(SAMPLE, len(rows)))
    reasons = explain(session, now, tree, [number for number, _ in drawn])
    return Preview(count, tuple(Sampled(number, address, reasons[number]) for number, address in sorted(drawn)))


def _lucky(session: Session, now: datetime, tree: Tree, channel: str, chance: random.Random) -> list[tuple[int, int]]:
    """Of some hundred contacts drawn by lot those who belong to it: next to nothing where many do."""
    rows: list[tuple[int, int]] = []
    for _ in range(LOTS):
        if not (among := _drawn(session, chance)):
            break
        found = session.execute(select_people(tree, channel=channel, now=now, among=among))
        rows += [(contact, address) for contact, address in found if (contact, address) not in rows]
        if len(rows) >= SAMPLE:
            break
    return rows


def _drawn(session: Session, chance: random.Random) -> list[int]:
    """Some contacts by lot; nobody where all are hardly more."""
    newest = session.scalar(select(func.max(Contact.id))) or 0
    return chance.sample(range(1, newest + 1), DRAWN) if newest >= LOTS * DRAWN else []


def explain(session: Session, now: datetime, tree: Tree, contact_ids: list[int]) -> dict[int, Told[Test]]:
    """By person: every part of the definition and whether it is met, by the same SQL that selects."""
    if not contact_ids:
        return {}
    found: dict[int, Told[Test]] = {}
    for number, *met in session.execute(select_told(tree, now=now, among=contact_ids)):
        found[number] = told_by(tree, met)
    return found
