"""The rail on the left: lists with their numbers, saved views, the other pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import alarms, letters
from contact.conversation import Mention, listing
from contact.db import utcnow
from contact.desk import seen, trouble, view
from contact.desk.view import SavedView, Wanted
from contact.response.levels import shown as levels
from contact.response.queues import rail
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


DAILY: tuple[Place, ...] = (
    Place("/desk/wallboard", N_("Wallboard"), "desk", Role.AGENT),
    Place("/desk/reports", N_("Reports"), "chart", Role.AGENT),
)
"""What people look at every day, each with a line in the rail."""
RESPONSE: tuple[Place, ...] = (
    Place("/desk/answers", N_("Canned answers"), "quote", Role.AGENT),
    Place("/desk/macros", N_("Macros"), "command", Role.AGENT),
    Place("/desk/rules", N_("Rules"), "swap", Role.SUPERVISOR),
    Place("/desk/queues", N_("Queues"), "bullets", Role.SUPERVISOR),
    Place("/desk/levels", N_("Service levels"), "clock", Role.SUPERVISOR),
    Place("/desk/hours", N_("Business hours"), "sun", Role.SUPERVISOR),
    Place("/desk/automatic", N_("Automatic answers"), "robot", Role.SUPERVISOR),
    Place("/desk/satisfaction", N_("Satisfaction"), "star", Role.SUPERVISOR),
    Place("/desk/returned", N_("Came back"), "bounce", Role.AGENT),
)
"""Response management: one line in the rail, tabs on each of its pages."""
CAMPAIGNS: tuple[Place, ...] = (
    Place("/desk/campaigns", N_("Campaigns"), "send", Role.SUPERVISOR),
    Place("/desk/segments", N_("Segments"), "people", Role.SUPERVISOR),
    Place("/desk/contents", N_("Contents"), "edit", Role.SUPERVISOR),
    Place("/desk/imports", N_("Import contacts"), "download", Role.SUPERVISOR),
    Place("/desk/fields", N_("Contact fields"), "customer", Role.SUPERVISOR),
    Place("/desk/consent", N_("Consent"), "check", Role.AGENT),
)  # fmt: skip
"""Planned writing: one line in the rail, tabs on each of its pages."""


BOARD: tuple[Place, ...] = (
    Place("/desk/partners", N_("Partners"), "people", Role.AGENT),
    Place("/desk/notices", N_("Notices"), "bell", Role.AGENT),
    Place("/desk/boards", N_("Boards"), "chat", Role.AGENT),
    Place("/desk/suggestions", N_("Suggestions"), "star", Role.AGENT),
    Place("/desk/partner-applications", N_("Applications"), "mail", Role.AGENT),
    Place("/desk/partner-words", N_("Types, tiers, regions"), "tag", Role.SUPERVISOR),
    Place("/desk/board-news", N_("For me"), "bell", Role.AGENT),
)
"""The partner board: one line in the rail, tabs on each of its pages."""


def places(user: User) -> list[Place]:
    """The pages of response management this user may open."""
    return [place for place in RESPONSE if user.may(place.role)]


def campaigns(user: User) -> list[Place]:
    """The pages of campaigns this user may open."""
    return [place for place in CAMPAIGNS if user.may(place.role)]


def board(user: User) -> list[Place]:
    """The pages of the partner board this user may open."""
    return [place for place in BOARD if user.may(place.role)]


@dataclass(frozen=True, slots=True)
class Nav:
    """Everything the rail shows."""

    totals: listing.Totals
    mentions: int
    views: list[ViewLine]
    trouble: int
    alarmed: bool
    """Whether something of the trouble is new and grows."""
    unread: int
    daily: list[Place]
    response: list[Place]
    campaigns: list[Place]
    board: list[Place]
    work: rail.Rail
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
            alarmed=user.may(Role.SUPERVISOR) and bool(alarms.ringing(session)),
            unread=seen.waiting(session, user.id),
            daily=[place for place in DAILY if user.may(place.role)],
            response=places(user),
            campaigns=campaigns(user),
            board=board(user),
            work=rail.build(session, user),
            letters=bool(letters.hand_inboxes(session)),
        )


def mentions(session: Session, user_id: int) -> int:
    """Notes that name the agent and were not seen yet."""
    query = select(func.count()).select_from(Mention).where(Mention.user_id == user_id, Mention.seen_at.is_(None))
    return session.scalar(query) or 0


def _count(session: Session, saved: SavedView, user_id: int) -> int:
    wanted = Wanted.of(saved.filter)
    count = levels.count(wanted.sort, utcnow()) if wanted.sort in view.BY_DUE else listing.count
    return count(session, wanted.filter(user_id), CAP)
