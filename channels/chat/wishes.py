"""What a visitor does besides writing, as the socket brings it: dots, receipts, rating, transcript, visited pages."""

from __future__ import annotations

from channels.chat import deeds, speech
from channels.chat.lobby import Answer, Lobby
from channels.chat.page import visited
from channels.chat.peers import Peer
from channels.chat.said import fields, words
from channels.chat.speech import say
from contact import limits
from contact.db import utcnow
from contact.directory import Address
from contact.errors import Invalid
from contact.messages import DeliveryState
from contact.outbox import Words


class Wishes:
    """Each is one event of the socket, and mostly one short transaction."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def typing(self, peer: Peer, data: object) -> Answer:
        self._lobby.limits.take(limits.CHAT_TYPING, peer.visitor, utcnow())
        if peer.conversation_id:
            on = fields(data).get("on") is True
            self._lobby.presence.typing(peer.conversation_id, "visitor", peer.address_id, peer.name, on)
        return {"ok": True}

    def got(self, peer: Peer, data: object) -> Answer:
        return self._confirm(peer, data, DeliveryState.DELIVERED)

    def seen(self, peer: Peer, data: object) -> Answer:
        return self._confirm(peer, data, DeliveryState.READ)

    def _confirm(self, peer: Peer, data: object, state: DeliveryState) -> Answer:
        n = fields(data).get("n")
        if peer.address_id and isinstance(n, int) and 0 < n < 2**62:
            with self._lobby.service.db.write() as session:
                deeds.confirm(session, utcnow(), peer.address_id, n, state)
        return {"ok": True}

    def end(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_MESSAGE, peer.visitor)
        with self._lobby.service.db.write() as session:
            deeds.end(session, utcnow(), peer.conversation_id)
        return {"ok": True}

    def rate(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_MESSAGE, peer.visitor)
        given = fields(data)
        text = words(given.get("text"), 2000)
        with self._lobby.service.db.write() as session:
            deeds.rate(session, utcnow(), peer.conversation_id, given.get("score"), text)
        return {"ok": True}

    def address(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_FILE, peer.visitor)
        given = fields(data)
        with self._lobby.service.db.write() as session:
            deeds.claim(session, utcnow(), peer.visitor, given.get("email"), words(given.get("name"), 200))
        return {"ok": True}

    def transcript(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_FILE, peer.visitor)
        now, settings = utcnow(), self._lobby.service.settings
        labels = (say(peer.language, speech.YOU), peer.inbox.name)
        with self._lobby.service.db.write() as session:
            to = deeds.claim(session, now, peer.visitor, fields(data).get("email"), "")
            address = session.get_one(Address, peer.address_id) if peer.address_id else None
            if address is None:
                raise Invalid("There is no conversation yet.")
            text = deeds.transcript_text(session, address, settings.zone, labels)
            subject = say(peer.language, speech.TRANSCRIPT, name=peer.inbox.name)
            promised = Words(text, subject=subject, automatic=True)
            deeds.transcript(
                session, now, peer.conversation_id, to, self._lobby.service.channels, settings.mail_domain, promised
            )
        return {"ok": True}

    def page(self, peer: Peer, data: object) -> Answer:
        seen = visited(data)
        self._lobby.limits.take(limits.CHAT_TYPING, peer.visitor, utcnow())
        if peer.shares_pages and seen and seen != peer.page:
            peer.page = seen
            if peer.conversation_id:
                with self._lobby.service.db.write() as session:
                    deeds.visit(session, utcnow(), peer.conversation_id, seen)
        return {"ok": True}

    def consent(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_MESSAGE, peer.visitor)
        on = fields(data).get("pages") is True
        if on != peer.shares_pages:
            peer.shares_pages = on
            peer.page = peer.page if on else {}
            if peer.conversation_id:
                with self._lobby.service.db.write() as session:
                    deeds.share_pages(session, utcnow(), peer.conversation_id, on)
        return {"ok": True}
