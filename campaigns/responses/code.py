"""Signed part of a tracked link: whose message, or, without personal tracking, only which campaign. Pure.

`r3d9kQ2xTbAe`: recipient 3 (in base 62), then 47 bits of HMAC-SHA256 in eight letters; `c…` names a campaign. It is
short, because in a text message every letter is paid for, and has nothing but letters and digits, so that no
program cuts it off. Guessing one means asking us some 10^14 times, and gains a link anybody can read in his own
message. Which of the message's links it is stands behind it, unsigned: whoever has one link of a message has them
all. Where it leads is in our table, never in the link, so nobody can send people elsewhere by our name.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from contact import mac

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_BITS, _SIGNED = 47, 8
_CODE = re.compile(r"([rc])([0-9A-Za-z]{1,11})([0-9A-Za-z]{8})", re.ASCII)
Of = Literal["r", "c"]


class Named(NamedTuple):
    """What a code says: `of` "r" a recipient, "c" a campaign."""

    of: Of
    number: int


def make(of: Of, number: int, key: bytes) -> str:
    return maker(of, key)(number)


def maker(of: Of, key: bytes) -> Callable[[int], str]:
    """`make` for many: a few microseconds each."""
    if not key:
        raise ValueError("a code needs a key")
    digest, pairs, label = mac.of(key).digest, _PAIRS, f"hanmaru response {of} ".encode()

    def one(number: int) -> str:
        left = int.from_bytes(digest(label + b"%d" % number)[:6], "big") >> (48 - _BITS)
        left, a = divmod(left, 3844)
        left, b = divmod(left, 3844)
        d, c = divmod(left, 3844)
        return f"{of}{_base62(number)}{pairs[d]}{pairs[c]}{pairs[b]}{pairs[a]}"

    return one


def read(code: str, key: bytes) -> Named | None:
    """What it says; None unless we signed it."""
    found = _CODE.fullmatch(code)
    if found is None:
        return None
    number = 0
    for digit in found[2]:
        number = number * 62 + _VALUE[digit]
    named = Named("r" if found[1] == "r" else "c", number)
    return named if number < 10**18 and hmac.compare_digest(make(*named, key), code) else None


def _base62(number: int) -> str:
    if number < 62:
        return _DIGITS[number]
    digits = ""
    while number:
        number, low = divmod(number, 62)
        digits = _DIGITS[low] + digits
    return digits
