"""The console's sockets: what is new, who is here, who is writing. Namespace `/desk`.

What happened is read from the log by every web process for its own sockets; what is in no
log (viewing, typing, drafts) is spread to all of them.

to the page     `rows`     {conversation, rows: [...]}  to those who look at that conversation
                `changed`  {head, conversations: {id: [assignee, said]}}  to all, a few times a second
                `viewing`  {user, conversation, state}  viewing, writing, noting or gone
                `typing`   {conversation, on, name}     the customer
                `draft`    {conversation, draft, device}   to the agent's own devices
                `online`   [user ids]
                `out`      the session has ended
from the page   `look`     {conversation, state}        what is on screen; 0 = no conversation;
                                                        answered with {head, viewing, online}
                `away`     true or false
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import gevent
import structlog
from flask import current_app
from sqlalchemy import select

from contact import presence
from contact.conversation import Conversation
from contact.db import utcnow
from contact.log import Interaction, Name
from contact.presence import Agents, Change, Presence, Typing
from contact.users import sessions
from contact.web.live import Live, same_origin

SPACE = "/desk"
EVERYBODY = "desk"
GATHER = 0.2
"""Seconds in which changes of lists are gathered into one event for everybody."""
TOLD = 60
"""Conversations named in one `changed`; more than this means "load the list anew"."""
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
        self.changed: dict[int, list[Any]] = {}
        self.head = 0
        self._telling = False

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
        for room in (EVERYBODY, f"u:{user.id}", f"s:{session_id}"):
            self.live.server.enter_room(sid, room, namespace=SPACE)
        self.presence.agent_online(user.id, sid)
        return None

    def disconnect(self, sid: str, *_reason: object) -> None:
        sitting = self.sittings.pop(sid, None)
        if sitting is None:
            return
        self.presence.agent_gone(sid)
        self._typing(sitting, False)
        self._tell_view(Sitting(sitting.user_id, sitting.name, 0, sitting.conversation, "gone"))

    def look(self, sid: str, data: Any) -> dict[str, Any]:
        """Which conversation is on screen, and whether the agent is writing there."""
        sitting = self.sittings.get(sid)
        if sitting is None or not isinstance(data, dict):
            return {}
        number, state = data.get("conversation"), data.get("state", "viewing")
        if not isinstance(number, int) or state not in STATES:
            return {}
        if number != sitting.conversation:
            self._leave(sid, sitting)
            if number:
                self.live.server.enter_room(sid, f"c:{number}", namespace=SPACE)
        was, sitting.conversation, sitting.state = sitting.state, number, state if number else "gone"
        if (was == "writing") != (sitting.state == "writing"):
            self._typing(sitting, sitting.state == "writing")
        if number:
            self._tell_view(sitting)
        others = [self._view(one) for other, one in self.sittings.items() if one.conversation and other != sid]
        return {"head": self.live.position or 0, "viewing": others, "online": sorted(self.presence.online())}

    def away(self, sid: str, data: Any) -> None:
        sitting = self.sittings.get(sid)
        if sitting:
            self.presence.agent_online(sitting.user_id, sid, "away" if data else "online")

    def _leave(self, sid: str, sitting: Sitting) -> None:
        if not sitting.conversation:
            return
        self.live.server.leave_room(sid, f"c:{sitting.conversation}", namespace=SPACE)
        self._typing(sitting, False)
        self._tell_view(Sitting(sitting.user_id, sitting.name, 0, sitting.conversation, "gone"))

    def _typing(self, sitting: Sitting, on: bool) -> None:
        """To the customer's side, through presence: the chat's door listens there."""
        if sitting.conversation:
            self.presence.typing(sitting.conversation, "agent", sitting.user_id, sitting.name, on)

    def _tell_view(self, sitting: Sitting) -> None:
        self.live.spread("viewing", self._view(sitting), room=EVERYBODY, namespace=SPACE)

    @staticmethod
    def _view(sitting: Sitting) -> dict[str, Any]:
        return {
            "user": sitting.user_id,
            "name": sitting.name,
            "conversation": sitting.conversation,
            "state": sitting.state,
        }

    # -- the log

    def follow(self, rows: Sequence[Interaction]) -> None:
        """New rows: at once to whoever looks at the conversation, gathered to everybody else."""
        self.head = rows[-1].id
        tops = self._tops({row.conversation_id for row in rows if row.conversation_id})
        fresh: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            if row.conversation_id is None:
                continue
            top, assignee = tops.get(row.conversation_id, (row.conversation_id, None))
            fresh.setdefault(top, []).append(_as_json(row))
            known = self.changed.setdefault(top, [assignee, 0])
            known[0] = assignee
            known[1] += row.name == Name.MESSAGE_RECEIVED
        for number, few in fresh.items():
            self.live.show("rows", {"conversation": number, "rows": few}, room=f"c:{number}", namespace=SPACE)
        if not self._telling:
            self._telling = True
            gevent.spawn(self._tell_soon)

    def _tops(self, ids: set[int]) -> dict[int, tuple[int, int | None]]:
        """Conversation -> the one it is shown in, and who has that."""
        query = select(Conversation.id, Conversation.merged_into, Conversation.assignee_id)
        found: dict[int, tuple[int, int | None]] = {}
        with self.live.service.db.read() as session:
            for number, into, assignee in session.execute(query.where(Conversation.id.in_(ids))).all():
                top = number
                while into is not None:
                    top, into, assignee = session.execute(query.where(Conversation.id == into)).one()
                found[number] = (top, assignee)
        return found

    def _tell_soon(self) -> None:
        gevent.sleep(GATHER)
        self._telling = False
        changed, self.changed = self.changed, {}
        told = {"head": self.head, "conversations": changed if len(changed) <= TOLD else None}
        self.live.show("changed", told, room=EVERYBODY, namespace=SPACE)

    # -- presence and sessions

    def heard(self, change: Change) -> None:
        """What the chat's door and other processes saw."""
        if isinstance(change, Typing) and change.who == "visitor":
            told = {"conversation": change.conversation_id, "on": change.on, "name": change.name}
            self.live.show("typing", told, room=f"c:{change.conversation_id}", namespace=SPACE)
        elif isinstance(change, Agents):
            self.live.show("online", sorted(change.online), room=EVERYBODY, namespace=SPACE)

    def guard(self) -> None:
        """A session that ends takes its sockets along, at once; open sockets keep theirs alive."""
        while self.live.position is None:
            gevent.sleep(0.1)
        bell, checked, touched = self.live.bell(sessions.NUDGE), utcnow(), utcnow()
        while True:
            bell.wait(5.0)
            now = utcnow()
            with self.live.service.db.read() as session:
                ended = sessions.revoked_since(session, checked, now)
            checked = now
            for sid, sitting in list(self.sittings.items()):
                if sitting.session_id in ended:
                    self.live.server.emit("out", {}, to=sid, namespace=SPACE)
                    self.live.server.disconnect(sid, namespace=SPACE)
            if (now - touched).total_seconds() > CHECK:
                touched = now
                self._touch()

    def _touch(self) -> None:
        service, now = self.live.service, utcnow()
        with service.db.write() as session:
            for number in {sitting.session_id for sitting in self.sittings.values()}:
                sessions.touch(session, number, service.settings, now)


def door(live: Live) -> None:
    """Open the namespace; see `contact/web/live.py`."""
    known = presence.of(live)
    desk = Desk(live, known)
    server = live.server
    server.on("connect", desk.connect, namespace=SPACE)
    server.on("disconnect", desk.disconnect, namespace=SPACE)
    server.on("look", desk.look, namespace=SPACE)
    server.on("away", desk.away, namespace=SPACE)
    known.listen(desk.heard)
    live.follow(desk.follow)
    live.spawn(desk.guard)


def spread_draft(user_id: int, told: dict[str, Any]) -> None:
    """To all devices of one agent."""
    live: Live = current_app.extensions["live"]
    live.spread("draft", told, room=f"u:{user_id}", namespace=SPACE)


def looked(conversation: int, row: int) -> None:
    """An agent has it on screen: the customer's side may show that."""
    live: Live = current_app.extensions["live"]
    presence.of(live).looked(conversation, row)


def _as_json(row: Interaction) -> dict[str, Any]:
    """What a page needs to show a message at once."""
    told: dict[str, Any] = {"id": row.id, "name": row.name, "at": row.at.isoformat()}
    if row.name in (Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED, Name.NOTE_ADDED):
        told |= {"body": row.body or "", "channel": row.channel, "user": row.user_id, "contact": row.contact_id}
        told["plain"] = not (row.content or {}).get("html")
    if row.about_id:
        told["about"] = row.about_id
    return told
