"""Bell: something of a user's has changed, and open pages ask again. A row a user, which every web process looks at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, Select, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc, wake
from contact.users import User

NUDGE = "board"
LATE = timedelta(minutes=2)
"""How long a transaction may take from its `now` to its end: rows that old are looked at again."""


class BoardBell(Base):
    """`n` counts the changes."""

    __tablename__ = "board_bell"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    n: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_board_bell_at", "at"),)


def ring(session: Session, now: datetime, users: Select[int]) -> None:
    """In one statement, in the order of users: two who ring for many never wait for each other."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    rows = select(User.id, literal(1, Id), literal(now, Utc)).where(User.id.in_(users)).order_by(User.id)
    adding = dialect.insert(BoardBell).from_select(["user_id", "n", "at"], rows)
    changed = {"n": BoardBell.n + 1, "at": now}
    session.execute(adding.on_conflict_do_update(index_elements=[BoardBell.user_id], set_=changed))
    wake(session, NUDGE)


def rung(session: Session, since: datetime) -> Mapping[int, int]:
    """Users something has changed for since then, with their count."""
    query = select(BoardBell.user_id, BoardBell.n).where(BoardBell.at > since - LATE)
    return {one.user_id: one.n for one in session.execute(query)}
