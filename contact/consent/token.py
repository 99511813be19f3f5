"""Signed links of the public page: whose address, and what a single click refuses. Pure.

`12-a-k3v…`: address 12, advertising, HMAC-SHA256 cut to 120 bits in lower-case base32. The link names no address
that could be read, never ends, and does nothing by being followed: mail scanners follow links. RFC 8058 wants it
hard to guess, and working without cookies and sign-in.

`A16JF-7K9Q-2XTB` says the same on paper, where somebody types it or a camera reads it: the kind, the address and
40 bits in Crockford's base 32. Whoever tries them all is slowed down at the door, and wins a stranger's refusal.
"""

from __future__ import annotations

import hmac
import re
from typing import NamedTuple

from contact import crockford, mac
from contact.consent.purpose import Purpose

_BYTES = 15
_LETTERS = {"a": Purpose.ADVERTISING, "i": Purpose.INFORMATIONAL}
_LETTER_OF = {purpose: letter for letter, purpose in _LETTERS.items()}
_SHORT = {"A": Purpose.ADVERTISING, "N": Purpose.INFORMATIONAL}
_SHORT_OF = {purpose: letter for letter, purpose in _SHORT.items()}
_TYPED = re.compile(r"([AN])([0-9A-Z]{1,13})([0-9A-Z]{8})", re.ASCII)
_TOKEN = re.compile(r"([1-9]\d{0,17})-([ai])-([a-z2-7]{24})", re.ASCII)


class Named(NamedTuple):
    """What a token says."""

    address_id: int
    purpose: Purpose


def make(address_id: int, purpose: Purpose, key: bytes) -> str:
    """The token of one address; raises `ValueError` for what nobody can refuse by a link."""
    letter = _LETTER_OF.get(purpose)
    if letter is None:
        raise ValueError(f"{purpose} is not refused by a link")
    return f"{address_id}-{letter}-{_mac(address_id, letter, key)}"


def link(public: str, key: bytes, address_id: int, purpose: Purpose) -> str:
    """The address of the page; for the header of a mail (`Outbound.unsubscribe`) and for its words."""
    return f"{public}/u/{make(address_id, purpose, key)}"


def short(address_id: int, purpose: Purpose, key: bytes) -> str:
    """The token for paper and text messages; raises `ValueError` for what nobody can refuse by a link."""
    letter = _SHORT_OF.get(purpose)
    if letter is None:
        raise ValueError(f"{purpose} is not refused by a link")
    signs = _signs(address_id, letter, key)
    return f"{letter}{crockford.write(address_id)}-{signs[:4]}-{signs[4:]}"


def short_link(public: str, key: bytes, address_id: int, purpose: Purpose) -> str:
    """The same page by an address that can be typed."""
    return f"{public}/u/{short(address_id, purpose, key)}"


def read(token: str, key: bytes) -> Named | None:
    """What it says, long or short; None unless we signed it."""
    return _typed(token, key) or _long(token, key)


def _typed(token: str, key: bytes) -> Named | None:
    found = _TYPED.fullmatch(re.sub(r"[\s_.-]", "", token[:60]).upper())
    number = crockford.read(found[2]) if found else None
    if found is None or number is None or not 0 < number < 10**18:
        return None
    given = crockford.kindly(found[3]).encode()
    if not hmac.compare_digest(_signs(number, found[1], key).encode(), given):
        return None
    return Named(number, _SHORT[found[1]])


def _signs(address_id: int, letter: str, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    digest = mac.of(key).digest(f"hanmaru short consent {address_id} {letter}".encode())
    return crockford.write(int.from_bytes(digest[:5], "big"), 8)


def _long(token: str, key: bytes) -> Named | None:
    found = _TOKEN.fullmatch(token.strip().lower())
    if found is None or not hmac.compare_digest(_mac(int(found[1]), found[2], key), found[3]):
        return None
    return Named(int(found[1]), _LETTERS[found[2]])


def _mac(address_id: int, letter: str, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    return mac.base32(mac.of(key).digest(f"hanmaru consent {address_id} {letter}".encode())[:_BYTES])
