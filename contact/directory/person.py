"""Who contacts are on screen: name and addresses of their families, many at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from contact.address import show
from contact.directory.contact import Address, Contact
from contact.messages import AddressKind
from contact.prepared import Among


@dataclass(frozen=True, slots=True)
class Reach:
    """One address of a person. `contact_id` is the member of the family that holds it."""

    id: int
    contact_id: int
    kind: AddressKind
    value: str
    verified: bool
    unreachable: bool

    @property
    def shown(self) -> str:
        """As people read it."""
        return show(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class Person:
    """A family of contacts as one person: fields of its root, addresses of all its members."""

    id: int
    """The root contact."""
    name: str
    organisation: str
    language: str | None
    zone: str | None
    erased_at: datetime | None
    addresses: tuple[Reach, ...] = ()

    @property
    def shown(self) -> str:
        """The name, else an address people know, else the tag of a visitor; empty when erased."""
        if self.name:
            return self.name
        known = sorted(self.addresses, key=lambda reach: reach.kind is AddressKind.VISITOR)
        return "" if self.erased_at or not known else known[0].shown


_ROOT, _MEMBER = aliased(Contact), aliased(Contact)
_COLUMNS = (
    Contact.id, _ROOT.id, _ROOT.name, _ROOT.organisation, _ROOT.language, _ROOT.zone, _ROOT.erased_at,
    Address.id, Address.contact_id, Address.kind, Address.value, Address.verified_at, Address.unreachable_at,
)  # fmt: skip
_PEOPLE = Among(
    select(*_COLUMNS)
    .join(_ROOT, _ROOT.id == Contact.root_id)
    .join(_MEMBER, _MEMBER.root_id == _ROOT.id)
    .outerjoin(Address, Address.contact_id == _MEMBER.id),
    Contact.id,
    _COLUMNS,
)
"""Made once: to put it together takes longer than to run it."""


def people(session: Session, contact_ids: Iterable[int]) -> dict[int, Person]:
    """The person behind each contact: contact id -> person, in one statement."""
    session.flush()
    rows = sorted(_PEOPLE.rows(session, set(contact_ids)), key=lambda row: (row[0], row[7] or 0))
    found: dict[int, Person] = {}
    for asked, *head, number, holder, kind, value, verified, unreachable in rows:
        person = found.get(asked) or Person(*head)
        if number is not None:
            reach = Reach(number, holder, AddressKind(kind), value, verified is not None, unreachable is not None)
            person = replace(person, addresses=(*person.addresses, reach))
        found[asked] = person
    return found
