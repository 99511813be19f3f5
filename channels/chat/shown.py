"""What a visitor is shown: new rows of the log in its order, and what agents do that is in no log."""

from __future__ import annotations

from collections.abc import Sequence

import gevent
from sqlalchemy import select

from channels.chat import items
from channels.chat.lobby import NAMESPACE, Lobby
from channels.chat.talk import Talk
from contact.db import utcnow
from contact.directory import Address
from contact.log import Appended, Interaction, Name
from contact.presence import Agents, Change, Looked, Typing

GATHER = 0.5
"""Seconds in which agents who come and go are gathered into one word to all widgets."""


class Shown:
    """Follows the log and presence for the widgets of this process."""

    def __init__(self, lobby: Lobby, talk: Talk) -> None:
        self._lobby = lobby
        self._talk = talk
        self._telling = False

    def follow(self, rows: Sequence[Appended]) -> None:
        """Show new rows of the log to the widgets they concern."""
        if not self._lobby.peers.by_sid:
            return
        if self._lobby.peers.strangers:
            self._meet(rows)
        for row in rows:
            if row.name == Name.MESSAGE_RECEIVED and row.channel == "chat":
                self._show_own(row)
            elif row.name == Name.DELIVERY_WIRED and row.channel == "chat":
                self._show_ours(row)
            elif row.name in (Name.CHAT_ENDED, Name.CONVERSATION_RESOLVED):
                self._lobby.tell(self._lobby.peers.talking(row.conversation_id), "ended", {})

    def _meet(self, rows: Sequence[Appended]) -> None:
        """A stranger's other tab, perhaps on another process, has just written: now we know the address."""
        peers = self._lobby.peers
        said = [row for row in rows if row.channel == "chat" and row.name == Name.MESSAGE_RECEIVED]
        unknown = {row.address_id: row for row in said if peers.at(row.address_id) is None}
        if not unknown:
            return
        waiting = peers.waiting()
        with self._lobby.service.db.read() as session:
            known = session.scalars(select(Address).where(Address.id.in_(unknown))).all()
        for address in known:
            if address.value in waiting:
                peers.learn(
                    address.value,
                    address_id=address.id,
                    contact_id=address.contact_id,
                    conversation_id=unknown[address.id].conversation_id,
                )

    def _show_own(self, row: Appended) -> None:
        """To the other tabs of the visitor; the one that sent it has its answer."""
        visitor = self._lobby.peers.at(row.address_id)
        sid = self._talk.sender(row.key)
        if visitor is None:
            return
        if self._lobby.peers.conversation(visitor) != row.conversation_id:
            self._lobby.peers.learn(visitor, conversation_id=row.conversation_id)
        if (row.content or {}).get("facts", {}).get("files"):
            self._lobby.tell(visitor, "item", self._read(row))  # the sender learns the files' addresses
        elif self._lobby.peers.tabs(visitor) > 1 or sid not in self._lobby.peers.by_sid:
            self._lobby.tell(visitor, "item", items.item(row, row, {}, []), skip=sid)

    def _show_ours(self, row: Appended) -> None:
        visitor = self._lobby.peers.at(row.address_id)
        item = self._read(row) if visitor else None
        if item is None:
            return
        self._lobby.tell(visitor, "item", item)
        if row.user_id or item["name"]:
            self._lobby.tell(visitor, "seen", {"n": row.id})

    def _read(self, row: Appended) -> items.Item | None:
        with self._lobby.service.db.read() as session:
            kept = session.get(Interaction, row.id)
            found = items.show(session, [kept], self._lobby.link) if kept else []
        return found[0] if found else None

    def changed(self, change: Change) -> None:
        """Somebody of us came, went, typed or read."""
        if isinstance(change, Typing) and change.who == "agent":
            visitor = self._lobby.peers.talking(change.conversation_id)
            self._lobby.tell(visitor, "typing", {"on": change.on, "name": change.name})
        elif isinstance(change, Looked):
            self._lobby.tell(self._lobby.peers.talking(change.conversation_id), "seen", {"n": change.n})
        elif isinstance(change, Agents) and not self._telling:
            self._telling = True  # a shift begins: one word to all widgets, not one for each agent
            gevent.spawn_later(GATHER, self._tell_presence)

    def _tell_presence(self) -> None:
        self._telling = False
        online = len(self._lobby.presence.online())
        if not self._lobby.peers.by_sid:
            return
        with self._lobby.service.db.read() as session:
            expected = self._lobby.expect(session, utcnow(), bool(online))
        told = {"agents_online": online, "expected_seconds": expected}
        self._lobby.live.server.emit("presence", told, namespace=NAMESPACE, ignore_queue=True)
