"""Once: a form carries a key of its own, so that it makes one thing however often it is sent."""

from __future__ import annotations

import secrets


def key_of(user_id: int, given: str) -> str | None:
    """The key of a form somebody sent, theirs alone; None without one."""
    return f"{user_id}:{given[:40]}" if given.isascii() and given.isalnum() else None


def again(given: str) -> str:
    """The key of the form that is shown: of one that was sent before, its own."""
    return given[:40] or secrets.token_hex(16)
