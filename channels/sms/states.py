"""Twilio's message states in our words.

The enum is `message_enum_status` of Twilio's own OpenAPI. States of lower rank that come late change
nothing (`contact/outbox/delivery.py`): `undelivered` is a failure, not a bounce, so that proof of
arrival, which carriers sometimes send after it, still counts.
"""

from __future__ import annotations

from typing import Final

from contact.messages import DeliveryState as S

OUT: Final[dict[str, S]] = {
    "accepted": S.WIRED,
    "scheduled": S.WIRED,
    "queued": S.WIRED,
    "sending": S.WIRED,
    "sent": S.WIRED,
    "delivered": S.DELIVERED,
    "partially_delivered": S.DELIVERED,
    "read": S.READ,
    "undelivered": S.FAILED,
    "failed": S.FAILED,
    "canceled": S.FAILED,
}

EARLY: Final = frozenset({"accepted", "scheduled", "queued", "sending"})
"""What Twilio says before it has given a message to a carrier."""

IN: Final = frozenset({"receiving", "received"})
"""States of messages to us: they say nothing about ours."""
