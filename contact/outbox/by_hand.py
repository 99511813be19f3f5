"""What people decide about a delivery that failed, or that nobody knows about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from contact import log
from contact.db import wake
from contact.errors import Conflict
from contact.messages import DeliveryState as S
from contact.messages import Receipt
from contact.outbox import row as rows
from contact.outbox.delivery import Delivery
from contact.outbox.settle import apply

_OVER = (S.FAILED, S.BOUNCED, S.EXPIRED, S.UNKNOWN, S.HELD)


def retry(session: Session, now: datetime, delivery_id: int, user_id: int | None) -> Delivery:
    """A person says: send it again. Tries and expiry begin anew; the Message-ID stays."""
    log.lock(session)
    row = rows.read(session, delivery_id)
    if S(row.state) not in _OVER:
        raise Conflict("This message is on its way or has arrived.")
    if row.erased:
        raise Conflict("This person was erased; there is nothing left to send.")
    row.expires_at = now + (row.expires_at - row.created_at)
    row.attempts = 0
    row.next_at = now
    apply(session, now, row, Receipt(S.QUEUED, delivery_id=row.id), user_id)
    wake(session, "outbox")
    return session.get_one(Delivery, delivery_id)


def settle_by_hand(session: Session, now: datetime, delivery_id: int, arrived: bool, user_id: int) -> Delivery:
    """A person found out what became of an `unknown` one."""
    log.lock(session)
    row = rows.read(session, delivery_id)
    if row.state != S.UNKNOWN:
        raise Conflict("It is known what became of this message.")
    state = S.WIRED if arrived else S.FAILED
    apply(session, now, row, Receipt(state, delivery_id=row.id, reason="by hand"), user_id)
    return session.get_one(Delivery, delivery_id)
