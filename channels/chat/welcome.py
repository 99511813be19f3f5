"""A widget comes and goes: who it is, what it is told first."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import structlog
from socketio.exceptions import ConnectionRefusedError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from channels.chat import deeds, speech
from channels.chat.lobby import NAMESPACE, Answer, Lobby
from channels.chat.page import visited
from channels.chat.peers import Peer
from channels.chat.said import MAX_FILES, MAX_TEXT, fields
from channels.chat.speech import failure, say
from channels.chat.types import ACCEPT
from contact import conversation as conversations
from contact import directory, limits
from contact.conversation import Conversation, State
from contact.db import utcnow
from contact.directory import Address
from contact.errors import HanmaruError, NotFound, TooMany
from contact.log import Interaction, Name
from contact.messages import AddressKind

log = structlog.stdlib.get_logger(__name__)


class Welcome:
    """Connect and disconnect."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def connect(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        given = fields(auth)
        language = "en" if given.get("lang") == "en" else "ko"
        try:
            peer, known = self._admit(sid, environ, given, language)
            hello = self._hello(peer, known)
        except HanmaruError as error:
            told = failure(error, language)
            raise ConnectionRefusedError(told["message"], told) from error
        except SQLAlchemyError as error:
            log.exception("chat: the database is away")
            told = {"ok": False, "error": "busy", "message": say(language, speech.BUSY), "retry_after": 3}
            raise ConnectionRefusedError(told["message"], told) from error
        self._lobby.peers.add(peer)
        self._lobby.live.server.enter_room(sid, peer.room, namespace=NAMESPACE)
        self._lobby.live.server.emit("hello", hello, to=sid, namespace=NAMESPACE, ignore_queue=True)

    def _admit(
        self, sid: str, environ: Mapping[str, Any], given: Mapping[str, Any], language: str
    ) -> tuple[Peer, bool]:
        inbox = self._lobby.inbox(given.get("inbox"))
        origins = (inbox.settings or {}).get("origins") or []
        if origins and environ.get("HTTP_ORIGIN") not in origins:
            raise NotFound("This chat may not be used on this site.")
        network = self._lobby.network(environ)
        visitor = self._lobby.visitors.read(given.get("token"), inbox.id)
        if visitor is None:
            self._lobby.take(limits.CHAT_VISITOR_ADDRESS, network, speech.TOO_MANY_HERE)
        peer = Peer(sid, visitor or self._lobby.visitors.new(), inbox, language, network)
        page = visited(given.get("page"))
        if page:
            peer.shares_pages, peer.page = True, page
        return peer, visitor is not None

    def _hello(self, peer: Peer, known: bool) -> Answer:
        now = utcnow()
        online = bool(self._lobby.presence.online())
        conversation, seen, reachable = None, 0, False
        with self._lobby.service.db.read() as session:
            if known:
                conversation, reachable = self._recall(session, peer)
                seen = self._seen_by_agents(session, conversation)
            expected = self._lobby.expect(session, now, online)
            closed = self._lobby.closed(session, now, peer.inbox.id, peer.language)
        if peer.page and peer.conversation_id:
            self._visit(peer)
        return {
            "token": self._lobby.visitors.token(peer.visitor, peer.inbox.id),
            "known": known,
            "n": conversation.last_id if conversation else 0,
            "agents_online": len(self._lobby.presence.online()),
            "expected_seconds": expected,
            "closed": closed,
            "conversation": {"open": conversation.state != State.RESOLVED} if conversation else None,
            "name": peer.inbox.name,
            **_looks(peer),
            "asks_address": not online and not reachable,
            "seen": seen,
            "limits": {
                "text": MAX_TEXT,
                "file_bytes": self._lobby.service.settings.files_limit_mb * 1024 * 1024,
                "files": MAX_FILES,
                "types": ACCEPT,
            },
        }

    def _visit(self, peer: Peer) -> None:
        """Most shops load each page anew: the visit is the connection."""
        with contextlib.suppress(TooMany):
            self._lobby.limits.take(limits.CHAT_TYPING, peer.visitor, utcnow())
            with self._lobby.service.db.write() as session:
                deeds.visit_again(session, utcnow(), peer.conversation_id, peer.page)

    def _recall(self, session: Session, peer: Peer) -> tuple[Conversation | None, bool]:
        """Who this visitor is to us: fills the peer. The conversation, and whether we have an e-mail address."""
        address = directory.find(session, AddressKind.VISITOR, peer.visitor)
        if address is None:
            return None, False
        peer.address_id, peer.contact_id = address.id, address.contact_id
        conversation = session.scalar(
            select(Conversation)
            .where(Conversation.contact_id == address.contact_id, Conversation.inbox_id == peer.inbox.id)
            .order_by(Conversation.id.desc())
            .limit(1)
        )
        if conversation is not None:
            conversation = conversations.top(session, conversation)
            peer.conversation_id = conversation.id
        mail = select(Address.id).where(
            Address.contact_id == address.contact_id, Address.kind == AddressKind.EMAIL.value
        )
        return conversation, session.scalar(mail.limit(1)) is not None

    def _seen_by_agents(self, session: Session, conversation: Conversation | None) -> int:
        """How far agents have read, as far as we can prove: they answered, or have it on screen."""
        if conversation is None:
            return 0
        answered = session.scalar(
            select(Interaction.id)
            .where(Interaction.conversation_id == conversation.id, Interaction.name == Name.MESSAGE_QUEUED.value)
            .where(Interaction.user_id.is_not(None))
            .order_by(Interaction.id.desc())
            .limit(1)
        )
        return max(answered or 0, self._lobby.presence.read_up_to(conversation.id))

    def disconnect(self, sid: str, reason: object = None) -> None:
        peer = self._lobby.peers.remove(sid)
        if peer and peer.conversation_id and not self._lobby.peers.tabs(peer.visitor):
            self._lobby.presence.typing(peer.conversation_id, "visitor", peer.address_id, peer.name, False)


def _looks(peer: Peer) -> Answer:
    """What the shop has set for its chat: its own greeting in the visitor's language, its colour."""
    settings = peer.inbox.settings or {}
    greeting = settings.get("greeting") or {}
    return {"greeting": str(greeting.get(peer.language, "")), "color": str(settings.get("color", ""))}
