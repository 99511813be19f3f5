"""Presence: who is here, who looks at what, who is typing, how far an agent has read. Never in the log.

One value a web process, shared by the doors of the console and of the chat: a door tells it
what it sees (`agent_online`, `typing`, ...) and listens for what others told. Several web
processes tell each other over Redis; each then shows it to its own sockets. One that comes new
says hello and is told everything at once; what one that dies had told ends within
`BELIEVE_FOR` + `TELL_EVERY` seconds.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from contact.elsewhere import Elsewhere, keep
from contact.signs import Agents, Change, Looked, Side, Sign, State, Typing, Viewing, word_of

if TYPE_CHECKING:
    from contact.web.live import Live

__all__ = ["Agents", "Change", "Looked", "Presence", "Relay", "Side", "State", "Typing", "Viewing", "of"]

TELL_EVERY = 5.0
"""Seconds between two words of a process about everything it knows."""
BELIEVE_FOR = 15.0
"""Of a process not heard for so long, nobody is here any more."""
CHANNEL = "hanmaru:presence"
_EXTENSION = "hanmaru_presence"

log = structlog.stdlib.get_logger(__name__)


Listener = Callable[[Change], None]


class Presence:
    """What is known here, and the way to tell it on."""

    def __init__(self, relay: Relay | None = None) -> None:
        self._here: dict[str, tuple[int, State]] = {}
        """Socket -> user and state, of this process."""
        self._views: dict[tuple[int, int], Viewing] = {}
        self._typing: dict[tuple[int, str, int], Typing] = {}
        self._elsewhere = Elsewhere(BELIEVE_FOR)
        self._listeners: list[Listener] = []
        self._last: frozenset[int] = frozenset()
        self._looked: dict[int, int] = {}
        self._relay = relay
        self._own_changed: Callable[[], object] = lambda: None

    def listen(self, listener: Listener) -> None:
        """Call `listener(change)` for every change, whichever process it happened in."""
        self._listeners.append(listener)

    # -- agents

    def agent_online(self, user_id: int, sid: str, state: State = "online") -> None:
        """A console page of this user is open; again with another state when it changes."""
        if self._here.get(sid) != (user_id, state):
            self._here[sid] = (user_id, state)
            self._agents_changed()

    def agent_gone(self, sid: str) -> None:
        """That page is closed."""
        if self._here.pop(sid, None):
            self._agents_changed()

    def states(self) -> dict[int, State]:
        """Every user with an open page; online on one page is online."""
        found: dict[int, State] = {}
        for users in (dict(_merge(self._here.values())), *self._elsewhere.agents()):
            for user, state in users.items():
                if found.get(user) != "online":
                    found[user] = state
        return found

    def online(self) -> set[int]:
        """Users who are here and not away."""
        return {user for user, state in self.states().items() if state == "online"}

    def own(self) -> dict[int, State]:
        """As `states`, of this process alone."""
        return _merge(self._here.values())

    def on_own(self, changed: Callable[[], object]) -> None:
        """Call `changed()` when `own` may be another."""
        self._own_changed = changed

    # -- conversations

    def typing(self, conversation_id: int, who: Side, id: int, name: str, on: bool) -> None:
        """Somebody began or stopped to write."""
        self._spread(Typing(conversation_id, who, id, name, on))

    def viewing(self, view: Viewing) -> None:
        """An agent has a conversation on screen, or has it no more."""
        self._spread(view)

    def views(self) -> list[Viewing]:
        """Who looks at what, in all processes; once for an agent and a conversation."""
        found = {view.key: view for view in self._elsewhere.views()}
        return list({**found, **self._views}.values())

    def looked(self, conversation_id: int, n: int) -> None:
        """An agent has the conversation on screen, up to row `n`."""
        if n > self._looked.get(conversation_id, 0):
            self._spread(Looked(conversation_id, n))

    def read_up_to(self, conversation_id: int) -> int:
        """How far agents have read since this process began; 0 when nobody looked."""
        return self._looked.get(conversation_id, 0)

    # -- inside

    def _agents_changed(self) -> None:
        self._own_changed()
        self.tell()
        self._notice()

    def tell(self) -> None:
        """Say to the other processes which agents are here."""
        if self._relay:
            self._relay.send({"agents": self._agents()})

    def tell_all(self, **more: Any) -> None:
        """Say to the other processes everything there is here."""
        if self._relay:
            views = [astuple(view) for view in self._views.values()]
            types = [astuple(one) for one in self._typing.values()]
            self._relay.send({"agents": self._agents(), "views": views, "types": types, **more})

    def _agents(self) -> dict[str, State]:
        return {str(user): state for user, state in _merge(self._here.values()).items()}

    def _notice(self) -> None:
        """Tell the listeners when the set of agents has become another."""
        online = frozenset(self.online())
        if online != self._last:
            self._last = online
            self._hear(Agents(online))

    def _spread(self, sign: Sign) -> None:
        """Something was seen here: for our own listeners, and for the other processes."""
        if isinstance(sign, Typing):
            keep(self._typing, sign, on=sign.on)
        elif isinstance(sign, Viewing):
            keep(self._views, sign, on=sign.state != "gone")
        self._hear(sign)
        if self._relay:
            self._relay.send(word_of(sign))

    def _hear(self, change: Change) -> None:
        if isinstance(change, Looked):
            self._looked[change.conversation_id] = max(change.n, self._looked.get(change.conversation_id, 0))
            while len(self._looked) > 20_000:
                del self._looked[next(iter(self._looked))]
        elif isinstance(change, Viewing):  # who left here may still be there on another page
            change = self._views.get(change.key) or self._elsewhere.view(change.key) or change
        for listener in self._listeners:
            listener(change)

    def heard(self, process: str, word: Mapping[str, Any]) -> None:
        """What another process said."""
        knows_us = "hello" not in word and self._elsewhere.knows(process)
        for sign in self._elsewhere.heard(process, word):
            self._hear(sign)
        if not knows_us:
            self.tell_all()
        self._notice()

    def beat(self) -> None:
        """Every `TELL_EVERY` seconds: say who is here, forget processes that fell silent."""
        self.tell_all()
        for sign in self._elsewhere.silent():
            self._hear(sign)
        self._notice()


def _merge(pages: Any) -> dict[int, State]:
    found: dict[int, State] = {}
    for user, state in pages:
        if found.get(user) != "online":
            found[user] = state
    return found


class Relay:
    """The line between web processes: Redis publish and subscribe. What is lost is told again."""

    def __init__(self, url: str) -> None:
        import redis

        self._redis: Any = redis.Redis.from_url(url, socket_connect_timeout=1, socket_keepalive=True)
        self._errors: type[Exception] = redis.RedisError
        self.name = secrets.token_hex(6)

    def send(self, word: Mapping[str, Any]) -> None:
        with contextlib.suppress(self._errors):
            self._redis.publish(CHANNEL, orjson.dumps({"from": self.name, **word}))

    def run(self, presence: Presence) -> None:
        """Listen for ever; when Redis is away, try again."""
        import gevent

        while True:
            try:
                self._listen(presence)
            except self._errors as error:
                log.warning("presence: Redis is away", error=str(error))
                gevent.sleep(2)

    def _listen(self, presence: Presence) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as line:
            line.subscribe(CHANNEL)
            presence.tell_all(hello=True)
            for message in line.listen():
                word = orjson.loads(message["data"])
                if word.get("from") != self.name:
                    presence.heard(word["from"], word)


def of(live: Live) -> Presence:
    """The presence of this web process; made when first asked for."""
    known = live.app.extensions.get(_EXTENSION)
    if isinstance(known, Presence):
        return known
    url = live.service.settings.redis_url
    relay = Relay(url) if url else None
    made = live.app.extensions[_EXTENSION] = Presence(relay)
    if relay:
        live.spawn(relay.run, made)
        live.spawn(_beat, made)
    return made


def _beat(presence: Presence) -> None:
    import gevent

    while True:
        gevent.sleep(TELL_EVERY)
        presence.beat()
