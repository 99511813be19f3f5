"""Application: a firm asks to become a partner. Somebody here approves it, or says why not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Index, String, Text, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.partner import business_number, member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Partner, Stage
from contact import address, directory, log
from contact.db import Base, Id, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.log import Name
from contact.messages import AddressKind, Party
from contact.text import N_, storable

OPEN_AT_ONCE = 3
"""Applications with one e-mail address that may wait at the same time."""


class State(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


STATES: Final[Mapping[State, str]] = {
    State.WAITING: N_("Waiting"),
    State.APPROVED: N_("Approved"),
    State.REJECTED: N_("Declined"),
}
_WAITING = text("state = 'waiting'")


class PartnerApplication(Base):
    """What was asked for, by whom, and what became of it. `reason` is told to whoever asked."""

    __tablename__ = "partner_application"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, index=True)
    """Who asks, a contact as any other."""
    organisation: Mapped[str] = mapped_column(String(200))
    business_number: Mapped[str] = mapped_column(String(10), default="")
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(320))
    phone: Mapped[str] = mapped_column(String(30), default="")
    words: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10), default=State.WAITING.value)
    reason: Mapped[str] = mapped_column(Text, default="")
    partner_id: Mapped[int | None] = mapped_column(Id)
    user_id: Mapped[int | None] = mapped_column(Id)
    """Who decided."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    decided_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_partner_application_waiting", "created_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
        {"info": {"erase": ("organisation", "business_number", "name", "email", "phone", "words", "reason")}},
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says."""

    organisation: str
    name: str
    email: str
    business_number: str = ""
    phone: str = ""
    words: str = ""


def get(session: Session, number: int) -> PartnerApplication:
    """The application; raises `NotFound`."""
    found = session.get(PartnerApplication, number)
    if found is None:
        raise NotFound("This application does not exist.")
    return found


def apply(session: Session, now: datetime, asked: Asked) -> PartnerApplication:
    """Take an application in. Raises `Invalid` or `InvalidAddress`, `Conflict` where `OPEN_AT_ONCE` wait already."""
    log.lock(session)
    organisation, name = _line(asked.organisation, 200), _line(asked.name, 120)
    if not organisation or not name:
        raise Invalid("Enter the organisation and your name.")
    email, number = address.email(asked.email), business_number.parse(asked.business_number)
    phone = address.normalise(AddressKind.TEL, asked.phone) if asked.phone.strip() else ""
    waiting = select(PartnerApplication).where(PartnerApplication.email == email, _WAITING)
    if len(session.scalars(waiting.limit(OPEN_AT_ONCE)).all()) >= OPEN_AT_ONCE:
        raise Conflict("An application with this e-mail address is waiting already.")
    person, _ = directory.find_or_create(session, now, Party(AddressKind.EMAIL, email, name))
    made = PartnerApplication(
        contact_id=person.id, organisation=organisation, business_number=number, name=name, email=email, phone=phone,
        words=storable(asked.words).strip()[:4000], created_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    log.append(session, now, Name.PARTNER_APPLIED, contact_id=person.id, data={"application": made.id})
    return made


def waiting(session: Session) -> list[PartnerApplication]:
    """Those nobody has decided on, the oldest first."""
    query = select(PartnerApplication).where(_WAITING).order_by(PartnerApplication.created_at)
    return list(session.scalars(query.limit(500)))


def known(session: Session, numbers: Collection[str]) -> dict[str, Partner]:
    """Partners there are already, by their business number."""
    found = session.scalars(select(Partner).where(Partner.business_number.in_(numbers)))
    return {one.business_number or "": one for one in found}


def approve(
    session: Session, now: datetime, number: int, user_id: int, *, facts: Facts | None = None
) -> tuple[Partner, str]:
    """A partner now, and whoever asked its first owner; returns it and the token of the invitation.

    `facts`: what the one who approves has corrected. Raises `Conflict` where somebody else decided, or such a partner
    is there.
    """
    log.lock(session)
    asked = _decide(session, now, number, State.APPROVED, "", user_id)
    given = facts or Facts(asked.organisation, asked.business_number, owner_id=user_id)
    made = partner.add(session, now, given, user_id, stage=Stage.ONBOARDING)
    _, token = member.invite(session, now, made, asked.email, asked.name, MemberRole.OWNER, user_id)
    asked.partner_id = made.id
    session.flush()
    return made, token


def reject(session: Session, now: datetime, number: int, reason: str, user_id: int) -> PartnerApplication:
    """Not now, and why; raises `Invalid` without a reason, `Conflict` where somebody else decided."""
    reason = storable(reason).strip()[:2000]
    if not reason:
        raise Invalid("Say why; whoever asked will read it.")
    log.lock(session)
    asked = _decide(session, now, number, State.REJECTED, reason, user_id)
    data = {"application": asked.id}
    log.append(
        session, now, Name.PARTNER_REJECTED, contact_id=asked.contact_id, user_id=user_id, data=data,
        content={"reason": reason},
    )  # fmt: skip
    return asked


def _decide(
    session: Session, now: datetime, number: int, state: State, reason: str, user_id: int
) -> PartnerApplication:
    """One conditional statement: of two who decide at once one is told `Conflict`."""
    decided = (
        update(PartnerApplication)
        .where(PartnerApplication.id == number, _WAITING)
        .values(state=state.value, reason=reason, user_id=user_id, decided_at=now)
        .returning(PartnerApplication.id)
    )
    if session.execute(decided).first() is None:
        get(session, number)
        raise Conflict
    found = get(session, number)
    session.refresh(found)
    return found


def _line(given: str, most: int) -> str:
    return " ".join(storable(given).split())[:most]
