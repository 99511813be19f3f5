"""Wake other processes after a commit, so that nobody waits for a poll.

A nudge is a name (`log`: new interaction rows, `outbox`: new deliveries) and carries nothing
else: what happened is read from the database. A lost nudge costs one poll (a second), so
every way of sending may fail silently. Processes on one machine tell each other by Unix
datagrams in the run folder; with PostgreSQL, NOTIFY tells those on other machines too.
Waiters are in `contact/bells.py`.
"""

from __future__ import annotations

import _socket  # the plain one: a nudge is sent from any thread, also beside gevent's patched module
import contextlib
import errno
import os
import secrets
import time
from pathlib import Path

from contact.notify import Notifier, libpq
from contact.settings import Settings

LOG = "log"
OUTBOX = "outbox"

_SUFFIX = ".ear"
_MAX_PATH = 100
"""sockaddr_un holds 108 bytes; longer paths go through /proc/self/fd."""
_MTIME_STEP = 20_000_000
"""Nanoseconds: two changes of a folder within one tick of the file system's clock look like one."""


class Nudges:
    """The sending side, and the maker of ears. Thread-safe; sending takes some 10 us an ear."""

    def __init__(self, run_dir: Path, database: str = "") -> None:
        self._dir = run_dir
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._dir_fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._listed: tuple[int, tuple[str, ...]] = (0, ())
        self.postgres = "" if database.startswith("sqlite") else libpq(database)
        """The libpq URL to LISTEN on, empty with SQLite."""
        self._notifier = Notifier(self.postgres) if self.postgres else None

    @classmethod
    def of(cls, settings: Settings) -> Nudges:
        return cls(settings.run_dir, settings.database)

    def send(self, name: str) -> None:
        """Ring for all processes, this one too. Never blocks, never raises."""
        data = name.encode()
        for ear in self._ears():
            self._tell(ear, data)
        if self._notifier:
            self._notifier.send(name)

    def listen(self) -> Ear:
        """Bind a socket of this process in the run folder."""
        return Ear(self._dir, self._dir_fd)

    def close(self) -> None:
        if self._notifier:
            self._notifier.close()
        self._socket.close()
        os.close(self._dir_fd)

    def _ears(self) -> tuple[str, ...]:
        changed = os.fstat(self._dir_fd).st_mtime_ns
        if changed != self._listed[0] or time.time_ns() - changed < _MTIME_STEP:
            self._listed = (changed, tuple(name for name in _names(self._dir_fd) if name.endswith(_SUFFIX)))
        return self._listed[1]

    def _tell(self, ear: str, data: bytes) -> None:
        try:
            self._socket.sendto(data, _address(self._dir, self._dir_fd, ear))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:  # killed: nobody holds this socket any more
                with contextlib.suppress(OSError):
                    os.unlink(ear, dir_fd=self._dir_fd)
            # EAGAIN: that ear is full of nudges, so it wakes anyway


class Ear:
    """The receiving side: one datagram socket; `names()` drains it."""

    def __init__(self, run_dir: Path, dir_fd: int) -> None:
        self._path = run_dir / f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(_address(run_dir, dir_fd, self._path.name))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def names(self) -> set[str]:
        """All names rung since the last call; empty when none."""
        names: set[str] = set()
        with contextlib.suppress(BlockingIOError):
            for _ in range(256):
                names.add(self._socket.recv(64).decode(errors="replace"))
        return names

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket.close()


def _names(dir_fd: int) -> list[str]:
    return os.listdir(dir_fd)


def _address(run_dir: Path, dir_fd: int, name: str) -> str:
    path = f"{run_dir}/{name}"
    return path if len(path.encode()) <= _MAX_PATH else f"/proc/self/fd/{dir_fd}/{name}"
