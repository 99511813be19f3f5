"""Contact and Address: who we talk with and where they are reached.

Merging moves nothing: a merged contact points to the one it was merged into
(`merged_into`), and `root_id` names the top of that chain. What is one person on screen is
the *family* of a root. Un-merging takes the pointer away, so the former state is exact.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.db import Base, Id, Utc
from contact.errors import Invalid, NotFound


class Contact(Base):
    """A person or organisation we talk with. Language and zone are None until known."""

    __tablename__ = "contact"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    organisation: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str | None] = mapped_column(String(10))
    zone: Mapped[str | None] = mapped_column(String(50))
    note: Mapped[str] = mapped_column(Text, default="")
    merged_into: Mapped[int | None] = mapped_column(Id, ForeignKey("contact.id"))
    root_id: Mapped[int] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    erased_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_contact_root_id", "root_id"),
        Index(  # the few merged ones: segments ask about them apart
            "ix_contact_merged_into",
            "merged_into",
            "root_id",
            postgresql_where=text("merged_into IS NOT NULL"),
            sqlite_where=text("merged_into IS NOT NULL"),
        ),
    )


class Address(Base):
    """Where a contact is reached: kind and normalised value, unique in the house.

    `verified_at`: the owner wrote from it, or proved it. `unreachable_at`: the provider says
    nothing arrives there, for `unreachable_reason` with its own `unreachable_code`; `unreachable_how`
    says how sure that is (`contact/directory/reach.py`). `reachable_at`: when that was last taken back.
    """

    __tablename__ = "address"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"))
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[str] = mapped_column(String(320))
    verified_at: Mapped[datetime | None] = mapped_column(Utc)
    unreachable_at: Mapped[datetime | None] = mapped_column(Utc)
    unreachable_reason: Mapped[str] = mapped_column(String(200), default="")
    unreachable_how: Mapped[str | None] = mapped_column(String(20))
    unreachable_code: Mapped[str | None] = mapped_column(String(60))
    reachable_at: Mapped[datetime | None] = mapped_column(Utc)
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("kind", "value"),
        # With what segments ask of addresses, a million times in one select.
        Index("ix_address_contact_id", "contact_id", "kind", "unreachable_at", "value"),
        Index(
            "ix_address_unreachable",
            "unreachable_at",
            "id",
            postgresql_where=text("unreachable_at IS NOT NULL"),
            sqlite_where=text("unreachable_at IS NOT NULL"),
        ),
    )


class AddressClaim(Base):
    """Somebody said "this is my address", it belongs to another contact, and nothing is proved."""

    __tablename__ = "address_claim"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"))
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id"))
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("contact_id", "address_id"),)


FIELDS = ("name", "organisation", "language", "zone", "note")
"""What people may change about a contact."""


def get(session: Session, contact_id: int) -> Contact:
    """The contact; raises `NotFound`."""
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise NotFound("This contact does not exist.")
    return contact


def root(session: Session, contact: Contact) -> Contact:
    """The contact this one is shown as."""
    return contact if contact.root_id == contact.id else get(session, contact.root_id)


def family(session: Session, root_id: int) -> list[Contact]:
    """The root and every contact merged into it, root first, then by age."""
    rows = session.scalars(select(Contact).where(Contact.root_id == root_id).order_by(Contact.id)).all()
    return sorted(rows, key=lambda contact: (contact.id != root_id, contact.id))


def change(session: Session, now: datetime, contact: Contact, user_id: int | None, **fields: str | None) -> None:
    """Change what we know of a contact; the log keeps what it was before."""
    if unknown := fields.keys() - set(FIELDS):
        raise Invalid("A contact has no field %(name)s.", name=sorted(unknown)[0])
    before: dict[str, Any] = {}
    for name, value in fields.items():
        if getattr(contact, name) != value:
            before[name] = getattr(contact, name)
            setattr(contact, name, value)
    if before:
        session.flush()
        log.append(
            session,
            now,
            log.Name.CONTACT_CHANGED,
            contact_id=contact.id,
            user_id=user_id,
            content={"before": before, "after": {name: fields[name] for name in before}},
        )
