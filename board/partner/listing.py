"""Partners as a list: by stage and words, by name, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from board.partner import business_number
from board.partner.application import PartnerApplication
from board.partner.application import State as Asked
from board.partner.member import PartnerMember
from board.partner.partner import Partner, Stage
from contact.errors import Invalid

PAGE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the page was asked for. `after`: name and number of the last one on the page before."""

    words: str = ""
    stage: Stage | None = None
    tier_id: int | None = None
    after: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One page, and how many people each of these partners has."""

    partners: Sequence[Partner]
    people: Mapping[int, int]
    more: bool


def listed(session: Session, wanted: Wanted) -> Listed:
    """By name."""
    query = _narrowed(select(Partner), wanted)
    if wanted.after is not None:
        name, number = wanted.after
        query = query.where(or_(Partner.name > name, (Partner.name == name) & (Partner.id > number)))
    found = session.scalars(query.order_by(Partner.name, Partner.id).limit(PAGE + 1)).all()
    shown = found[:PAGE]
    counted = select(PartnerMember.partner_id, func.count()).where(
        PartnerMember.partner_id.in_([one.id for one in shown]), PartnerMember.ended_at.is_(None)
    )
    people = {number: count for number, count in session.execute(counted.group_by(PartnerMember.partner_id))}  # noqa: C416
    return Listed(shown, people, len(found) > PAGE)


def stages(session: Session) -> dict[Stage, int]:
    """How many partners stand where."""
    counted = session.execute(select(Partner.stage, func.count()).group_by(Partner.stage))
    found: dict[str, int] = {row[0]: row[1] for row in counted}
    return {stage: found.get(stage.value, 0) for stage in Stage}


def applying(session: Session) -> int:
    """Applications that wait."""
    waits = PartnerApplication.state == Asked.WAITING.value
    return session.scalar(select(func.count()).select_from(PartnerApplication).where(waits)) or 0


def _narrowed(query: Select[Partner], wanted: Wanted) -> Select[Partner]:
    if wanted.stage is not None:
        query = query.where(Partner.stage == wanted.stage.value)
    if wanted.tier_id is not None:
        query = query.where(Partner.tier_id == wanted.tier_id)
    if words := wanted.words.strip():
        named = func.lower(Partner.name).contains(words.lower(), autoescape=True)
        query = query.where(or_(named, Partner.business_number == number) if (number := _number(words)) else named)
    return query


def _number(words: str) -> str:
    try:
        return business_number.parse(words)
    except Invalid:
        return ""
