"""The rail on the left: lists with their numbers, saved views, the other pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import letters
from contact.conversation import Mention, listing
from contact.desk import seen, trouble, view
from contact.desk.view import SavedView, Wanted
from contact.service import Service
from contact.text import N_
from contact.users import Role, User

CAP = 100
"""Saved views are counted no further than this."""
TROUBLE = ("failed", "bounced", "expired", "unknown", "held")


@dataclass(frozen=True, slots=True)
class ViewLine:
    """A saved view and how many conversations it holds, `CAP` at most."""

    view: SavedView
    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """One page of the rail, for a role and those above it."""

    href: str
    name: str
    icon: str
    role: Role


RESPONSE: tuple[Place, ...] = (
    Place("/desk/rules", N_("Rules"), "robot", Role.SUPERVISOR),
    Place("/desk/macros", N_("Macros"), "command", Role.AGENT),
)
"""Response management, in the order of the rail."""


@dataclass(frozen=True, slots=True)
class Nav:
    """Everything the rail shows."""

    totals: listing.Totals
    mentions: int
    views: list[ViewLine]
    trouble: int
    unread: int
    response: list[Place]
    letters: bool = False
    """Whether some inbox has letters that people carry."""


def build(service: Service, user: User) -> Nav:
    """A handful of short reads, whatever the size of the house."""
    with service.db.read() as session:
        return Nav(
            totals=listing.totals(session, user.id),
            mentions=mentions(session, user.id),
            views=[ViewLine(each, _count(session, each, user.id)) for each in view.visible(session, user.id)],
            trouble=trouble.total(session) if user.may(Role.SUPERVISOR) else 0,
            unread=seen.waiting(session, user.id),
            response=[place for place in RESPONSE if user.may(place.role)],
            letters=bool(letters.hand_inboxes(session)),
        )


def mentions(session: Session, user_id: int) -> int:
    """Notes that name the agent and were not seen yet."""
    query = select(func.count()).select_from(Mention).where(Mention.user_id == user_id, Mention.seen_at.is_(None))
    return session.scalar(query) or 0


def _count(session: Session, saved: SavedView, user_id: int) -> int:
    return listing.count(session, Wanted.of(saved.filter).filter(user_id), CAP)
