"""Work that would hold up every greenlet goes to a real thread.

SQLite is C and blocks while it searches; so do libraries that make pages, and adapters have an event loop of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from contact.db import Database
from contact.programs import lent

P = ParamSpec("P")
T = TypeVar("T")


def offload(db: Database, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(session, ...)` with a reading session; others are served meanwhile.

    For reads above a millisecond or so: searches, counts, exports. On PostgreSQL, and where
    gevent does not serve (tests, commands), it is an ordinary call. What it returns must not
    load more on access: the session is closed by then.
    """

    def run() -> T:
        with db.read() as session:
            return function(session, *args, **kwargs)

    return run() if not db.is_sqlite else apart(run)


def apart(function: Callable[[], T]) -> T:
    """`function()` in a real thread where gevent serves, so that others are served meanwhile; else here.

    For work that blocks, that takes long, or that runs an event loop of its own. It opens no
    session unless that is all it does: what it needs is read before.
    """
    if not _patched():
        return function()
    from gevent import get_hub, spawn

    main = get_hub()

    def ask(work: Callable[[], None]) -> None:
        main.loop.run_callback_threadsafe(spawn, work)

    def run() -> T:
        with lent(ask):
            return function()

    return main.threadpool.apply(run)  # type: ignore[no-any-return]


def _patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
