"""Whether a campaign may start: the law's tables, asked with what will really be sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.content.content import ContentVersion
from contact import inbox as inboxes
from contact.consent import Purpose
from contact.consent.law.launch import Facts, Problem, launch_problems
from contact.settings import Settings

_LINK = re.compile(r"\{\{-?\s*(unsubscribe_url|preferences_url)\b")


@dataclass(frozen=True, slots=True)
class Lawful:
    """The `Check` of a running house. What it needs of the sender and no setting of the house holds stands in
    the inbox's settings: `sender_phone`, `sender_address` (postal)."""

    settings: Settings

    def __call__(self, session: Session, now: datetime, campaign: Campaign) -> Sequence[Problem]:
        return launch_problems(self.facts(session, now, campaign))

    def facts(self, session: Session, now: datetime, campaign: Campaign) -> Facts:
        words = session.get_one(ContentVersion, campaign.version_id)
        inbox = inboxes.get(session, campaign.inbox_id)
        more, mail = inbox.settings or {}, campaign.channel == "email"
        return Facts(
            channel=campaign.channel,
            purpose=Purpose(campaign.purpose),
            text=words.text,
            subject=words.subject,
            html=words.html,
            sender_name=self.settings.organisation,
            sender_phone=str(more.get("sender_phone", "")),
            sender_email=inbox.address if mail else "",
            sender_address=str(more.get("sender_address", "")),
            caller="" if mail else inbox.address,
            unsubscribe=mail or bool(_LINK.search(words.text)),
            signed_domain=self.settings.dkim_domain if mail and self.settings.dkim_key else "",
            day=now.astimezone(ZoneInfo(self.settings.zone)).date(),
        )
