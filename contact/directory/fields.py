"""Fields of one's own: what a house wants to know of its contacts besides what every house does.

Supervisors name them. The name stands in contents (`{{ coupon }}`), in segments and over columns of a file, so it never
changes; nor does the kind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import isfinite
from typing import Final

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.directory.values import LONGEST, ContactValue
from contact.errors import Conflict, Invalid, NotFound
from contact.text import N_, storable

LONGEST_NAME, LONGEST_LABEL = 40, 80
MOST = 100
MOST_CHOICES = 100
RESERVED: Final = frozenset(
    [
        *("name", "name_nim", "family_name", "given_name", "given", "family", "company", "organisation", "email"),
        *("phone", "fax", "post", "postcode", "postal_address", "language", "zone", "note", "tags", "consent"),
        *("address", "unsubscribe_url", "preferences_url", "refusal_number", "sender"),
        *("if", "elif", "else", "endif", "for", "endfor", "in", "and", "or", "not", "is", "true", "false", "none"),
        *("loop", "range", "raw", "endraw", "set", "block", "default", "d", "each", "upper", "lower", "trim"),
        *("truncate", "urlencode"),
    ]
)
"""Words that mean something already wherever names of fields are written."""
_NAME = re.compile(r"[^\W\d_]\w*")
_OURS = re.compile(r"link_\d*")
"""What stands for tracked links in what is sent."""
_DAY = re.compile(
    r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?(?:\s+00:00(?::00)?)?|(\d{4})(\d\d)(\d\d)"
)
_FIGURE = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


class FieldKind(StrEnum):
    """What sort of value it is; it decides how values are read and compared."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


class ContactField(Base):
    """One field. `choices`: what may be chosen, of a choice."""

    __tablename__ = "contact_field"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    label: Mapped[str] = mapped_column(String(LONGEST_LABEL))
    kind: Mapped[str] = mapped_column(String(10))
    choices: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(Utc)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is kept: `text` as people read it, and what it is compared by."""

    text: str
    number: float | None = None
    day: date | None = None


def read(field: ContactField, given: str) -> Value:
    """What was written, as a value of this field ("" = none); raises `Invalid` with one sentence."""
    text = " ".join(str(storable(given)).split())
    if not text:
        return Value("")
    if len(text) > LONGEST:
        raise Invalid(N_("Up to %(n)s characters fit."), n=LONGEST)
    match FieldKind(field.kind):
        case FieldKind.NUMBER:
            return Value(text, figure(text))
        case FieldKind.DATE:
            day = day_of(text)
            return Value(day.isoformat(), day=day)
        case FieldKind.CHOICE:
            return Value(_chosen(field, text))
    return Value(text)


def figure(text: str) -> float:
    """`1,200.5` as a number; raises `Invalid`."""
    if not _FIGURE.fullmatch(text) or not isfinite(found := float(text.replace(",", ""))) or abs(found) > 1e15:
        raise Invalid(N_("This is not a number."))
    return found


def day_of(text: str) -> date:
    """`2026-12-31`, `2026.12.31`, `2026년 12월 31일`, `20261231`; raises `Invalid`."""
    found = _DAY.fullmatch(text)
    try:
        if found is not None:
            return date(*(int(part) for part in found.groups() if part))
    except ValueError:
        pass
    raise Invalid(N_("This is not a day. Write 2026-12-31."))


def _chosen(field: ContactField, text: str) -> str:
    for choice in field.choices:
        if choice.casefold() == text.casefold():
            return choice
    raise Invalid(N_("“%(value)s” is none of the choices."), value=text[:60])


def every(session: Session) -> Sequence[ContactField]:
    """All there are, in the order they were made."""
    return session.scalars(select(ContactField).order_by(ContactField.id)).all()


def get(session: Session, field_id: int) -> ContactField:
    """The field; raises `NotFound`."""
    found = session.get(ContactField, field_id)
    if found is None:
        raise NotFound(N_("This field does not exist, or no longer."))
    return found


def by_name(session: Session, names: Collection[str]) -> dict[str, ContactField]:
    """Those of these names that exist."""
    found = session.scalars(select(ContactField).where(ContactField.name.in_(names)))
    return {one.name: one for one in found}


def add(
    session: Session, now: datetime, label: str, kind: str, choices: Iterable[str] = (), name: str = ""
) -> ContactField:
    """A new field; its name follows from its label when none is given. Raises `Invalid` or `Conflict`."""
    label = _label(label)
    kept = name_of(name or label)
    if kind not in tuple(FieldKind):
        raise Invalid(N_("Choose a kind of field."))
    if by_name(session, [kept]):
        raise Conflict(N_("There is a field named “%(name)s” already."), name=kept)
    if (session.scalar(select(func.count()).select_from(ContactField)) or 0) >= MOST:
        raise Invalid(N_("A house has up to %(n)s fields of its own."), n=MOST)
    made = ContactField(name=kept, label=label, kind=kind, choices=_choices(kind, choices), created_at=now)
    session.add(made)
    session.flush()
    return made


def change(session: Session, field: ContactField, label: str, choices: Iterable[str] = ()) -> None:
    """Its label, and what may be chosen. A choice that some contact has cannot go: `Conflict`."""
    wanted = _choices(field.kind, choices)
    gone = [one for one in field.choices if one not in wanted]
    held = select(ContactValue.text).where(ContactValue.field_id == field.id, ContactValue.text.in_(gone))
    if gone and (kept := session.scalar(held.limit(1))):
        raise Conflict(N_("Some contact has “%(value)s”; it cannot go from the choices."), value=kept)
    field.label, field.choices = _label(label), wanted
    session.flush()


def sure(field: ContactField, written: str) -> None:
    """Whoever removes a field writes its name; raises `Invalid`."""
    if unicodedata.normalize("NFKC", written).strip() != field.name:
        raise Invalid(N_("To remove the field, type its name: %(name)s"), name=field.name)


def remove(session: Session, field: ContactField) -> None:
    """The field, and what it says of everybody."""
    session.execute(delete(ContactValue).where(ContactValue.field_id == field.id))
    session.delete(field)
    session.flush()


def holders(session: Session) -> dict[int, int]:
    """By field: how many contacts have a value."""
    query = select(ContactValue.field_id, func.count()).where(ContactValue.text != "").group_by(ContactValue.field_id)
    return {row[0]: row[1] for row in session.execute(query)}


def understood(session: Session, given: Mapping[str, str]) -> list[tuple[ContactField, Value]]:
    """By name of the field what was written; raises `Invalid` that names the field."""
    known, found = by_name(session, given.keys()), list[tuple[ContactField, Value]]()
    for name, text in given.items():
        if name not in known:
            raise NotFound(N_("This field does not exist, or no longer."))
        try:
            found.append((known[name], read(known[name], text)))
        except Invalid as error:
            said = N_("“%(field)s” does not take “%(value)s”.")
            raise Invalid(said, field=known[name].label, value=text[:60]) from error
    return found


def name_of(text: str) -> str:
    """The name of a field from what somebody wrote: `쿠폰 번호` is `쿠폰_번호`. Raises `Invalid`."""
    words = re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", str(storable(text)))).strip("_").lower()
    name = words[:LONGEST_NAME].rstrip("_")
    if not _NAME.fullmatch(name) or not name.isidentifier():
        raise Invalid(N_("A field's name is made of letters and digits, and begins with a letter."))
    if name in RESERVED or _OURS.fullmatch(name):
        raise Invalid(N_("“%(name)s” means something already. Choose another name."), name=name)
    return name


def _label(text: str) -> str:
    label = " ".join(str(storable(text)).split())[:LONGEST_LABEL]
    if not label:
        raise Invalid(N_("The field needs a name."))
    return label


def _choices(kind: str, given: Iterable[str]) -> list[str]:
    if kind != FieldKind.CHOICE:
        return []
    words = (" ".join(str(storable(one)).split())[:LONGEST_LABEL] for one in given)
    found = list({one.casefold(): one for one in words if one}.values())
    if not found:
        raise Invalid(N_("Write what may be chosen, a line each."))
    if len(found) > MOST_CHOICES:
        raise Invalid(N_("Up to %(n)s choices fit."), n=MOST_CHOICES)
    return found
