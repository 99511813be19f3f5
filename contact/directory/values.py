"""What the fields of one's own say of each contact.

Merging moves nothing, so un-merging is exact: a person has the root's values, and where the root says nothing those of
the oldest merged contact that has one. A row with an empty text says "none", whatever a merged contact has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Date, Float, ForeignKey, Index, String, delete, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.db import Base, Id
from contact.directory.contact import Contact

if TYPE_CHECKING:
    from contact.directory.fields import ContactField, Value

LONGEST: Final = 500


class ContactValue(Base):
    """One value of one contact. `number` and `day` are what it is compared by, where its field is of that kind."""

    __tablename__ = "contact_value"

    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    field_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_field.id"), primary_key=True)
    text: Mapped[str] = mapped_column(String(LONGEST))
    number: Mapped[float | None] = mapped_column(Float)
    day: Mapped[date | None] = mapped_column(Date)

    __table_args__ = (
        Index("ix_contact_value_text", "field_id", "text", "contact_id"),
        *(
            Index(
                f"ix_contact_value_{column}", "field_id", column, "contact_id",
                sqlite_where=text(f"{column} IS NOT NULL"), postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("number", "day")
        ),
    )  # fmt: skip


def values(session: Session, root_ids: Collection[int], field_ids: Collection[int] = ()) -> dict[int, dict[int, str]]:
    """By person: number of the field to its text, as the whole family has it; without those that say nothing."""
    one = ContactValue
    query = (
        select(Contact.root_id, one.field_id, one.text)
        .join(Contact, Contact.id == one.contact_id)
        .where(Contact.root_id.in_(root_ids))
        .order_by(Contact.id != Contact.root_id, Contact.id)
    )
    if field_ids:
        query = query.where(one.field_id.in_(field_ids))
    found: dict[int, dict[int, str]] = {}
    for root, field, value in session.execute(query):
        found.setdefault(root, {}).setdefault(field, value)
    return {root: {field: value for field, value in own.items() if value} for root, own in found.items()}


def give(
    session: Session, now: datetime, contact: Contact, given: Iterable[tuple[ContactField, Value]], user_id: int | None
) -> bool:
    """Write down values of a person (`contact` is the root); the log keeps what they were. Whether any is new."""
    wanted = dict(given)
    before = values(session, [contact.id], [field.id for field in wanted]).get(contact.id, {})
    fresh = {field: value for field, value in wanted.items() if value.text != before.get(field.id, "")}
    for field, value in fresh.items():
        row = {"contact_id": contact.id, "field_id": field.id, "text": value.text}
        session.merge(ContactValue(**row, number=value.number, day=value.day))
    if fresh:
        session.flush()
        content = {
            "before": {field.name: before.get(field.id, "") for field in fresh},
            "after": {field.name: value.text for field, value in fresh.items()},
        }
        log.append(session, now, log.Name.CONTACT_CHANGED, contact_id=contact.id, user_id=user_id, content=content)
    return bool(fresh)


def exported(session: Session, contact_ids: Collection[int], names: Mapping[int, str]) -> list[dict[str, object]]:
    """Everything these contacts have, for whoever asks what is known of them."""
    rows = session.scalars(select(ContactValue).where(ContactValue.contact_id.in_(contact_ids)))
    return [{"contact_id": one.contact_id, "field": names.get(one.field_id, ""), "value": one.text} for one in rows]


def forget(session: Session, contact_ids: Iterable[int]) -> None:
    """Somebody is erased."""
    session.execute(delete(ContactValue).where(ContactValue.contact_id.in_(list(contact_ids))))
