"""The web process: gevent's pywsgi around the app, with a frozen heap and an orderly end."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
import structlog
from flask import Flask
from gevent import pywsgi
from gevent.event import Event

from contact import heap
from contact.settings import Settings
from contact.web.live import Live
from contact.web.socket import IDLE, EngineSocket

DRAIN = 10.0
"""Seconds running requests get to finish after SIGTERM."""
BACKLOG = 1024

log = structlog.stdlib.get_logger(__name__)


class Handler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """pywsgi's handler, known to our WebSocket; a silent connection ends after `IDLE` seconds."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        sock.settimeout(IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a page's last piece waits 40 ms for an ACK
        super().__init__(sock, address, server)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[EngineSocket.HANDLER] = self
        return environ

    def run_application(self) -> None:
        """As one of those the end waits for; a WebSocket is none, it is told to come back."""
        if self.environ.get("HTTP_UPGRADE"):
            return super().run_application()  # type: ignore[no-any-return]
        self.server.running.add(self)
        try:
            super().run_application()
        finally:
            self.server.running.discard(self)
            if self.server.ending:  # a kept connection would bring more and more
                self.close_connection = True


class Http(pywsgi.WSGIServer):  # type: ignore[misc]
    """pywsgi's server, which knows what it is busy with."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.running: set[Handler] = set()
        self.ending = False

    def finish(self, seconds: float) -> None:
        """Wait until every running request is answered, for so long at most."""
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            gevent.sleep(0.02)
        if self.running:
            log.warning("requests are cut off", count=len(self.running))


class Server:
    """Bound at once, so that a taken port is a sentence and not a traceback later."""

    def __init__(self, app: Flask, live: Live, settings: Settings) -> None:
        host, port = settings.listen
        self._live = live
        self._stop = Event()
        self._http = Http(
            (host, port),
            app,
            backlog=BACKLOG,
            handler_class=Handler,
            log=None,
            error_log=logging.getLogger("hanmaru.http"),
            environ={"SERVER_NAME": host},  # else pywsgi asks the name server
        )
        self._http.init_socket()

    @property
    def port(self) -> int:
        return int(self._http.socket.getsockname()[1])

    def serve(self, ready: Callable[[], None], ending: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is called when connections are answered, `ending` before draining."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._stop.set)
        self._live.start()
        self._http.start()
        heap.settle()
        ready()
        self._stop.wait()
        ending()
        self.drain()

    def drain(self) -> None:
        """No new connections; sockets are told to come back; running requests finish."""
        log.info("web draining")
        self._http.ending = True
        self._http.stop_accepting()
        self._live.stop()
        self._http.finish(DRAIN)
        self._http.stop()
        log.info("web ended")


def raise_file_limit() -> int:
    """Each socket is a file: lift the soft limit to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
