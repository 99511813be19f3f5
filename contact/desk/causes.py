"""Unknown deliveries of one cause: what one crash or one broken line left behind, decided at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contact import outbox
from contact.errors import Conflict, NotFound
from contact.messages import DeliveryState
from contact.outbox import Delivery

SPAN = timedelta(minutes=10)
"""What broke with the same words at the same inbox, each within this time of the one before, has one cause."""
VIEW = 500
FEWEST = 2
_troubled = text("delivery.state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")


@dataclass(slots=True)
class Cause:
    """Deliveries that became unknown together, newest first."""

    reason: str
    inbox_id: int
    latest: datetime
    earliest: datetime
    ids: list[int] = field(default_factory=list)


def of_unknown(session: Session) -> list[Cause]:
    """The causes behind the newest `VIEW` unknown deliveries that left more than one behind."""
    rows = session.execute(
        select(Delivery.id, Delivery.inbox_id, Delivery.reason, Delivery.settled_at)
        .where(_troubled, Delivery.state == DeliveryState.UNKNOWN.value)
        .order_by(Delivery.id.desc())
        .limit(VIEW)
    )
    timed = [(number, inbox, reason, at) for number, inbox, reason, at in rows if at is not None]
    return [cause for cause in grouped(timed) if len(cause.ids) >= FEWEST]


def grouped(rows: Sequence[tuple[int, int, str, datetime]]) -> list[Cause]:
    """Pure: id, inbox, reason and time of each."""
    found: list[Cause] = []
    open_: dict[tuple[int, str], Cause] = {}
    for number, inbox, reason, at in sorted(rows, key=lambda row: row[3], reverse=True):
        cause = open_.get((inbox, reason))
        if cause is None or cause.earliest - at > SPAN:
            cause = open_[inbox, reason] = Cause(reason, inbox, at, at)
            found.append(cause)
        cause.ids.append(number)
        cause.earliest = at
    return found


def decide(session: Session, now: datetime, ids: Sequence[int], what: str, user_id: int) -> int:
    """`arrived`, `lost` or `retry` for all of them; returns how many: what was decided meanwhile stays so."""
    done = 0
    for number in ids:
        try:
            delivery = session.get(Delivery, number)
            if delivery is None or delivery.state != DeliveryState.UNKNOWN:
                continue
            if what == "retry":
                outbox.retry(session, now, number, user_id)
            else:
                outbox.settle_by_hand(session, now, number, what == "arrived", user_id)
            done += 1
        except (Conflict, NotFound):  # decided, or erased, by somebody else
            continue
    return done
