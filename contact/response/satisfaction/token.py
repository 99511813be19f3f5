"""Signed parts of the links in a question: which question, and which of its five answers. Pure.

`12-4-k3v…`: question 12, score 4, HMAC-SHA256 cut to 120 bits in lower-case base32. Mail scanners follow links,
so following one records nothing; the page behind it asks, and a form sends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

_BYTES = 15
_TOKEN = re.compile(r"(\d{1,18})-([1-5])-([a-z2-7]{24})", re.ASCII)


class Named(NamedTuple):
    """What a token says."""

    ask_id: int
    score: int


def make(ask_id: int, score: int, key: bytes) -> str:
    """The token of one answer to one question."""
    return f"{ask_id}-{score}-{_mac(ask_id, score, key)}"


def read(token: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _TOKEN.fullmatch(token.strip().lower())
    if found is None:
        return None
    named = Named(int(found[1]), int(found[2]))
    return named if hmac.compare_digest(_mac(*named, key), found[3]) and str(named.ask_id) == found[1] else None


def _mac(ask_id: int, score: int, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    digest = hmac.new(key, f"hanmaru satisfaction {ask_id} {score}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:_BYTES]).decode().lower()
