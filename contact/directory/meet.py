"""Who is at an address: as values, by prepared statements, for the way in that every message takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from contact.db import show
from contact.directory.contact import Address, Contact
from contact.messages import Party
from contact.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Who:
    """A contact and one address of it."""

    contact_id: int
    root_id: int
    name: str
    address_id: int
    verified_at: datetime | None
    unreachable_at: datetime | None = None


WHO = (Contact.id, Contact.root_id, Contact.name, Address.id, Address.verified_at, Address.unreachable_at)
"""The columns of `Who`, in order."""

_FIND = Prepared(
    select(*WHO)
    .join_from(Address, Contact, Contact.id == Address.contact_id)
    .where(Address.kind == bindparam("address_kind"), Address.value == bindparam("address_value")),
    WHO,
)
_CONTACT, _ADDRESS = Prepared.insert(Contact), Prepared.insert(Address)
_ROOT = Prepared(update(Contact).where(Contact.id == bindparam("number")).values(root_id=bindparam("number")))
_NAME = Prepared(update(Contact).where(Contact.id == bindparam("number")).values(name=bindparam("called")))
_VERIFIED = Prepared(update(Address).where(Address.id == bindparam("number")).values(verified_at=bindparam("now")))


def who(session: Session, party: Party) -> Who | None:
    """The contact at `party`'s address, if we know it."""
    rows = _FIND.rows(session, {"address_kind": party.kind.value, "address_value": party.value})
    return Who(*rows[0]) if rows else None


def meet(
    session: Session,
    now: datetime,
    party: Party,
    known: Who | None,
    *,
    language: str | None = None,
    verified: bool = False,
) -> Who:
    """`known`, made complete by what `party` says; a stranger becomes a contact. Take `log.lock` first.

    `verified`: the message itself proves that the sender reads this address.
    """
    name = party.name[:200]
    proved = now if verified else None
    if known is None:
        number = new_contact(session, now, name, language)
        return Who(number, number, name, new_address(session, now, number, party, proved), proved)
    if name and not known.name:
        _NAME.run(session, {"number": known.contact_id, "called": name})
        show(session, Contact, known.contact_id, {"name": name})
        known = replace(known, name=name)
    if verified and known.verified_at is None:
        _VERIFIED.run(session, {"number": known.address_id, "now": now})
        show(session, Address, known.address_id, {"verified_at": now})
        known = replace(known, verified_at=now)
    return known


def new_contact(session: Session, now: datetime, name: str, language: str | None) -> int:
    """A contact that is its own root; returns its id."""
    row = {"name": name[:200], "organisation": "", "language": language, "zone": None, "note": ""}
    number = _CONTACT.number(session, {**row, "merged_into": None, "root_id": 0, "created_at": now, "erased_at": None})
    _ROOT.run(session, {"number": number})
    return number


def new_address(session: Session, now: datetime, contact_id: int, party: Party, verified_at: datetime | None) -> int:
    """An address nobody had; returns its id."""
    row = {"contact_id": contact_id, "kind": party.kind.value, "value": party.value, "verified_at": verified_at}
    unmarked = {"unreachable_at": None, "unreachable_reason": "", "unreachable_how": None, "unreachable_code": None}
    return _ADDRESS.number(session, {**row, **unmarked, "reachable_at": None, "created_at": now})
