"""The widgets connected to this process: who they are, and how to find them by what rows name."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from contact.inbox import Inbox


@dataclass(slots=True)
class Peer:
    """One socket of one visitor. `address_id` is 0 until the visitor has written."""

    sid: str
    visitor: str
    inbox: Inbox
    language: str
    network: str
    address_id: int = 0
    contact_id: int = 0
    conversation_id: int = 0
    shares_pages: bool = False
    page: dict[str, str] = field(default_factory=dict)

    @property
    def room(self) -> str:
        return room(self.visitor)

    @property
    def name(self) -> str:
        """How agents see somebody without a name."""
        return f"#{self.visitor[:6]}"


def room(visitor: str) -> str:
    """All tabs of one visitor."""
    return f"visitor:{visitor}"


class Peers:
    """Sockets by sid; visitors by address and by conversation."""

    def __init__(self) -> None:
        self.by_sid: dict[str, Peer] = {}
        self._tabs: dict[str, set[str]] = defaultdict(set)
        self._by_address: dict[int, str] = {}
        self._by_conversation: dict[int, str] = {}
        self.strangers = 0
        """Sockets of visitors who have not written yet, as far as we know."""

    def add(self, peer: Peer) -> None:
        self.by_sid[peer.sid] = peer
        self._tabs[peer.visitor].add(peer.sid)
        self.strangers += not peer.address_id
        self._index(peer)

    def remove(self, sid: str) -> Peer | None:
        peer = self.by_sid.pop(sid, None)
        if peer is None:
            return None
        self.strangers -= not peer.address_id
        tabs = self._tabs[peer.visitor]
        tabs.discard(sid)
        if not tabs:
            del self._tabs[peer.visitor]
            self._by_address.pop(peer.address_id, None)
            self._by_conversation.pop(peer.conversation_id, None)
        return peer

    def learn(self, visitor: str, **facts: Any) -> None:
        """What a row told about a visitor is true for all tabs."""
        for sid in self._tabs.get(visitor, ()):
            peer = self.by_sid[sid]
            self.strangers -= not peer.address_id and bool(facts.get("address_id"))
            if peer.conversation_id and facts.get("conversation_id", peer.conversation_id) != peer.conversation_id:
                self._by_conversation.pop(peer.conversation_id, None)
            for name, value in facts.items():
                setattr(peer, name, value)
            self._index(peer)

    def at(self, address_id: int | None) -> str | None:
        """The connected visitor with this address."""
        return self._by_address.get(address_id or 0)

    def talking(self, conversation_id: int | None) -> str | None:
        """The connected visitor whose conversation this is."""
        return self._by_conversation.get(conversation_id or 0)

    def conversation(self, visitor: str) -> int:
        """The conversation a connected visitor is in; 0 for none."""
        return next((self.by_sid[sid].conversation_id for sid in self._tabs.get(visitor, ())), 0)

    def tabs(self, visitor: str) -> int:
        return len(self._tabs.get(visitor, ()))

    def waiting(self) -> set[str]:
        """Visitors whose address we do not know yet."""
        return {peer.visitor for peer in self.by_sid.values() if not peer.address_id}

    def _index(self, peer: Peer) -> None:
        if peer.address_id:
            self._by_address[peer.address_id] = peer.visitor
        if peer.conversation_id:
            self._by_conversation[peer.conversation_id] = peer.visitor
