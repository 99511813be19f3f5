"""Who speaks: a number as E.164, a short code, a name, or nobody we know. Pure.

Twilio sends `From` and `To` as E.164 with a plus; without one it is a short code (`12345`), a sender's name
(`SHOP`) or nothing. None of the three can be guessed into a number, and most cannot be answered.
"""

from __future__ import annotations

import re

from contact import address
from contact.errors import InvalidAddress
from contact.messages import AddressKind, Party

UNKNOWN = "unknown:"
_SHORT = re.compile(r"\d{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")
"""An alphanumeric sender id: up to 11 characters, at least one letter."""


def normal(value: str) -> str:
    """E.164, or a short code or name as it is; empty when it is none of them."""
    value = " ".join(value.split())
    if value.startswith("+"):
        try:
            return address.phone(value)
        except InvalidAddress:
            return ""
    return value if _SHORT.fullmatch(value) or _NAME.fullmatch(value) else ""


def sender(value: str, message: str) -> Party:
    """Who sent a message. An unknown sender is one of its own for each `message`: strangers share no conversation."""
    return Party(AddressKind.TEL, normal(value) or f"{UNKNOWN}{message}"[:320])


def can_be_written_to(value: str) -> bool:
    """Names and nobody cannot; whether a short code takes answers is its owner's word."""
    return value.startswith("+") or bool(_SHORT.fullmatch(value))
