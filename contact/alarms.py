"""Alarms: what supervisors are told once, when it begins, and which stays until it is over.

An alarm has a name (`reader:search`, `growth:failed`, `flood:12`) and is open at most once. Whoever
raises it again while it is open only brings its facts up to date; nobody is told a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.log import is_postgresql

NUDGE = "alarm"
KEPT = timedelta(days=30)


class Alarm(Base):
    """`facts`: what its sentence needs (`contact/desk/alarming.py`)."""

    __tablename__ = "alarm"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(80))
    raised_at: Mapped[datetime] = mapped_column(Utc)
    cleared_at: Mapped[datetime | None] = mapped_column(Utc)
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (
        Index(
            "ix_alarm_open",
            "name",
            unique=True,
            postgresql_where=text("cleared_at IS NULL"),
            sqlite_where=text("cleared_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


def ring(session: Session, now: datetime, name: str, facts: Mapping[str, Any]) -> bool:
    """Raise an alarm; returns whether it is new, which is when people are told."""
    dialect: Any = postgresql if is_postgresql(session) else sqlite
    values = {"name": name[:80], "raised_at": now, "facts": dict(facts)}
    new = session.execute(
        dialect.insert(Alarm)
        .values(values)
        .on_conflict_do_nothing(index_elements=[Alarm.name], index_where=text("cleared_at IS NULL"))
        .returning(Alarm.id)
    ).first()
    if new is None:
        session.execute(update(Alarm).where(*_open(name)).values(facts=dict(facts)))
        return False
    wake(session, NUDGE)
    return True


def clear(session: Session, now: datetime, name: str) -> bool:
    """It is over; returns whether it rang."""
    over = session.execute(update(Alarm).where(*_open(name)).values(cleared_at=now).returning(Alarm.id)).first()
    if over is not None:
        wake(session, NUDGE)
    return over is not None


def ringing(session: Session, prefix: str = "") -> Sequence[Alarm]:
    """The open alarms, the oldest first."""
    query = select(Alarm).where(Alarm.cleared_at.is_(None), Alarm.name.startswith(prefix, autoescape=True))
    return session.scalars(query.order_by(Alarm.id)).all()


def sweep(session: Session, now: datetime) -> None:
    """Forget what was over long ago."""
    session.execute(delete(Alarm).where(Alarm.cleared_at < now - KEPT))


def _open(name: str) -> tuple[Any, ...]:
    return Alarm.name == name[:80], Alarm.cleared_at.is_(None)
