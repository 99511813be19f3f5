"""Signed parts of our own addresses: which conversation a reply belongs to, which delivery bounced.

`help+c12.k3v...@shop.example` names conversation 12, `bounces+d7.q2x...@shop.example`
delivery 7. The mark is HMAC-SHA256 cut to 80 bits in lower-case base32, so relays that fold
case do no harm; each purpose signs other bytes, so one token never passes as the other.
"""

from __future__ import annotations

import hmac
import re

from contact import mac

REPLY = "c"
RETURN = "d"
RECIPIENT = "r"

_MAC_BYTES = 10
# SRS and VERP rewriting keep the token but change what stands around it
_TOKEN = re.compile(r"(?<=[+=-])([cdr])(\d{1,19})\.([a-z2-7]{16})(?=@|=|$)", re.IGNORECASE)


def reply_token(conversation_id: int, key: bytes) -> str:
    """The signed part of a reply address."""
    return _sign(REPLY, conversation_id, key)


def return_token(delivery_id: int, key: bytes) -> str:
    """The signed part of a return path."""
    return _sign(RETURN, delivery_id, key)


def recipient_token(recipient_id: int, key: bytes) -> str:
    """The signed part of a return path of a campaign."""
    return _sign(RECIPIENT, recipient_id, key)


def recipient_of(address: str, key: bytes) -> int | None:
    """The recipient of a campaign a return path names, None unless we signed it."""
    return _read(RECIPIENT, address, key)


def conversation_of(address: str, key: bytes) -> int | None:
    """The conversation a reply address names, None unless we signed it."""
    return _read(REPLY, address, key)


def delivery_of(address: str, key: bytes) -> int | None:
    """The delivery a return path names, None unless we signed it."""
    return _read(RETURN, address, key)


def sent_of(address: str, key: bytes) -> int | None:
    """What a return path names, as `Receipt.delivery_id` says it: a delivery, or a recipient as a negative number."""
    delivery, recipient = delivery_of(address, key), recipient_of(address, key)
    return -recipient if recipient is not None and delivery is None else delivery


def tagged(address: str, token: str) -> str:
    """`help@shop.example`, `c12.k3v` -> `help+c12.k3v@shop.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}" if token else address


def untagged(address: str) -> str:
    """The address without its `+tag`: what the inbox is called."""
    local, at, domain = address.rpartition("@")
    return f"{local.split('+', 1)[0]}{at}{domain}"


def _sign(kind: str, number: int, key: bytes) -> str:
    if number < 0:
        raise ValueError("only stored rows have tokens")
    return f"{kind}{number}.{_mac(kind, number, key)}"


def _mac(kind: str, number: int, key: bytes) -> str:
    if not key:
        raise ValueError("a token needs a key")
    return mac.base32(mac.of(key).digest(f"hanmaru mail {kind} {number}".encode())[:_MAC_BYTES])


def _read(kind: str, address: str, key: bytes) -> int | None:
    for found in _TOKEN.finditer(address[:1000]):
        number = int(found[2])
        same = hmac.compare_digest(_mac(kind, number, key), found[3].lower())
        if found[1].lower() == kind and same and str(number) == found[2]:
            return number
    return None
