"""Running a program of the system, from any thread of any process of ours.

gevent's subprocess works in the main thread alone, and what blocks is done in real threads there
(`contact/web/offload.py`): such a thread lets the main one run the program, and waits.
"""

from __future__ import annotations

import subprocess
import threading
from _queue import SimpleQueue  # gevent does not touch this one: it really stops the thread that waits
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Done = subprocess.CompletedProcess[bytes]
Work = Callable[[], None]

_here = threading.local()
"""`ask` of this thread: how it has work done in the main one."""


@contextmanager
def lent(ask: Callable[[Work], None] | None) -> Iterator[None]:
    """While it lasts, programs of this thread are run by `ask(work)`."""
    before = getattr(_here, "ask", None)
    _here.ask = ask
    try:
        yield
    finally:
        _here.ask = before


def run(command: Sequence[str], **options: Any) -> Done:
    """As `subprocess.run`; raises what that raises."""
    ask: Callable[[Work], None] | None = getattr(_here, "ask", None)
    if ask is None:
        return subprocess.run(command, **options)  # noqa: S603 - the caller's command and wish
    answers: SimpleQueue[Done | BaseException] = SimpleQueue()
    ask(lambda: answers.put(_tried(command, options)))
    answer = answers.get()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _tried(command: Sequence[str], options: dict[str, Any]) -> Done | BaseException:
    try:
        return subprocess.run(command, **options)  # noqa: S603 - as above
    except BaseException as error:  # noqa: BLE001 - raised where it was asked for
        return error
