"""Shown: notifications as the lines of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from board.notifying import saying
from board.notifying.event import FACTS, Event
from board.notifying.notification import Notification
from contact import users


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    icon: str
    said: str
    title: str
    text: str
    link: str
    at: datetime
    unread: bool


def lines(session: Session, rows: Sequence[Notification]) -> list[Line]:
    """In the language of the page."""
    people = users.named(session, (one.by_id for one in rows))

    def say(msgid: str) -> str:
        return str(_(msgid))

    return [
        Line(
            one.id, FACTS[Event(one.event)].icon, saying.line(one, saying.name(one, people), say),
            one.title, one.text, one.link, one.at, one.read_at is None,
        )
        for one in rows
    ]  # fmt: skip
