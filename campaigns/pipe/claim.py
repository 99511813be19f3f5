"""Claim: the next recipients of a campaign, as one window. Who must not be written to is taken out first.

One transaction: chosen, asked about, marked `sending` with the window they are in. When it is committed they may leave.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign, State
from campaigns.pipe import rows as many
from campaigns.pipe import settle
from campaigns.pipe.ports import Ports, Verdict
from campaigns.pipe.window import LEASE, Window
from campaigns.recipient import Fate, Recipient

ASK_AGAIN = timedelta(minutes=5)
"""Held people are looked at again no later than this: somebody may have changed why."""
OVERDUE = "Its time was over before it could leave."


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient in hand."""

    number: int
    window: int
    contact_id: int
    address_id: int
    value: str
    attempts: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A window, and whether there may be more behind it at once."""

    rows: Sequence[Row] = ()
    more: bool = False


def claim(
    session: Session, now: datetime, campaign_id: int, owner: str, most: int, ports: Ports, names: Collection[str]
) -> Claimed:
    """Up to `most` recipients whose turn it is, all `sending` when this is committed."""
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id)).one()
    if campaign.state != State.RUNNING.value or campaign.frozen_at is None:
        return Claimed()
    found = _due(session, now, campaign_id, most)
    if not found:
        return Claimed()
    if campaign.expires_at is not None and campaign.expires_at <= now:
        settle.close(session, now, campaign, [one.id for one in found], Fate.EXPIRED, OVERDUE)
        return Claimed(more=True)
    refused = sieve(session, now, campaign, ports, {one.address_id for one in found})
    _put_aside(session, now, campaign, found, refused)
    free = [one for one in found if one.address_id not in refused]
    if not free:
        return Claimed(more=True)
    held = _hold(session, now, campaign_id, owner, [one.id for one in free])
    fields = ports.fields(session, {one.contact_id for one in free}, names) if names else {}
    rows = [
        Row(one.id, held, one.contact_id, one.address_id, one.value, one.attempts + 1, fields.get(one.contact_id, {}))
        for one in free
    ]
    return Claimed(rows, more=len(found) == most)


def sieve(
    session: Session, now: datetime, campaign: Campaign, ports: Ports, addresses: Collection[int]
) -> Mapping[int, Verdict]:
    """Those of the addresses that must not be written to at this moment."""
    return ports.verdicts(session, now, addresses, channel=campaign.channel, purpose=campaign.purpose)


def next_at(session: Session, campaign_id: int) -> datetime | None:
    """When the next recipient is due."""
    query = select(Recipient.next_at).where(Recipient.campaign_id == campaign_id, Recipient.state == Fate.PLANNED.value)
    return session.scalar(query.order_by(Recipient.next_at).limit(1))


_DUE = (Recipient.id, Recipient.contact_id, Recipient.address_id, Recipient.value, Recipient.attempts)


def _due(session: Session, now: datetime, campaign_id: int, most: int) -> Sequence[Any]:
    query = (
        select(*_DUE)
        .where(Recipient.campaign_id == campaign_id, text("state = 'planned'"), Recipient.next_at <= now)
        .order_by(Recipient.next_at, Recipient.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return session.execute(query).all()


def _put_aside(
    session: Session, now: datetime, campaign: Campaign, found: Sequence[Any], refused: Mapping[int, Verdict]
) -> None:
    """Who must not be written to at all is suppressed, who not now waits."""
    reasons: dict[str, list[int]] = {}
    waiting: dict[datetime, list[int]] = {}
    for one in found:
        verdict = refused.get(one.address_id)
        if verdict is None:
            continue
        if verdict.until is None:
            reasons.setdefault(verdict.reason, []).append(one.id)
        else:
            waiting.setdefault(max(verdict.until, now), []).append(one.id)
    for reason, numbers in reasons.items():
        settle.close(session, now, campaign, numbers, Fate.SUPPRESSED, reason)
    for until, numbers in waiting.items():
        later = update(Recipient).where(Recipient.id.in_(numbers)).values(next_at=until)
        session.execute(later.execution_options(synchronize_session=False))


def _hold(session: Session, now: datetime, campaign_id: int, owner: str, numbers: Sequence[int]) -> int:
    held = Window(campaign_id=campaign_id, owner=owner, begun_at=now, until=now + LEASE)
    session.add(held)
    session.flush()
    session.execute(
        text(f"""
            UPDATE recipient SET state = 'sending', window_id = :held, attempts = attempts + 1
            FROM {many.table(session, id="bigint")} AS told
            WHERE recipient.id = told.id AND recipient.state = 'planned'
        """),
        {"held": held.id, "rows": many.value([[number] for number in numbers])},
    )
    return held.id
