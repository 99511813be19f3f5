"""Parsing strangers' bytes in a process of its own, so that no message can stop the worker.

A message that makes a parser loop, crash or eat memory ends its child process, not the
worker: it is tried once more in a fresh child and then reported as `Stuck`. The child gets
copies (pickle) of the adapters, reads jobs from a pipe, and ends when the pipe does: also
when the worker is killed.
"""

from __future__ import annotations

import contextlib
import pickle
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from contact.channel import Channels, Unreadable
from contact.messages import Envelope, Inbound, InboxFacts, Receipt

TIME_LIMIT = 60.0
"""Seconds one message may take; a 25 MB mail takes about one."""
MEMORY_LIMIT = 3 * 1024**3
"""Bytes of address space of the child."""

READY = "ready"

Values = Sequence[Inbound | Receipt]


class Stuck(Exception):
    """The parser did not come back with this message, twice."""


class ParserDown(Exception):
    """No parser can be started here: our trouble, the messages wait."""


class Parser:
    """One child process. Not for two threads at once: `parse` takes turns."""

    def __init__(self, channels: Channels, time_limit: float = TIME_LIMIT) -> None:
        self._adapters = pickle.dumps(channels)
        self._time_limit = time_limit
        self._turn = threading.Lock()
        self._pipe: Connection | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Values:
        """Parse; raises `Unreadable` or `Stuck`; `ParserDown` when nothing can be parsed here."""
        with self._turn:
            for _ in range(2):
                if (answer := self._ask(raw, envelope, inbox)) is not None:
                    return _told(answer[1])
        raise Stuck("The message could not be read: the parser took too long or broke down.")

    def warm(self) -> None:
        """Start the child before the first message comes."""
        with self._turn:
            self._started()

    def close(self) -> None:
        with self._turn:
            self._end()

    def _ask(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> tuple[str, Values | str] | None:
        pipe = self._started()
        try:
            pipe.send((raw, envelope, inbox))
            if pipe.poll(self._time_limit):
                answer: tuple[str, Values | str] = pipe.recv()
                return answer
        except (EOFError, OSError):
            pass  # it died
        self._end()
        return None

    def _started(self) -> Connection:
        if self._pipe is None:
            self._pipe, theirs = Pipe()
            command = [sys.executable, "-m", "channels.parsing", str(theirs.fileno())]
            # A group of its own: Ctrl-C in a terminal must not hit it while it still starts.
            self._child = subprocess.Popen(  # noqa: S603
                command, pass_fds=[theirs.fileno()], env=_environment(), process_group=0
            )
            theirs.close()
            self._greet(self._pipe)
        return self._pipe

    def _greet(self, pipe: Connection) -> None:
        """Hand over the adapters. A child that cannot even begin is no message's fault."""
        try:
            pipe.send_bytes(self._adapters)
            if pipe.poll(self._time_limit) and pipe.recv() == READY:
                return
        except (EOFError, OSError):
            pass
        self._end()
        raise ParserDown("The parser process cannot be started.")

    def _end(self) -> None:
        if self._pipe is not None and self._child is not None:
            self._pipe.close()
            self._child.kill()
            self._child.wait()
        self._pipe = self._child = None


def _environment() -> dict[str, str]:
    """The child needs to find the same code, and nothing of our settings."""
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    return {"PYTHONPATH": ":".join(paths), "PYTHONSAFEPATH": "1", "LC_ALL": "C.UTF-8"}


def _told(said: Values | str) -> Values:
    if not isinstance(said, str):
        return said
    raise Unreadable(said)


def _answer(channels: Channels, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> tuple[str, Values | str]:
    try:
        return "read", list(channels[envelope.channel].parse(raw, envelope, inbox))
    except Unreadable as error:
        return "unreadable", str(error) or "The message cannot be understood."
    except (Exception, RecursionError) as error:  # noqa: BLE001 - whatever a parser does with strangers' bytes is shown
        return "error", f"The parser failed: {type(error).__name__}: {error}"[:1000]


def main(descriptor: int) -> None:
    """The child: jobs in, values out, until the pipe ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the worker, which finishes what it holds
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    pipe = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        channels: Channels = pickle.loads(pipe.recv_bytes())  # noqa: S301 - our own worker wrote it
        pipe.send(READY)
        while True:
            pipe.send(_answer(channels, *pipe.recv()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
