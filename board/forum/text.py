"""What people write on boards: plain words with limits, and when something happened last, as a number."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy import text as sql
from sqlalchemy.orm import InstrumentedAttribute

from board.scope import Viewer
from contact.errors import Invalid
from contact.text import storable

LONGEST_TITLE = 200
LONGEST = 20_000


class State(StrEnum):
    """Of a post or a comment. Others see what is shown, and of what is removed that it was there."""

    SHOWN = "shown"
    WAITING = "waiting"
    """Somebody here looks first."""
    HIDDEN = "hidden"
    REMOVED = "removed"
    """Taken back by whoever wrote it."""


WAITS = sql("state = 'waiting'")
"""What a partial index holds: those that somebody has to look at."""

Column = InstrumentedAttribute


def open_to(viewer: Viewer, state: Column[str], author: Column[int]) -> ColumnElement[bool]:
    """A partner's: that it is there. What was taken back leaves a trace; what waits or is hidden its author sees."""
    return or_(state.in_([State.SHOWN.value, State.REMOVED.value]), author == viewer.user_id)


def legible_to(viewer: Viewer, state: Column[str], author: Column[int]) -> ColumnElement[bool]:
    """A partner's: its words and files. While it waits, whoever wrote it has them."""
    return or_(state == State.SHOWN.value, and_(state == State.WAITING.value, author == viewer.user_id))


def title(given: str) -> str:
    """One line; raises `Invalid`."""
    line = " ".join(storable(given).split())
    if not line:
        raise Invalid("Enter a title.")
    if len(line) > LONGEST_TITLE:
        raise Invalid("A title may have up to %(n)s characters.", n=LONGEST_TITLE)
    return line


def words(given: str) -> str:
    """Paragraphs as they were typed; raises `Invalid`."""
    text: str = storable(given).replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise Invalid("Write something first.")
    if len(text) > LONGEST:
        raise Invalid("A text may have up to %(n)s characters.", n=LONGEST)
    return text


def micros(at: datetime) -> int:
    """A time as the number `turn` counts in."""
    return int(at.timestamp() * 1_000_000)
