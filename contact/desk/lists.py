"""The left column: which list is asked for, its cards, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.conversation import State, listing
from contact.conversation.listing import Card, Cursor
from contact.db import utcnow
from contact.desk import draft, entries, seen, view
from contact.desk.nav import TROUBLE
from contact.desk.view import Wanted
from contact.outbox import Delivery
from contact.response import queues
from contact.response.levels import shown as levels
from contact.response.levels.shown import Pill
from contact.users import User

PAGE = 40
STATES = ("open", "pending", "snoozed", "resolved")
FIXED = ("mine", "unassigned", "all", "mentions")
NUMBERED = ("view", "queue")
"""Lists that are named with a number: `view-7`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: `list` is one of `FIXED`, `view-ID` or `queue-ID`, `state` empty = the view's own."""

    list: str = "mine"
    state: str = ""
    sort: str = ""
    tag: str = ""
    q: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Asked:
        chosen = values.get("list", "mine")
        known = chosen in FIXED or (chosen.partition("-")[0] in NUMBERED and chosen.partition("-")[2].isdecimal())
        state, sort = values.get("state", ""), values.get("sort", "")
        return cls(
            list=chosen if known else "mine",
            state=state if state in STATES else "",
            sort=sort if sort in view.SORTS else "",
            tag=values.get("tag", "")[:60],
            q=" ".join(values.get("q", "").split())[:200],
        )

    def query(self, **changes: Any) -> str:
        """As the end of an address; what is empty is left out."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__} | changes
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(slots=True)
class Line:
    """A card, and what only the console knows about it."""

    card: Card
    unread: bool
    draft: bool
    trouble: bool
    """A message of ours did not get through, or nobody knows."""
    assignee: User | None
    level: Pill | None = None
    """The promise that is due first."""


@dataclass(slots=True)
class Pane:
    """The list as the template shows it."""

    asked: Asked
    title: str
    wanted: Wanted
    lines: list[Line]
    more: str
    """The cursor of the next page, empty at the end."""
    counts: dict[str, int] = field(default_factory=dict)
    """State -> how many in this list, where that is known without counting."""


def landing(session: Session, user: User) -> Asked:
    """Where the day begins: own work if there is any, else what nobody has, or everything.

    In a house where nothing has come yet it is what nobody has: there the first message appears.
    """
    open_ = listing.totals(session, user.id)
    if open_.mine:
        return Asked()
    return Asked(list="all" if open_.all and not open_.unassigned else "unassigned")


def pane(session: Session, user: User, asked: Asked, now: datetime, before: Cursor | None = None) -> Pane:
    """One page of the list. Raises `NotFound` for a view that is gone."""
    title, wanted = _wanted(session, user, asked)
    page = levels.page(wanted.sort, now) if wanted.sort in view.BY_DUE else listing.page
    found = page(session, wanted.filter(user.id), limit=PAGE + 1, before=before)
    if (limit := wanted.waited_before(now)) is not None:
        found = [card for card in found if card.waiting_since and card.waiting_since <= limit]
    cards = found[:PAGE]
    return Pane(
        asked=asked,
        title=title,
        wanted=wanted,
        lines=lines(session, user, cards),
        more=str(cards[-1].cursor) if len(found) > PAGE else "",
        counts=_counts(session, user, asked),
    )


def lines(session: Session, user: User, cards: list[Card]) -> list[Line]:
    """Cards with read marks, drafts, failures and faces: four statements more."""
    ids = [card.id for card in cards]
    marks, drafts = seen.marks(session, user.id, ids), draft.written(session, user.id, ids)
    users = entries.everyone(session)
    stuck, due = _stuck(session, ids), levels.pills(session, ids, utcnow())
    return [
        Line(
            card=card,
            unread=_unread(card, marks, user.id),
            draft=card.id in drafts,
            trouble=card.id in stuck,
            assignee=users.get(card.assignee_id or 0),
            level=due.get(card.id),
        )
        for card in cards
    ]


def _stuck(session: Session, ids: list[int]) -> set[int]:
    """Conversations with a message that needs a person's decision."""
    query = select(Delivery.conversation_id).where(Delivery.conversation_id.in_(ids), Delivery.state.in_(TROUBLE))
    return set(session.scalars(query)) if ids else set()


def _unread(card: Card, marks: Mapping[int, int], user_id: int) -> bool:
    """Never opened counts as new only while it is somebody's open work here."""
    mark = marks.get(card.id)
    if mark is not None:
        return mark < card.last_id
    return card.state == State.OPEN and card.assignee_id in (None, user_id)


def _wanted(session: Session, user: User, asked: Asked) -> tuple[str, Wanted]:
    if asked.list.startswith("view-"):
        saved = view.get(session, user.id, int(asked.list[5:]))
        title, wanted = saved.name, Wanted.of(saved.filter)
    elif asked.list.startswith("queue-"):  # what waits there for somebody
        queue = queues.get(session, int(asked.list[6:]))
        title, wanted = queue.name, Wanted(assignee="none", queue=queue.id)
    else:
        title, wanted = {
            "mine": (_("Mine"), Wanted(assignee=view.ME)),
            "unassigned": (_("Unassigned"), Wanted(assignee="none")),
            "all": (_("All"), Wanted()),
            "mentions": (_("Mentions"), Wanted(states=(), mentioned=True)),
        }[asked.list]
    if asked.state:
        wanted = wanted.with_(states=(asked.state,))
    if asked.sort:
        wanted = wanted.with_(sort=asked.sort, waiting_minutes=0 if asked.sort == "newest" else wanted.waiting_minutes)
    if asked.tag:
        wanted = wanted.with_(tags=(*wanted.tags, asked.tag))
    return str(title), wanted


def wanted_of(session: Session, user: User, asked: Asked) -> Wanted:
    """The filter behind an address: what "save as a view" begins with."""
    return _wanted(session, user, asked)[1]


def _counts(session: Session, user: User, asked: Asked) -> dict[str, int]:
    """From the kept counters: nothing is counted for it."""
    if asked.list not in ("mine", "unassigned", "all") or asked.tag:
        return {}
    return {state: getattr(listing.totals(session, user.id, State(state)), asked.list) for state in STATES}
