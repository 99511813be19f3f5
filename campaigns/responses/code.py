"""Signed part of a tracked link: whose message, or, without personal tracking, only which campaign. Pure.

`r-12-k3v…` is recipient 12, `c-3-k3v…` campaign 3; HMAC-SHA256 cut to 80 bits in lower-case base32. Which of
the message's links it is stands behind it, unsigned: whoever has one link of a mail has them all. Where it leads
is in our table, never in the link, so nobody can send people elsewhere by our name.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import Literal, NamedTuple

_BYTES = 10
_CODE = re.compile(r"([rc])-(\d{1,18})-([a-z2-7]{16})", re.ASCII)
Of = Literal["r", "c"]


class Named(NamedTuple):
    """What a code says: `of` "r" a recipient, "c" a campaign."""

    of: Of
    number: int


def make(of: Of, number: int, key: bytes) -> str:
    return f"{of}-{number}-{_mac(of, number, key)}"


def read(code: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _CODE.fullmatch(code)
    if found is None or found[2] != str(int(found[2])):
        return None
    named = Named("r" if found[1] == "r" else "c", int(found[2]))
    return named if hmac.compare_digest(_mac(*named, key), found[3]) else None


def _mac(of: str, number: int, key: bytes) -> str:
    if not key:
        raise ValueError("a code needs a key")
    digest = hmac.digest(key, f"hanmaru response {of} {number}".encode(), "sha256")
    return base64.b32encode(digest[:_BYTES]).decode().lower()
