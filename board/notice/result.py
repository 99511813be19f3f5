"""Results: what the log says of a delivery is what became of the step it carried.

Handed over counts as delivered until something else is heard: of most mails nothing more ever is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from board.notice import task
from board.notice.attempt import Fate, NoticeAttempt
from contact.following import Reader
from contact.log import Appended, Name
from contact.outbox import Delivery
from contact.text import N_

UNSURE = N_("It is not known whether it arrived.")
HELD = N_("A person must decide whether it is sent.")
WIRED = N_("Handed over; nothing more is known.")
_BECOMES: Final[Mapping[str, tuple[Fate, str]]] = {
    Name.DELIVERY_WIRED.value: (Fate.DELIVERED, WIRED),
    Name.DELIVERY_DELIVERED.value: (Fate.DELIVERED, ""),
    Name.DELIVERY_READ.value: (Fate.DELIVERED, ""),
    Name.DELIVERY_FAILED.value: (Fate.FAILED, ""),
    Name.DELIVERY_BOUNCED.value: (Fate.FAILED, ""),
    Name.DELIVERY_EXPIRED.value: (Fate.FAILED, ""),
    Name.DELIVERY_UNKNOWN.value: (Fate.FAILED, UNSURE),
    Name.DELIVERY_HELD.value: (Fate.SUPPRESSED, HELD),
    Name.DELIVERY_RETRIED.value: (Fate.QUEUED, ""),
    Name.DELIVERY_CANCELLED.value: (Fate.CANCELLED, N_("It was taken back before it left.")),
}


class Results:
    """Reads as "notice results"."""

    def __init__(self) -> None:
        self._ours: set[int] | None = None

    def reader(self) -> Reader:
        names = frozenset({*_BECOMES, Name.NOTICE_ACKNOWLEDGED.value})
        return Reader("notice results", self.read, names=names, before=self._look, after=self._forget)

    def read(self, session: Session, row: Appended) -> None:
        if row.name == Name.NOTICE_ACKNOWLEDGED:
            return _acknowledged(session, row)
        if row.delivery_id is not None and (self._ours is None or row.delivery_id in self._ours):
            _settle(session, row, row.delivery_id)
        return None

    def _look(self, session: Session, rows: Sequence[Appended]) -> None:
        numbers = {row.delivery_id for row in rows if row.delivery_id is not None}
        ours = select(NoticeAttempt.delivery_id).where(NoticeAttempt.delivery_id.in_(numbers))
        self._ours = {number for number in session.scalars(ours) if number is not None} if numbers else set()

    def _forget(self, _session: Session) -> None:
        self._ours = None


def _settle(session: Session, row: Appended, number: int) -> None:
    fate, reason = _BECOMES[row.name]
    said = str((row.content or {}).get("reason") or "") or reason
    if fate is Fate.FAILED and not said:
        said = session.scalar(select(Delivery.reason).where(Delivery.id == number)) or UNSURE
    session.execute(
        update(NoticeAttempt)
        .where(NoticeAttempt.delivery_id == number, NoticeAttempt.state != Fate.CANCELLED.value)
        .values(state=fate.value, reason=said[:300], at=row.at)
        .execution_options(synchronize_session=False)
    )


def _acknowledged(session: Session, row: Appended) -> None:
    notice, user, number = (row.data.get(name) for name in ("notice", "user", "version"))
    if isinstance(notice, int) and isinstance(user, int) and isinstance(number, int):
        query = select(NoticeAttempt.round).where(NoticeAttempt.notice_id == notice, NoticeAttempt.user_id == user)
        for round_ in session.scalars(query.where(NoticeAttempt.round <= number).distinct()):
            task.close(session, row.at, notice, round_, user)
