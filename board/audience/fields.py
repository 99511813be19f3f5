"""What an audience may look at: fields, their kinds, their operators. Data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contact import field
from contact.text import N_


class Kind(StrEnum):
    """What sort of value a field has; the names are those the editor of conditions knows."""

    CHOICE = "choice"
    """One of several chosen values is enough."""
    MANY = "many"
    """A partner has several of them; one of those chosen is enough."""
    WORDS = "words"
    """Words between commas; one is enough."""


OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CHOICE: ("is", "is_not"),
    Kind.MANY: ("has", "lacks"),
    Kind.WORDS: ("has", "lacks"),
}
OPERATOR_NAMES: Final[Mapping[str, str]] = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "has": N_("contains"),
    "lacks": N_("does not contain"),
}
NEGATIONS: Final = frozenset({"is_not", "lacks"})


class Field(field.Field[Kind]):
    """Of a person or their partner; the values of a choice stand in `vocabulary.py`."""

    __slots__ = ()
    OPERATORS = OPERATORS


PARTNER, PERSON = N_("Partner"), N_("Person")

FIELDS: Final[dict[str, Field]] = {
    one.name: one
    for one in (
        Field("type", N_("Type"), PARTNER, Kind.CHOICE, "types"),
        Field("tier", N_("Tier"), PARTNER, Kind.CHOICE, "tiers"),
        Field("region", N_("Region"), PARTNER, Kind.CHOICE, "regions"),
        Field("stage", N_("Stage"), PARTNER, Kind.CHOICE, "stages"),
        Field("line", N_("Product line"), PARTNER, Kind.MANY, "lines"),
        Field("partner", N_("One of these partners"), PARTNER, Kind.CHOICE, "partners"),
        Field("name", N_("Name or business number"), PARTNER, Kind.WORDS),
        Field("role", N_("Role at the partner"), PERSON, Kind.CHOICE, "roles"),
    )
}
