"""Paper: the letters of a pile as messages of the channel, and the sheet that lies on top. It changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.piles.pile import Pile
from campaigns.pipe.ports import Ports
from campaigns.pipe.written import given
from campaigns.recipient import Recipient, message_id
from contact import inbox as inboxes
from contact.bundle import Area, Cover
from contact.messages import AddressKind, InboxFacts, Outbound, Party
from contact.settings import Settings

UNFILLED = "The content could not be filled: %s"


@dataclass(slots=True)
class Written:
    """`wrong`: recipients for whom the content could not be filled, and why."""

    inbox: InboxFacts
    messages: list[Outbound] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)


def written(
    session: Session, campaign: Campaign, rows: Sequence[Recipient], ports: Ports, settings: Settings, at: datetime
) -> Written:
    """What each of them is to read, as the pipe fills it; the day of the letter is `at`. The same again, the same."""
    found = Written(inboxes.facts(inboxes.get(session, campaign.inbox_id)))
    fill, ours, key = ports.fill(session, campaign), given(found.inbox), settings.secret()
    values = ports.fields(session, {one.contact_id for one in rows}, {*fill.fields, "name"})
    for one in rows:
        own = values.get(one.contact_id, {})
        reserved = ports.reserved(campaign, one.id, one.address_id, one.value)
        try:
            filled = fill.fill({**own, **ours, **reserved})
        except Exception as error:  # noqa: BLE001 - whatever a template can raise: the others go on
            found.wrong[one.id] = (UNFILLED % error)[:300]
            continue
        to = Party(AddressKind.POST, one.value, own.get("name", ""))
        made = Outbound(
            -one.id, 0, message_id(key, one.id, settings.mail_domain), to, filled.text, subject=filled.subject,
            created_at=at, unsubscribe=reserved.get("unsubscribe_url", ""),
        )  # fmt: skip
        found.messages.append(made)
    return found


def cover(campaign: Campaign, pile: Pile, messages: Sequence[Outbound], settings: Settings) -> Cover:
    """What lies on top: whose pile it is, and which of its letters go where."""
    areas: dict[str, list[int]] = {}
    for place, one in enumerate(messages, 1):
        areas.setdefault(_area(one.to.value), []).append(place)
    rows = [Area(name, len(places), places[0], places[-1]) for name, places in areas.items()]
    link = f"{settings.public}/desk/letters/piles/{pile.id}"
    return Cover(campaign.name, pile.id, pile.taken_at, tuple(rows), link)


def _area(value: str) -> str:
    """`062 서울특별시 강남구`: the first three digits of the code are a city or a district."""
    code, _, rest = value.partition(" ")
    if not (code.isdigit() and len(code) == 5):
        return ""
    return f"{code[:3]} {' '.join(rest.split()[:2])}"
