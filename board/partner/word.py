"""Words partners are sorted by: types, tiers, regions and product lines; rows, so that each house has its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from sqlalchemy import Integer, String, UniqueConstraint, exists, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.errors import Conflict, Invalid, NotFound
from contact.text import N_


class Of(StrEnum):
    """What a word sorts by."""

    TYPE = "type"
    TIER = "tier"
    REGION = "region"
    LINE = "line"
    CATEGORY = "category"
    """Of notices, not of partners."""
    SUGGESTION = "suggestion"


NAMES: Final[Mapping[Of, str]] = {
    Of.TYPE: N_("Type"),
    Of.TIER: N_("Tier"),
    Of.REGION: N_("Region"),
    Of.LINE: N_("Product line"),
    Of.CATEGORY: N_("Category of notices"),
    Of.SUGGESTION: N_("Category of suggestions"),
}


class PartnerWord(Base):
    """One type, tier, region or product line. `rank`: its place among the others, the highest tier first."""

    __tablename__ = "partner_word"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    of: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(80))
    rank: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (UniqueConstraint("of", "name"),)


def every(session: Session) -> dict[Of, list[PartnerWord]]:
    """All words, in their order."""
    found: dict[Of, list[PartnerWord]] = {of: [] for of in Of}
    for word in session.scalars(select(PartnerWord).order_by(PartnerWord.rank, PartnerWord.id)):
        found[Of(word.of)].append(word)
    return found


def add(session: Session, of: Of, name: str) -> PartnerWord:
    """One more, behind the others; raises `Invalid` or `Conflict`."""
    name = _name(name)
    if session.scalar(select(exists().where(PartnerWord.of == of.value, PartnerWord.name == name))):
        raise Conflict("“%(name)s” is there already.", name=name)
    last = session.scalar(select(func.max(PartnerWord.rank)).where(PartnerWord.of == of.value))
    word = PartnerWord(of=of.value, name=name, rank=(last or 0) + 1)
    session.add(word)
    session.flush()
    return word


def rename(session: Session, number: int, name: str) -> PartnerWord:
    """Another name for the same thing: partners keep it."""
    word = session.get(PartnerWord, number)
    if word is None:
        raise NotFound
    word.name = _name(name)
    session.flush()
    return word


def checked(session: Session, of: Of, numbers: Collection[int]) -> list[int]:
    """Those numbers, if each is a word of that sort; raises `Invalid`."""
    wanted = sorted(set(numbers))
    there = session.scalars(select(PartnerWord.id).where(PartnerWord.of == of.value, PartnerWord.id.in_(wanted))).all()
    if len(there) != len(wanted):
        raise Invalid("What was chosen does not exist any more.")
    return wanted


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not 1 <= len(name) <= 80:
        raise Invalid("A name has 1 to 80 characters.")
    return name
