"""The ladder while it is climbed: whether a step is still wanted, at what hour it may go, and what comes behind. Pure.

A step is taken only while the person has not acknowledged, or, where they owe none, has not read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from board.notice.attempt import Channel
from board.notice.notice import State

BY_DAY: Final = (time(9), time(20))
"""When phones may ring for it, by the recipient's clock."""
RINGS: Final = frozenset({Channel.SMS, Channel.FAX, Channel.PAPER})
LATE: Final = timedelta(hours=1)
"""A step that goes later than this moves those behind it: a house that stood still does not say all at once."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is so for one person and one notice now. `owes`: must acknowledge. `belongs`: signs in, of a partner that
    has not ended, in the audience."""

    state: State
    expires_at: datetime | None
    round: int
    belongs: bool
    owes: bool
    acked: bool
    read: bool


def not_wanted(now: datetime, standing: Standing, round_: int) -> str:
    """Why a step of this round is not needed any more, a word of `attempt.REASONS`; "" where it is."""
    if standing.state is State.WITHDRAWN:
        return "withdrawn"
    if standing.state is not State.PUBLISHED or (standing.expires_at is not None and standing.expires_at <= now):
        return "expired"
    if not standing.belongs:
        return "left"
    if round_ < standing.round:
        return "newer"
    if standing.acked:
        return "acknowledged"
    return "read" if standing.read and not standing.owes else ""


def may_go(now: datetime, channel: Channel, zone: ZoneInfo) -> datetime:
    """Now, or the next morning."""
    if channel not in RINGS:
        return now
    here = now.astimezone(zone)
    if BY_DAY[0] <= here.time() < BY_DAY[1]:
        return now
    day = here.date() if here.time() < BY_DAY[0] else here.date() + timedelta(days=1)
    return max(now, datetime.combine(day, BY_DAY[0], zone).astimezone(now.tzinfo))


def behind(steps: Sequence[Mapping[str, Any]], step: int, due: datetime, now: datetime) -> dict[int, datetime]:
    """The earliest times of the steps behind one that goes now; nothing where it goes in time."""
    if now - due < LATE or step >= len(steps):
        return {}
    days = steps[step]["days"]
    later = enumerate(steps[step + 1 :], step + 1)
    return {number: now + timedelta(days=each["days"] - days) for number, each in later if each["days"] > days}
