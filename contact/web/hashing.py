"""Password hashing beside live sockets: in a real thread, two at a time.

Argon2 takes about 50 ms and 64 MiB. Done in a greenlet it would hold up every chat; done
without a bound, an office that signs in at nine would take gigabytes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from contact.users import passwords

T = TypeVar("T")

_AT_ONCE = threading.BoundedSemaphore(2)


def matches(password_hash: str, password: str) -> bool:
    """`passwords.matches`, without holding up anybody."""
    return _apart(lambda: passwords.matches(password_hash, password))


def hashed(password: str) -> str:
    return _apart(lambda: passwords.hashed(password))


def _apart(work: Callable[[], T]) -> T:
    with _AT_ONCE:
        monkey = sys.modules.get("gevent.monkey")
        if monkey is None or not monkey.is_module_patched("threading"):
            return work()
        from gevent import get_hub

        return get_hub().threadpool.apply(work)  # type: ignore[no-any-return]
