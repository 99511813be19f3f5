"""What came to an inbox by webhook, counted: also what was refused, without keeping a stranger's bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.text import storable


class HookTally(Base):
    """One row an inbox. `refused`: forged, too large, or to an inbox that takes none; the newest with its reason."""

    __tablename__ = "hook_tally"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    taken: Mapped[int] = mapped_column(Id, default=0)
    repeated: Mapped[int] = mapped_column(Id, default=0)
    """The same request once more: providers repeat what was not answered in time."""
    refused: Mapped[int] = mapped_column(Id, default=0)
    last_at: Mapped[datetime | None] = mapped_column(Utc)
    refused_at: Mapped[datetime | None] = mapped_column(Utc)
    refused_why: Mapped[str] = mapped_column(String(300), default="")


def taken(session: Session, now: datetime, inbox_id: int, again: bool) -> None:
    """A request was kept, or had been kept before (`again`)."""
    tally = _of(session, inbox_id)
    tally.taken, tally.repeated, tally.last_at = tally.taken + (not again), tally.repeated + again, now


def refused(session: Session, now: datetime, inbox_id: int, why: str) -> None:
    """A request was turned away; nothing of it is kept but this."""
    tally = _of(session, inbox_id)
    tally.refused, tally.refused_at, tally.refused_why = tally.refused + 1, now, storable(why)[:300]


def of(session: Session, inbox_id: int) -> HookTally | None:
    """The counts of an inbox; None while nothing ever came."""
    return session.get(HookTally, inbox_id)


def _of(session: Session, inbox_id: int) -> HookTally:
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    empty = {"inbox_id": inbox_id, "taken": 0, "repeated": 0, "refused": 0, "refused_why": ""}
    session.execute(dialect.insert(HookTally).values(empty).on_conflict_do_nothing())
    return session.get_one(HookTally, inbox_id, with_for_update=True, populate_existing=True)
