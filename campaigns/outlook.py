"""Outlook: what would become of a campaign that started now. Whom it reaches, whom not and why, what is missing.

Everybody is looked at where there are no more than `MOST`, else as many from the front; who may be written to is asked
again for each at the moment of sending, so this is what is known now, not a promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import audience, hours
from campaigns.campaign import Campaign
from campaigns.content.content import ContentVersion
from campaigns.content.fill import fields_of, missing
from campaigns.content.names import LINKS
from campaigns.house import House
from campaigns.pipe.ports import Verdict
from campaigns.pipe.written import given
from campaigns.weight import Scales, Weight, message
from contact import inbox as inboxes
from contact.channel import Channel
from contact.consent.law import korea
from contact.directory import Address
from contact.errors import HanmaruError
from contact.messages import InboxFacts

MOST = 20_000
SHOWN = 20
TRADED = (korea.CONSENT.key,)
"""Rules to which a purchase is an exception."""
FILLED = frozenset(["address", "sender", "unsubscribe_url", "preferences_url"])
"""Reserved fields the pipe fills (`House.reserved`)."""


@dataclass(slots=True)
class Outlook:
    """`total` people in the segment with an address of the channel; of `looked` of them the rest is told."""

    total: int = 0
    looked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason (a msgid)."""
    bought: int = 0
    """Without a consent, and allowed all the same: they bought goods of the kind lately."""
    held: int = 0
    """It is night where they are, or outside of the campaign's hours: they get it later."""
    untils: Counter[datetime] = field(default_factory=Counter)
    """When those may be written to."""
    lacking: Counter[str] = field(default_factory=Counter)
    """Fields without a value and without a fall-back, and for how many."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """The first of those: contact and field."""
    weight: Weight = field(default_factory=Weight)

    @property
    def reached(self) -> int:
        return self.looked - self.refused.total()

    @property
    def later(self) -> list[tuple[datetime, int]]:
        """Who waits until when, to the quarter of an hour, the soonest first."""
        return sorted(self.untils.items())

    @property
    def is_whole(self) -> bool:
        return self.looked == self.total


def outlook(
    session: Session, now: datetime, campaign: Campaign, house: House, channel: Channel | None = None
) -> Outlook:
    """Read only; some seconds for tens of thousands. With its `channel` the messages are weighed, too."""
    contacts, addresses = audience.ask(session, house.audience(campaign.definition, channel=campaign.channel, now=now))
    found = Outlook(len(contacts), min(len(contacts), MOST))
    words = session.get(ContentVersion, campaign.version_id) if campaign.version_id else None
    inbox = inboxes.facts(inboxes.get(session, campaign.inbox_id))
    scales = Scales(channel, inbox) if channel is not None else None
    for start in range(0, found.looked, 500):
        end = min(start + 500, found.looked)
        part = dict(zip(contacts[start:end], addresses[start:end], strict=True))
        reached = _part(session, now, campaign, house, words, part, found, FILLED | given(inbox).keys())
        if words is not None and channel is not None and scales is not None and scales.wants:
            _weigh(session, campaign, house, reached, channel, inbox, scales)
    if scales is not None:
        found.weight = scales.end()
    return found


def _part(
    session: Session, now: datetime, campaign: Campaign, house: House, words: ContentVersion | None,
    part: Mapping[int, int], found: Outlook, filled: Collection[str],
) -> dict[int, int]:  # fmt: skip
    """Contacts of this part who would be written to, with their addresses."""
    asked_of: Any = {"channel": campaign.channel, "purpose": campaign.purpose}
    verdicts: Mapping[int, Verdict] = house.verdicts(session, now, part.values(), **asked_of, category=campaign.goods)
    if campaign.goods:
        strict = house.verdicts(session, now, part.values(), **asked_of)
        found.bought += sum(one.rule in TRADED and number not in verdicts for number, one in strict.items())
    if (window := hours.read(campaign.hours)) is not None:
        verdicts = hours.beside(window, now, verdicts, house.zones(session, part.values()))
    reached = {}
    for contact, address in part.items():
        verdict = verdicts.get(address)
        if verdict is not None and verdict.until is None:
            found.refused[verdict.reason] += 1
            continue
        if verdict is not None and verdict.until is not None:
            found.held += 1
            found.untils[verdict.until] += 1
        reached[contact] = address
    if words is None:
        return reached
    asked = [name for name in fields_of(words) if name not in LINKS]
    values = house.fields(session, reached, asked) if asked else {}
    for contact, name in missing(words, ((one, values.get(one, {})) for one in reached), filled):
        found.lacking[name] += 1
        if len(found.rows) < SHOWN:
            found.rows.append((contact, name))
    return reached


def _weigh(
    session: Session, campaign: Campaign, house: House, reached: Mapping[int, int],
    channel: Channel, inbox: InboxFacts, scales: Scales,
) -> None:  # fmt: skip
    """What each of them would get, filled as the pipe fills it. Who lacks a value is named already."""
    fill = house.fill(session, campaign)
    values = house.fields(session, reached, {*fill.fields, "name"})
    where = dict(iter(session.execute(select(Address.id, Address.value).where(Address.id.in_(reached.values())))))
    for contact, address in reached.items():
        if not scales.wants:
            return
        own, value = values.get(contact, {}), where.get(address, "")
        reserved = house.reserved(campaign, 0, address, value)
        try:
            filled = fill.fill({**own, **given(inbox), **reserved})
        except HanmaruError:
            continue
        to = {"value": value, "name": own.get("name", "")}
        scales.put(contact, message(channel, to, filled.subject, filled.text, filled.html,
                                    reserved.get("unsubscribe_url", "")))  # fmt: skip
