"""Hints that two contacts may be one person: each with its reason, never acted on by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from contact.db import Base, Id, Utc
from contact.directory.contact import Address, AddressClaim, Contact
from contact.messages import AddressKind


class DismissedHint(Base):
    """An agent said that these two are not one person. `low` < `high`, both root ids then."""

    __tablename__ = "dismissed_hint"

    low: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    high: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)


@dataclass(frozen=True, slots=True)
class Hint:
    """`reason` is a code the screen has a sentence for; `detail` is what the two share."""

    contact: Contact
    reason: str
    detail: str


def dismiss(session: Session, now: datetime, one: Contact, other: Contact, user_id: int | None) -> None:
    """These two are not one person: do not suggest it again."""
    low, high = sorted((one.root_id, other.root_id))
    session.merge(DismissedHint(low=low, high=high, user_id=user_id, at=now))


def hints(session: Session, contact: Contact, limit: int = 5) -> list[Hint]:
    """Whom `contact` may be as well, the strongest reason first."""
    found: dict[int, Hint] = {}
    for hint in (*_claimed(session, contact), *_same_mailbox(session, contact), *_same_name(session, contact)):
        found.setdefault(hint.contact.root_id, hint)
    out = _dismissed(session, contact.root_id)
    kept = [
        hint
        for number, hint in found.items()
        if number != contact.root_id and number not in out and hint.contact.erased_at is None
    ]
    return kept[:limit]


def _dismissed(session: Session, number: int) -> set[int]:
    rows = session.execute(
        select(DismissedHint.low, DismissedHint.high).where(
            or_(DismissedHint.low == number, DismissedHint.high == number)
        )
    )
    return {high if low == number else low for low, high in rows}


def _claimed(session: Session, contact: Contact) -> list[Hint]:
    """One said that the other's address is theirs."""
    owner, claimer = aliased(Contact), aliased(Contact)
    rows = session.execute(
        select(owner, claimer, Address.value)
        .select_from(AddressClaim)
        .join(Address, Address.id == AddressClaim.address_id)
        .join(owner, owner.id == Address.contact_id)
        .join(claimer, claimer.id == AddressClaim.contact_id)
        .where(or_(owner.root_id == contact.root_id, claimer.root_id == contact.root_id))
        .limit(20)
    )
    return [
        Hint(_root(session, has if said.root_id == contact.root_id else said), "claimed", value)
        for has, said, value in rows
    ]


def _same_mailbox(session: Session, contact: Contact) -> list[Hint]:
    """Plus-addresses of one mailbox: kim+shop@x and kim@x."""
    mine = session.scalars(
        select(Address.value)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Contact.root_id == contact.root_id, Address.kind == AddressKind.EMAIL.value)
    ).all()
    found = []
    for value in mine[:10]:
        local, _, domain = value.rpartition("@")
        base = local.split("+", 1)[0]
        same = or_(
            Address.value == f"{base}@{domain}",
            and_(Address.value > f"{base}+", Address.value < f"{base},", Address.value.endswith(f"@{domain}")),
        )
        rows = session.execute(
            select(Contact, Address.value)
            .join(Contact, Contact.id == Address.contact_id)
            .where(Address.kind == AddressKind.EMAIL.value, same, Contact.root_id != contact.root_id)
            .limit(10)
        )
        found += [Hint(_root(session, other), "same_mailbox", text) for other, text in rows]
    return found


def _same_name(session: Session, contact: Contact) -> list[Hint]:
    """The same full name and one more thing in common, or a name that is rare here."""
    name = contact.name.strip()
    if len(name) < 2:
        return []
    rows = session.scalars(
        select(Contact).where(func.lower(Contact.name) == name.lower(), Contact.root_id != contact.root_id).limit(6)
    ).all()
    if len(rows) > 5:  # a common name says nothing
        return []
    return [Hint(_root(session, other), "same_name", name) for other in rows]


def _root(session: Session, contact: Contact) -> Contact:
    return contact if contact.root_id == contact.id else session.get_one(Contact, contact.root_id)
