"""Pulse: which parts of which worker are alive, and what went wrong with them last."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Integer, String, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import owner
from contact.db import Base, Utc

EVERY = 5.0
"""Seconds between two beats."""
DEAD_AFTER = timedelta(seconds=20)
"""A part whose last beat is older does not run."""
FORGET_AFTER = timedelta(hours=1)


class Pulse(Base):
    """The last word of one part of one process."""

    __tablename__ = "pulse"

    process: Mapped[str] = mapped_column(String(120), primary_key=True)
    part: Mapped[str] = mapped_column(String(60), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    """`starting` (its door is not open yet), `running`, `waiting` (failed, will be tried again) or `stopped`."""
    since: Mapped[datetime] = mapped_column(Utc)
    beat_at: Mapped[datetime] = mapped_column(Utc)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(Text, default="")


@dataclass(slots=True)
class Beat:
    """What a supervisor knows of a part."""

    part: str
    state: str
    since: datetime
    failures: int = 0
    error: str = ""


def process_name() -> str:
    """HOST#MACHINE:PID, the owner's name on leases and pulses; MACHINE tells hosts of one name apart."""
    return f"{_place()}:{os.getpid()}"


def may_run(process: str) -> bool:
    """Whether the process behind a pulse can still be there: on this machine we can look."""
    place, _, pid = process.rpartition(":")
    return place != _place() or not pid.isdigit() or owner.runs(int(pid))


def _place() -> str:
    return f"{socket.gethostname()[:100]}#{owner.machine()[:6]}"


def beat(session: Session, now: datetime, process: str, beats: Sequence[Beat]) -> None:
    """Write all parts of one process at once; forget processes long dead."""
    for one in beats:
        session.merge(
            Pulse(
                process=process,
                part=one.part,
                state=one.state,
                since=one.since,
                beat_at=now,
                failures=one.failures,
                error=one.error[:500],
            )
        )
    session.execute(delete(Pulse).where(Pulse.beat_at < now - FORGET_AFTER))


def forget(session: Session, process: str) -> None:
    """A process that ended in good order leaves nothing behind."""
    session.execute(delete(Pulse).where(Pulse.process == process))


def living(session: Session, now: datetime) -> Sequence[Pulse]:
    """Parts with a recent beat, by name; a process that was killed is gone at once where that can be seen."""
    recent = select(Pulse).where(Pulse.beat_at >= now - DEAD_AFTER).order_by(Pulse.part, Pulse.process)
    return [part for part in session.scalars(recent) if may_run(part.process)]
