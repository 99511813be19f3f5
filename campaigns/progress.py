"""Progress: how fast a campaign goes just now, how long it will still take, and who waits until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign, State
from campaigns.recipient import Fate, Recipient
from campaigns.stall import SOON, Stall, why
from contact import log
from contact.log import Interaction, Name

LATELY: Final = timedelta(minutes=1)
VIEW: Final = 5_000
"""Rows at the end of the log that are looked at: the page costs the same however long the campaign is."""
_LEFT: Final = tuple(name.value for name in (Name.RECIPIENT_ACCEPTED, Name.RECIPIENT_FAILED, Name.RECIPIENT_UNKNOWN))


@dataclass(frozen=True, slots=True)
class Progress:
    """`rate`: a second, of the last minute. `seconds`: what those due now still take, None: unknown."""

    rate: float = 0.0
    seconds: float | None = None
    held: int = 0
    """They wait for their hours, the night, a busy receiver or their next try."""
    until: datetime | None = None
    """When the first of them is due."""
    later: bool = False
    """Nobody else is left: it goes on then."""
    stall: Stall | None = None


def progress(session: Session, now: datetime, campaign: Campaign, counts: Mapping[str, int]) -> Progress:
    """Of one that is under way; a few indexed looks."""
    stall = why(session, now, campaign)
    if campaign.state != State.RUNNING.value or campaign.frozen_at is None:
        return Progress(stall=stall)
    waits = (Recipient.campaign_id == campaign.id, text("recipient.state = 'planned'"), Recipient.next_at > now + SOON)
    held, until = session.execute(select(func.count(), func.min(Recipient.next_at)).where(*waits)).one()
    left = counts[Fate.PLANNED] + counts[Fate.SENDING] - held
    rate = _rate(session, now, campaign)
    return Progress(rate, left / rate if rate and left else None, held, until, held > 0 and left <= 0, stall)


def _rate(session: Session, now: datetime, campaign: Campaign) -> float:
    if campaign.frozen_at is None or campaign.launch_id is None:
        return 0.0
    end = log.head(session)
    said = select(func.count(), func.min(Interaction.at)).where(
        Interaction.id > end - VIEW, Interaction.at > now - LATELY, Interaction.at <= now,
        Interaction.about_id == campaign.launch_id, Interaction.name.in_(_LEFT),
    )  # fmt: skip
    many, first = session.execute(said).one()
    if not many:
        return 0.0
    since = max(campaign.frozen_at, now - LATELY)
    span = now - (first if many > VIEW // 2 else since)
    return float(many / max(span.total_seconds(), 1.0))
