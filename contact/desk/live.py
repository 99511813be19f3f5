"""The console's sockets: what is new, who is here, who is writing. Namespace `/desk`.

What happened is read from the log by every web process for its own sockets; what is in no
log (viewing, typing, drafts) is spread to all of them.

to the page     `rows`     {conversation, rows: [...]}  to those who look at that conversation
                `changed`  {head, conversations: {id: [assignee, said]}}  to all, gathered; null instead of
                           too many, and then each agent hears of the own ones
                `viewing`  {user, conversation, state}  viewing, writing, noting or gone: at once to those
                           who look at that conversation
                `views`    [viewing, ...]               the same to all, gathered
                `typing`   {conversation, on, name}     the customer
                `level`    {id, conversation, target, breached}   a promise is due soon, or was not kept: to whoever has
                           the conversation, else its queue's people, else
                           supervisors; what was not kept to these, too
                `draft`    {conversation, draft, device}   to the agent's own devices
                `online`   [user ids]                   gathered
                `out`      the session has ended
from the page   `look`     {conversation, state}        what is on screen; 0 = no conversation;
                                                        answered with {head, viewing, online}: all that
                                                        is known of all web processes, at once
                `away`     true or false
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import gevent
import orjson
import structlog
from flask import current_app

from contact import presence
from contact.db import utcnow
from contact.desk.news import TOLD, Changes, News, own, pause
from contact.desk.places import Places
from contact.log import Appended, Name
from contact.presence import Agents, Change, Presence, Typing, Viewing
from contact.response.levels import notices
from contact.users import sessions
from contact.web.live import Live, same_origin

SPACE = "/desk"
EVERYBODY = "desk"
STATES = ("viewing", "writing", "noting", "gone")
CHECK = 60.0
"""Seconds after which open sockets count as use of their session."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Sitting:
    """One open page."""

    user_id: int
    name: str
    session_id: int
    conversation: int = 0
    state: str = "gone"


class Desk:
    """The door's memory: who sits where, and what waits to be told."""

    def __init__(self, live: Live, known: Presence) -> None:
        self.live = live
        self.presence = known
        self.sittings: dict[str, Sitting] = {}
        self.news = News()
        self.places = Places(live.service.db)
        self._telling = False
        self._views: orjson.Fragment | None = None
        self._online: orjson.Fragment = _written([])

    # -- sockets

    def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool | None:
        """Only with a session of ours, from a page of ours."""
        settings = self.live.service.settings
        if not same_origin(environ, settings.public):
            return False
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(sessions.cookie_name(settings))
        with self.live.service.db.read() as session:
            found = sessions.user_of_cookie(session, cookie.value if cookie else None, utcnow())
        if found is None:
            return False
        user, session_id = found
        self.sittings[sid] = Sitting(user.id, user.name, session_id)
        for room in (EVERYBODY, f"u:{user.id}", f"s:{session_id}", *notices.rooms(user)):
            self.live.server.enter_room(sid, room, namespace=SPACE)
        self.presence.agent_online(user.id, sid)
        return None

    def disconnect(self, sid: str, *_reason: object) -> None:
        sitting = self.sittings.pop(sid, None)
        if sitting is None:
            return
        self._views = None
        self.presence.agent_gone(sid)
        if sitting.conversation:
            self._gone(sitting)

    def look(self, sid: str, data: Any) -> dict[str, Any]:
        """Which conversation is on screen, and whether the agent is writing there."""
        sitting = self.sittings.get(sid)
        if sitting is None or not isinstance(data, dict):
            return {}
        number, state = data.get("conversation"), data.get("state", "viewing")
        if not isinstance(number, int) or state not in STATES:
            return {}
        self._move(sid, sitting, number, state if number else "gone")
        return {"head": self.live.position or 0, "viewing": self._everybody(), "online": self._online}

    def _move(self, sid: str, sitting: Sitting, number: int, state: str) -> None:
        if (number, state) == (sitting.conversation, sitting.state):
            return
        if number != sitting.conversation:
            self._leave(sid, sitting)
            if number:
                self.live.server.enter_room(sid, f"c:{number}", namespace=SPACE)
        was, sitting.conversation, sitting.state = sitting.state, number, state
        self._views = None
        if (was == "writing") != (state == "writing"):
            self._typing(sitting, state == "writing")
        if number:
            self._tell_view(sitting)

    def _everybody(self) -> orjson.Fragment:
        """Who looks at what, written once until somebody moves: with many pages it is long."""
        if self._views is None:
            self._views = _written([_as_view(one) for one in self.presence.views()])
        return self._views

    def away(self, sid: str, data: Any) -> None:
        sitting = self.sittings.get(sid)
        if sitting:
            self.presence.agent_online(sitting.user_id, sid, "away" if data else "online")

    def _leave(self, sid: str, sitting: Sitting) -> None:
        if not sitting.conversation:
            return
        self.live.server.leave_room(sid, f"c:{sitting.conversation}", namespace=SPACE)
        self._gone(sitting)

    def _gone(self, sitting: Sitting) -> None:
        """Somebody left a conversation, unless another page of theirs is still there."""
        self._typing(sitting, False)
        here = (sitting.user_id, sitting.conversation)
        still = (
            one for one in self.sittings.values() if one is not sitting and (one.user_id, one.conversation) == here
        )
        gone = Sitting(sitting.user_id, sitting.name, 0, sitting.conversation, "gone")
        self._tell_view(next(still, gone))

    def _typing(self, sitting: Sitting, on: bool) -> None:
        """To the customer's side, through presence: the chat's door listens there."""
        if sitting.conversation:
            self.presence.typing(sitting.conversation, "agent", sitting.user_id, sitting.name, on)

    def _tell_view(self, sitting: Sitting) -> None:
        self.presence.viewing(Viewing(sitting.conversation, sitting.user_id, sitting.name, sitting.state))

    # -- the log

    def follow(self, rows: Sequence[Appended]) -> None:
        """New rows: at once to whoever looks at the conversation, gathered to everybody else."""
        self.news.head = rows[-1].id
        places = self.places.of(rows)
        fresh: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            if row.conversation_id is None:
                continue
            top, assignee = places[row.conversation_id]
            fresh.setdefault(top, []).append(_as_json(row))
            self.news.change(top, assignee, row.name == Name.MESSAGE_RECEIVED)
        for number, few in fresh.items():
            self.live.show("rows", {"conversation": number, "rows": few}, room=f"c:{number}", namespace=SPACE)
        for room, told in notices.of(rows, places, self._helpers(notices.nobodys(rows, places))):
            self.live.show("level", told, room=room, namespace=SPACE)
        self._tell_soon()

    def _helpers(self, conversations: Set[int]) -> dict[int, set[int]]:
        """Who of the queue is here, for conversations that nobody has."""
        if not conversations:
            return {}
        with self.live.service.db.read() as session:
            found = notices.members(session, conversations)
        here = self.presence.online()
        return {number: people & here for number, people in found.items()}

    def _tell_soon(self) -> None:
        if not self._telling:
            self._telling = True
            gevent.spawn_later(pause(len(self.sittings)), self._tell)

    def _tell(self) -> None:
        self._telling = False
        changes, views, online = self.news.take()
        if changes:
            self._tell_changes(changes)
        if views:
            self.live.show("views", views, room=EVERYBODY, namespace=SPACE)
        if online:
            self.live.show("online", self._online, room=EVERYBODY, namespace=SPACE)

    def _tell_changes(self, changes: Changes) -> None:
        told = {"head": self.news.head, "conversations": changes}
        if len(changes) <= TOLD:
            self.live.show("changed", told, room=EVERYBODY, namespace=SPACE)
            return
        self.live.show("changed", {**told, "conversations": None}, room=EVERYBODY, namespace=SPACE)
        seen = {(sitting.user_id, sitting.conversation) for sitting in self.sittings.values()}
        for user, few in own({n: change for n, change in changes.items() if (change[0], n) not in seen}).items():
            self.live.show("changed", {**told, "conversations": few}, room=f"u:{user}", namespace=SPACE)

    # -- presence and sessions

    def heard(self, change: Change) -> None:
        """What the chat's door and other processes saw."""
        if isinstance(change, Typing) and change.who == "visitor":
            told = {"conversation": change.conversation_id, "on": change.on, "name": change.name}
            self.live.show("typing", told, room=f"c:{change.conversation_id}", namespace=SPACE)
        elif isinstance(change, Viewing):
            self._views = None
            view = _as_view(change)
            self.live.show("viewing", view, room=f"c:{change.conversation_id}", namespace=SPACE)
            self.news.view(view)
            self._tell_soon()
        elif isinstance(change, Agents):
            self._online = _written(sorted(change.online))
            self.news.online = True
            self._tell_soon()

    def guard(self) -> None:
        """A session that ends takes its sockets along, at once; open sockets keep theirs alive."""
        while self.live.position is None:
            gevent.sleep(0.1)
        bell, checked, touched = self.live.bell(sessions.NUDGE), utcnow(), utcnow()
        while True:
            bell.wait(5.0)
            checked = self.live.put_out(self.sittings, checked, namespace=SPACE)
            if (checked - touched).total_seconds() > CHECK:
                touched = checked
                self._touch()

    def _touch(self) -> None:
        service, now = self.live.service, utcnow()
        with service.db.write() as session:
            sessions.touch_all(
                session, {sitting.session_id for sitting in self.sittings.values()}, service.settings, now
            )


def door(live: Live) -> None:
    """Open the namespace; see `contact/web/live.py`."""
    known = presence.of(live)
    desk = Desk(live, known)
    live.admit(SPACE, desk.connect, desk.disconnect)
    live.server.on("look", desk.look, namespace=SPACE)
    live.server.on("away", desk.away, namespace=SPACE)
    known.listen(desk.heard)
    live.follow(desk.follow)
    live.spawn(desk.guard)


def _written(value: Any) -> orjson.Fragment:
    """JSON that is sent many times, made once."""
    return orjson.Fragment(orjson.dumps(value))


def spread_draft(user_id: int, told: dict[str, Any]) -> None:
    """To all devices of one agent."""
    live: Live = current_app.extensions["live"]
    live.spread("draft", told, room=f"u:{user_id}", namespace=SPACE)


def looked(conversation: int, row: int) -> None:
    """An agent has it on screen: the customer's side may show that."""
    live: Live = current_app.extensions["live"]
    presence.of(live).looked(conversation, row)


def _as_view(one: Viewing) -> dict[str, Any]:
    return {"user": one.user_id, "name": one.name, "conversation": one.conversation_id, "state": one.state}


def _as_json(row: Appended) -> dict[str, Any]:
    """What a page needs to show a message at once."""
    told: dict[str, Any] = {"id": row.id, "name": row.name, "at": row.at.isoformat()}
    if row.name in (Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED, Name.NOTE_ADDED):
        told |= {"body": row.body or "", "channel": row.channel, "user": row.user_id, "contact": row.contact_id}
        told["plain"] = not (row.content or {}).get("html")
    if row.about_id:
        told["about"] = row.about_id
    return told
