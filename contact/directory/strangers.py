"""Many strangers at once: contacts nobody knew, with their addresses, by a few statements for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contact.directory.contact import Address, Contact
from contact.ids import reserve
from contact.messages import AddressKind
from contact.prepared import Prepared

_CONTACT, _ADDRESS = Prepared.whole(Contact), Prepared.whole(Address)
_UNSAID_OF_CONTACT = {"zone": None, "note": "", "merged_into": None, "erased_at": None}
_UNSAID_OF_ADDRESS = {
    "verified_at": None, "unreachable_at": None, "unreachable_reason": "", "unreachable_how": None,
    "unreachable_code": None, "reachable_at": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody at addresses nobody has yet."""

    name: str
    organisation: str
    language: str | None
    addresses: tuple[tuple[AddressKind, str], ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What they are now; the addresses in their order."""

    contact_id: int
    addresses: tuple[int, ...]


def add_strangers(session: Session, now: datetime, people: Sequence[Stranger]) -> list[Added]:
    """As `new_contact` and `new_address` would one by one, with the same ids. Take `log.lock` first."""
    contacts = reserve(session, Contact, len(people))
    addresses = iter(reserve(session, Address, sum(len(one.addresses) for one in people)))
    added = [
        Added(number, tuple(next(addresses) for _ in one.addresses))
        for number, one in zip(contacts, people, strict=True)
    ]
    _CONTACT.many(session, [_contact(now, one, to.contact_id) for one, to in zip(people, added, strict=True)])
    rows = [
        {"id": at, "contact_id": to.contact_id, "kind": kind.value, "value": value, "created_at": now}
        | _UNSAID_OF_ADDRESS
        for one, to in zip(people, added, strict=True)
        for at, (kind, value) in zip(to.addresses, one.addresses, strict=True)
    ]  # fmt: skip
    _ADDRESS.many(session, rows)
    return added


def _contact(now: datetime, one: Stranger, number: int) -> dict[str, Any]:
    row = {"id": number, "root_id": number, "name": one.name[:200], "organisation": one.organisation}
    return row | {"language": one.language, "created_at": now} | _UNSAID_OF_CONTACT
