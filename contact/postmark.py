"""The short number on a letter: which delivery it is, signed. Pure.

`HM17-7K9Q2`: the delivery's id, and five signs of HMAC-SHA256 over it in Crockford's base 32 (25 bits). Nobody
finds the number of another letter by counting, and a slip of the finger is noticed. What comes back is read
kindly: any case, blanks, O for 0, I and L for 1. `HC17-...` is the letter of a campaign, to its recipient 17: a
negative number in the house.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from contact import crockford

_WRITTEN = re.compile(r"H([MC])(\d{1,18})-?([0-9A-Z]{5})")


def number(delivery_id: int, key: bytes) -> str:
    """The number of a letter."""
    return f"H{'C' if delivery_id < 0 else 'M'}{abs(delivery_id)}-{_mark(delivery_id, key)}"


def delivery_of(written: str, key: bytes) -> int | None:
    """The delivery a typed or scanned number names; None unless we printed it.

    Negative: the recipient of a campaign.
    """
    found = _WRITTEN.fullmatch(re.sub(r"[\s_]", "", written[:60]).upper())
    if found is None:
        return None
    delivery = -int(found[2]) if found[1] == "C" else int(found[2])
    return delivery if hmac.compare_digest(_mark(delivery, key), crockford.kindly(found[3])) else None


def _mark(delivery_id: int, key: bytes) -> str:
    if not key:
        raise ValueError("a number needs a key")
    digest = hmac.new(key, f"hanmaru letter {delivery_id}".encode(), hashlib.sha256).digest()
    bits = int.from_bytes(digest[:4], "big")
    return "".join(crockford.SIGNS[bits >> shift & 31] for shift in (0, 5, 10, 15, 20))
