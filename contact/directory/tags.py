"""Tags of contacts: words people sort them by, as they came in a file or were given by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ForeignKey, Index, String, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.text import storable

LONGEST = 60
MOST = 50
"""Tags of one contact."""


class ContactTag(Base):
    """One tag of one contact. Merging moves none: a person has those of the whole family."""

    __tablename__ = "contact_tag"

    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(LONGEST), primary_key=True)

    __table_args__ = (Index("ix_contact_tag_tag", "tag", "contact_id"),)


def tidy(words: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept: one line, without `#`, each once."""
    found = (" ".join(str(storable(word)).split()).removeprefix("#").strip()[:LONGEST] for word in words)
    return tuple(dict.fromkeys(word for word in found if word))[:MOST]


def tags(session: Session, contact_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """By contact: its own tags, in order."""
    query = select(ContactTag.contact_id, ContactTag.tag).where(ContactTag.contact_id.in_(contact_ids))
    found: dict[int, tuple[str, ...]] = {}
    for number, tag in session.execute(query.order_by(ContactTag.contact_id, ContactTag.tag)):
        found[number] = (*found.get(number, ()), tag)
    return found


def add(session: Session, contact_id: int, words: Iterable[str], *, new: bool = False) -> tuple[str, ...]:
    """Give a contact these tags; returns those it had not. `new`: it was made just now and has none."""
    have = () if new else tags(session, [contact_id]).get(contact_id, ())
    given = tuple(word for word in tidy(words) if word not in have)[: max(0, MOST - len(have))]
    if given:
        session.flush()
        session.execute(insert(ContactTag), [{"contact_id": contact_id, "tag": word} for word in given])
    return given


def remove(session: Session, contact_id: int, word: str) -> None:
    session.execute(delete(ContactTag).where(ContactTag.contact_id == contact_id, ContactTag.tag == word))


def forget(session: Session, contact_ids: Iterable[int]) -> None:
    """Somebody is erased."""
    session.execute(delete(ContactTag).where(ContactTag.contact_id.in_(list(contact_ids))))
