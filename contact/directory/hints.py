"""Hints that two contacts may be one person: each with its reason, never acted on by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import chain, islice

from sqlalchemy import ForeignKey, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from contact.db import Base, Id, Utc
from contact.directory.contact import Address, AddressClaim, Contact
from contact.messages import AddressKind

NAMESAKES = 5
"""More people of one name than these, and the name says nothing."""
START = 3
"""Characters two mail addresses must begin with alike to be compared: what the index can find."""
LOOK = 500
"""Addresses compared at most."""
ENOUGH = 10
"""Similar addresses looked for; nobody reads more."""


class Reason(StrEnum):
    """Why two contacts may be one person, the strongest first."""

    CLAIMED = "claimed"
    SAME_MAILBOX = "same_mailbox"
    SAME_NUMBER = "same_number"
    SIMILAR_ADDRESS = "similar_address"
    SAME_NAME = "same_name"


class DismissedHint(Base):
    """An agent said that these two are not one person. `low` < `high`, both root ids then."""

    __tablename__ = "dismissed_hint"

    low: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    high: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)


@dataclass(frozen=True, slots=True)
class Hint:
    """`reason` has its sentence on screen; `detail` is what the two share."""

    contact: Contact
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Own:
    """An address of the person in question, and the name of the contact that has it."""

    kind: AddressKind
    value: str
    name: str


def dismiss(session: Session, now: datetime, one: Contact, other: Contact, user_id: int | None) -> None:
    """These two are not one person: do not suggest it again."""
    low, high = sorted((one.root_id, other.root_id))
    session.merge(DismissedHint(low=low, high=high, user_id=user_id, at=now))


def hints(session: Session, contact: Contact, limit: int = 5) -> list[Hint]:
    """Whom `contact` may be as well, the strongest reason first."""
    found: dict[int, Hint] = {}
    own = _own(session, contact)
    reasons = (
        _claimed(session, contact),
        _same_mailbox(session, contact, own),
        _same_number(session, contact, own),
        _similar_address(session, contact, own),
        _same_name(session, contact),
    )
    for hint in chain.from_iterable(reasons):
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


def _own(session: Session, contact: Contact) -> list[Own]:
    """The addresses of this person. By contact alone: asked for a kind too, SQLite reads all addresses of that kind."""
    rows = session.execute(
        select(Address.kind, Address.value, Contact.name)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Contact.root_id == contact.root_id)
        .order_by(Address.id)
    )
    return [Own(AddressKind(kind), value, name) for kind, value, name in rows]


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
        Hint(_root(session, has if said.root_id == contact.root_id else said), Reason.CLAIMED, value)
        for has, said, value in rows
    ]


def _same_mailbox(session: Session, contact: Contact, own: Sequence[Own]) -> list[Hint]:
    """Plus-addresses of one mailbox: kim+shop@x and kim@x."""
    mine = [each.value for each in own if each.kind is AddressKind.EMAIL]
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
        found += [Hint(_root(session, other), Reason.SAME_MAILBOX, text) for other, text in rows]
    return found


def _same_number(session: Session, contact: Contact, own: Sequence[Own]) -> list[Hint]:
    """One number as telephone here and as fax there."""
    kinds = (AddressKind.TEL, AddressKind.FAX)
    mine = [each.value for each in own if each.kind in kinds]
    if not mine:
        return []
    rows = session.execute(
        select(Contact, Address.value)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Address.kind.in_(kinds), Address.value.in_(mine), Contact.root_id != contact.root_id)
        .limit(5)
    )
    return [Hint(_root(session, other), Reason.SAME_NUMBER, value) for other, value in rows]


def _same_name(session: Session, contact: Contact) -> list[Hint]:
    """The same full name, in either order, where it is rare here: a common name says nothing."""
    words = contact.name.lower().split()
    spellings = {" ".join(words), " ".join(reversed(words))}
    if len("".join(words)) < 2:
        return []
    rows = session.scalars(
        select(Contact)
        .where(func.lower(Contact.name).in_(spellings), Contact.root_id != contact.root_id)
        .limit(NAMESAKES + 1)
    ).all()
    if len(rows) > NAMESAKES:
        return []
    return [Hint(_root(session, other), Reason.SAME_NAME, other.name) for other in rows]


def _similar_address(session: Session, contact: Contact, own: Sequence[Own]) -> list[Hint]:
    """Nearly the same mail address and nearly the same name: one of them was mistyped."""
    mine = [(each.value, each.name) for each in own if each.kind is AddressKind.EMAIL and each.name]
    found: list[Hint] = []
    for value, name in mine[:5]:
        start = value[:START]
        near = session.execute(
            select(Contact.root_id, Contact.name, Address.value)
            .join(Contact, Contact.id == Address.contact_id)
            .where(
                Address.kind == AddressKind.EMAIL.value, Address.value >= start, Address.value < start + "\U0010ffff"
            )
            .where(Contact.root_id != contact.root_id, Contact.name != "")
            .limit(LOOK)
        )
        alike = (
            Hint(session.get_one(Contact, root_id), Reason.SIMILAR_ADDRESS, text)
            for root_id, theirs, text in near.all()
            if _alike_addresses(value, text) and _alike_names(name, theirs)
        )
        found += islice(alike, ENOUGH)
    return found


def _alike(one: str, other: str, least: float) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= least and matcher.quick_ratio() >= least and matcher.ratio() >= least


def _alike_addresses(one: str, other: str) -> bool:
    (mine, _, here), (theirs, _, there) = one.rpartition("@"), other.rpartition("@")
    return _alike(mine, theirs, 0.75) and _alike(here, there, 0.8)


def _alike_names(one: str, other: str) -> bool:
    """Names agree in one word at least, give or take a letter; initials agree with what they begin."""
    mine, theirs = one.lower().split(), other.lower().split()
    return any(_alike(a, b, 0.75) for a in mine for b in theirs if len(a) > 1 and len(b) > 1)


def _root(session: Session, contact: Contact) -> Contact:
    return contact if contact.root_id == contact.id else session.get_one(Contact, contact.root_id)
