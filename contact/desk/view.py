"""Saved views: a named filter in the left column, of one agent or of the whole house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.conversation.listing import ANYBODY, NOBODY, Filter
from contact.conversation.state import PRIORITIES, State
from contact.db import Base, Id, Json, Utc
from contact.errors import Forbidden, Invalid, NotFound

ME = "me"
MAX_VIEWS = 50
BY_DUE = ("due", "breached")
SORTS = ("newest", "waiting", *BY_DUE)
"""`due`: what falls due next first; `breached`: only what is overdue, longest first."""


class SavedView(Base):
    """`user_id` None = everybody sees it. `filter` is what `Wanted` reads."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(80))
    filter: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_by: Mapped[int] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_saved_view_user_id", "user_id"),)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter as people choose it: `assignee` is "any", "me", "none" or a user's id.

    `waiting_minutes` keeps those where the customer has waited at least so long.
    """

    states: tuple[str, ...] = ("open",)
    assignee: str = "any"
    inboxes: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    priority: str = "low"
    waiting_minutes: int = 0
    sort: str = "newest"
    mentioned: bool = False
    queue: int = 0
    """0 = any, or none."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Wanted:
        """From kept or submitted values; raises `Invalid`."""
        try:
            return cls(
                states=tuple(State(value).value for value in values.get("states", ("open",))),
                assignee=_assignee(str(values.get("assignee") or "any")),
                inboxes=tuple(int(value) for value in values.get("inboxes", ())),
                channels=tuple(str(value)[:20] for value in values.get("channels", ())),
                tags=tuple(str(value).strip()[:60] for value in values.get("tags", ()) if str(value).strip()),
                priority=PRIORITIES[PRIORITIES.index(str(values.get("priority") or "low"))],
                waiting_minutes=max(0, min(int(values.get("waiting_minutes") or 0), 60 * 24 * 365)),
                sort=str(values["sort"]) if values.get("sort") in SORTS else "newest",
                queue=int(values.get("queue") or 0),
            )
        except (TypeError, ValueError):
            raise Invalid("This filter cannot be understood.") from None

    def kept(self) -> dict[str, Any]:
        """As JSON, without what says nothing."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "mentioned"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def filter(self, user_id: int) -> Filter:
        """What the list is asked for."""
        who = {"any": ANYBODY, "none": NOBODY, ME: user_id}.get(self.assignee)
        return Filter(
            states=tuple(State(value) for value in self.states),
            assignee=int(self.assignee) if who is None else who,
            inboxes=self.inboxes,
            channels=self.channels,
            tags=self.tags,
            priority=PRIORITIES.index(self.priority),
            waiting=self.sort == "waiting" or self.waiting_minutes > 0,
            mentioned=user_id if self.mentioned else None,
            queue=self.queue or None,
        )

    def waited_before(self, now: datetime) -> datetime | None:
        """Those who have waited since before this time; None = all."""
        return now - timedelta(minutes=self.waiting_minutes) if self.waiting_minutes else None

    def with_(self, **changes: Any) -> Wanted:
        return replace(self, **changes)


def visible(session: Session, user_id: int) -> list[SavedView]:
    """Own and shared views, shared first, by name."""
    mine = or_(SavedView.user_id == user_id, SavedView.user_id.is_(None))
    return list(session.scalars(select(SavedView).where(mine).order_by(SavedView.user_id.is_not(None), SavedView.name)))


def get(session: Session, user_id: int, view_id: int) -> SavedView:
    """A view this user may see; raises `NotFound`."""
    found = session.get(SavedView, view_id)
    if found is None or found.user_id not in (None, user_id):
        raise NotFound("This view does not exist.")
    return found


def save(
    session: Session, now: datetime, user_id: int, name: str, wanted: Wanted, *, shared: bool, may_share: bool
) -> SavedView:
    """A new view; raises `Invalid` or `Forbidden`."""
    name = " ".join(name.split())[:80]
    if not name:
        raise Invalid("A view needs a name.")
    if shared and not may_share:
        raise Forbidden
    if len(visible(session, user_id)) >= MAX_VIEWS:
        raise Invalid("There are too many views already.")
    made = SavedView(
        user_id=None if shared else user_id, name=name, filter=wanted.kept(), created_by=user_id, created_at=now
    )
    session.add(made)
    session.flush()
    return made


def remove(session: Session, user_id: int, view_id: int, *, may_share: bool) -> None:
    """Forget a view; a shared one only by those who may share."""
    found = get(session, user_id, view_id)
    if found.user_id is None and not may_share:
        raise Forbidden
    session.delete(found)


def _assignee(value: str) -> str:
    return value if value in ("any", "none", ME) else str(int(value))
