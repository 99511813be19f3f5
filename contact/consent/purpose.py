"""What a message is for. Pure."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a message is for. "" in the ledger is every purpose there is."""

    ADVERTISING = "advertising"
    INFORMATIONAL = "informational"
    SERVICE = "service"
    """Answers, and what was asked for."""
