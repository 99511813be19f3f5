"""Board (게시판): who sees it, who may post on it, and whether somebody looks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Integer, Select, String, and_, func, or_, select, true, union
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.audience import compiled, definition
from board.partner.member import PartnerMember
from board.partner.partner import OPEN, Partner
from board.scope import Viewer
from contact import log
from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Forbidden, Invalid, NotFound
from contact.text import N_, storable
from contact.users import User
from contact.users.user import HERE


class Access(StrEnum):
    """Who sees a board, besides those who work here."""

    EVERYBODY = "everybody"
    AUDIENCE = "audience"
    STAFF = "staff"


class Posting(StrEnum):
    """Who begins a post; whoever sees the board comments."""

    PARTNERS = "partners"
    STAFF = "staff"


ACCESS: Final[Mapping[Access, str]] = {
    Access.EVERYBODY: N_("Everybody of every partner"),
    Access.AUDIENCE: N_("Some partners or people"),
    Access.STAFF: N_("Only those who work here"),
}
POSTING: Final[Mapping[Posting, str]] = {
    Posting.PARTNERS: N_("Partners and those who work here"),
    Posting.STAFF: N_("Only those who work here"),
}


class Board(Base):
    """One board. `shows_partner`: other partners read which partner somebody is of; without it only the name."""

    __tablename__ = "forum_board"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    description: Mapped[str] = mapped_column(String(500), default="")
    access: Mapped[str] = mapped_column(String(10))
    definition: Mapped[dict[str, Any] | None] = mapped_column(Json)
    posting: Mapped[str] = mapped_column(String(10))
    moderated: Mapped[bool] = mapped_column(Boolean, default=False)
    shows_partner: Mapped[bool] = mapped_column(Boolean, default=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Utc)
    archived_at: Mapped[datetime | None] = mapped_column(Utc)

    def may_post(self, viewer: Viewer) -> bool:
        return self.archived_at is None and (viewer.is_staff or self.posting == Posting.PARTNERS)

    def must_post(self, viewer: Viewer) -> None:
        """Raises `Forbidden` or `ReadOnly`."""
        viewer.must_act()
        if not self.may_post(viewer):
            raise Forbidden("Only those who work here begin something on this board.")


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.is_staff:
        return true()
    ours = and_(Board.access == Access.AUDIENCE.value, Board.id.in_(viewer.boards))
    return and_(Board.archived_at.is_(None), or_(Board.access == Access.EVERYBODY.value, ours))


scope.seen(Board, _seen)


def _mine(session: Session, viewer: Viewer) -> frozenset[int]:
    """The boards for an audience that holds this person: two statements, however many boards."""
    query = select(Board.id, Board.definition).where(Board.access == Access.AUDIENCE.value, Board.archived_at.is_(None))
    found = [(row.id, compiled.met(definition.parse(row.definition))) for row in session.execute(query)]
    if not found:
        return frozenset()
    asked = select(*(met.label(f"board_{number}") for number, met in found)).select_from(PartnerMember)
    asked = asked.join(Partner, Partner.id == PartnerMember.partner_id)
    row = session.execute(asked.where(PartnerMember.user_id == viewer.user_id)).first()
    return frozenset(number for (number, _), met in zip(found, row or (), strict=False) if met)


scope.of_audiences(_mine)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the form of a board says."""

    name: str
    description: str = ""
    access: Access = Access.EVERYBODY
    definition: dict[str, Any] | None = field(default=None)
    posting: Posting = Posting.PARTNERS
    moderated: bool = False
    shows_partner: bool = True


def settings_of(board: Board) -> Settings:
    return Settings(
        board.name, board.description, Access(board.access), board.definition, Posting(board.posting),
        board.moderated, board.shows_partner,
    )  # fmt: skip


def add(session: Session, now: datetime, given: Settings) -> Board:
    """Raises `Invalid`, or `Conflict` where a board has this name."""
    log.lock(session)
    board = Board(created_at=now, version=1, **_checked(session, given, None))
    session.add(board)
    session.flush()
    return board


def change(session: Session, number: int, given: Settings, version: int, *, archived_at: datetime | None) -> Board:
    """Raises `Conflict` where somebody changed it since `version`."""
    log.lock(session)
    board = session.get(Board, number)
    if board is None:
        raise NotFound
    if board.version != version:
        raise Conflict
    for name, value in _checked(session, given, number).items():
        setattr(board, name, value)
    board.archived_at = board.archived_at or archived_at if archived_at else None
    board.version += 1
    session.flush()
    return board


def _checked(session: Session, given: Settings, number: int | None) -> dict[str, Any]:
    name, about = " ".join(storable(given.name).split()), storable(given.description).strip()
    if not 1 <= len(name) <= 80:
        raise Invalid("A name has 1 to 80 characters.")
    if len(about) > 500:
        raise Invalid("The description may have up to %(n)s characters.", n=500)
    twin = session.scalar(select(Board.id).where(func.lower(Board.name) == name.lower()))
    if twin is not None and twin != number:
        raise Conflict("“%(name)s” is there already.", name=name)
    tree = None
    if given.access is Access.AUDIENCE:
        parsed = definition.parse(given.definition or {})
        tree = parsed.as_json()
        if not parsed.parts or not session.execute(compiled.select_count(parsed)).one()[0]:
            raise Invalid("Nobody would see this board: name partners or people.")
    return {**asdict(given), "name": name, "description": about, "definition": tree,
            "access": given.access.value, "posting": given.posting.value}  # fmt: skip


def people(board: Board) -> Select[int]:
    """Ids of all users who see a board."""
    staff = select(User.id).where(User.deactivated_at.is_(None), User.role.in_(HERE))
    if board.access == Access.STAFF or board.archived_at is not None:
        return staff
    if board.access == Access.AUDIENCE:
        tree = definition.parse(board.definition)
        theirs = compiled.select_people(tree).with_only_columns(PartnerMember.user_id)
    else:
        theirs = (
            select(PartnerMember.user_id)
            .join(Partner, Partner.id == PartnerMember.partner_id)
            .where(PartnerMember.ended_at.is_(None), Partner.stage.in_([stage.value for stage in OPEN]))
        )
    both = union(staff, theirs).subquery()
    return select(both.c[0])
