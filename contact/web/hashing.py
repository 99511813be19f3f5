"""Password hashing beside live sockets: in a real thread, two at a time.

Argon2 takes about 50 ms and 64 MiB. Done in a greenlet it would hold up every chat; done
without a bound, an office that signs in at nine would take gigabytes.
"""

from __future__ import annotations

import threading

from contact.users import passwords
from contact.web.offload import apart

_AT_ONCE = threading.BoundedSemaphore(2)


def matches(password_hash: str, password: str) -> bool:
    """`passwords.matches`, without holding up anybody."""
    with _AT_ONCE:
        return apart(lambda: passwords.matches(password_hash, password))


def hashed(password: str) -> str:
    with _AT_ONCE:
        return apart(lambda: passwords.hashed(password))
