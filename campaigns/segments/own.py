"""Conditions on the house's own fields of contacts. Pure.

A field is named `kind:name` (`date:expiry`), so that what it can be compared with is known without asking the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, literal, or_, select
from sqlalchemy.orm import aliased

from campaigns.segments.fields import CONTACT, Field, Kind
from contact import groups
from contact.directory import Contact
from contact.directory.fields import ContactField, FieldKind, day_of, figure
from contact.directory.values import ContactValue
from contact.errors import Invalid
from contact.text import N_

KINDS: Final = {
    FieldKind.TEXT.value: Kind.OWN_TEXT,
    FieldKind.NUMBER.value: Kind.OWN_NUMBER,
    FieldKind.DATE.value: Kind.OWN_DATE,
    FieldKind.CHOICE.value: Kind.OWN_CHOICE,
}
WITHOUT: Final = ("filled", "empty")
"""Operators that are compared with nothing."""
DAYS: Final = ("next", "past")
_NAME = re.compile(r"(text|number|date|choice):(\w{1,40})")


def named(name: Any) -> dict[str, Field]:
    """The field of that name, by its name; nothing where it is none of the house's own."""
    found = _NAME.fullmatch(str(name))
    return {found[0]: Field(found[0], found[2], CONTACT, KINDS[found[1]])} if found else {}


def of(field: ContactField) -> Field:
    """A field as the editor offers it."""
    name, choices = f"{field.kind}:{field.name}", f"own:{field.name}" if field.choices else ""
    return Field(name, field.label, CONTACT, KINDS[field.kind], choices)


def value(field: Field, op: str, given: Any) -> tuple[str, ...] | int | bool:
    """What it is compared with; raises `Invalid`."""
    if op in WITHOUT:
        return True
    if op in DAYS:
        return _days(given)
    words = groups.words(given)
    if field.kind is Kind.OWN_NUMBER:
        figure(words[0])
        return words[:1]
    return (day_of(words[0]).isoformat(),) if field.kind is Kind.OWN_DATE else words


def _days(given: Any) -> int:
    text = str(given).strip()
    if isinstance(given, bool) or not text.isdecimal() or not 0 <= int(text[:6]) <= 36_500:
        raise Invalid(N_("A number from %(low)s to %(high)s fits here."), low=0, high=36_500)
    return int(text[:6])


def holders(
    name: str, op: str, value: Any, now: datetime, among: Sequence[int] | None
) -> tuple[Select[Any], Select[Any]]:
    """The persons whose value meets it: by the root's own, else by the oldest merged contact's that has one.

    `now` is told on the house's own clock: "within the next 7 days" begins with the day it is there.
    """
    field_id = select(ContactField.id).where(ContactField.name == name.partition(":")[2]).scalar_subquery()
    one, kin = aliased(ContactValue), aliased(Contact)
    holds = (one.field_id == field_id, _compared(one, op, value, now))
    own: Select[Any] = select(one.contact_id).where(*holds)
    theirs: Select[Any] = (
        select(kin.root_id)
        .join(one, one.contact_id == kin.id)
        .where(*holds, kin.merged_into.is_not(None), kin.erased_at.is_(None), ~_sooner(kin, field_id))
    )
    if among is not None:
        own, theirs = own.where(one.contact_id.in_(among)), theirs.where(kin.root_id.in_(among))
    return own, theirs


def _sooner(kin: Any, field_id: Any) -> ColumnElement[bool]:
    """Somebody of the family speaks before this merged contact."""
    other, said = aliased(Contact), aliased(ContactValue)
    rows = select(literal(1)).join_from(other, said, said.contact_id == other.id)
    first = or_(other.id == other.root_id, other.id < kin.id)
    rows = rows.where(other.root_id == kin.root_id, other.id != kin.id, said.field_id == field_id, first)
    return exists(rows.correlate(kin))


def _compared(one: Any, op: str, value: Any, now: datetime) -> ColumnElement[bool]:
    """`empty` is the opposite of `filled`, as `lacks` of `has` and `is_not` of `is`: turned round by the caller."""
    today = now.date()
    found: ColumnElement[bool]
    match op:
        case "filled" | "empty":
            found = one.text != ""
        case "has" | "lacks":
            found = or_(*(func.lower(one.text).contains(word.lower(), autoescape=True) for word in value))
        case "equals":
            found = func.lower(one.text).in_([word.lower() for word in value])
        case "is" | "is_not":
            found = one.text.in_(value)
        case "at_least":
            found = one.number >= figure(value[0])
        case "at_most":
            found = one.number <= figure(value[0])
        case "from":
            found = one.day >= date.fromisoformat(value[0])
        case "until":
            found = one.day <= date.fromisoformat(value[0])
        case "next":
            found = one.day.between(today, today + timedelta(days=value))
        case _:
            found = one.day.between(today - timedelta(days=value), today)
    return found


def choices(fields: Sequence[ContactField]) -> Mapping[str, list[tuple[str, str]]]:
    """What can be chosen, by the name of its list."""
    return {f"own:{field.name}": [(one, one) for one in field.choices] for field in fields if field.choices}
