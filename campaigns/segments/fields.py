"""What a segment may look at, and how: fields, their kinds, their operators. Data, no code that acts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contact import field
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
    SENT = "sent"
    """So many days, by any campaign or one."""
    RESPONSE = "response"
    """As before, and one may also ask for those a campaign reached who did not."""
    VISIT = "visit"
    """As a response, by people alone (unless said otherwise) or by machines too."""
    SCORE = "score"
    OWN_TEXT = "own_text"
    OWN_NUMBER = "own_number"
    OWN_DATE = "own_date"
    OWN_CHOICE = "own_choice"
    """A field of the house's own (`own.py`)."""


OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CHOICE: ("is", "is_not"),
    Kind.MANY: ("has", "lacks"),
    Kind.WORDS: ("has", "lacks"),
    Kind.YES_NO: ("is",),
    Kind.DAYS: ("within", "before"),
    Kind.SPAN: ("did", "did_not"),
    Kind.SENT: ("did", "did_not"),
    Kind.RESPONSE: ("did", "did_not", "ignored"),
    Kind.VISIT: ("did", "did_not", "ignored"),
    Kind.SCORE: ("at_least", "at_most"),
    Kind.OWN_TEXT: ("has", "lacks", "equals", "filled", "empty"),
    Kind.OWN_NUMBER: ("at_least", "at_most", "filled", "empty"),
    Kind.OWN_DATE: ("from", "until", "next", "past", "filled", "empty"),
    Kind.OWN_CHOICE: ("is", "is_not", "filled", "empty"),
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
    "ignored": N_("reached, but not within the last"),
    "at_least": N_("is at least"),
    "at_most": N_("is at most"),
    "equals": N_("is exactly"),
    "from": N_("is on or after"),
    "until": N_("is on or before"),
    "next": N_("is within the next"),
    "past": N_("was within the last"),
    "filled": N_("is known"),
    "empty": N_("is not known"),
}


class Field(field.Field[Kind]):
    """Of a contact; the values of a choice stand in `vocabulary.py`."""

    __slots__ = ()
    OPERATORS = OPERATORS


CONTACT, ADDRESS, CONSENT, DONE = N_("Contact"), N_("Address"), N_("Consent"), N_("What they did")
CAMPAIGNS = N_("Campaigns")
SPANS: Final = (Kind.SPAN, Kind.SENT, Kind.RESPONSE, Kind.VISIT)

FIELDS: Final[dict[str, Field]] = {
    one.name: one
    for one in (
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
        Field("heard_of", N_("Wrote, clicked or opened, in any way"), DONE, Kind.SPAN, "", N_("days")),
        Field("talk_tag", N_("Tag of a conversation"), DONE, Kind.WORDS),
        Field("score", N_("Satisfaction score"), DONE, Kind.SCORE),
        Field("received", N_("A campaign reached them"), CAMPAIGNS, Kind.SENT, "campaigns", N_("days")),
        Field("failed", N_("A campaign could not be delivered"), CAMPAIGNS, Kind.SENT, "campaigns", N_("days")),
        Field("left_out", N_("Was left out of a campaign"), CAMPAIGNS, Kind.SENT, "campaigns", N_("days")),
        Field("uncertain", N_("Nobody knows whether it arrived"), CAMPAIGNS, Kind.SENT, "campaigns", N_("days")),
        Field("replied", N_("Answered a campaign"), CAMPAIGNS, Kind.RESPONSE, "campaigns", N_("days")),
        Field("clicked", N_("Followed a link"), CAMPAIGNS, Kind.VISIT, "campaigns", N_("days")),
        Field("opened", N_("Opened it"), CAMPAIGNS, Kind.VISIT, "campaigns", N_("days")),
        Field("goal", N_("Reached the goal"), CAMPAIGNS, Kind.RESPONSE, "campaigns", N_("days")),
    )
}

KINDS: Final = ("email", "tel", "fax", "post")
CONSENTS: Final = ("given", "refused", "none")
VISITORS: Final = ("people", "all")
