"""The two tables of results: how many of what, and who did what first. Both follow from the log (`fold.py`).

No words of anybody stand in them: numbers, names of the log, reasons of ours, and domains at least `FEWEST` of the
audience have.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from contact.db import Base, Id

FEWEST = 10
"""A domain with fewer recipients is one of `OTHERS`: who has a domain of one's own is not named by it."""
OTHERS = ""


class Cut(StrEnum):
    """What a count is of, and what `key` then is."""

    ROWS = "rows"
    """Rows of this name in the log; `key`: what an unknown was resolved to."""
    PEOPLE = "people"
    """Recipients who did this at least once."""
    VISITS = "visits"
    """Visits of links that name nobody."""
    SLOT = "slot"
    """How many at what time; `key`: the minute, or the first minute of a quarter of an hour, since 1970."""
    WHY = "why"
    """`key`: the reason, as a word of the log."""
    DOMAIN = "domain"
    """`key`: the domain of the address."""


class Count(Base):
    """`name`: a name of the log, or what people did (`what.py`)."""

    __tablename__ = "campaign_count"

    launch_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    cut: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    n: Mapped[int] = mapped_column(Id)


class Responder(Base):
    """A recipient who did it, once each; `row_id` is the row of the log that said so first."""

    __tablename__ = "campaign_responder"

    launch_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    what: Mapped[str] = mapped_column(String(60), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    row_id: Mapped[int] = mapped_column(Id)

    __table_args__ = (Index("ix_campaign_responder_row", "launch_id", "what", "row_id", "recipient_id"),)
