"""The sockets of one web process, and the tail of the log that feeds them.

A room opens a door by a function `door(live)`: it registers its handlers on `live.socketio`
(connect: there the HTTP request is at hand) or, for what comes often, on `live.server`
(python-socketio itself: no request context, less than half the cost), and asks `live.follow`
to be shown new rows of the log. Every web process follows the log by itself, so what it
shows never travels through Redis; typing and presence, which are in no log, do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent
import orjson
import structlog
from flask import Flask
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from contact import log as spine
from contact.bells import GeventBell, GeventBells
from contact.db import utcnow
from contact.log import Appended
from contact.nudge import LOG
from contact.service import Service
from contact.users import sessions

BATCH = 500
BREATH = 0.01
"""Seconds between two looks when much happens: rows that come together are shown together."""
POLL = 1.0
"""Seconds between two looks at the log when no nudge comes."""
PING_EVERY, PING_TIMEOUT = 25, 20
GOODBYE = 5.0
"""Seconds all clients together get to take the goodbye; one that does not read must not hold us up."""
MAX_MESSAGE = 256 * 1024
"""Bytes of one socket message; files go over HTTP."""


class Sitting(Protocol):
    """An open page."""

    @property
    def session_id(self) -> int: ...


Door = Callable[["Live"], None]
Follower = Callable[[Sequence[Appended]], None]
Connect = Callable[[str, dict[str, Any], Any], bool | None]
"""`connect(sid, environ, auth)`: False refuses, as does socketio's `ConnectionRefusedError`, with words."""

log = structlog.stdlib.get_logger(__name__)


class Json:
    """orjson with the standard library's names, as python-socketio wants it."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        return orjson.loads(text)


class Live:
    """Made once for an app; nothing runs until `start`."""

    def __init__(self, app: Flask, service: Service) -> None:
        with lean_imports(redis=not service.settings.redis_url):
            from flask_socketio import SocketIO
            from socketio.packet import Packet

            from contact.web import socket

            socket.install()

        class Plain(Packet):  # type: ignore[misc]
            """All we send is JSON: without a walk through every value in search of bytes."""

            uses_binary_events = False

        self.app = app
        self.service = service
        self.socketio = SocketIO(
            app,
            async_mode="gevent",
            async_handlers=False,  # a client's messages stay in order
            manage_session=False,
            json=Json,
            serializer=Plain,
            message_queue=service.settings.redis_url or None,
            channel="hanmaru",
            cors_allowed_origins="*",  # the widget lives on other sites; doors check origins themselves
            cors_credentials=False,
            transports=["websocket", "polling"],
            ping_interval=PING_EVERY,
            ping_timeout=PING_TIMEOUT,
            max_http_buffer_size=MAX_MESSAGE,
            monitor_clients=True,
        )
        self.server = self.socketio.server
        self.position: int | None = None
        """The last row of the log shown to the followers; None before `start`."""
        self._ending = False
        self._bells: GeventBells | None = None
        self._followers: list[Follower] = []
        self._tasks: list[gevent.Greenlet] = []

    def follow(self, follower: Follower) -> None:
        """Call `follower(rows)` with new rows of the log, in order, as they are committed.

        A row is as it was added; a follower that raises is logged and goes on with the next rows.
        """
        self._followers.append(follower)

    def bell(self, name: str) -> GeventBell:
        """A waiter for other nudges (`sessions`, `outbox`); after `start` only."""
        if self._bells is None:
            raise RuntimeError("bells ring only in a running web process")
        return self._bells.on(name)

    def show(self, event: str, data: Any, *, room: str, namespace: str) -> None:
        """Emit to the sockets of this process only: for what every process reads from the log."""
        if self._ending:
            return
        self.server.emit(event, data, room=room, namespace=namespace, ignore_queue=True)

    def spread(self, event: str, data: Any, *, room: str, namespace: str, skip: str | None = None) -> None:
        """Emit to the sockets of all web processes: for typing and presence."""
        if self._ending and not self.service.settings.redis_url:
            return
        self.server.emit(event, data, room=room, namespace=namespace, skip_sid=skip)

    def admit(self, namespace: str, connect: Connect, disconnect: Callable[..., None]) -> None:
        """Who comes into a namespace, and goes.

        A handler that fails (the database is away for a moment) refuses: its page tries again. Of itself
        python-socketio would answer nothing then, and the page would wait for ever on a line that stands.
        """
        from socketio.exceptions import ConnectionRefusedError as Refused

        def come(sid: str, environ: dict[str, Any], auth: Any = None) -> bool | None:
            try:
                return connect(sid, environ, auth)
            except Refused:
                raise
            except Exception as error:
                log.exception("nobody can come in", namespace=namespace)
                disconnect(sid)
                raise Refused("busy") from error

        self.server.on("connect", come, namespace=namespace)
        self.server.on("disconnect", disconnect, namespace=namespace)

    def put_out(self, sittings: Mapping[str, Sitting], since: datetime, *, namespace: str) -> datetime:
        """A session that ended since then takes its sockets along; returns until when that is done now."""
        now = utcnow()
        with self.service.db.read() as session:
            ended = sessions.revoked_since(session, since, now)
        for sid in [sid for sid, sitting in sittings.items() if sitting.session_id in ended]:
            self.server.emit("out", {}, to=sid, namespace=namespace)
            self.server.disconnect(sid, namespace=namespace)
        return now

    def start(self) -> None:
        """Begin to follow the log from its present end."""
        self._bells = GeventBells(self.service.nudges)
        bell = self._bells.on(LOG)
        with self.service.db.read() as session:
            self.position = spine.head(session)
        self._tasks.append(gevent.spawn(self._tail, bell))

    def spawn(self, function: Callable[..., None], *args: Any) -> None:
        """Run something beside the requests for as long as the process lives."""
        self._tasks.append(gevent.spawn(function, *args))

    def stop(self) -> None:
        """Say goodbye to everybody, within `GOODBYE` seconds; who does not get it sees the connection end."""
        end = time.monotonic() + GOODBYE
        self._ending = True  # nobody here is told that the others go: among n sockets that would be n² words
        gevent.killall(self._tasks, timeout=GOODBYE)
        if self._bells:
            self._bells.close()
        goodbyes = []
        for sid in list(self.server.eio.sockets):
            if time.monotonic() > end:
                log.warning("sockets end without a goodbye", count=len(self.server.eio.sockets))
                break
            goodbyes.append(gevent.spawn(self.server.eio.disconnect, sid))
            gevent.sleep(0)
        gevent.joinall(goodbyes, timeout=max(0.0, end - time.monotonic()))

    def _tail(self, bell: GeventBell) -> None:
        while True:
            bell.wait(POLL)
            try:
                while self._step() == BATCH:
                    gevent.sleep(0)
                gevent.sleep(BREATH)
            except SQLAlchemyError:  # the database is away for a moment; the position stays
                log.exception("the tail cannot read the log")
                gevent.sleep(POLL)

    def _step(self) -> int:
        with self.service.db.read() as session:
            head = spine.head(session)  # first: what is added between the two is not passed over
            rows = spine.news(session, self.position or 0, BATCH)
        for follower in self._followers if rows else ():
            self._tell(follower, rows)
        self.position = max(rows[-1].id if rows else head, self.position or 0)
        return len(rows)

    def _tell(self, follower: Follower, rows: Sequence[Appended]) -> None:
        """A busy database is waited for, with the position kept: pages know a row they have seen."""
        try:
            follower(rows)
        except OperationalError:
            raise
        except Exception:
            log.exception("a live follower failed", follower=getattr(follower, "__qualname__", "?"))


def same_origin(environ: Mapping[str, Any], public: str) -> bool:
    """Whether a socket was opened by one of our own pages. No Origin at all = not a browser."""
    origin = environ.get("HTTP_ORIGIN")
    if not origin:
        return True
    theirs = urlsplit(origin)
    ours = urlsplit(public)
    return bool(theirs.netloc == environ.get("HTTP_HOST")) or theirs[:2] == ours[:2]


@contextmanager
def lean_imports(*, redis: bool) -> Iterator[None]:
    """Hide what socketio imports when it finds it and never uses here: a quarter of a second.

    Its *clients* need aiohttp, requests and websocket-client; its queue needs redis, if one is
    configured. In a process that has loaded them already nothing is hidden.
    """
    names = ["aiohttp", "requests", "websocket", "valkey", *(["redis"] if redis else [])]
    hidden = [name for name in names if name not in sys.modules] if _serving() else []
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _serving() -> bool:
    """Only the web process is lean: in tests, socketio's clients share the interpreter."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))
