"""Whether a campaign may start: the law's tables, asked with what will really be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns import hours
from campaigns.campaign import Campaign
from campaigns.content.content import ContentVersion
from campaigns.content.fill import fields_of
from campaigns.hours import Hours
from contact import inbox as inboxes
from contact.consent import Purpose
from contact.consent.law import korea
from contact.consent.law.launch import Facts, Problem, launch_problems
from contact.settings import Settings
from contact.text import N_

_OURS = re.compile(r"\{\{-?\s*(sender|refusal_number)\s*(?:\|[^{}]*)?-?\}\}")
_LINK = re.compile(r"\{\{-?\s*(unsubscribe_url|preferences_url)\b")


@dataclass(frozen=True, slots=True)
class Lawful:
    """The `Check` of a running house. What it needs of the sender and no setting of the house holds stands in
    the inbox's settings: `sender_phone`, `sender_address` (postal), `refusal_number` (080), `certified_until` (of
    the firm that sends text messages)."""

    settings: Settings

    def __call__(self, session: Session, now: datetime, campaign: Campaign) -> Sequence[Problem]:
        lacking = _unnumbered(session, campaign)
        told = {one.rule for one in lacking}
        broken = (one for one in launch_problems(self.facts(session, now, campaign)) if one.rule not in told)
        return [*broken, *lacking, *_no_hours(campaign)]

    def facts(self, session: Session, now: datetime, campaign: Campaign) -> Facts:
        words = session.get_one(ContentVersion, campaign.version_id)
        inbox = inboxes.get(session, campaign.inbox_id)
        more, mail = inbox.settings or {}, campaign.channel == "email"
        ours = {"sender": self.settings.organisation, "refusal_number": str(more.get("refusal_number", ""))}
        return Facts(
            channel=campaign.channel,
            purpose=Purpose(campaign.purpose),
            text=_said(words.text, ours),
            subject=_said(words.subject, ours),
            html=_said(words.html, ours),
            sender_name=self.settings.organisation,
            sender_phone=str(more.get("sender_phone", "")),
            sender_email=inbox.address if mail else "",
            sender_address=str(more.get("sender_address", "")),
            caller="" if mail or more.get("messaging_service_sid") else inbox.address,
            unsubscribe=mail or bool(_LINK.search(words.text)),
            signed_domain=self.settings.dkim_domain if mail and self.settings.dkim_key else "",
            day=now.astimezone(ZoneInfo(self.settings.zone)).date(),
            outsourced=campaign.channel == "sms" and inbox.provider != "sandbox",
            certified_until=_day(more.get("certified_until")),
        )


def _said(words: str, ours: Mapping[str, str]) -> str:
    """With those fields filled that are the same for everybody: the law reads what will be read."""
    return _OURS.sub(lambda found: ours[found[1]] or found[0], words)


def _no_hours(campaign: Campaign) -> list[Problem]:
    """Hours of which the law's night leaves nothing: it would wait for ever."""
    window = hours.read(campaign.hours)
    if window is None or Purpose(campaign.purpose) is not Purpose.ADVERTISING or korea.NIGHT.closed is None:
        return []
    night = Hours(*korea.NIGHT.closed).minutes()
    if campaign.channel not in korea.NIGHT.channels or window.minutes() - night:
        return []
    return [
        Problem(
            korea.NIGHT.key,
            N_("At the hours chosen, %(begins)s to %(ends)s, the law lets no advertising be sent on this channel."),
            N_("Choose hours that reach into the day, between 08:00 and 21:00."),
            {"begins": f"{window.begins:%H:%M}", "ends": f"{window.ends:%H:%M}"},
        )
    ]


def _unnumbered(session: Session, campaign: Campaign) -> list[Problem]:
    words = session.get_one(ContentVersion, campaign.version_id)
    more = inboxes.get(session, campaign.inbox_id).settings or {}
    if "refusal_number" not in fields_of(words) or more.get("refusal_number"):
        return []
    return [
        Problem(
            korea.FREE_REFUSAL.key,
            N_("The content names the free number to refuse by, and the inbox has none."),
            N_("Enter the number (080) in the form of the inbox."),
        )
    ]


def _day(written: Any) -> date | None:
    try:
        return date.fromisoformat(str(written or ""))
    except ValueError:
        return None
