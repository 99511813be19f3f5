"""What a visitor says, and what is read out again: the message, `since` and `before`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from channels.chat import items, speech
from channels.chat.lobby import Answer, Lobby
from channels.chat.peers import Peer
from channels.chat.said import fields, inbound, said
from contact import files, intake, limits
from contact.db import utcnow
from contact.directory import Address
from contact.intake import Taken
from contact.messages import Inbound
from contact.quick import Going, Line, Quick, Together

SENDING = 2000
"""Messages on their way into the log whose sender is remembered until the tail shows them."""


class Talk:
    """A message is answered when it is in the log."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._quick = Together(Quick(lobby.service.db))
        self._sending: OrderedDict[str, str] = OrderedDict()

    def sender(self, key: str | None) -> str | None:
        """The socket a message came by, once: it has its answer."""
        return self._sending.pop(key or "", None)

    def message(self, peer: Peer, data: object) -> Answer:
        self._lobby.take(limits.CHAT_MESSAGE, peer.visitor)
        self._lobby.take(limits.CHAT_MESSAGE_ADDRESS, peer.network, speech.TOO_MANY_HERE)
        one = said(data, peer.visitor, self._lobby.visitors)
        message = inbound(one, peer.visitor, peer.language, None if peer.conversation_id else peer.page)
        given = [files.Item(file.sha256, file.size, file.name, file.content_type) for file in one.files]
        stored = files.present(self._lobby.service.store, given)
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
        with self._lobby.service.db.write() as session:
            taken = intake.take(session, utcnow(), message, peer.inbox, stored)
            contact_id = peer.contact_id or session.get_one(Address, taken.address_id).contact_id
        self._lobby.peers.learn(
            peer.visitor, address_id=taken.address_id, contact_id=contact_id, conversation_id=taken.conversation_id
        )
        return taken

    def since(self, peer: Peer, data: object) -> Answer:
        n = fields(data).get("n")
        if not peer.address_id:
            return {"ok": True, "items": [], "n": 0, "resync": n != 0, "more": False, "older": False}
        with self._lobby.service.db.read() as session:
            place = n if isinstance(n, int) and 0 <= n < 2**62 else 0
            reading = items.since(session, utcnow(), peer.address_id, peer.contact_id, place, self._lobby.link)
        return {
            "ok": True,
            "items": reading.items,
            "n": reading.n,
            "resync": reading.resync,
            "more": reading.more and not reading.resync,
            "older": reading.more and reading.resync,
        }

    def before(self, peer: Peer, data: object) -> Answer:
        n = fields(data).get("n")
        if not peer.address_id or not isinstance(n, int) or not 0 <= n < 2**62:
            return {"ok": True, "items": [], "more": False}
        with self._lobby.service.db.read() as session:
            reading = items.before(session, peer.address_id, peer.contact_id, n, self._lobby.link)
        return {"ok": True, "items": reading.items, "more": reading.more}
