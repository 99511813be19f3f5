"""Signed links of the public page: whose address, and what a single click refuses. Pure.

`12-a-k3v…`: address 12, advertising, HMAC-SHA256 cut to 120 bits in lower-case base32. The link names no address
that could be read, never ends, and does nothing by being followed: mail scanners follow links. RFC 8058 wants it
hard to guess, and working without cookies and sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

from contact.consent.purpose import Purpose

_BYTES = 15
_LETTERS = {"a": Purpose.ADVERTISING, "i": Purpose.INFORMATIONAL}
_TOKEN = re.compile(r"([1-9]\d{0,17})-([ai])-([a-z2-7]{24})", re.ASCII)


class Named(NamedTuple):
    """What a token says."""

    address_id: int
    purpose: Purpose


def make(address_id: int, purpose: Purpose, key: bytes) -> str:
    """The token of one address; raises `ValueError` for what nobody can refuse by a link."""
    letter = next((letter for letter, one in _LETTERS.items() if one is purpose), None)
    if letter is None:
        raise ValueError(f"{purpose} is not refused by a link")
    return f"{address_id}-{letter}-{_mac(address_id, letter, key)}"


def link(public: str, key: bytes, address_id: int, purpose: Purpose) -> str:
    """The address of the page; for the header of a mail (`Outbound.unsubscribe`) and for its words."""
    return f"{public}/u/{make(address_id, purpose, key)}"


def read(token: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _TOKEN.fullmatch(token.strip().lower())
    if found is None or not hmac.compare_digest(_mac(int(found[1]), found[2], key), found[3]):
        return None
    return Named(int(found[1]), _LETTERS[found[2]])


def _mac(address_id: int, letter: str, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    digest = hmac.new(key, f"hanmaru consent {address_id} {letter}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:_BYTES]).decode().lower()
