"""What all handlers of the chat's door share: who is connected, and the ways to ask, tell and refuse."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from channels.chat import speech
from channels.chat.peers import Peers, room
from channels.chat.speech import CLOSED, say
from channels.chat.visitor import Visitors
from contact import answering, limits
from contact import inbox as inboxes
from contact import presence as presences
from contact.db import utcnow
from contact.errors import NotFound, TooMany
from contact.files import Attachment
from contact.inbox import Inbox
from contact.limits import Limits, Rule
from contact.response.answers import automatic
from contact.response.hours import Hours, hours_of
from contact.web.live import Live

NAMESPACE = "/chat"
INBOX_KEPT = 30.0
"""Seconds an inbox is used without asking the database whether it changed."""
EXPECTED_KEPT = 60.0

Answer = dict[str, Any]


class Lobby:
    """One a web process."""

    def __init__(self, live: Live, counting: Limits) -> None:
        self.live = live
        self.service = live.service
        self.presence = presences.of(live)
        self.visitors = Visitors(live.service.settings.secret())
        self.peers = Peers()
        self.limits = counting
        self._inboxes: dict[str, tuple[float, Inbox | None]] = {}
        self._expected: dict[bool, tuple[float, int | None]] = {}
        self._hours: dict[int, tuple[float, Hours]] = {}

    def tell(self, visitor: str | None, event: str, data: Any, skip: str | None = None) -> None:
        """To all tabs of a visitor in this process; nobody and nothing are no news."""
        if visitor is not None and data is not None:
            self.live.server.emit(
                event, data, room=room(visitor), namespace=NAMESPACE, skip_sid=skip, ignore_queue=True
            )

    def take(self, rule: Rule, key: str, sentence: str = speech.SLOW_DOWN) -> None:
        """Count one deed; raises `TooMany` with a sentence for the visitor."""
        try:
            self.limits.take(rule, key, utcnow())
        except TooMany as error:
            raise TooMany(sentence, retry_after=error.retry_after, count=max(1, round(error.retry_after))) from None

    def inbox(self, key: object) -> Inbox:
        """The chat inbox a shop's page names; raises `NotFound`."""
        if not isinstance(key, str) or not 1 <= len(key) <= 100:
            raise NotFound("This chat does not exist.")
        kept = self._inboxes.get(key)
        if kept is None or time.monotonic() - kept[0] > INBOX_KEPT:
            with self.service.db.read() as session:
                found = inboxes.find(session, "chat", key)
            if len(self._inboxes) > 1000:
                self._inboxes.clear()
            kept = self._inboxes[key] = (time.monotonic(), found)
        if kept[1] is None:
            raise NotFound("This chat does not exist.")
        return kept[1]

    def expect(self, session: Session, now: datetime, online: bool) -> int | None:
        """Seconds until an answer, as far as we can say."""
        kept = self._expected.get(online)
        if kept is None or time.monotonic() - kept[0] > EXPECTED_KEPT:
            seconds = answering.expected_seconds(session, now, self.service.settings.zone, online)
            kept = self._expected[online] = (time.monotonic(), seconds)
        return kept[1]

    def closed(self, session: Session, now: datetime, inbox_id: int, language: str) -> str:
        """In the visitor's language, when we open again; empty while we are open, or never open."""
        kept = self._hours.get(inbox_id)
        if kept is None or time.monotonic() - kept[0] > EXPECTED_KEPT:
            rule = automatic.find(session, inbox_id, automatic.Kind.CLOSED)
            kept = time.monotonic(), hours_of(session, rule.calendar_id if rule else None)
            self._hours[inbox_id] = kept
        hours = kept[1]
        opening = None if hours.open_at(now) else hours.next_opening(now)
        return say(language, CLOSED, back=automatic.back(opening, hours.zone, now, language)) if opening else ""

    def link(self, attachment: Attachment) -> str:
        """Where a widget gets a file: an address nobody can guess."""
        return f"{self.service.settings.public}/chat/file/{self.visitors.link(attachment.id)}"

    def network(self, environ: Mapping[str, Any]) -> str:
        """What limits per address are counted by."""
        return limits.network(client_ip(environ, self.service.settings.trusted_proxies))


def client_ip(environ: Mapping[str, Any], proxies: int) -> str:
    """The visitor's address: what the outermost of our own proxies saw."""
    seen = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(seen) >= proxies:
        return str(seen[-proxies])
    return str(environ.get("REMOTE_ADDR", ""))
