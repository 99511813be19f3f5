"""Business number (사업자등록번호): ten digits, the last one a check. Pure.

Three digits of the tax office (from 101), two of the kind of business, four in sequence, one check digit: nine digits
weighted 1 3 7 1 3 7 1 3 5, the tens of the last product added (the rule of the National Tax Service). python-stdnum
2.2 knows the form and not the check. Whether a number is in use today only the tax office knows.
"""

from __future__ import annotations

import re

from contact.errors import Invalid

_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_DASHES = str.maketrans("", "", " -‐‑‒–—.")


def parse(given: str) -> str:
    """The ten digits; "" where nothing was given. Raises `Invalid`."""
    digits = given.strip().translate(_DASHES)
    if not digits:
        return ""
    if not re.fullmatch(r"[0-9]{10}", digits) or digits < "1010100010" or digits[3:5] == "00" or not _fits(digits):
        raise Invalid("This is not a business number: ten digits such as 116-82-00276, the last one a check.")
    return digits


def shown(number: str) -> str:
    """As people write it: 116-82-00276."""
    return f"{number[:3]}-{number[3:5]}-{number[5:]}" if number else ""


def _fits(digits: str) -> bool:
    figures = [int(digit) for digit in digits]
    total = sum(figure * weight for figure, weight in zip(figures[:9], _WEIGHTS, strict=True)) + figures[8] * 5 // 10
    return (10 - total % 10) % 10 == figures[9]
