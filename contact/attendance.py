"""Attendance: which agents are here, as all processes may know it.

Presence (`contact/presence.py`) lives in the web processes; this is its shadow in the database,
for those who have no sockets. One row a web process: written when somebody comes, goes or looks
away, and every `BEAT` seconds, never for a socket. A process that fell silent is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import pulse
from contact.db import Base, Json, Utc, wake
from contact.nudge import LOG
from contact.signs import State

BEAT = 10.0
"""Seconds between two words of a web process that has nothing new to say."""
BELIEVED = timedelta(seconds=30)
AWAY_AFTER = timedelta(minutes=5)
"""Another window in front is not yet away: so long an agent counts as here."""


class Attendance(Base):
    """What one web process sees: user -> [online or away, since (ISO)]."""

    __tablename__ = "attendance"

    process: Mapped[str] = mapped_column(String(120), primary_key=True)
    users: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    beat_at: Mapped[datetime] = mapped_column(Utc)


@dataclass(frozen=True, slots=True)
class Seen:
    """One agent with an open page."""

    state: State
    since: datetime

    def is_here(self, now: datetime) -> bool:
        """Whether to count on them: not looked away for long."""
        return self.state == "online" or now - self.since < AWAY_AFTER


def write(session: Session, now: datetime, process: str, users: Mapping[int, Seen], *, news: bool) -> None:
    """What this process sees; `news`: it is not what it said last. Forgets processes long silent."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    told = {str(user): [seen.state, seen.since.isoformat()] for user, seen in users.items()}
    values = {"users": told, "beat_at": now}
    insert = dialect.insert(Attendance).values(process=process, **values)
    session.execute(insert.on_conflict_do_update(index_elements=[Attendance.process], set_=values))
    if news:
        session.execute(delete(Attendance).where(Attendance.beat_at < now - timedelta(hours=1)))
        wake(session, LOG)


def seen(session: Session, now: datetime) -> dict[int, Seen]:
    """Every agent with an open page in some living process; online in one is online."""
    rows = session.execute(select(Attendance.process, Attendance.users).where(Attendance.beat_at >= now - BELIEVED))
    found: dict[int, Seen] = {}
    for process, users in rows:
        if not pulse.may_run(process):
            continue
        for user, (state, since) in (users or {}).items():
            one = Seen(state, datetime.fromisoformat(since))
            if (known := found.get(int(user))) is None or _rank(one) > _rank(known):
                found[int(user)] = one
    return found


def here(session: Session, now: datetime) -> set[int]:
    """Agents who can be counted on now."""
    return {user for user, one in seen(session, now).items() if one.is_here(now)}


def _rank(one: Seen) -> tuple[bool, datetime]:
    return one.state == "online", one.since
