"""Sent: messages that a provider has, or may have, and of which the last word is not spoken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from contact import outbox
from contact.asked import Sent
from contact.directory import Address
from contact.files import Store
from contact.messages import AddressKind, DeliveryState, Outbound, Party, Receipt, Waiting
from contact.outbox import Delivery
from contact.worker import Context

MOST = 2000
"""Messages kept in view, the newest first; older ones come in as these are settled."""


class Deliveries:
    """The outbox as a `Source`."""

    def all_(self, session: Session, asks: Sequence[str], looks: Sequence[str]) -> list[Sent]:
        return all_(session, asks, looks)

    def message(self, context: Context, session: Session, number: int) -> tuple[Outbound, datetime] | None:
        return message(session, number, context.store)

    def settle(self, session: Session, now: datetime, receipt: Receipt, sent: Sent) -> None:
        outbox.settle(session, now, receipt, sent.inbox_id)


def all_(session: Session, asks: Sequence[str], looks: Sequence[str]) -> list[Sent]:
    """Everything that waits for the provider's word, the newest first."""
    return _in_state(session, _WIRED, asks, unknown=False) + _in_state(session, _TROUBLED, looks, unknown=True)


# Word for word the conditions of the partial indexes: with bound values neither database would use them.
_WIRED = text("delivery.state = 'wired'")
_TROUBLED = text("delivery.state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")

_OPEN = or_(Delivery.progress.is_(None), Delivery.progress["over"].as_boolean().is_not(True))


def _in_state(session: Session, condition: Any, channels: Sequence[str], *, unknown: bool) -> list[Sent]:
    query = (
        select(
            Delivery.id, Delivery.inbox_id, Delivery.channel, Delivery.provider_ref, Delivery.settled_at,
            Delivery.created_at, Delivery.progress, Address.kind, Address.value,
        )
        .join(Address, Address.id == Delivery.address_id)
        .where(condition, Delivery.channel.in_(channels), _OPEN)
        .order_by(Delivery.id.desc())
        .limit(MOST)
    )  # fmt: skip
    query = query.where(Delivery.state == DeliveryState.UNKNOWN.value) if unknown else query
    return [
        Sent(Waiting(number, ref or "", Party(AddressKind(kind), value), settled or created), box, name, unknown, done)
        for number, box, name, ref, settled, created, done, kind, value in session.execute(query)
        if ref or unknown
    ]


def message(session: Session, number: int, store: Store) -> tuple[Outbound, datetime] | None:
    """The message and when its last try was due; None when it is no more (erased, or known by now)."""
    delivery = session.get(Delivery, number)
    if delivery is None or delivery.message is None or delivery.state != DeliveryState.UNKNOWN:
        return None
    return outbox.outbound(session, number, store), delivery.next_at
