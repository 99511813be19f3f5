"""Less: the signed link under each mail that leads to fewer of its kind, without signing in. Pure.

`12-comment-k3v…`: user 12, what is meant, HMAC-SHA256 cut to 120 bits. It does nothing by being followed: mail
scanners follow links. It opens nothing else, so it never ends.
"""

from __future__ import annotations

import hmac
import re
from typing import NamedTuple

from board.notifying.event import Event, Mode
from contact import mac

_BYTES = 15
_TOKEN = re.compile(r"([1-9]\d{0,17})-([a-z_]{3,20})-([a-z2-7]{24})", re.ASCII)
DIGESTS = (Mode.DAILY, Mode.WEEKLY)


class Named(NamedTuple):
    """Whose, and which: an event, or all that come in such a digest."""

    user_id: int
    which: Event | Mode


def make(user_id: int, which: Event | Mode, key: bytes) -> str:
    return f"{user_id}-{which.value}-{_mac(user_id, which.value, key)}"


def link(public: str, key: bytes, user_id: int, which: Event | Mode) -> str:
    return f"{public}/partners/fewer/{make(user_id, which, key)}"


def read(token: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _TOKEN.fullmatch(token.strip().lower())
    if found is None or not hmac.compare_digest(_mac(int(found[1]), found[2], key), found[3]):
        return None
    which = next((one for one in (*Event, *DIGESTS) if one.value == found[2]), None)
    return Named(int(found[1]), which) if which is not None else None


def _mac(user_id: int, which: str, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    return mac.base32(mac.of(key).digest(f"hanmaru fewer {user_id} {which}".encode())[:_BYTES])
