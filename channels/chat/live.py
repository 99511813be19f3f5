"""The sockets of the widgets: namespace /chat on the raw python-socketio server.

A message is answered when it is in the log; what the log says is shown to every tab by the
tail, in the log's order. What a visitor's browser missed it asks for by `since`.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import gevent
import structlog
from socketio.exceptions import ConnectionRefusedError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from channels.chat import deeds, items, speech
from channels.chat.peers import Peer, Peers, room
from channels.chat.said import MAX_FILES, MAX_TEXT, fields, inbound, said, words
from channels.chat.speech import failure, say
from channels.chat.types import ACCEPT
from channels.chat.visitor import Visitors
from contact import answering, directory, files, intake, limits
from contact import conversation as conversations
from contact import inbox as inboxes
from contact import presence as presences
from contact.conversation import Conversation, State
from contact.db import utcnow
from contact.directory import Address
from contact.errors import HanmaruError, Invalid, NotFound, TooMany
from contact.files import Attachment
from contact.inbox import Inbox
from contact.intake import Taken
from contact.limits import Limits, Rule
from contact.log import Appended, Interaction, Name
from contact.messages import AddressKind, DeliveryState, Inbound
from contact.outbox import Words
from contact.presence import Agents, Change, Looked, Typing
from contact.quick import Going, Line, Quick, Together
from contact.web.live import Live
from contact.web.security import guarding

NAMESPACE = "/chat"
INBOX_KEPT = 30.0
"""Seconds an inbox is used without asking the database whether it changed."""
EXPECTED_KEPT = 60.0
GATHER = 0.5
"""Seconds in which agents who come and go are gathered into one word to all widgets."""
SENDING = 2000
"""Messages on their way into the log whose sender is remembered until the tail shows them."""

log = structlog.stdlib.get_logger(__name__)
Answer = dict[str, Any]


def door(live: Live) -> None:
    """Open the namespace."""
    with live.app.app_context():
        Door(live, guarding().limits).open()


class Door:
    """One a web process."""

    def __init__(self, live: Live, counting: Limits) -> None:
        self._live = live
        self._service = live.service
        self._limits = counting
        self._presence = presences.of(live)
        self._visitors = Visitors(live.service.settings.secret())
        self._peers = Peers()
        self._quick = Together(Quick(live.service.db))
        self._inboxes: dict[str, tuple[float, Inbox | None]] = {}
        self._expected: dict[bool, tuple[float, int | None]] = {}
        self._sending: OrderedDict[str, str] = OrderedDict()
        self._telling = False

    def open(self) -> None:
        server = self._live.server
        server.on("connect", self._connect, namespace=NAMESPACE)
        server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        for name, handler in {
            "message": self._message,
            "since": self._since,
            "before": self._before,
            "typing": self._typing,
            "got": self._got,
            "seen": self._seen,
            "end": self._end,
            "rate": self._rate,
            "address": self._address,
            "transcript": self._transcript,
            "page": self._page,
            "consent": self._consent,
        }.items():
            server.on(name, self._answered(handler), namespace=NAMESPACE)
        self._presence.listen(self._changed)
        self._live.follow(self.follow)

    # -- coming and going

    def _connect(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
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
        self._peers.add(peer)
        self._live.server.enter_room(sid, peer.room, namespace=NAMESPACE)
        self._live.server.emit("hello", hello, to=sid, namespace=NAMESPACE, ignore_queue=True)

    def _admit(
        self, sid: str, environ: Mapping[str, Any], given: Mapping[str, Any], language: str
    ) -> tuple[Peer, bool]:
        inbox = self._inbox(given.get("inbox"))
        origins = (inbox.settings or {}).get("origins") or []
        if origins and environ.get("HTTP_ORIGIN") not in origins:
            raise NotFound("This chat may not be used on this site.")
        network = limits.network(client_ip(environ, self._service.settings.trusted_proxies))
        visitor = self._visitors.read(given.get("token"), inbox.id)
        if visitor is None:
            self._take(limits.CHAT_VISITOR_ADDRESS, network, speech.TOO_MANY_HERE)
        peer = Peer(sid, visitor or self._visitors.new(), inbox, language, network)
        page = _page(given.get("page"))
        if page:
            peer.shares_pages, peer.page = True, page
        return peer, visitor is not None

    def _hello(self, peer: Peer, known: bool) -> Answer:
        now = utcnow()
        online = bool(self._presence.online())
        conversation, seen, reachable = None, 0, False
        with self._service.db.read() as session:
            if known:
                conversation, reachable = self._recall(session, peer)
                seen = self._seen_by_agents(session, conversation)
            expected = self._expect(session, now, online)
        return {
            "token": self._visitors.token(peer.visitor, peer.inbox.id),
            "known": known,
            "n": conversation.last_id if conversation else 0,
            "agents_online": len(self._presence.online()),
            "expected_seconds": expected,
            "conversation": {"open": conversation.state != State.RESOLVED} if conversation else None,
            "name": peer.inbox.name,
            "asks_address": not online and not reachable,
            "seen": seen,
            "limits": {
                "text": MAX_TEXT,
                "file_bytes": self._service.settings.files_limit_mb * 1024 * 1024,
                "files": MAX_FILES,
                "types": ACCEPT,
            },
        }

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
        return max(answered or 0, self._presence.read_up_to(conversation.id))

    def _disconnect(self, sid: str, reason: object = None) -> None:
        peer = self._peers.remove(sid)
        if peer and peer.conversation_id and not self._peers.tabs(peer.visitor):
            self._presence.typing(peer.conversation_id, "visitor", peer.address_id, peer.name, False)

    # -- what the visitor says

    def _message(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_MESSAGE, peer.visitor, speech.SLOW_DOWN)
        self._take(limits.CHAT_MESSAGE_ADDRESS, peer.network, speech.TOO_MANY_HERE)
        one = said(data, peer.visitor, self._visitors)
        message = inbound(one, peer.visitor, peer.language, None if peer.conversation_id else peer.page)
        stored = tuple(files.Item(file.sha256, file.size, file.name, file.content_type) for file in one.files)
        self._sending[message.key] = peer.sid
        if len(self._sending) > SENDING:
            self._sending.popitem(last=False)
        taken = self._quickly(peer, message) if not stored else None
        if taken is None:
            taken = self._properly(peer, message, stored)
        return {"ok": True, "n": taken.interaction_id, "at": taken.at.isoformat()}

    def _quickly(self, peer: Peer, message: Inbound) -> Taken | None:
        """The next line of a talk under way."""
        if not peer.conversation_id:
            return None
        going = Going(peer.contact_id, peer.address_id, peer.conversation_id)
        return self._quick.take(Line(utcnow(), message, peer.inbox.id, going))

    def _properly(self, peer: Peer, message: Inbound, stored: Sequence[files.Item]) -> Taken:
        """The first line, the same line again, or whatever has changed in between."""
        with self._service.db.write() as session:
            taken = intake.take(session, utcnow(), message, peer.inbox, stored)
            contact_id = peer.contact_id or session.get_one(Address, taken.address_id).contact_id
        self._peers.learn(
            peer.visitor, address_id=taken.address_id, contact_id=contact_id, conversation_id=taken.conversation_id
        )
        return taken

    def _since(self, peer: Peer, data: object) -> Answer:
        n = fields(data).get("n")
        if not peer.address_id:
            return {"ok": True, "items": [], "n": 0, "resync": n != 0, "more": False, "older": False}
        with self._service.db.read() as session:
            place = n if isinstance(n, int) and 0 <= n < 2**62 else 0
            reading = items.since(session, utcnow(), peer.address_id, peer.contact_id, place, self._link)
        return {
            "ok": True,
            "items": reading.items,
            "n": reading.n,
            "resync": reading.resync,
            "more": reading.more and not reading.resync,
            "older": reading.more and reading.resync,
        }

    def _before(self, peer: Peer, data: object) -> Answer:
        n = fields(data).get("n")
        if not peer.address_id or not isinstance(n, int) or not 0 <= n < 2**62:
            return {"ok": True, "items": [], "more": False}
        with self._service.db.read() as session:
            reading = items.before(session, peer.address_id, peer.contact_id, n, self._link)
        return {"ok": True, "items": reading.items, "more": reading.more}

    def _typing(self, peer: Peer, data: object) -> Answer:
        self._limits.take(limits.CHAT_TYPING, peer.visitor, utcnow())
        if peer.conversation_id:
            on = fields(data).get("on") is True
            self._presence.typing(peer.conversation_id, "visitor", peer.address_id, peer.name, on)
        return {"ok": True}

    def _got(self, peer: Peer, data: object) -> Answer:
        return self._confirm(peer, data, DeliveryState.DELIVERED)

    def _seen(self, peer: Peer, data: object) -> Answer:
        return self._confirm(peer, data, DeliveryState.READ)

    def _confirm(self, peer: Peer, data: object, state: DeliveryState) -> Answer:
        n = fields(data).get("n")
        if peer.address_id and isinstance(n, int) and 0 < n < 2**62:
            with self._service.db.write() as session:
                deeds.confirm(session, utcnow(), peer.address_id, n, state)
        return {"ok": True}

    def _end(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_MESSAGE, peer.visitor, speech.SLOW_DOWN)
        with self._service.db.write() as session:
            deeds.end(session, utcnow(), peer.conversation_id)
        return {"ok": True}

    def _rate(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_MESSAGE, peer.visitor, speech.SLOW_DOWN)
        given = fields(data)
        text = words(given.get("text"), 2000)
        with self._service.db.write() as session:
            deeds.rate(session, utcnow(), peer.conversation_id, given.get("score"), text)
        return {"ok": True}

    def _address(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_FILE, peer.visitor, speech.SLOW_DOWN)
        given = fields(data)
        with self._service.db.write() as session:
            deeds.claim(session, utcnow(), peer.visitor, given.get("email"), words(given.get("name"), 200))
        return {"ok": True}

    def _transcript(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_FILE, peer.visitor, speech.SLOW_DOWN)
        now, settings = utcnow(), self._service.settings
        labels = (say(peer.language, speech.YOU), peer.inbox.name)
        with self._service.db.write() as session:
            to = deeds.claim(session, now, peer.visitor, fields(data).get("email"), "")
            address = session.get_one(Address, peer.address_id) if peer.address_id else None
            if address is None:
                raise Invalid("There is no conversation yet.")
            text = deeds.transcript_text(session, address, settings.zone, labels)
            subject = say(peer.language, speech.TRANSCRIPT, name=peer.inbox.name)
            promised = Words(text, subject=subject, automatic=True)
            deeds.transcript(
                session, now, peer.conversation_id, to, self._service.channels, settings.mail_domain, promised
            )
        return {"ok": True}

    def _page(self, peer: Peer, data: object) -> Answer:
        page = _page(data)
        self._limits.take(limits.CHAT_TYPING, peer.visitor, utcnow())
        if peer.shares_pages and page and page != peer.page:
            peer.page = page
            if peer.conversation_id:
                with self._service.db.write() as session:
                    deeds.visit(session, utcnow(), peer.conversation_id, page)
        return {"ok": True}

    def _consent(self, peer: Peer, data: object) -> Answer:
        self._take(limits.CHAT_MESSAGE, peer.visitor, speech.SLOW_DOWN)
        on = fields(data).get("pages") is True
        if on != peer.shares_pages:
            peer.shares_pages = on
            peer.page = peer.page if on else {}
            if peer.conversation_id:
                with self._service.db.write() as session:
                    deeds.share_pages(session, utcnow(), peer.conversation_id, on)
        return {"ok": True}

    # -- what the visitor is shown

    def follow(self, rows: Sequence[Appended]) -> None:
        """Show new rows of the log to the widgets they concern."""
        if not self._peers.by_sid:
            return
        if self._peers.strangers:
            self._meet(rows)
        for row in rows:
            if row.name == Name.MESSAGE_RECEIVED and row.channel == "chat":
                self._show_own(row)
            elif row.name == Name.DELIVERY_WIRED and row.channel == "chat":
                self._show_ours(row)
            elif row.name in (Name.CHAT_ENDED, Name.CONVERSATION_RESOLVED):
                self._tell(self._peers.talking(row.conversation_id), "ended", {})

    def _meet(self, rows: Sequence[Appended]) -> None:
        """A stranger's other tab, perhaps on another process, has just written: now we know the address."""
        unknown = {
            row.address_id: row
            for row in rows
            if row.channel == "chat" and row.name == Name.MESSAGE_RECEIVED and self._peers.at(row.address_id) is None
        }
        if not unknown:
            return
        waiting = self._peers.waiting()
        with self._service.db.read() as session:
            known = session.scalars(select(Address).where(Address.id.in_(unknown))).all()
        for address in known:
            if address.value in waiting:
                self._peers.learn(
                    address.value,
                    address_id=address.id,
                    contact_id=address.contact_id,
                    conversation_id=unknown[address.id].conversation_id,
                )

    def _show_own(self, row: Appended) -> None:
        """To the other tabs of the visitor; the one that sent it has its answer."""
        visitor = self._peers.at(row.address_id)
        sid = self._sending.pop(row.key or "", None)
        if visitor is None:
            return
        if self._peers.conversation(visitor) != row.conversation_id:
            self._peers.learn(visitor, conversation_id=row.conversation_id)
        if (row.content or {}).get("facts", {}).get("files"):
            self._tell(visitor, "item", self._read(row))  # the sender learns the files' addresses
        elif self._peers.tabs(visitor) > 1 or sid not in self._peers.by_sid:
            self._tell(visitor, "item", items.item(row, row, {}, []), skip=sid)

    def _show_ours(self, row: Appended) -> None:
        visitor = self._peers.at(row.address_id)
        item = self._read(row) if visitor else None
        if item is None:
            return
        self._tell(visitor, "item", item)
        if row.user_id or item["name"]:
            self._tell(visitor, "seen", {"n": row.id})

    def _read(self, row: Appended) -> items.Item | None:
        with self._service.db.read() as session:
            kept = session.get(Interaction, row.id)
            found = items.show(session, [kept], self._link) if kept else []
        return found[0] if found else None

    def _tell(self, visitor: str | None, event: str, data: Any, skip: str | None = None) -> None:
        if visitor is not None and data is not None:
            self._live.server.emit(
                event, data, room=room(visitor), namespace=NAMESPACE, skip_sid=skip, ignore_queue=True
            )

    def _changed(self, change: Change) -> None:
        """Somebody of us came, went, typed or read."""
        if isinstance(change, Typing) and change.who == "agent":
            visitor = self._peers.talking(change.conversation_id)
            self._tell(visitor, "typing", {"on": change.on, "name": change.name})
        elif isinstance(change, Looked):
            self._tell(self._peers.talking(change.conversation_id), "seen", {"n": change.n})
        elif isinstance(change, Agents) and not self._telling:
            self._telling = True  # a shift begins: one word to all widgets, not one for each agent
            gevent.spawn_later(GATHER, self._tell_presence)

    def _tell_presence(self) -> None:
        self._telling = False
        online = len(self._presence.online())
        if not self._peers.by_sid:
            return
        with self._service.db.read() as session:
            expected = self._expect(session, utcnow(), bool(online))
        told = {"agents_online": online, "expected_seconds": expected}
        self._live.server.emit("presence", told, namespace=NAMESPACE, ignore_queue=True)

    # -- helpers

    def _answered(self, handler: Callable[[Peer, object], Answer]) -> Callable[..., Answer]:
        """Each event gets an answer, whatever happens: a widget that hears nothing tries again for ever."""

        @functools.wraps(handler)
        def answer(sid: str, data: object = None, *_: object) -> Answer:
            peer = self._peers.by_sid.get(sid)
            if peer is None:
                return {"ok": False, "error": "gone", "message": "", "retry_after": 1}
            try:
                return handler(peer, data)
            except HanmaruError as error:
                return failure(error, peer.language)
            except SQLAlchemyError:
                log.exception("chat: the database is away")
                return {"ok": False, "error": "busy", "message": say(peer.language, speech.BUSY), "retry_after": 3}

        return answer

    def _take(self, rule: Rule, key: str, sentence: str) -> None:
        try:
            self._limits.take(rule, key, utcnow())
        except TooMany as error:
            raise TooMany(sentence, retry_after=error.retry_after, count=max(1, round(error.retry_after))) from None

    def _inbox(self, key: object) -> Inbox:
        if not isinstance(key, str) or not 1 <= len(key) <= 100:
            raise NotFound("This chat does not exist.")
        kept = self._inboxes.get(key)
        if kept is None or time.monotonic() - kept[0] > INBOX_KEPT:
            with self._service.db.read() as session:
                found = inboxes.find(session, "chat", key)
            if len(self._inboxes) > 1000:
                self._inboxes.clear()
            kept = self._inboxes[key] = (time.monotonic(), found)
        if kept[1] is None:
            raise NotFound("This chat does not exist.")
        return kept[1]

    def _expect(self, session: Session, now: datetime, online: bool) -> int | None:
        kept = self._expected.get(online)
        if kept is None or time.monotonic() - kept[0] > EXPECTED_KEPT:
            seconds = answering.expected_seconds(session, now, self._service.settings.zone, online)
            kept = self._expected[online] = (time.monotonic(), seconds)
        return kept[1]

    def _link(self, attachment: Attachment) -> str:
        return f"{self._service.settings.public}/chat/file/{self._visitors.link(attachment.id)}"


def client_ip(environ: Mapping[str, Any], proxies: int) -> str:
    """The visitor's address: what the outermost of our own proxies saw."""
    seen = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(seen) >= proxies:
        return str(seen[-proxies])
    return str(environ.get("REMOTE_ADDR", ""))


def _page(value: object) -> dict[str, str]:
    """A visited page as kept: http(s) address and title; empty for anything else."""
    given = fields(value)
    url = given.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 2000:
        return {}
    title = given.get("title")
    return {"url": words(url, 2000), "title": words(title[:900], 900)[:300] if isinstance(title, str) else ""}
