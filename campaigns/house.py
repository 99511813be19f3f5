"""What the pipe is given in a running house: segments, content and consent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.content.content import ContentVersion
from campaigns.content.fields import fields
from campaigns.content.fill import Fill
from campaigns.responses import code as codes
from campaigns.responses import tracking
from campaigns.responses.tracking import Tracking
from campaigns.segments.compiled import select_people
from contact import consent
from contact.consent import Purpose, Verdict, token
from contact.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """See `campaigns/pipe/ports.py`."""

    settings: Settings
    _key: bytes = field(init=False, repr=False)
    _code: Callable[[int], str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """The secret is read once, not for every mail."""
        object.__setattr__(self, "_key", self.settings.secret())
        object.__setattr__(self, "_code", codes.maker("r", self._key))

    def audience(self, definition: Mapping[str, Any], *, channel: str, now: datetime) -> Select[Any]:
        there = now.astimezone(ZoneInfo(self.settings.zone))
        summed = not self.settings.database.startswith("sqlite")
        people: Select[Any] = select_people(definition, channel=channel, now=there, summed=summed)  # type: ignore[assignment]
        return people

    def fill(self, session: Session, campaign: Campaign) -> Fill:
        version = session.get_one(ContentVersion, campaign.version_id)
        how = tracking.mode(campaign.tracking, campaign.channel, self.settings.public)
        return tracking.fill(version, campaign.id, how, self._key, self.settings.public)

    def fields(
        self, session: Session, contact_ids: Collection[int], names: Collection[str]
    ) -> Mapping[int, Mapping[str, str]]:
        asked = [name for name in names if name not in tracking.NOT_ASKED]
        return fields(session, contact_ids, asked) if asked else {}

    def verdicts(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str,
        category: str = "",
    ) -> Mapping[int, Verdict]:  # fmt: skip
        return consent.verdicts(
            session, now, addresses, channel=channel, purpose=Purpose(purpose), zone=self.settings.zone,
            category=category,
        )  # fmt: skip

    def closings(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str
    ) -> Mapping[int, datetime]:
        return consent.closings(
            session, now, addresses, channel=channel, purpose=Purpose(purpose), zone=self.settings.zone
        )

    def zones(self, session: Session, addresses: Collection[int]) -> Mapping[int, Sequence[ZoneInfo]]:
        return consent.zones(session, addresses, zone=self.settings.zone)

    def reserved(self, campaign: Campaign, recipient_id: int, address_id: int, value: str) -> Mapping[str, str]:
        purpose = Purpose(campaign.purpose)
        given = {"address": value, "sender": self.settings.organisation}
        if campaign.tracking == Tracking.PERSONAL:
            given[tracking.CODE] = self._code(recipient_id)
        if purpose is not Purpose.SERVICE:  # what was asked for is not refused by a link
            make = token.link if campaign.channel == "email" else token.short_link  # typed, or paid for by the letter
            link = make(self.settings.public, self._key, address_id, purpose)
            given |= {"unsubscribe_url": link, "preferences_url": link}
        return given
