"""Asking a provider to stop a message it has, and to show its pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from contact import inbox
from contact.channel import Channel, ChannelError, Recalls
from contact.directory import Address
from contact.errors import Conflict, Forbidden, HanmaruError, NotFound
from contact.messages import AddressKind, DeliveryState, InboxFacts, Party, Waiting
from contact.outbox import Delivery
from contact.service import Service
from contact.users import Role, User
from contact.vault import Vault
from contact.web.offload import apart

PATIENCE = 20.0
"""Seconds a provider has for its answer."""


class NotStopped(Conflict):
    """The provider could not stop it."""

    code = "not_stopped"


class Unreached(HanmaruError):
    """The provider did not answer in time. Look at the state of the message before you try again."""

    status = 504
    code = "unreached"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of whom."""

    channel: Channel
    waiting: Waiting
    facts: InboxFacts


def may_recall(service: Service, delivery: Delivery) -> bool:
    """Whether the provider has it and its channel calls back."""
    if delivery.channel not in service.channels or delivery.state != DeliveryState.WIRED:
        return False
    channel = service.channels[delivery.channel]
    return channel.capabilities.cancel and isinstance(channel, Recalls) and bool(delivery.provider_ref)


def prepare(session: Session, service: Service, delivery_id: int, user: User) -> Asked:
    """Everything an adapter needs; raises `Forbidden` for somebody else's message, `Conflict` when it is too late."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise NotFound("This message does not exist.")
    if delivery.user_id != user.id and not user.may(Role.SUPERVISOR):
        raise Forbidden
    if not may_recall(service, delivery):
        raise Conflict("This message cannot be called back.")
    box = inbox.get(session, delivery.inbox_id)
    address = session.get_one(Address, delivery.address_id)
    to = Party(AddressKind(address.kind), address.value)
    waiting = Waiting(delivery.id, delivery.provider_ref or "", to, delivery.settled_at or delivery.created_at)
    secrets = Vault.of(service.settings).open_all(box.secrets or "")
    return Asked(service.channels[delivery.channel], waiting, inbox.facts(box, secrets))


def recall(asked: Asked) -> None:
    """Ask the provider now, no session open; what came of it comes as a receipt. Raises `NotStopped`, `Unreached`."""
    channel = asked.channel
    assert isinstance(channel, Recalls)
    try:
        _spoken(asked.channel, lambda: channel.recall(asked.waiting, asked.facts), PATIENCE)
    except ChannelError as error:
        raise NotStopped("The provider did not stop it: %(why)s", why=error.reason) from error
    except TimeoutError:
        raise Unreached from None


def _spoken(channel: Channel, speak: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Let an adapter speak to its provider, now. Its connections belong to this one loop, so they are closed with it.

    Raises what the adapter raises, `TimeoutError` after `seconds`.
    """

    async def run() -> None:
        try:
            async with asyncio.timeout(seconds):
                await speak()
        finally:
            await channel.close()

    apart(lambda: asyncio.run(run()))
