"""Handed: what campaigns have given to providers that must be asked, or of which nobody knows whether they have it.

The asking itself (how often, whose turn, a provider that does not answer) is the same as for single messages
(`channels/asking.py`). What is told goes the way of everything that is told of a campaign's messages: into the log
(`contact/reported.py`), where `campaigns/evidence.py` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.pipe import written
from campaigns.pipe.claim import Row
from campaigns.pipe.ports import Ports
from campaigns.pipe.window import Window
from campaigns.pipe.written import Written
from campaigns.recipient import Fate, Recipient
from contact import reported
from contact.asked import Sent
from contact.db import utcnow
from contact.directory import Address
from contact.messages import AddressKind, DeliveryState, Outbound, Party, Receipt, Waiting
from contact.vault import Vault
from contact.worker import Context

MOST = 1000
"""Messages kept in view, the oldest first; others come in as these are settled."""
WITHIN = timedelta(days=14)
"""Who has heard nothing for so long hears nothing any more."""


class Handed:
    """The `Source` of campaigns. Their ids are negative."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def all_(self, session: Session, asks: Sequence[str], looks: Sequence[str]) -> list[Sent]:
        return _in_state(session, _WAITS, asks, unknown=False) + _in_state(session, _UNKNOWN, looks, unknown=True)

    def message(self, context: Context, session: Session, number: int) -> tuple[Outbound, datetime] | None:
        """Filled anew: what its recipient is called may have changed since."""
        kept = session.get(Recipient, -number)
        if kept is None or kept.state != Fate.UNKNOWN or kept.window_id is None:
            return None
        going = written.load(session, kept.campaign_id, Vault.of(context.settings), self._ports)
        begun = session.get(Window, kept.window_id)
        if going is None or begun is None:
            return None
        one = Written(context.settings, context.channels[kept.channel], self._ports, going)
        values = self._ports.fields(session, {kept.contact_id}, one.fields | {"name"}).get(kept.contact_id, {})
        row = Row(kept.id, kept.window_id, kept.contact_id, kept.address_id, kept.value, kept.attempts, values)
        return one.to(row, utcnow()), begun.begun_at

    def settle(self, session: Session, now: datetime, receipt: Receipt, sent: Sent) -> None:
        """Pages on their way are no news."""
        over = receipt.progress is not None and receipt.progress.over
        if over or receipt.state is not DeliveryState.WIRED or sent.unknown:
            reported.note(session, now, receipt, sent.channel, sent.inbox_id)
        values: dict[str, object] = {"waits": not over and receipt.state is DeliveryState.WIRED}
        if sent.unknown and receipt.provider_ref:
            values["reason"] = receipt.provider_ref[:300]
        session.execute(update(Recipient).where(Recipient.id == -sent.id).values(values))


# Word for word the conditions of the partial indexes: with bound values neither database would use them.
_WAITS, _UNKNOWN = text("recipient.waits AND recipient.state = 'accepted'"), text("recipient.state = 'unknown'")


def _in_state(session: Session, condition: Any, channels: Sequence[str], *, unknown: bool) -> list[Sent]:
    query = (
        select(
            Recipient.id, Recipient.value, Recipient.reason, Recipient.settled_at, Recipient.channel, Campaign.inbox_id,
            Address.kind,
        )
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .join(Address, Address.id == Recipient.address_id)
        .where(condition, Recipient.channel.in_(channels), Recipient.settled_at > utcnow() - WITHIN)
        .order_by(Recipient.id)
        .limit(MOST)
    )  # fmt: skip
    return [
        Sent(Waiting(-number, reference, Party(AddressKind(kind), value), settled), box, channel, unknown, None)
        for number, value, reference, settled, channel, box, kind in session.execute(query)
        if settled is not None
    ]
