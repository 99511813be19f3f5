"""Who has which delivery in hand: renewing leases, giving them back, taking them from the dead."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contact.messages import DeliveryState as S
from contact.outbox import delivery as rules
from contact.outbox.delivery import Delivery


def renew(session: Session, now: datetime, owner: str, ids: Collection[int]) -> set[int]:
    """Hold on to what is being sent; returns those that are still `owner`'s to send."""
    taken = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.lease_owner == owner, Delivery.lease_until > now)
        .where(Delivery.state == S.SENDING.value)
        .values(lease_until=now + rules.LEASE)
        .returning(Delivery.id)
    )
    return set(taken)


def begin_all(session: Session, now: datetime, ids: Collection[int], owner: str) -> list[tuple[int, str, int]]:
    """`begin` for several at once; (delivery, channel, inbox) of those that are `owner`'s to send now."""
    row = Delivery.__table__.c
    taken = session.connection().execute(
        update(Delivery.__table__)  # type: ignore[arg-type]
        .where(row.id.in_(ids), row.state == S.QUEUED.value, row.lease_owner == owner, row.lease_until > now)
        .values(state=S.SENDING.value, attempts=row.attempts + 1, lease_until=now + rules.LEASE)
        .returning(row.id, row.channel, row.inbox_id)
    )
    return sorted((number, channel, inbox_id) for number, channel, inbox_id in taken)


def give_back(session: Session, owner: str) -> int:
    """Let others take what `owner` claimed and never began. Returns how many."""
    done = session.execute(
        update(Delivery)
        .where(Delivery.lease_owner == owner, Delivery.state == S.QUEUED.value)
        .values(lease_owner=None, lease_until=None)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def bury(session: Session, now: datetime, is_dead: Callable[[str], bool], state: S = S.SENDING) -> int:
    """End the leases, of deliveries in `state`, of owners that cannot be running any more.

    `claim` and `recover` see to the rest. One state at a time, so that its partial index serves.
    """
    held = (Delivery.state == state.value, Delivery.lease_until >= now)
    owners = session.scalars(select(Delivery.lease_owner).where(*held).distinct()).all()
    dead = [owner for owner in owners if owner and is_dead(owner)]
    if not dead:
        return 0
    done = session.execute(
        update(Delivery)
        .where(*held, Delivery.lease_owner.in_(dead))
        .values(lease_until=now - timedelta(microseconds=1))
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
