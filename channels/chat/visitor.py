"""What a visitor's browser holds: signed tokens that say who it is, what it uploaded, what it may see.

A token is a bearer's word: whoever has it is that visitor. It names a random id and the inbox
it was made for, nothing else, and lasts as long as people come back.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from contact.vault import derive

TOKEN_LASTS = timedelta(days=400)
"""Counted from the last visit: each greeting gives a new token. Browsers keep nothing longer."""
TICKET_LASTS = timedelta(days=2)
"""How long an uploaded file may wait for its message to be sent."""
_MAX_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Ticket:
    """An uploaded file that no message carries yet."""

    sha256: str
    size: int
    name: str
    content_type: str


class Visitors:
    """Makes and reads the tokens; `secret` is the house's secret."""

    def __init__(self, secret: bytes) -> None:
        key = derive(secret, "chat visitor")
        self._token = URLSafeTimedSerializer(key, salt="visitor")
        self._ticket = URLSafeTimedSerializer(key, salt="upload")
        self._link = URLSafeSerializer(key, salt="file")

    def new(self) -> str:
        """An id nobody has: 144 random bits."""
        return secrets.token_urlsafe(18)

    def token(self, visitor: str, inbox_id: int) -> str:
        return str(self._token.dumps([visitor, inbox_id]))

    def read(self, token: object, inbox_id: int) -> str | None:
        """The visitor's id; None for a token that is forged, too old, or of another inbox."""
        found = _load(self._token, token, TOKEN_LASTS)
        return str(found[0]) if found is not None and found[1] == inbox_id else None

    def whose(self, token: object) -> tuple[str, int] | None:
        """Visitor and inbox, where the inbox is not known otherwise (an upload)."""
        found = _load(self._token, token, TOKEN_LASTS)
        return (str(found[0]), int(found[1])) if found is not None else None

    def ticket(self, visitor: str, ticket: Ticket) -> str:
        """What the widget names an uploaded file by; good for this visitor only."""
        return str(self._ticket.dumps([visitor, ticket.sha256, ticket.size, ticket.name, ticket.content_type]))

    def redeem(self, visitor: str, ticket: object) -> Ticket | None:
        """The file behind a ticket; None when it is not this visitor's."""
        found = _load(self._ticket, ticket, TICKET_LASTS, limit=4000)
        return Ticket(*found[1:]) if found is not None and found[0] == visitor else None

    def link(self, attachment_id: int) -> str:
        """The last part of an attachment's address: nobody can guess another one."""
        return str(self._link.dumps(attachment_id))

    def attachment(self, link: str) -> int | None:
        try:
            return int(self._link.loads(link))
        except (BadData, ValueError, TypeError):
            return None


def _load(serializer: URLSafeTimedSerializer, text: object, age: timedelta, limit: int = _MAX_TOKEN) -> Any:
    if not isinstance(text, str) or len(text) > limit:
        return None
    try:
        return serializer.loads(text, max_age=int(age.total_seconds()))
    except BadData:
        return None
