"""Claim: the next recipients of a campaign, as one window. Who must not be written to is taken out first.

One transaction: chosen, asked about, marked `sending` with the window they are in. When it is committed they may leave.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from campaigns import hours
from campaigns.campaign import Campaign, State
from campaigns.pipe import rows as many
from campaigns.pipe import settle
from campaigns.pipe.ports import Ports, Verdict
from campaigns.pipe.window import LEASE, Window
from campaigns.recipient import Fate, Recipient

AHEAD = timedelta(seconds=1)
"""As much of its own rate is taken at once."""
OVERDUE = "Its time was over before it could leave."


class _Due(NamedTuple):
    """One whose turn it is."""

    id: int
    contact_id: int
    address_id: int
    value: str
    attempts: int
    proved_at: datetime | None


class Row(NamedTuple):
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
    """A window, and whether there may be more behind it at once. `again`: its own rate is spent until then."""

    rows: Sequence[Row] = ()
    more: bool = False
    again: datetime | None = None


def room(campaign: Campaign, now: datetime, most: int) -> tuple[int, datetime | None]:
    """How many its own rate allows now; when there is room again if that is nobody."""
    if campaign.per_minute is None:
        return most, None
    step = timedelta(minutes=1) / campaign.per_minute
    spent = _spent(campaign, now)
    if spent > now:
        return 0, spent
    return min(most, max(int((now + AHEAD - spent) / step), 1)), None


def spend(campaign: Campaign, now: datetime, many: int) -> None:
    """So many leave now. What was not used before is not saved up."""
    if campaign.per_minute is not None:
        campaign.paced_at = _spent(campaign, now) + many * timedelta(minutes=1) / campaign.per_minute


def _spent(campaign: Campaign, now: datetime) -> datetime:
    """Until when its rate is spent; a clock that was put back meanwhile holds up nobody for long."""
    spent = campaign.paced_at
    return now if spent is None or spent < now or spent > now + timedelta(minutes=2) else spent


def claim(
    session: Session, now: datetime, campaign_id: int, owner: str, most: int, ports: Ports, names: Collection[str]
) -> Claimed:
    """Up to `most` recipients whose turn it is, all `sending` when this is committed."""
    one = select(Campaign).where(Campaign.id == campaign_id)
    campaign = session.scalars(one).one()
    if campaign.per_minute is not None:  # several workers share it
        campaign = session.scalars(one.with_for_update(), execution_options={"populate_existing": True}).one()
    if campaign.state != State.RUNNING.value or campaign.frozen_at is None:
        return Claimed()
    most, again = room(campaign, now, most)
    if not most:
        return Claimed(again=again)
    found = _due(session, now, campaign_id, most)
    if not found:
        return Claimed()
    if campaign.expires_at is not None and campaign.expires_at <= now:
        settle.close(session, now, campaign, [one.id for one in found], Fate.EXPIRED, OVERDUE)
        return Claimed(more=True)
    if proved := [one.id for one in found if one.proved_at is not None]:  # it had left after all
        settle.close(session, now, campaign, proved, Fate.ACCEPTED)
        found = [one for one in found if one.proved_at is None]
    refused = sieve(session, now, campaign, ports, {one.address_id for one in found})
    _put_aside(session, now, campaign, found, refused)
    free = [one for one in found if one.address_id not in refused]
    if not free:
        return Claimed(more=True)
    spend(campaign, now, len(free))
    held = _hold(session, now, campaign_id, owner, [one.id for one in free])
    fields = ports.fields(session, {one.contact_id for one in free}, names) if names else {}
    rows = [
        Row(one.id, held, one.contact_id, one.address_id, one.value, one.attempts + 1, fields.get(one.contact_id, {}))
        for one in free
    ]
    return Claimed(rows, more=len(found) + len(proved) == most)


def sieve(
    session: Session, now: datetime, campaign: Campaign, ports: Ports, addresses: Collection[int]
) -> Mapping[int, Verdict]:
    """Those of the addresses that must not be written to at this moment."""
    about: Any = {"category": campaign.goods} if campaign.goods else {}
    verdicts = ports.verdicts(session, now, addresses, channel=campaign.channel, purpose=campaign.purpose, **about)
    window = hours.read(campaign.hours)
    if window is None or not addresses:
        return verdicts
    return hours.beside(window, now, verdicts, ports.zones(session, addresses))


def ask_again(session: Session, now: datetime) -> None:
    """The clock was put back: when the others are due was said by one that was wrong. They are asked about anew."""
    running = select(Campaign.id).where(Campaign.state == State.RUNNING.value)
    waits = update(Recipient).where(
        Recipient.campaign_id.in_(running), text("recipient.state = 'planned'"), Recipient.next_at > now
    )
    session.execute(waits.values(next_at=now).execution_options(synchronize_session=False))


def next_at(session: Session, campaign_id: int) -> datetime | None:
    """When the next recipient is due."""
    query = select(Recipient.next_at).where(Recipient.campaign_id == campaign_id, Recipient.state == Fate.PLANNED.value)
    return session.scalar(query.order_by(Recipient.next_at).limit(1))


_DUE = tuple(getattr(Recipient, name) for name in _Due._fields)


def _due(session: Session, now: datetime, campaign_id: int, most: int) -> list[_Due]:
    query = (
        select(*_DUE)
        .where(Recipient.campaign_id == campaign_id, text("state = 'planned'"), Recipient.next_at <= now)
        .order_by(Recipient.next_at, Recipient.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [_Due(*row) for row in session.execute(query)]


def _put_aside(
    session: Session, now: datetime, campaign: Campaign, found: Sequence[_Due], refused: Mapping[int, Verdict]
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
