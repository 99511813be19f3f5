"""Written: what one recipient gets, from the words of a campaign and the recipient's own values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.pipe.claim import Row
from campaigns.pipe.ports import Fill, Ports
from campaigns.recipient import message_id
from contact import inbox as inboxes
from contact.channel import HAND, Bulk, Channel
from contact.inbox import InboxState
from contact.messages import InboxFacts, Outbound, Party
from contact.settings import Settings
from contact.vault import Vault


@dataclass(frozen=True, slots=True)
class Going:
    """What stays the same while it runs."""

    campaign: Campaign
    inbox: InboxFacts
    fill: Fill


def load(session: Session, campaign_id: int, vault: Vault, ports: Ports) -> Going | None:
    """None: its inbox is paused or a person's to carry, or it says nothing."""
    campaign = session.get_one(Campaign, campaign_id)
    inbox = inboxes.get(session, campaign.inbox_id)
    if campaign.version_id is None or inbox.state != InboxState.ACTIVE or inbox.provider == HAND:
        return None
    facts = inboxes.facts(inbox, vault.open_all(inbox.secrets or ""))
    return Going(campaign, facts, ports.fill(session, campaign))


def given(inbox: InboxFacts) -> dict[str, str]:
    """Fields that follow from the inbox."""
    number = str(inbox.settings.get("refusal_number", ""))
    return {"refusal_number": number} if number else {}


class Written:
    """The messages of one campaign on one channel."""

    def __init__(self, settings: Settings, channel: Channel, ports: Ports, going: Going) -> None:
        self._campaign, self._fill, self._ports = going.campaign, going.fill, ports
        self._given = given(going.inbox)
        self._expires = going.campaign.expires_at
        self._kind = channel.capabilities.address
        self._key, self._domain = settings.secret(), settings.mail_domain
        many = isinstance(channel, Bulk)
        self._sign = 1 if many else -1
        self.names: tuple[str, ...] = () if many else ("name",)
        """Fields the channel needs whatever is said: letters and cover pages name the person."""
        self.fields = frozenset({*going.fill.fields, *self.names})
        """All that must be known of a recipient."""

    def to(self, row: Row, at: datetime, closes: datetime | None = None) -> Outbound:
        """What one recipient gets; raises whatever a template can. `closes`: when their night begins."""
        reserved = self._ports.reserved(self._campaign, row.number, row.address_id, row.value)
        filled = self._fill.fill({**row.fields, **self._given, **reserved})
        return Outbound(
            delivery_id=self._sign * row.number,  # negative: no delivery, should a provider speak of it
            conversation_id=0,
            message_id=message_id(self._key, row.number, self._domain),
            to=Party(self._kind, row.value, row.fields.get("name", "") if self.names else ""),
            text=filled.text,
            subject=filled.subject,
            html=filled.html,
            created_at=at,
            unsubscribe=reserved.get("unsubscribe_url", ""),
            until=min(filter(None, (self._expires, closes)), default=None),
        )
