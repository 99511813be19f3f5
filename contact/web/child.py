"""The worker as a child of the web process: started, watched, restarted, and never left alone.

The child reads a pipe whose writing end only we hold. Whatever ends us, kill -9 too, closes
it, and the child ends by itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import gevent
import structlog

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
HEALTHY = 60.0
"""Seconds after which a start counts as good and the wait begins anew."""
GRACE = 25.0
"""Seconds to end after SIGTERM; a little more than the worker gives its parts."""

log = structlog.stdlib.get_logger(__name__)


class Child:
    """One child process for as long as we live."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = [sys.executable, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: gevent.Greenlet | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._watch = gevent.spawn(self._keep)

    def ask_to_end(self) -> None:
        """It is not started again, and may begin to end while we drain. Ctrl-C in a terminal reaches it anyway."""
        if self._watch:
            self._watch.kill()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Ask it to end, wait, and end it if it does not."""
        self.ask_to_end()
        if self._process is None:
            return
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            log.warning("the worker did not end in time")
            self._process.kill()
            self._process.wait()

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while True:
            began = gevent.get_hub().loop.now()
            self._process = subprocess.Popen(self._arguments, stdin=subprocess.PIPE)  # noqa: S603 - ourselves
            status = self._process.wait()
            gevent.get_hub().loop.update_now()
            if gevent.get_hub().loop.now() - began > HEALTHY:
                wait = FIRST_WAIT
            log.error("the worker ended; it is started again", status=status, wait=wait)
            gevent.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
