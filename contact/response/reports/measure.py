"""What was measured: one row a measured thing, derived from the log and from nothing else.

`measure` and `measured` are filled by the reader "reports" (`reader.py`) and hold no word of
anybody: emptied and read anew from the first row of the log they come out the same
(`flask reports rebuild`). Service levels that were kept are not its own: the log does not say what
was promised, so the reader "service levels" writes them with its results, and they stay. Erasing a
person changes nothing here: what happened stays countable.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id, Json, Utc

SLOT = 900
"""Seconds of a slot: every clock on earth is a whole number of quarters of an hour away from UTC."""


class Kind(IntEnum):
    """What was measured. The numbers stand in the database: never give one to something else."""

    IN = 0
    """A message of a customer."""
    OUT = 1
    """A message of ours, written by a person."""
    AUTO = 2
    """A message of ours that nobody wrote: no answer."""
    OPENED = 3
    """A conversation began, with the first message of somebody."""
    FIRST = 4
    """The first answer; `value` = milliseconds the customer waited."""
    NEXT = 5
    """Every later answer to somebody who waited; `value` as above."""
    RESOLVED = 6
    """`value` = milliseconds since the conversation began, or was opened again."""
    OPEN = 7
    """It is open now, since `began`; gone once it is resolved. One a conversation."""
    SCORE = 8
    """Satisfaction; `value` = 1 to 5."""
    BREACHED = 9
    """A service level was missed; `value` = 1 first answer, 2 next answer, 3 resolution, 0 another."""
    TAKEN = 10
    """It was given to an agent."""
    ASKED = 11
    """The customer was asked how satisfied they are."""
    KEPT = 12
    """A service level was kept; `value` as for `BREACHED`. Written by the reader "service levels", with its results."""


ONCE = (Kind.OPENED, Kind.FIRST, Kind.RESOLVED, Kind.OPEN, Kind.BREACHED, Kind.KEPT)
"""What counts once for a matter: hidden while its conversation is merged into another one."""
TARGETS = {"first": 1, "next": 2, "resolution": 3}
"""What a service level promises, as `Measure.value` has it."""
KINDS = 16
"""`Measure.id` = number of the interaction x `KINDS` + kind, so that no row can be counted twice."""


_SUMMED = ("hidden", "channel", "inbox_id", "queue_id", "agent_id", "value", "returned", "began")


class Measure(Base):
    """One measured thing. Channel, inbox, queue and agent are those of that moment.

    A conversation that was in no queue yet gets the first one it is put into, also for what was
    before; what came in before somebody had it is that of the first who has. `hidden`: its
    conversation is merged into another one. `returned`: a resolution after which the
    conversation was opened again.
    """

    __tablename__ = "measure"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(Integer)
    slot: Mapped[int] = mapped_column(Integer)
    """The quarter of an hour of `at`, counted since 1970."""
    began: Mapped[int | None] = mapped_column(Integer)
    """The slot in which what `value` measures began."""
    at: Mapped[datetime] = mapped_column(Utc)
    value: Mapped[int | None] = mapped_column(Id)
    conversation_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    inbox_id: Mapped[int | None] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    agent_id: Mapped[int | None] = mapped_column(Id)
    returned: Mapped[bool] = mapped_column(Boolean)
    hidden: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (
        # Everything a report sums stands in the index: a third of the time, for 60 bytes a row.
        Index("ix_measure_slot", "kind", "slot", *_SUMMED),
        Index("ix_measure_conversation_id", "conversation_id"),
    )


class Measured(Base):
    """How far a conversation is counted: the last row of the log, and what the next one needs to know."""

    __tablename__ = "measured"

    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    last_id: Mapped[int] = mapped_column(Id)
    state: Mapped[list[Any]] = mapped_column(Json)


def slot_of(at: datetime) -> int:
    return int(at.timestamp()) // SLOT
