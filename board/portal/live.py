"""The sockets of the partners' pages, namespace `/board`: only that something changed. The page then asks for it.

to the page     `changed`   something of this user's is another: new, read, gone
                `out`       the session has ended
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any

import gevent

from board.notifying import bell
from contact.db import utcnow
from contact.users import Role, sessions
from contact.web.live import Live, same_origin

SPACE = "/board"


@dataclass(frozen=True, slots=True)
class Sitting:
    """One open page."""

    user_id: int
    session_id: int


class Portal:
    """The door's memory: who sits where, and which change of theirs was told."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.sittings: dict[str, Sitting] = {}
        self._told: dict[int, int] = {}

    def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool | None:
        """Only with a session of a partner's person, from a page of ours."""
        settings = self.live.service.settings
        if not same_origin(environ, settings.public):
            return False
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(sessions.cookie_name(settings))
        with self.live.service.db.read() as session:
            found = sessions.user_of_cookie(session, cookie.value if cookie else None, utcnow(), Role.PARTNER)
        if found is None or found[0].role is not Role.PARTNER:
            return False
        user, session_id = found
        self.sittings[sid] = Sitting(user.id, session_id)
        self.live.server.enter_room(sid, f"u:{user.id}", namespace=SPACE)
        return None

    def disconnect(self, sid: str, *_reason: object) -> None:
        self.sittings.pop(sid, None)

    def follow(self) -> None:
        """Whose bell was rung, on whatever process: tell the pages that are open here."""
        since = self._begin()
        ear = self.live.bell(bell.NUDGE)
        while True:
            ear.wait(5.0)
            since = self.look(since)

    def look(self, since: datetime) -> datetime:
        """Tell what was rung since then, where somebody listens; returns until when that is done now.

        Whoever opens a page is told of the last minutes (`bell.LATE`), whether the page knows of them or not.
        """
        now = utcnow()
        if not self.sittings:
            return now
        with self.live.service.db.read() as session:
            rung = bell.rung(session, since)
        here = {sitting.user_id for sitting in self.sittings.values()}
        for user in here & {user for user, n in rung.items() if self._told.get(user) != n}:
            self.live.show("changed", {}, room=f"u:{user}", namespace=SPACE)
        self._told = dict(rung)
        return now

    def guard(self) -> None:
        """A session that ends takes its pages along, at once."""
        checked = self._begin()
        ear = self.live.bell(sessions.NUDGE)
        while True:
            ear.wait(5.0)
            if self.sittings:
                checked = self.live.put_out(self.sittings, checked, namespace=SPACE)

    def _begin(self) -> datetime:
        """From when on, once the process listens."""
        began = utcnow()
        while self.live.position is None:
            gevent.sleep(0.1)
        return began


def door(live: Live) -> None:
    """Open the namespace; see `contact/web/live.py`."""
    portal = Portal(live)
    live.admit(SPACE, portal.connect, portal.disconnect)
    live.spawn(portal.follow)
    live.spawn(portal.guard)
