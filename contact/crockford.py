"""Crockford's base 32: signs that people copy from paper without mistaking one for another. Pure.

No I, L, O and U are written; read are any case, O for 0, I and L for 1. https://www.crockford.com/base32.html
"""

from __future__ import annotations

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KIND = str.maketrans("OIL", "011")


def write(number: int, least: int = 1) -> str:
    """`number` (not negative) in at least so many signs."""
    signs = ""
    while number or len(signs) < least:
        number, low = divmod(number, 32)
        signs = SIGNS[low] + signs
    return signs


def kindly(written: str) -> str:
    """What somebody typed, as it was written; signs there are none of stay, and mean nothing."""
    return written.upper().translate(_KIND)


def read(signs: str) -> int | None:
    """The number; None where a sign is none."""
    number = 0
    for sign in kindly(signs):
        value = SIGNS.find(sign)
        if value < 0:
            return None
        number = number * 32 + value
    return number if signs else None
