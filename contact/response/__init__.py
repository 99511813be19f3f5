"""Response management (응대관리): every message is sorted, routed, answered in time, and measured.

It reads the log: each concern is a reader of its own, so that one that fails stops alone.
"""

from __future__ import annotations

from contact.log import Reader
from contact.service import Service


def readers(service: Service) -> list[Reader]:
    """Its readers of the log, in the order they read."""
    from contact.response.deeds import Plain
    from contact.response.rules import Rules

    return [Rules(Plain(service)).reader()]
