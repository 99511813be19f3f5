"""Outlook: what would become of a campaign that started now. Whom it reaches, whom not and why, what is missing.

Everybody is looked at where there are no more than `MOST`, else as many from the front; who may be written to is asked
again for each at the moment of sending, so this is what is known now, not a promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import audience
from campaigns.campaign import Campaign
from campaigns.content.content import ContentVersion
from campaigns.content.fill import fields_of, missing
from campaigns.content.names import LINKS
from campaigns.house import House

MOST = 20_000
SHOWN = 20
FILLED = frozenset(["address", "sender", "unsubscribe_url", "preferences_url"])
"""Reserved fields the pipe fills (`House.reserved`)."""


@dataclass(slots=True)
class Outlook:
    """`total` people in the segment with an address of the channel; of `looked` of them the rest is told."""

    total: int = 0
    looked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason (a msgid)."""
    held: int = 0
    """It is night where they are: they get it later."""
    lacking: Counter[str] = field(default_factory=Counter)
    """Fields without a value and without a fall-back, and for how many."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """The first of those: contact and field."""

    @property
    def reached(self) -> int:
        return self.looked - self.refused.total()

    @property
    def is_whole(self) -> bool:
        return self.looked == self.total


def outlook(session: Session, now: datetime, campaign: Campaign, house: House) -> Outlook:
    """Read only; some seconds for tens of thousands."""
    contacts, addresses = audience.ask(session, house.audience(campaign.definition, channel=campaign.channel, now=now))
    found = Outlook(len(contacts), min(len(contacts), MOST))
    words = session.get(ContentVersion, campaign.version_id) if campaign.version_id else None
    for start in range(0, found.looked, 500):
        end = min(start + 500, found.looked)
        _part(session, now, campaign, house, words, contacts[start:end], addresses[start:end], found)
    return found


def _part(
    session: Session, now: datetime, campaign: Campaign, house: House, words: ContentVersion | None,
    contacts: Sequence[int], addresses: Sequence[int], found: Outlook,
) -> None:  # fmt: skip
    verdicts = house.verdicts(session, now, addresses, channel=campaign.channel, purpose=campaign.purpose)
    reached = []
    for contact, address in zip(contacts, addresses, strict=True):
        verdict = verdicts.get(address)
        if verdict is not None and verdict.until is None:
            found.refused[verdict.reason] += 1
            continue
        found.held += verdict is not None
        reached.append(contact)
    if words is None:
        return
    asked = [name for name in fields_of(words) if name not in LINKS]
    values = house.fields(session, reached, asked) if asked else {}
    for contact, name in missing(words, ((one, values.get(one, {})) for one in reached), FILLED):
        found.lacking[name] += 1
        if len(found.rows) < SHOWN:
            found.rows.append((contact, name))
