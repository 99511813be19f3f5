"""Settle: what became of recipients, in groups: their rows and one row of the log each, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.pipe import rows as many
from campaigns.pipe import window
from campaigns.pipe.journal import Word
from campaigns.recipient import Fate
from contact import log

TRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60))
"""How long a recipient waits after a failure that may pass; the last one from then on."""
_KINDS = {
    "id": "bigint", "held": "bigint", "state": "text", "code": "text", "reason": "text",
    "next_at": "timestamptz", "tried": "integer",
}  # fmt: skip


class Landed(NamedTuple):
    """What became of one recipient of a window.

    `again`: for how long it rests when it is planned again, None: not at all. `tried`: whether it was a try.
    """

    number: int
    window: int
    word: Word
    again: timedelta | None = None
    tried: bool = True


def rest(attempts: int) -> timedelta:
    """How long after so many tries."""
    return TRIES[min(max(attempts, 1), len(TRIES)) - 1]


def settle(session: Session, now: datetime, campaign: Campaign, landed: Sequence[Landed]) -> None:
    """Write down what became of recipients that are `sending` in those windows; others are left alone."""
    if not landed:
        return
    window.lock(session, sorted({one.window for one in landed}))
    given = {"rows": many.value([_row(session, now, one) for one in landed]), "now": _time(session, now)}
    _log(session, campaign, given)
    session.execute(text(_UPDATE.format(rows=many.table(session, **_KINDS), now=_now(session))), given)


_UPDATE = """
    UPDATE recipient SET state = told.state, code = told.code, reason = told.reason,
        next_at = CASE WHEN told.next_at IS NULL THEN recipient.next_at ELSE told.next_at END,
        attempts = recipient.attempts - 1 + told.tried,
        settled_at = CASE WHEN told.state = 'planned' THEN NULL ELSE {now} END
    FROM {rows} AS told
    WHERE recipient.id = told.id AND recipient.window_id = told.held AND recipient.state = 'sending'
"""
_ROWS = """
    SELECT {now}, 'recipient.' || told.state, recipient.contact_id, recipient.address_id, :inbox, recipient.channel,
           :launch, {data}
    FROM {rows} AS told JOIN recipient ON recipient.id = told.id
    WHERE recipient.window_id = told.held AND recipient.state = 'sending' AND told.state <> 'planned'
"""


def _log(session: Session, campaign: Campaign, given: dict[str, str]) -> None:
    log.lock(session)
    cells = {"campaign": "recipient.campaign_id", "version": _version(campaign), "recipient": "recipient.id"}
    data = many.build(session, **cells, code="told.code")
    query = text(_ROWS.format(rows=many.table(session, **_KINDS), data=data, now=_now(session)))
    log.append_all(session, query, {**given, "inbox": campaign.inbox_id, "launch": campaign.launch_id})


def close(
    session: Session, now: datetime, campaign: Campaign, numbers: Collection[int], fate: Fate, why: str = ""
) -> None:
    """End recipients that are still planned, and say so in the log: suppressed, expired or cancelled."""
    if not numbers:
        return
    given = {"rows": many.value([[number] for number in numbers]), "now": _time(session, now), "why": why[:300]}
    cells = {"campaign": "recipient.campaign_id", "version": _version(campaign), "recipient": "recipient.id"}
    cells["why"] = "CAST(:why AS text)"
    table = many.table(session, id="bigint")
    log.lock(session)
    query = f"""
        SELECT {_now(session)}, 'recipient.{fate.value}', recipient.contact_id, recipient.address_id, :inbox,
               recipient.channel, :launch,
               {many.build(session, **cells)}
        FROM {table} AS told JOIN recipient ON recipient.id = told.id WHERE recipient.state = 'planned'
    """
    log.append_all(session, text(query), {**given, "inbox": campaign.inbox_id, "launch": campaign.launch_id})
    session.execute(
        text(f"""
            UPDATE recipient SET state = '{fate.value}', reason = :why, settled_at = {_now(session)}
            FROM {table} AS told WHERE recipient.id = told.id AND recipient.state = 'planned'
        """),
        given,
    )


def _version(campaign: Campaign) -> str:
    return str(int(campaign.version_id)) if campaign.version_id else "NULL"


def _row(session: Session, now: datetime, one: Landed) -> list[object]:
    again = _time(session, now + one.again) if one.again is not None and one.word.fate is Fate.PLANNED else None
    return [
        one.number, one.window, one.word.fate.value, one.word.code, one.word.reason, again,
        int(one.tried or one.word.fate is not Fate.PLANNED),
    ]  # fmt: skip


def _now(session: Session) -> str:
    return "CAST(:now AS timestamptz)" if log.is_postgresql(session) else ":now"


def _time(session: Session, at: datetime) -> str:
    """As the type `Utc` keeps it."""
    if log.is_postgresql(session):
        return at.isoformat()
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")
