"""The addresses nothing is sent to: those that come back, and those whose owners complained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact.address import show
from contact.consent import Consent
from contact.directory import Address, Contact, Person, people
from contact.directory.reach import REFUSED
from contact.messages import AddressKind

PAGE = 50


@dataclass(frozen=True, slots=True)
class Shut:
    """One address that takes nothing, since when and why."""

    address: Address
    person: Person

    @property
    def shown(self) -> str:
        return show(AddressKind(self.address.kind), self.address.value)


@dataclass(frozen=True, slots=True)
class Complained:
    """One address whose owner called a message of ours spam."""

    address: Address
    person: Person
    at: datetime
    words: str


def shut(session: Session, contact_id: int | None, before: int | None, limit: int = PAGE + 1) -> list[Shut]:
    """The newest marks first; of one person only when `contact_id` is given."""
    query = select(Address).where(Address.unreachable_at.is_not(None), Address.kind.in_(REFUSED))
    if contact_id is not None:
        query = query.where(Address.contact_id.in_(_family(session, contact_id)))
    if before is not None and (last := session.get(Address, before)) is not None and last.unreachable_at is not None:
        query = query.where(
            (Address.unreachable_at < last.unreachable_at)
            | ((Address.unreachable_at == last.unreachable_at) & (Address.id < before))
        )
    found = session.scalars(query.order_by(Address.unreachable_at.desc(), Address.id.desc()).limit(limit)).all()
    known = people(session, {each.contact_id for each in found})
    return [Shut(each, known[each.contact_id]) for each in found]


def complained(session: Session, limit: int = PAGE) -> list[Complained]:
    """The newest complaints that still stand: a later wish of the owner ends one."""
    newest = select(func.max(Consent.id)).where(Consent.purpose == "").group_by(Consent.address_id)
    rows = session.execute(
        select(Consent, Address)
        .join(Address, Address.id == Consent.address_id)
        .where(Consent.how == "complaint", Consent.given.is_(False), Consent.id.in_(newest))
        .order_by(Consent.id.desc())
        .limit(limit)
    ).all()
    known = people(session, {address.contact_id for _, address in rows})
    return [Complained(address, known[address.contact_id], wish.at, wish.words) for wish, address in rows]


def _family(session: Session, contact_id: int) -> Sequence[int]:
    root = select(Contact.root_id).where(Contact.id == contact_id).scalar_subquery()
    return session.scalars(select(Contact.id).where(Contact.root_id == root)).all()
