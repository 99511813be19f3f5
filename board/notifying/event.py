"""Event: what somebody can be told of, and how often where they have not chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contact.text import N_


class Channel(StrEnum):
    """Where somebody is told."""

    PAGE = "page"
    MAIL = "mail"
    SMS = "sms"


class Mode(StrEnum):
    """How often; each is fewer than those before it."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"
    OFF = "off"

    @property
    def fewer(self) -> tuple[Mode, ...]:
        """All that are less often."""
        modes = tuple(Mode)
        return modes[modes.index(self) + 1 :]


MODES: Final[Mapping[Mode, str]] = {
    Mode.NOW: N_("At once"),
    Mode.DAILY: N_("Once a day"),
    Mode.WEEKLY: N_("Once a week"),
    Mode.OFF: N_("Switched off"),
}


class Event(StrEnum):
    NOTICE = "notice"
    MENTION = "mention"
    OFFICIAL_ANSWER = "official_answer"
    COMMENT = "comment"
    """On what one follows."""
    POST = "post"
    """New on a board that one follows."""
    SUGGESTION = "suggestion"
    """The status of, or an answer to, one's own."""
    DONE = "done"
    """You asked, we did: to those who voted."""
    ENTRUSTED = "entrusted"
    """A suggestion, to whoever works here and is to look after it."""
    SUGGESTED = "suggested"
    """A new suggestion, to whoever works here and looks after its partner."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What pages and mails say of an event; all msgids.

    `line` stands in the list, with `%(who)s` where `nameless` is what it says of nobody. `mandatory`: "off" does not
    count. `carried`: something else sends it (notices climb a ladder of their own); here it has a line on the page.
    `here`: for those who work here, on their page alone.
    """

    label: str
    line: str
    nameless: str
    why: str
    icon: str
    mail: Mode = Mode.DAILY
    mandatory: bool = False
    carried: bool = False
    here: bool = False

    def mode(self, channel: Channel) -> Mode:
        """Where nobody chose."""
        if channel is Channel.PAGE:
            return Mode.NOW
        return self.mail if channel is Channel.MAIL else Mode.OFF


FACTS: Final[Mapping[Event, Facts]] = {
    Event.NOTICE: Facts(
        N_("Notices"), N_("%(who)s published a notice"), N_("There is a new notice"),
        N_("you are among those this notice is for"),
        "bell", Mode.NOW, mandatory=True, carried=True,
    ),
    Event.MENTION: Facts(
        N_("Somebody mentions me"), N_("%(who)s mentioned you"), N_("You were mentioned"), N_("you were mentioned"),
        "at", Mode.NOW,
    ),
    Event.OFFICIAL_ANSWER: Facts(
        N_("Official answers to what I follow"), N_("%(who)s answered officially"), N_("There is an official answer"),
        N_("you follow this"), "check", Mode.NOW,
    ),
    Event.COMMENT: Facts(
        N_("Comments on what I follow"), N_("%(who)s commented"), N_("There is a new comment"), N_("you follow this"),
        "note",
    ),
    Event.POST: Facts(
        N_("New posts on boards I follow"), N_("%(who)s wrote a post"), N_("There is a new post"),
        N_("you follow this board"), "edit",
    ),
    Event.SUGGESTION: Facts(
        N_("My suggestions: status and answers"), N_("%(who)s answered your suggestion"),
        N_("Your suggestion has moved on"), N_("the suggestion is yours, or you vote for it"), "flag", Mode.NOW,
    ),
    Event.DONE: Facts(
        N_("You asked, we did"), N_("%(who)s: what you asked for is done"), N_("What you asked for is done"),
        N_("you voted for this"), "check", Mode.NOW,
    ),
    Event.ENTRUSTED: Facts(
        N_("Suggestions I look after"), N_("%(who)s gave you a suggestion to look after"),
        N_("You are to look after a suggestion"), N_("you look after this suggestion"), "flag", Mode.OFF, here=True,
    ),
    Event.SUGGESTED: Facts(
        N_("Suggestions of partners I look after"), N_("%(who)s, of a partner you look after, made a suggestion"),
        N_("A partner you look after made a suggestion"), N_("you look after this partner"), "flag", Mode.OFF,
        here=True,
    ),
}  # fmt: skip
