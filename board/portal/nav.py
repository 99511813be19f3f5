"""The places of the partners' pages, in order, with what is new in each for whoever looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from board.forum import reading
from board.notice import own
from board.notifying import tell
from board.scope import Viewer
from board.suggestion.suggestion import ABOUT
from contact.text import N_

Count = Callable[[Session, Viewer, datetime], int]
"""What is new or unread there for this viewer: one indexed statement, asked on every page."""


@dataclass(frozen=True, slots=True)
class Place:
    """One line: the endpoint of its first page (without arguments), a msgid, an icon of `icons.svg`.

    `new` is what home says beside the number, a msgid; `tab`: stands among the tabs, else in the menu of oneself.
    """

    endpoint: str
    label: str
    icon: str
    count: Count | None = None
    new: str = N_("new")
    tab: bool = True


PLACES: Final[tuple[Place, ...]] = (
    Place("board.home", N_("Home"), "home"),
    Place("board_notices.index", N_("Notices"), "page", own.fresh),
    Place("board_forum.index", N_("Boards"), "chat", lambda session, viewer, _: reading.total(session, viewer)),
    Place(
        "board_suggestions.index",
        N_("Suggestions"),
        "star",
        lambda session, viewer, _: tell.unread(session, viewer.user_id, ABOUT),
    ),
    Place("board.people", N_("Our people"), "people"),
    Place("board.myself", N_("My settings"), "customer", tab=False),
    Place("board_notifying.mine", N_("Notification settings"), "bell", tab=False),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number on home that is no place of its own: `key` is its name among the counts, `query` narrows the page."""

    key: str
    endpoint: str
    label: str
    icon: str
    count: Count
    query: tuple[tuple[str, str], ...] = ()
    urgent: bool = False
    """Something must be done."""


FIGURES: Final[tuple[Figure, ...]] = (
    Figure(
        "to_acknowledge", "board_notices.index", N_("To acknowledge"), "check", own.owing,
        query=(("only", own.Only.TO_ACKNOWLEDGE.value),), urgent=True,
    ),
)  # fmt: skip
"""Before the places that count, on home."""


def counts(session: Session, viewer: Viewer, now: datetime) -> dict[str, int]:
    """By endpoint, for the places that count."""
    return {place.endpoint: place.count(session, viewer, now) for place in PLACES if place.count is not None}


def figures(session: Session, viewer: Viewer, now: datetime) -> dict[str, int]:
    """By key."""
    return {figure.key: figure.count(session, viewer, now) for figure in FIGURES}
