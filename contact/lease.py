"""Lease: who may do a thing that only one process may do at a time.

A row with an owner and an end; whoever finds it ended takes it. The clock that judges is the
one of the process that asks, so machines must agree to within the lease's length
(`flask doctor` looks).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Utc


class Lease(Base):
    """`owner` is HOST:PID of the holder."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    until: Mapped[datetime] = mapped_column(Utc)


def hold(session: Session, name: str, owner: str, now: datetime, length: timedelta) -> bool:
    """Take or renew the lease; False when somebody else holds it."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    values = {"owner": owner, "until": now + length}
    statement = (
        dialect.insert(Lease)
        .values(name=name, **values)
        .on_conflict_do_update(
            index_elements=[Lease.name], set_=values, where=or_(Lease.owner == owner, Lease.until < now)
        )
        .returning(Lease.name)
    )
    return session.execute(statement).first() is not None


def release(session: Session, name: str, owner: str) -> None:
    """Let the next one take it at once."""
    session.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))


def holder(session: Session, name: str, now: datetime) -> str | None:
    """Who holds it now."""
    return session.scalar(select(Lease.owner).where(Lease.name == name, Lease.until >= now))
