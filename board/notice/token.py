"""Signed links to one notice for one person, without signing in. Pure.

`12-1-34-k3v…`: notice 12, round 1, user 34, HMAC-SHA256 cut to 100 bits in lower-case base32 (it must fit a text
message). The link does nothing by being followed: mail scanners follow links.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple

from contact import mac

_BYTES: Final = 15
_DIGITS: Final = 20
_TOKEN = re.compile(r"([1-9]\d{0,17})-([1-9]\d{0,8})-([1-9]\d{0,17})-([a-z2-7]{20})", re.ASCII)


class Named(NamedTuple):
    """What a token says. `round` is the version that was to be acknowledged when it was made."""

    notice_id: int
    round: int
    user_id: int


def make(named: Named, key: bytes) -> str:
    return f"{named.notice_id}-{named.round}-{named.user_id}-{_mac(named, key)}"


def link(public: str, key: bytes, notice_id: int, round_: int, user_id: int) -> str:
    """The address of the page."""
    return f"{public}/n/{make(Named(notice_id, round_, user_id), key)}"


def read(token: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _TOKEN.fullmatch(token.strip().lower())
    if found is None:
        return None
    named = Named(int(found[1]), int(found[2]), int(found[3]))
    return named if hmac.compare_digest(_mac(named, key), found[4]) else None


def _mac(named: Named, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    said = f"hanmaru notice {named.notice_id} {named.round} {named.user_id}"
    return mac.base32(mac.of(key).digest(said.encode())[:_BYTES])[:_DIGITS]
