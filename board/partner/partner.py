"""Partner (협력사): a role of a contact organisation. It has no timeline of its own: what happens stands in the log.

The organisation is a contact with addresses as any other, and may be a customer, too. Its people
(`member.py`) are contacts of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.partner import business_number, word
from board.partner.word import Of
from contact import directory, log
from contact.db import Base, Id, Utc
from contact.directory import Contact
from contact.errors import Conflict, Invalid, NotFound
from contact.log import Name
from contact.text import N_, storable


class Stage(StrEnum):
    """Where the partnership stands."""

    PROSPECT = "prospect"
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    AT_RISK = "at_risk"
    DORMANT = "dormant"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


STAGES: Final[Mapping[Stage, str]] = {
    Stage.PROSPECT: N_("Prospect"),
    Stage.ONBOARDING: N_("Getting started"),
    Stage.ACTIVE: N_("Active"),
    Stage.AT_RISK: N_("At risk"),
    Stage.DORMANT: N_("Dormant"),
    Stage.SUSPENDED: N_("Suspended"),
    Stage.TERMINATED: N_("Ended"),
}
OPEN: Final = frozenset({Stage.PROSPECT, Stage.ONBOARDING, Stage.ACTIVE, Stage.AT_RISK, Stage.DORMANT, Stage.SUSPENDED})
"""Stages in which the partner's people may come in; a suspended one only reads."""


class Partner(Base):
    """`contact_id` is the organisation. Types, tiers and regions are words of `partner_word`; lines stand beside it."""

    __tablename__ = "partner"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    business_number: Mapped[str | None] = mapped_column(String(10), unique=True)
    type_id: Mapped[int | None] = mapped_column(Id)
    tier_id: Mapped[int | None] = mapped_column(Id)
    region_id: Mapped[int | None] = mapped_column(Id)
    stage: Mapped[str] = mapped_column(String(12), default=Stage.PROSPECT.value)
    stage_at: Mapped[datetime] = mapped_column(Utc)
    owner_id: Mapped[int | None] = mapped_column(Id)
    """The user here who looks after them."""
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_partner_stage", "stage", "name"),)

    @property
    def is_open(self) -> bool:
        return Stage(self.stage) in OPEN

    @property
    def only_reads(self) -> bool:
        return self.stage == Stage.SUSPENDED.value


class PartnerLine(Base):
    """One product line a partner carries."""

    __tablename__ = "partner_line"

    partner_id: Mapped[int] = mapped_column(Id, ForeignKey("partner.id"), primary_key=True)
    word_id: Mapped[int] = mapped_column(Id, ForeignKey("partner_word.id"), primary_key=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a form says of a partner."""

    name: str
    business_number: str = ""
    type_id: int | None = None
    tier_id: int | None = None
    region_id: int | None = None
    owner_id: int | None = None
    lines: tuple[int, ...] = ()


def get(session: Session, number: int) -> Partner:
    """The partner; raises `NotFound`."""
    partner = session.get(Partner, number)
    if partner is None:
        raise NotFound("This partner does not exist.")
    return partner


def of_contact(session: Session, contact_id: int) -> Partner | None:
    """The partner this organisation is, whichever of its merged contacts was asked for."""
    root = select(Contact.root_id).where(Contact.id == contact_id).scalar_subquery()
    query = select(Partner).join(Contact, Contact.id == Partner.contact_id).where(Contact.root_id == root)
    return session.scalars(query.order_by(Partner.id).limit(1)).first()


def lines(session: Session, partner_ids: Collection[int]) -> dict[int, list[int]]:
    """Product lines by partner."""
    found: dict[int, list[int]] = {number: [] for number in partner_ids}
    query = select(PartnerLine.partner_id, PartnerLine.word_id).where(PartnerLine.partner_id.in_(partner_ids))
    for number, line in session.execute(query.order_by(PartnerLine.word_id)):
        found[number].append(line)
    return found


def add(
    session: Session, now: datetime, facts: Facts, user_id: int | None, *,
    contact_id: int | None = None, stage: Stage = Stage.PROSPECT,
) -> Partner:  # fmt: skip
    """A new partner; of an organisation that is a contact already, or of a new one. Raises `Invalid` or `Conflict`."""
    log.lock(session)
    clean = _checked(session, facts)
    if contact_id is None:
        contact_id = directory.create(session, now, clean.name).id
    elif of_contact(session, contact_id) is not None:
        raise Conflict("This organisation is a partner already.")
    partner = Partner(contact_id=contact_id, stage=stage.value, stage_at=now, created_at=now, name=clean.name)
    _put(partner, clean)
    session.add(partner)
    session.flush()
    _put_lines(session, partner, clean.lines)
    _say(session, now, Name.PARTNER_ADDED, partner, user_id, data={"stage": stage.value})
    return partner


def change(session: Session, now: datetime, number: int, facts: Facts, user_id: int | None) -> Partner:
    """What is known of it is different now; the log keeps what it was before."""
    log.lock(session)
    partner = get(session, number)
    clean = _checked(session, facts, partner)
    before = asdict(facts_of(session, partner))
    _put(partner, clean)
    _put_lines(session, partner, clean.lines)
    after = asdict(clean)
    if changed := [name for name in after if after[name] != before[name]]:
        content = {"before": {name: before[name] for name in changed}, "after": {name: after[name] for name in changed}}
        _say(session, now, Name.PARTNER_CHANGED, partner, user_id, content=content)
    return partner


def move(session: Session, now: datetime, number: int, stage: Stage, reason: str, user_id: int | None) -> bool:
    """To another stage, with the reason; whether that is a change."""
    log.lock(session)
    partner = get(session, number)
    if partner.stage == stage.value:
        return False
    if stage in (Stage.SUSPENDED, Stage.TERMINATED) and not reason.strip():
        raise Invalid("Say why.")
    data = {"before": partner.stage, "after": stage.value}
    partner.stage, partner.stage_at = stage.value, now
    _say(session, now, Name.PARTNER_MOVED, partner, user_id, data=data, content={"reason": storable(reason)[:500]})
    return True


def facts_of(session: Session, partner: Partner) -> Facts:
    """What stands there now."""
    return Facts(
        partner.name, partner.business_number or "", partner.type_id, partner.tier_id, partner.region_id,
        partner.owner_id, tuple(lines(session, [partner.id])[partner.id]),
    )  # fmt: skip


def _checked(session: Session, facts: Facts, partner: Partner | None = None) -> Facts:
    name = " ".join(storable(facts.name).split())
    if not 1 <= len(name) <= 200:
        raise Invalid("A name has 1 to 200 characters.")
    number = business_number.parse(facts.business_number)
    if number:
        other = session.scalar(select(Partner).where(Partner.business_number == number))
        if other is not None and (partner is None or other.id != partner.id):
            raise Conflict("“%(name)s” has this business number already.", name=other.name)
    for of, one in ((Of.TYPE, facts.type_id), (Of.TIER, facts.tier_id), (Of.REGION, facts.region_id)):
        if one is not None:
            word.checked(session, of, [one])
    chosen = tuple(word.checked(session, Of.LINE, facts.lines))
    return Facts(name, number, facts.type_id, facts.tier_id, facts.region_id, facts.owner_id, chosen)


def _put(partner: Partner, facts: Facts) -> None:
    partner.name, partner.business_number = facts.name, facts.business_number or None
    partner.type_id, partner.tier_id, partner.region_id = facts.type_id, facts.tier_id, facts.region_id
    partner.owner_id = facts.owner_id


def _put_lines(session: Session, partner: Partner, numbers: Collection[int]) -> None:
    session.execute(delete(PartnerLine).where(PartnerLine.partner_id == partner.id))
    session.add_all(PartnerLine(partner_id=partner.id, word_id=number) for number in numbers)
    session.flush()


def _say(session: Session, now: datetime, name: Name, partner: Partner, user_id: int | None, **more: Any) -> None:
    data = {"partner": partner.id, **more.pop("data", {})}
    log.append(session, now, name, contact_id=partner.contact_id, user_id=user_id, data=data, **more)
