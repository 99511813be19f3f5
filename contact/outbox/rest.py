"""Rest: a provider that is down, or an inbox that was told to slow down, is left in peace for a while.

A lane (a channel and the provider that carries it) or one inbox of it rests `until` a time, longer
with each try that fails. Then one message tries, and only when that one was taken do the others
follow. Those who wait keep their place and their tries, and nobody is sent by another provider.
A rest is about a provider: an inbox that is given another one is free at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, Text, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.db import Base, Id, Utc, wake
from contact.outbox import delivery as rules
from contact.prepared import Prepared

Lane = tuple[str, str]
"""A channel and the provider that carries it: hands are counted by lane, so that a slow provider holds up no other."""

STEPS = (2, 5, 15, 30, 60, 120, 300)
"""Seconds until a message tries again; the last one repeats."""
JITTER = 0.2
"""Part by which a rest is longer or shorter by chance, so that not all workers of the world knock at once."""
LONGEST = 3600.0
"""Seconds a provider may ask for."""


class Rest(Base):
    """`inbox_id` is 0 where the whole lane rests. The row goes when a message was taken again."""

    __tablename__ = "rest"

    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    provider: Mapped[str] = mapped_column(String(30), primary_key=True)
    inbox_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(Utc)
    until: Mapped[datetime] = mapped_column(Utc)
    step: Mapped[int] = mapped_column(Integer)
    """Tries that failed."""
    reason: Mapped[str] = mapped_column(Text)


Key = tuple[str, str, int]
"""Channel, provider, inbox; inbox 0 = the lane."""


@dataclass(frozen=True, slots=True)
class Resting:
    """Why and until when nothing leaves. Past `until` one message is on its way to find out."""

    since: datetime
    until: datetime
    step: int
    reason: str


_COLUMNS = (Rest.channel, Rest.provider, Rest.inbox_id, Rest.since, Rest.until, Rest.step, Rest.reason)
_ALL = Prepared(select(*_COLUMNS), _COLUMNS)


def _this(channel: Any, provider: Any, inbox: Any) -> ColumnElement[bool]:
    return and_(Rest.channel == channel, Rest.provider == provider, Rest.inbox_id == inbox)


_PROBE = Prepared(
    update(Rest)
    .where(_this(bindparam("channel"), bindparam("provider"), bindparam("inbox")))
    .where(Rest.until <= bindparam("now", type_=Utc()))
    .values(until=bindparam("until", type_=Utc()))
    .returning(Rest.inbox_id),
    [Rest.inbox_id],
)


def lane_of(channel: str, provider: str) -> Lane:
    return channel, provider or channel


def all_(session: Session) -> dict[Key, Resting]:
    """Who rests, or is being tried; nearly always nobody."""
    rows = _ALL.rows(session, {})
    return {(channel, provider, inbox): Resting(*rest) for channel, provider, inbox, *rest in rows}


def of_inbox(resting: dict[Key, Resting], lane: Lane, inbox_id: int) -> Resting | None:
    """What keeps an inbox waiting: its own rest or its lane's, whichever is longer."""
    found = [rest for key in ((*lane, 0), (*lane, inbox_id)) if (rest := resting.get(key)) is not None]
    return max(found, key=lambda rest: rest.until, default=None)


def by_inbox(session: Session) -> dict[int, Resting]:
    """The inboxes that send nothing for now, and why: what screens show."""
    from contact.inbox import Inbox

    resting = all_(session)
    if not resting:
        return {}
    boxes = session.execute(select(Inbox.id, Inbox.channel, Inbox.provider)).all()
    found = {number: of_inbox(resting, lane_of(channel, provider), number) for number, channel, provider in boxes}
    return {number: rest for number, rest in found.items() if rest is not None}


def start(
    session: Session, now: datetime, key: Key, reason: str, *, after: float | None = None, probe: bool = False
) -> datetime:
    """Rest for `after` seconds, or a step longer than last time; returns until when.

    Several messages in the air fail together when a provider goes down: only the first of
    them, or the one that was sent to find out (`probe`), makes the rest longer.
    """
    before = session.execute(select(Rest.since, Rest.until, Rest.step).where(_this(*key)).with_for_update()).first()
    if before is not None and not probe:
        known: datetime = before.until
        return max(known, now)
    step = before.step + 1 if before is not None else 1
    until: datetime = now + timedelta(seconds=_seconds(step, after))
    values = {"since": before.since if before else now, "until": until, "step": step, "reason": reason[:500]}
    dialect = postgresql if log.is_postgresql(session) else sqlite
    session.execute(
        dialect.insert(Rest)
        .values(channel=key[0], provider=key[1], inbox_id=key[2], **values)
        .on_conflict_do_update(index_elements=[Rest.channel, Rest.provider, Rest.inbox_id], set_=values)
    )
    return until


def _seconds(step: int, after: float | None) -> float:
    """A provider's wish is met to the second, or a little later; our own guess varies."""
    if after is not None:
        return min(max(after, 0.0), LONGEST)
    return STEPS[min(step, len(STEPS)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def probe(session: Session, now: datetime, key: Key) -> bool:
    """Whether we are the one to try now that the rest is over. Nobody else is until our lease has run out."""
    values = {"channel": key[0], "provider": key[1], "inbox": key[2], "now": now, "until": now + rules.LEASE}
    return bool(_PROBE.rows(session, values))


def again(session: Session, now: datetime, key: Key) -> None:
    """The one that was to find out never spoke to the provider: let another one try."""
    session.execute(update(Rest).where(_this(*key)).values(until=now))


def end(session: Session, channel: str, provider: str, inboxes: tuple[int, ...]) -> None:
    """It works again: whoever waited may go."""
    where = (Rest.channel == channel, Rest.provider == provider, Rest.inbox_id.in_(inboxes))
    session.execute(delete(Rest).where(*where))
    wake(session, "outbox")
