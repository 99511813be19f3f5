"""What a segment may look at, and how: fields, their kinds, their operators. Data, no code that acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contact.text import N_


class Kind(StrEnum):
    """What sort of value a field has; it decides the operators."""

    CHOICE = "choice"
    """One of several chosen values is enough."""
    MANY = "many"
    """The contact has several of them (kinds of address); one of those chosen is enough."""
    WORDS = "words"
    """Words between commas; one is enough."""
    YES_NO = "yes_no"
    DAYS = "days"
    SPAN = "span"
    """So many days, anywhere or at one channel or inbox; 0 days = ever."""
    SCORE = "score"


OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CHOICE: ("is", "is_not"),
    Kind.MANY: ("has", "lacks"),
    Kind.WORDS: ("has", "lacks"),
    Kind.YES_NO: ("is",),
    Kind.DAYS: ("within", "before"),
    Kind.SPAN: ("did", "did_not"),
    Kind.SCORE: ("at_least", "at_most"),
}

OPERATOR_NAMES: Final[Mapping[str, str]] = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "has": N_("contains"),
    "lacks": N_("does not contain"),
    "within": N_("within the last"),
    "before": N_("longer ago than"),
    "did": N_("within the last"),
    "did_not": N_("not within the last"),
    "at_least": N_("is at least"),
    "at_most": N_("is at most"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """`choices` names where the values of a choice come from (`vocabulary.py`)."""

    name: str
    label: str
    group: str
    kind: Kind
    choices: str = ""
    unit: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        return OPERATORS[self.kind]


CONTACT, ADDRESS, CONSENT, DONE = N_("Contact"), N_("Address"), N_("Consent"), N_("What they did")

FIELDS: Final[dict[str, Field]] = {
    field.name: field
    for field in (
        Field("language", N_("Language"), CONTACT, Kind.CHOICE, "languages"),
        Field("tag", N_("Tag of the contact"), CONTACT, Kind.WORDS),
        Field("organisation", N_("Contact's organisation"), CONTACT, Kind.WORDS),
        Field("created", N_("Known to us"), CONTACT, Kind.DAYS, unit=N_("days")),
        Field("kind", N_("Kinds of address"), ADDRESS, Kind.MANY, "kinds"),
        Field("reachable", N_("Reachable by"), ADDRESS, Kind.MANY, "kinds"),
        Field("domain", N_("Domain of the e-mail address"), ADDRESS, Kind.WORDS),
        Field("dial", N_("Country code of the number"), ADDRESS, Kind.WORDS),
        Field("region", N_("Beginning of the postal code"), ADDRESS, Kind.WORDS),
        Field("consent", N_("Consent"), CONSENT, Kind.CHOICE, "consents"),
        Field("wrote", N_("Wrote to us"), DONE, Kind.SPAN, "places", N_("days")),
        Field("written", N_("We wrote to them"), DONE, Kind.SPAN, "places", N_("days")),
        Field("answered", N_("Answered us"), DONE, Kind.SPAN, "places", N_("days")),
        Field("talk_tag", N_("Tag of a conversation"), DONE, Kind.WORDS),
        Field("score", N_("Satisfaction score"), DONE, Kind.SCORE),
    )
}
"""Clicks and answers to a campaign join here when their rows of the log exist."""

KINDS: Final = ("email", "tel", "fax", "post")
CONSENTS: Final = ("given", "refused", "none")
