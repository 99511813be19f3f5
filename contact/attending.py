"""The web process tells the database who is here: on change, and every `attendance.BEAT` seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from contact import attendance, presence, pulse
from contact.attendance import Seen
from contact.db import Database, utcnow
from contact.presence import Presence
from contact.signs import State

if TYPE_CHECKING:
    from contact.web.live import Live

SETTLE = 0.5
"""Seconds in which a page that is loaded anew comes back: nobody left."""

log = structlog.stdlib.get_logger(__name__)


class Attending:
    """What was told last, and since when each agent is as they are."""

    def __init__(self, db: Database, process: str) -> None:
        self._db = db
        self._process = process
        self._known: dict[int, Seen] = {}
        self._told = False

    def tell(self, states: Mapping[int, State], now: datetime) -> bool:
        """Write it; returns whether anything was new."""
        before, self._known = self._known, {user: self._seen(user, state, now) for user, state in states.items()}
        news = before != self._known or not self._told
        if news or self._known:
            with self._db.write() as session:
                attendance.write(session, now, self._process, self._known, news=news)
        self._told = True
        return news

    def _seen(self, user: int, state: State, now: datetime) -> Seen:
        known = self._known.get(user)
        return known if known is not None and known.state == state else Seen(state, now)


def door(live: Live) -> None:
    """Hung up in `wsgi.py` beside the doors with sockets; it has none."""
    live.spawn(_attend, live, presence.of(live))


def _attend(live: Live, known: Presence) -> None:
    import gevent
    from gevent.event import Event

    changed = Event()
    known.on_own(changed.set)
    attending = Attending(live.service.db, pulse.process_name())
    while live.position is None:
        gevent.sleep(0.1)
    while True:
        try:
            attending.tell(known.own(), utcnow())
        except SQLAlchemyError:
            log.exception("attendance not written")
        if changed.wait(attendance.BEAT):
            gevent.sleep(SETTLE)
        changed.clear()
