"""What the pipe is given in a running house: segments, content and consent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.content import compiled
from campaigns.content.content import ContentVersion
from campaigns.content.fields import fields
from campaigns.content.fill import Fill
from campaigns.content.names import LINKS
from campaigns.segments.compiled import select_people
from contact import consent
from contact.consent import Purpose, Verdict, token
from contact.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """See `campaigns/pipe/ports.py`."""

    settings: Settings

    def audience(self, definition: Mapping[str, Any], *, channel: str, now: datetime) -> Select[Any]:
        people: Select[Any] = select_people(definition, channel=channel, now=now)  # type: ignore[assignment]
        return people

    def fill(self, session: Session, version_id: int) -> Fill:
        return compiled(session.get_one(ContentVersion, version_id))

    def fields(
        self, session: Session, contact_ids: Collection[int], names: Collection[str]
    ) -> Mapping[int, Mapping[str, str]]:
        asked = [name for name in names if name not in LINKS]
        return fields(session, contact_ids, asked) if asked else {}

    def verdicts(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str
    ) -> Mapping[int, Verdict]:
        return consent.verdicts(
            session, now, addresses, channel=channel, purpose=Purpose(purpose), zone=self.settings.zone
        )

    def reserved(self, campaign: Campaign, recipient_id: int, address_id: int, value: str) -> Mapping[str, str]:
        purpose = Purpose(campaign.purpose)
        given = {"address": value, "sender": self.settings.organisation}
        if purpose is not Purpose.SERVICE:  # what was asked for is not refused by a link
            link = token.link(self.settings.public, self.settings.secret(), address_id, purpose)
            given |= {"unsubscribe_url": link, "preferences_url": link}
        return given
