"""Said: a wish, and where, when, what for and how it was said; as the log and the ledger write it down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from contact import log
from contact.messages import Wish
from contact.text import storable


class How(StrEnum):
    """How a wish came to us."""

    KEYWORD = "keyword"
    PROVIDER = "provider"
    AGENT = "agent"
    COMPLAINT = "complaint"
    REPLY = "reply"
    """A message that says "unsubscribe" and nothing else."""
    ONE_CLICK = "one_click"
    """The mail program's own button (RFC 8058)."""
    PAGE = "page"
    """Our public page behind a signed link."""
    FORM = "form"
    PAPER = "paper"
    IMPORT = "import"


ADDRESS = "address"
PERSON = "person"
"""Scopes of a wish."""
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """`purpose` "": all of them. `said_at`: when the person said so."""

    wish: Wish
    channel: str
    said_at: datetime
    purpose: str = ""
    night: bool = False
    scope: str = ADDRESS
    user_id: int | None = None
    proof: str = ""
    text_id: int | None = None

    def logged(self, contact_id: int | None, address_id: int, value: str) -> tuple[log.Name, dict[str, Any]]:
        """The row of the log about this address."""
        about = {"purpose": self.purpose, "night": self.night, "scope": self.scope if self.scope != ADDRESS else ""}
        return log.Name.CONSENT_GIVEN if self.wish.given else log.Name.CONSENT_WITHDRAWN, {
            "contact_id": contact_id,
            "address_id": address_id,
            "channel": self.channel,
            "user_id": self.user_id,
            "body": self._words,
            "content": {"value": value},
            "data": {"how": self.wish.how, **{key: told for key, told in about.items() if told}},
        }

    def row(self, now: datetime, interaction_id: int) -> dict[str, Any]:
        """The row of the ledger, still without whose it is."""
        return {
            "at": now, "channel": self.channel, "purpose": self.purpose, "night": self.night, "scope": self.scope,
            "given": self.wish.given, "how": str(self.wish.how), "words": self._words,
            "proof": storable(self.proof)[:LONGEST], "text_id": self.text_id, "said_at": self.said_at,
            "user_id": self.user_id, "interaction_id": interaction_id,
        }  # fmt: skip

    @property
    def _words(self) -> str:
        words: str = storable(self.wish.words)
        return words[:LONGEST]
