"""Finding people by name or address, and the list of all of them."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from contact.address import normalise
from contact.directory import Address, Contact, Person, people
from contact.errors import InvalidAddress
from contact.messages import AddressKind

PAGE = 50


def people_like(session: Session, words: str, limit: int = PAGE) -> list[Person]:
    """Roots whose family has such a name or address: exact addresses first, then beginnings."""
    text = " ".join(words.split())
    if len(text) < 2:
        return []
    found = [*_by_address(session, text, limit), *_by_name(session, text, limit)]
    roots = list(dict.fromkeys(found))[:limit]
    known = people(session, roots)
    return [known[number] for number in roots if number in known]


def newest(session: Session, before: int | None = None) -> list[Person]:
    """A page of all people, the newest first, ids below `before`."""
    query = select(Contact.id).where(Contact.merged_into.is_(None)).order_by(Contact.id.desc()).limit(PAGE)
    ids = session.scalars(query if before is None else query.where(Contact.id < before)).all()
    known = people(session, ids)
    return [known[number] for number in ids]


def _by_address(session: Session, text: str, limit: int) -> list[int]:
    values = {text.lower()}
    for kind in (AddressKind.EMAIL, AddressKind.TEL):
        try:
            values.add(normalise(kind, text))
        except InvalidAddress:
            continue
    low = text.lower()
    begins = (Address.value >= low) & (Address.value < f"{low}\uffff")
    query = select(Contact.root_id).join(Address, Address.contact_id == Contact.id)
    exact = session.scalars(query.where(Address.value.in_(values)).limit(limit)).all()
    return [*exact, *session.scalars(query.where(begins).limit(limit)).all()]


def _by_name(session: Session, text: str, limit: int) -> list[int]:
    name = func.lower(Contact.name)
    query = select(Contact.root_id).where(Contact.erased_at.is_(None))
    matching = or_(
        name.contains(text.lower(), autoescape=True),
        func.lower(Contact.organisation).contains(text.lower(), autoescape=True),
    )
    return list(session.scalars(query.where(matching).order_by(Contact.id.desc()).limit(limit)))
