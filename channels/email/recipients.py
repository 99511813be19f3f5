"""Recipients: which addresses are ours, by the word of the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email.token import delivery_of, recipient_of, untagged
from contact import address as normal
from contact.errors import InvalidAddress
from contact.inbox import Inbox
from contact.outbox.delivery import Delivery
from contact.worker import Context

BOOK_AGE = 5.0
"""Seconds a known recipient is believed; an unknown one is always looked up."""


@dataclass(frozen=True, slots=True)
class Ours:
    """An inbox of ours behind a recipient address."""

    inbox_id: int
    address: str


class Book:
    """Which addresses are ours: inboxes with any +tag, their aliases, and signed return paths."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._key = context.settings.secret()
        self._known: dict[str, Ours] = {}
        self._read_at = -BOOK_AGE

    async def find(self, address: str) -> Ours | None:
        now = asyncio.get_running_loop().time()
        if now - self._read_at > BOOK_AGE:
            await self._read(now)
        if (ours := self._look(address)) is not None:
            return ours
        if (delivery := delivery_of(address, self._key)) is not None:
            return await self._context.read(_inbox_of_delivery, delivery)
        if recipient_of(address, self._key) is not None:
            return await self._context.read(_inbox_of_returns, untagged(address).lower())
        await self._read(now)  # perhaps somebody has just added it
        return self._look(address)

    async def _read(self, now: float) -> None:
        self._known = await self._context.read(_all_addresses)
        self._read_at = now

    def _look(self, address: str) -> Ours | None:
        if (ours := self._known.get(untagged(address).lower())) is not None:
            return ours
        try:
            return self._known.get(untagged(normal.email(address)))
        except InvalidAddress:
            return None


def _all_addresses(session: Session) -> dict[str, Ours]:
    found: dict[str, Ours] = {}
    for inbox in session.scalars(select(Inbox).where(Inbox.channel == "email").order_by(Inbox.id)):
        aliases = (inbox.settings or {}).get("aliases", ())
        for address in (inbox.address, *(aliases if isinstance(aliases, (list, tuple)) else ())):
            found.setdefault(str(address).lower(), Ours(inbox.id, inbox.address))
    return found


def _inbox_of_delivery(session: Session, delivery_id: int) -> Ours | None:
    """Where a bounce of this delivery belongs."""
    inbox = session.scalar(
        select(Inbox).join(Delivery, Delivery.inbox_id == Inbox.id).where(Delivery.id == delivery_id)
    )
    return Ours(inbox.id, inbox.address) if inbox is not None else None


def _inbox_of_returns(session: Session, address: str) -> Ours | None:
    """An inbox whose campaigns return to this address: the one that names it, else one of its domain."""
    domain, other = address.rpartition("@")[2], None
    for inbox in session.scalars(select(Inbox).where(Inbox.channel == "email").order_by(Inbox.id)):
        ours = Ours(inbox.id, inbox.address)
        if str((inbox.settings or {}).get("return_address", "")).lower() == address:
            return ours
        if other is None and inbox.address.lower().rpartition("@")[2] == domain:
            other = ours
    return other
