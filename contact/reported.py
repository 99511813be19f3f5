"""What a provider, a relay or a bounce says about something a campaign sent: written down, and nothing else.

The hall knows no campaigns. Whoever sends without a delivery gives its message a negative `Outbound.delivery_id`; what
comes back about that number is a row of the log, once however often it is said, and its sender reads it there
(`campaigns/evidence.py`).
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contact import log
from contact.log import Name
from contact.messages import Receipt
from contact.text import storable

REASON = 200
_NAMED = re.compile(r"[^\s<>:;,\"']+@[^\s<>:;,\"']+|\+?\d[\d -]{6,}\d")
"""Addresses and numbers: they stand in the words of a relay as often as not, and a row's `data` is never erased."""


def speaks_of(receipt: Receipt) -> bool:
    """Whether it is about something without a delivery."""
    return receipt.delivery_id is not None and receipt.delivery_id < 0


def note(session: Session, now: datetime, receipt: Receipt, channel: str, inbox_id: int | None = None) -> int:
    """Write it down; returns the row, the same one for the same word."""
    assert receipt.delivery_id is not None
    log.lock(session)
    key = _key(receipt)
    if (seen := log.by_key(session, key)) is not None:
        return seen.id
    said = log.append(
        session, now, Name.RECIPIENT_REPORTED, channel=channel, inbox_id=inbox_id, key=key, data=_data(receipt)
    )
    return said.id


def known(session: Session, receipt: Receipt) -> bool:
    """Whether this very word was written down before."""
    return log.by_key(session, _key(receipt)) is not None


def _data(receipt: Receipt) -> dict[str, Any]:
    """`state` as in `DeliveryState`; `fault` and `who` as said; `wish`: how the recipient refused or came back."""
    data: dict[str, Any] = {
        "recipient": -(receipt.delivery_id or 0),
        "state": receipt.state.value,
        "fault": receipt.fault.value if receipt.fault else "",
        "who": receipt.who.value if receipt.who else "",
        "code": receipt.code[:60],
        "reason": _NAMED.sub("…", storable(" ".join(receipt.reason.split())))[:REASON],
    }
    if receipt.wish:
        data |= {"wish": receipt.wish.how, "given": receipt.wish.given}
    return {name: value for name, value in data.items() if value or name == "given"}


def _key(receipt: Receipt) -> str:
    """Without a key of its own a word is known by what it says."""
    said = receipt.key or f"{receipt.state.value} {receipt.code} {receipt.wish.how if receipt.wish else ''}"
    return f"reported-{-(receipt.delivery_id or 0)}-{hashlib.sha256(said.encode()).hexdigest()[:40]}"
