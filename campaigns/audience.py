"""Audience: who a campaign is said to, frozen when it starts.

The segment is asked once, in one reading transaction: one instant, and nobody who writes waits for it. Rows are then
added in parts, each a short transaction. When the process dies in between, another one asks again and goes
on; the unique key (campaign, channel, address) lets nobody in twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign, State
from campaigns.pipe import rows as many
from contact import log
from contact.db import Database

PART = 5_000
"""Recipients added in one transaction."""
Pairs = tuple["array[int]", "array[int]"]


def ask(session: Session, who: Select[Any]) -> Pairs:
    """Contacts and addresses a segment selects, 16 bytes each."""
    contacts, addresses = array("q"), array("q")
    for part in session.execute(who.execution_options(yield_per=20_000)).partitions():
        for contact, address in part:
            contacts.append(contact)
            addresses.append(address)
    return contacts, addresses


def add(
    session: Session, now: datetime, campaign: Campaign, pairs: list[tuple[int, int]], *, waits: bool = False
) -> None:
    """One part of an audience. An address that is in it already stays as it is. `waits`: see `Recipient`."""
    table = many.table(session, contact="bigint", address="bigint")
    postgresql = log.is_postgresql(session)
    statement = text(f"""
        INSERT INTO recipient
            (campaign_id, channel, contact_id, address_id, value, zone, state, attempts, next_at, code, reason,
             waits)
        SELECT :campaign, :channel, contact.id, address.id, address.value, contact.zone, 'planned', 0,
            {"CAST(:now AS timestamptz)" if postgresql else ":now"}, '', '', {"true" if waits else "false"}
        FROM {table} AS told JOIN address ON address.id = told.address JOIN contact ON contact.id = told.contact
        WHERE contact.erased_at IS NULL
        ON CONFLICT DO NOTHING
    """)
    at = now.isoformat() if postgresql else now.replace(tzinfo=None).isoformat(" ", "microseconds")
    given = {"campaign": campaign.id, "channel": campaign.channel, "now": at, "rows": many.value(pairs)}
    session.execute(statement, given)


def parts(pairs: Pairs, size: int = PART) -> Iterator[list[tuple[int, int]]]:
    contacts, addresses = pairs
    for start in range(0, len(contacts), size):
        yield list(zip(contacts[start : start + size], addresses[start : start + size], strict=True))


def seal(session: Session, now: datetime, campaign_id: int) -> bool:
    """The audience stands from now on; whether we are the one who says so."""
    frozen = (
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.frozen_at.is_(None))
        .values(frozen_at=now)
        .returning(Campaign.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(frozen).first() is not None


def to_freeze(session: Session) -> list[Campaign]:
    """Those that have started and whose audience does not stand yet."""
    query = select(Campaign).where(Campaign.state == State.RUNNING.value, Campaign.frozen_at.is_(None))
    return list(session.scalars(query.order_by(Campaign.launched_at)))


def freeze(
    db: Database, now: datetime, campaign: Campaign, who: Select[Any], size: int = PART, *, waits: bool = False
) -> bool:
    """The whole of it; False when another process was quicker, or nobody wants it any more."""
    with db.read() as session:
        pairs = ask(session, who)
    for part in parts(pairs, size):
        with db.write() as session:
            state = session.execute(
                select(Campaign.state, Campaign.frozen_at).where(Campaign.id == campaign.id).with_for_update()
            ).one()
            if state.frozen_at is not None or state.state != State.RUNNING.value:
                return False
            add(session, now, campaign, part, waits=waits)
    with db.write() as session:
        return seal(session, now, campaign.id)
