"""One request to Twilio as it went: what the SDK does not hand through, seen from below it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Call:
    """One request as it went. `left`: its first byte may have reached Twilio."""

    left: bool = False
    status: int = 0
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


CALL: ContextVar[Call | None] = ContextVar("twilio_call", default=None)
"""The call of the running task; the SDK hands nothing through."""
