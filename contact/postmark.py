"""The short number on a letter: which delivery it is, signed. Pure.

`HM17-7K9Q2`: the delivery's id, and five signs of HMAC-SHA256 over it in Crockford's base 32 (25 bits). Nobody
finds the number of another letter by counting, and a slip of the finger is noticed. What comes back is read
kindly: any case, blanks, O for 0, I and L for 1.
"""

from __future__ import annotations

import hashlib
import hmac
import re

_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KIND = str.maketrans("OIL", "011")
_WRITTEN = re.compile(r"HM(\d{1,18})-?([0-9A-Z]{5})")


def number(delivery_id: int, key: bytes) -> str:
    """The number of a letter."""
    return f"HM{delivery_id}-{_mark(delivery_id, key)}"


def delivery_of(written: str, key: bytes) -> int | None:
    """The delivery a typed or scanned number names; None unless we printed it."""
    found = _WRITTEN.fullmatch(re.sub(r"[\s_]", "", written[:60]).upper())
    if found is None:
        return None
    same = hmac.compare_digest(_mark(int(found[1]), key), found[2].translate(_KIND))
    return int(found[1]) if same else None


def _mark(delivery_id: int, key: bytes) -> str:
    if not key:
        raise ValueError("a number needs a key")
    digest = hmac.new(key, f"hanmaru letter {delivery_id}".encode(), hashlib.sha256).digest()
    bits = int.from_bytes(digest[:4], "big")
    return "".join(_SIGNS[bits >> shift & 31] for shift in (0, 5, 10, 15, 20))
