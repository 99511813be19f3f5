"""Macro: a name for several deeds, of one agent or of the whole house."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.errors import Forbidden, Invalid, NotFound
from contact.response.deeds import Speaker, Step, steps_of
from contact.response.rules.draft import LONGEST_NAME, name_of
from contact.text import N_
from contact.users import Role, User

MOST = 200
"""Macros of one agent, and as many of the house."""


class Macro(Base):
    """`user_id` None = everybody has it."""

    __tablename__ = "macro"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    steps: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    created_by: Mapped[int] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (Index("ix_macro_user_id", "user_id"),)

    @property
    def todo(self) -> tuple[Step, ...]:
        return tuple(Step(step["do"], step.get("value")) for step in self.steps)


def visible(session: Session, user_id: int) -> Sequence[Macro]:
    """The house's and one's own, by name."""
    mine = or_(Macro.user_id.is_(None), Macro.user_id == user_id)
    query = select(Macro).where(Macro.removed_at.is_(None), mine)
    return session.scalars(query.order_by(Macro.user_id.is_not(None), Macro.name, Macro.id)).all()


def get(session: Session, macro_id: int, user: User) -> Macro:
    """A macro the user has; raises `NotFound`."""
    macro = session.get(Macro, macro_id)
    if macro is None or macro.removed_at is not None or macro.user_id not in (None, user.id):
        raise NotFound(N_("This macro does not exist, or no longer."))
    return macro


def add(session: Session, now: datetime, user: User, speaker: Speaker, *, name: Any, steps: Any, shared: bool) -> Macro:
    """A new one; raises `Invalid`, and `Forbidden` for the house's own by whom it is not."""
    may_share(user, shared)
    owner = None if shared else user.id
    same = Macro.user_id.is_(None) if shared else Macro.user_id == owner
    count = select(func.count()).where(Macro.removed_at.is_(None), same)
    if (session.scalar(count) or 0) >= MOST:
        raise Invalid(N_("There may be up to %(n)s macros."), n=MOST)
    checked = steps_of(session, steps, speaker, macro=True)
    macro = Macro(
        user_id=owner, name=name_of(name), steps=[step.as_json() for step in checked],
        created_by=user.id, created_at=now, changed_at=now,
    )  # fmt: skip
    session.add(macro)
    session.flush()
    return macro


def change(
    session: Session, now: datetime, macro: Macro, user: User, speaker: Speaker, *, name: Any, steps: Any, shared: bool
) -> None:
    """Raises `Invalid`, `Forbidden`."""
    may_change(user, macro)
    may_share(user, shared)
    checked = steps_of(session, steps, speaker, macro=True)
    macro.name, macro.steps, macro.changed_at = name_of(name), [step.as_json() for step in checked], now
    macro.user_id = None if shared else macro.user_id or user.id
    session.flush()


def remove(session: Session, now: datetime, macro: Macro, user: User) -> None:
    """Out of every menu; rows of the log keep its name. Raises `Forbidden`."""
    may_change(user, macro)
    macro.removed_at = now
    session.flush()


def may_share(user: User, shared: bool) -> None:
    if shared and not user.may(Role.SUPERVISOR):
        raise Forbidden(N_("Macros for everybody are made by supervisors."))


def may_change(user: User, macro: Macro) -> None:
    if macro.user_id is None and not user.may(Role.SUPERVISOR):
        raise Forbidden(N_("Macros for everybody are made by supervisors."))
