"""Scope: what one viewer may see and do. The one layer every page, search, count, mail and file of the board asks.

Each noun says once, beside its table, who sees its rows:

    scope.seen(Post, lambda viewer: Post.board_id.in_(boards_of(viewer)))

and everybody reads through `one` and `those`. A table without a rule cannot be read here, and whoever may not see a
row is told the same as where there is none: 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Partner
from contact.db import Base
from contact.errors import Forbidden, NotFound
from contact.users import Role, User

Noun = TypeVar("Noun", bound=Base)


class ReadOnly(Forbidden):
    """This partnership is suspended: you can read, and change nothing."""

    code = "read_only"


class Closed(Forbidden):
    """This partnership has ended."""

    code = "closed"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody of a partner, or one who works here (`partner_id` 0)."""

    user_id: int
    partner_id: int = 0
    member_id: int = 0
    contact_id: int = 0
    role: MemberRole = MemberRole.VIEWER
    only_reads: bool = False
    boards: frozenset[int] = frozenset()
    """Boards for an audience this person is one of (`forum/board.py`)."""

    @property
    def is_staff(self) -> bool:
        return not self.partner_id

    @property
    def leads(self) -> bool:
        """Looks after the partner's people."""
        return not self.is_staff and self.role.leads and not self.only_reads

    def must_act(self) -> None:
        """Raises `ReadOnly` or `Forbidden` unless this viewer may write, vote and acknowledge."""
        if self.only_reads:
            raise ReadOnly
        if not self.is_staff and not self.role.acts:
            raise Forbidden("You can read here, and change nothing.")

    def must_lead(self) -> None:
        """Raises `ReadOnly` or `Forbidden` unless this viewer looks after the partner's people."""
        if self.only_reads:
            raise ReadOnly
        if not self.leads:
            raise Forbidden


def viewer_of(session: Session, user: User) -> Viewer:
    """Who this user is here; raises `Closed` where the partnership has ended."""
    if user.may(Role.AGENT):
        return Viewer(user.id)
    query = select(PartnerMember, Partner).join(Partner, Partner.id == PartnerMember.partner_id)
    found = session.execute(query.where(PartnerMember.user_id == user.id, PartnerMember.ended_at.is_(None))).first()
    if found is None or not found[1].is_open:
        raise Closed
    member, partner = found
    contact_id = user.contact_id or 0
    who = Viewer(user.id, partner.id, member.id, contact_id, MemberRole(member.role), partner.only_reads)
    return replace(who, boards=frozenset().union(*(find(session, who) for find in _BOARDS)))


Boards = Callable[[Session, Viewer], frozenset[int]]
_BOARDS: list[Boards] = []


def of_audiences(find: Boards) -> None:
    """Say how to find the boards of an audience somebody is one of; once."""
    _BOARDS.append(find)


Rule = Callable[[Viewer], ColumnElement[bool]]
_RULES: dict[type[Base], Rule] = {}


def seen(noun: type[Base], rule: Rule) -> None:
    """Say who sees the rows of a table; once, beside it."""
    if noun in _RULES:
        raise ValueError(f"{noun.__name__} has a rule already")
    _RULES[noun] = rule


def those(viewer: Viewer, noun: type[Noun]) -> Select[Noun]:
    """The rows this viewer sees; narrow and order it as you like."""
    return select(noun).where(_RULES[noun](viewer))


def one(session: Session, viewer: Viewer, noun: type[Noun], number: int) -> Noun:
    """The row with that id; raises `NotFound`, whether there is none or none to see."""
    key: Any = getattr(noun, "id")  # noqa: B009 - every noun of the board has one
    found = session.scalars(those(viewer, noun).where(key == number)).first()
    if found is None:
        raise NotFound
    return found


seen(Partner, lambda viewer: Partner.id == viewer.partner_id if not viewer.is_staff else Partner.id.is_not(None))
seen(
    PartnerMember,
    lambda viewer: (
        PartnerMember.partner_id == viewer.partner_id if not viewer.is_staff else PartnerMember.id.is_not(None)
    ),
)
