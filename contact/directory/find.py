"""Find the person behind an address, or make their acquaintance."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from contact import log
from contact.address import normalise
from contact.directory.contact import Address, AddressClaim, Contact, get
from contact.directory.meet import meet, new_contact, who
from contact.errors import Conflict, NotFound
from contact.messages import AddressKind, Party


def find(session: Session, kind: AddressKind, value: str) -> Address | None:
    """The address with this normalised value, if we know it."""
    return session.scalar(select(Address).where(Address.kind == kind.value, Address.value == value))


def find_or_create(
    session: Session, now: datetime, party: Party, *, language: str | None = None, verified: bool = False
) -> tuple[Contact, Address]:
    """Who is at `party`'s address; a stranger becomes a contact. Take `log.lock` first.

    `verified`: the message itself proves that the sender reads this address.
    """
    session.flush()
    met = meet(session, now, party, who(session, party), language=language, verified=verified)
    return session.get_one(Contact, met.contact_id), session.get_one(Address, met.address_id)


def create(session: Session, now: datetime, name: str, language: str | None = None) -> Contact:
    """A contact made by hand, without an address yet."""
    return session.get_one(Contact, new_contact(session, now, name, language))


def add_address(
    session: Session, now: datetime, contact: Contact, kind: AddressKind, value: str, user_id: int | None
) -> Address:
    """One more address of a contact, written by hand; raises `InvalidAddress` or `Conflict`."""
    normal = normalise(kind, value)
    log.lock(session)
    known = find(session, kind, normal)
    if known is not None:
        if get(session, known.contact_id).root_id == contact.root_id:
            return known
        raise Conflict("%(value)s belongs to another contact. Merge the two if they are one person.", value=normal)
    address = Address(contact_id=contact.id, kind=kind.value, value=normal, created_at=now)
    session.add(address)
    session.flush()
    log.append(
        session,
        now,
        log.Name.ADDRESS_ADDED,
        contact_id=contact.id,
        address_id=address.id,
        user_id=user_id,
        content={"kind": kind.value, "value": normal},
    )
    return address


def remove_address(session: Session, now: datetime, address_id: int, user_id: int | None) -> None:
    """Take an address from its contact; refused while messages stand behind it."""
    address = session.get(Address, address_id)
    if address is None:
        raise NotFound("This address does not exist.")
    used = session.scalar(
        select(log.Interaction.id)
        .where(log.Interaction.address_id == address_id, log.Interaction.name != log.Name.ADDRESS_ADDED)
        .where(log.Interaction.contact_id == address.contact_id)
        .limit(1)
    )
    if used is not None:
        raise Conflict("Messages came from this address; it stays with them.")
    content = {"kind": address.kind, "value": address.value}
    contact_id = address.contact_id
    session.execute(delete(AddressClaim).where(AddressClaim.address_id == address_id))
    session.delete(address)
    session.flush()
    log.append(
        session,
        now,
        log.Name.ADDRESS_REMOVED,
        contact_id=contact_id,
        user_id=user_id,
        content=content,
        address_id=address_id,
    )


def claim_address(session: Session, now: datetime, contact: Contact, party: Party) -> Address | None:
    """A visitor says "this is my address". Nothing is proved by saying so.

    An address nobody has becomes theirs, unverified. One that another contact has stays
    there: the claim is kept and shown as a hint to merge (never done automatically).
    Returns the address when it is theirs now.
    """
    log.lock(session)
    known = find(session, party.kind, party.value)
    content = {"kind": party.kind.value, "value": party.value, "name": party.name}
    if known is None:
        address = Address(contact_id=contact.id, kind=party.kind.value, value=party.value, created_at=now)
        session.add(address)
        if party.name and not contact.name:
            contact.name = party.name[:200]
        session.flush()
        log.append(session, now, log.Name.ADDRESS_ADDED, contact_id=contact.id, address_id=address.id, content=content)
        return address
    if get(session, known.contact_id).root_id == contact.root_id:
        return known
    claimed = select(AddressClaim).where(AddressClaim.contact_id == contact.id, AddressClaim.address_id == known.id)
    if session.scalar(claimed) is None:
        session.add(AddressClaim(contact_id=contact.id, address_id=known.id, at=now))
        session.flush()
        log.append(session, now, log.Name.ADDRESS_CLAIMED, contact_id=contact.id, address_id=known.id, content=content)
    return None
