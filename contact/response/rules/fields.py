"""What a condition may look at, and how: fields, their kinds, their operators. Data, no code that acts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contact import field
from contact.text import N_


class Kind(StrEnum):
    """What sort of value a field has; it decides the operators."""

    TEXT = "text"
    TEXTS = "texts"
    """Several texts, of which one is enough: names of files."""
    CHOICE = "choice"
    RANK = "rank"
    """A choice with an order: priority."""
    NUMBER = "number"
    YES_NO = "yes_no"
    TAGS = "tags"
    HOURS = "hours"


OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.TEXT: ("has", "lacks", "is", "is_not", "starts", "ends", "matches", "matches_not", "empty", "filled"),
    Kind.TEXTS: ("has", "lacks", "is", "is_not", "starts", "ends", "matches", "matches_not", "empty", "filled"),
    Kind.CHOICE: ("is", "is_not"),
    Kind.RANK: ("is", "is_not", "at_least", "at_most"),
    Kind.NUMBER: ("at_least", "at_most", "is"),
    Kind.YES_NO: ("is",),
    Kind.TAGS: ("has", "lacks"),
    Kind.HOURS: ("within", "outside"),
}
WITHOUT_VALUE: Final = frozenset({"empty", "filled"})

OPERATOR_NAMES: Final[Mapping[str, str]] = {
    "has": N_("contains"),
    "lacks": N_("does not contain"),
    "is": N_("is"),
    "is_not": N_("is not"),
    "starts": N_("begins with"),
    "ends": N_("ends with"),
    "matches": N_("matches the pattern"),
    "matches_not": N_("does not match the pattern"),
    "empty": N_("is empty"),
    "filled": N_("is not empty"),
    "at_least": N_("is at least"),
    "at_most": N_("is at most"),
    "within": N_("lies within"),
    "outside": N_("lies outside"),
}


class Field(field.Field[Kind]):
    """Of a message and its conversation; the values of a choice stand in `vocabulary.py`."""

    __slots__ = ()
    OPERATORS = OPERATORS


MESSAGE, SENDER, TALK, TIME = N_("Message"), N_("Sender"), N_("Conversation"), N_("Time")

FIELDS: Final[dict[str, Field]] = {
    one.name: one
    for one in (
        Field("channel", N_("Channel"), MESSAGE, Kind.CHOICE, "channels"),
        Field("inbox", N_("Inbox"), MESSAGE, Kind.CHOICE, "inboxes"),
        Field("subject", N_("Subject"), MESSAGE, Kind.TEXT),
        Field("text", N_("Message text"), MESSAGE, Kind.TEXT),
        Field("language", N_("Language"), MESSAGE, Kind.CHOICE, "languages"),
        Field("nature", N_("Kind of mail"), MESSAGE, Kind.CHOICE, "natures"),
        Field("files", N_("Has attachments"), MESSAGE, Kind.YES_NO),
        Field("file_name", N_("Name of an attachment"), MESSAGE, Kind.TEXTS),
        Field("file_type", N_("Type of an attachment"), MESSAGE, Kind.TEXTS),
        Field("sender", N_("Sender's address"), SENDER, Kind.TEXT),
        Field("sender_domain", N_("Sender's domain"), SENDER, Kind.TEXT),
        Field("sender_name", N_("Sender's name"), SENDER, Kind.TEXT),
        Field("organisation", N_("Contact's organisation"), SENDER, Kind.TEXT),
        Field("first", N_("First message of this contact"), SENDER, Kind.YES_NO),
        Field("tags", N_("Tags"), TALK, Kind.TAGS),
        Field("queue", N_("Queue"), TALK, Kind.CHOICE, "queues"),
        Field("assignee", N_("Assigned to"), TALK, Kind.CHOICE, "agents"),
        Field("priority", N_("Priority"), TALK, Kind.RANK, "priorities"),
        Field("state", N_("State"), TALK, Kind.CHOICE, "states"),
        Field("messages", N_("Number of messages"), TALK, Kind.NUMBER),
        Field("waiting", N_("Waiting for an answer"), TALK, Kind.NUMBER, unit=N_("minutes")),
        Field("hours", N_("Business hours"), TIME, Kind.HOURS, "calendars"),
    )
}
