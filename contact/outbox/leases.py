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


def begin(session: Session, now: datetime, delivery_id: int, owner: str) -> Delivery | None:
    """Mark one that was claimed `sending`, if it is still ours to send. Commit before the first byte leaves.

    From here on a crash means `unknown`: the lease runs out and `recover` says so.
    """
    taken = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == S.QUEUED.value)
        .where(Delivery.lease_owner == owner, Delivery.lease_until > now)
        .values(state=S.SENDING.value, attempts=Delivery.attempts + 1, lease_until=now + rules.LEASE)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return session.get(Delivery, delivery_id, populate_existing=True)


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
