"""How canned answers are used: taken into a composer, then sent as they were or changed before.

`canned_take` holds what was put into a composer until that agent's next message in the conversation is
read in the log; `canned_use` counts. The counts do not follow from the log alone (what was taken and
deleted again is not in it), so they cannot be rebuilt; losing them loses an order of a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, Integer, Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.log import Appended

FORGOTTEN = timedelta(days=2)
"""What was taken and not sent within this time was thrown away."""


class CannedUse(Base):
    """How often one agent sent one canned answer; `changed` of them with other words."""

    __tablename__ = "canned_use"

    answer_id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    sent: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[datetime] = mapped_column(Utc)


class CannedTake(Base):
    """Words that stand in somebody's composer. `conversation_id` is the draft's place: 0 or less = begins one."""

    __tablename__ = "canned_take"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    answer_id: Mapped[int] = mapped_column(Id)
    user_id: Mapped[int] = mapped_column(Id)
    conversation_id: Mapped[int] = mapped_column(Id)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_canned_take_user_id", "user_id", "conversation_id"),
        Index("ix_canned_take_conversation_id", "conversation_id"),
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """All that is counted of one canned answer."""

    sent: int = 0
    changed: int = 0
    last_at: datetime | None = None
    mine: int = 0

    @property
    def unchanged(self) -> int:
        return self.sent - self.changed


def take(session: Session, now: datetime, answer_id: int, user_id: int, place: int, text: str) -> None:
    """It was put into the composer at `place`."""
    session.execute(delete(CannedTake).where(CannedTake.user_id == user_id, CannedTake.at < now - FORGOTTEN))
    session.add(CannedTake(answer_id=answer_id, user_id=user_id, conversation_id=place, text=text, at=now))


def sent(session: Session, row: Appended) -> None:
    """Count what an agent had taken and has now sent with `row`, their message; twice changes nothing more."""
    places = [place for place in (row.conversation_id, 0, -(row.contact_id or 0)) if place is not None]
    query = select(CannedTake).where(CannedTake.user_id == row.user_id, CannedTake.conversation_id.in_(places))
    for taken in session.scalars(query.order_by(CannedTake.id)).all():
        if _flat(taken.text) in _flat(row.body or ""):
            _count(session, taken, row.at, changed=False)
        elif _is_kin(taken.text, row.body or ""):
            _count(session, taken, row.at, changed=True)
        elif taken.conversation_id <= 0:
            continue  # another letter, still being written
        session.delete(taken)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _is_kin(taken: str, said: str) -> bool:
    """Whether some line of it is still there: words that were deleted altogether were not used."""
    lines = {_flat(line) for line in said.splitlines()}
    kept = [line for line in map(_flat, taken.splitlines()) if len(line) > 3]
    if any(line in lines for line in kept):
        return True
    ours, theirs = set(_flat(taken).split()), set(_flat(said).split())
    return bool(ours) and len(ours & theirs) * 2 >= len(ours)


def _count(session: Session, taken: CannedTake, at: datetime, *, changed: bool) -> None:
    row = session.get(CannedUse, (taken.answer_id, taken.user_id))
    if row is None:
        row = CannedUse(answer_id=taken.answer_id, user_id=taken.user_id, sent=0, changed=0, last_at=at)
        session.add(row)
    row.sent += 1
    row.changed += int(changed)
    row.last_at = max(row.last_at, at)
    session.flush()


def usage(session: Session, answer_ids: Iterable[int], user_id: int) -> dict[int, Usage]:
    """What is counted of each of these."""
    use = CannedUse
    mine = func.sum(use.sent).filter(use.user_id == user_id)
    query = select(use.answer_id, func.sum(use.sent), func.sum(use.changed), func.max(use.last_at), mine)
    rows = session.execute(query.where(use.answer_id.in_(list(answer_ids))).group_by(use.answer_id))
    return {number: Usage(int(all_), int(changed), last, int(own or 0)) for number, all_, changed, last, own in rows}


def by_agent(session: Session, answer_id: int) -> list[CannedUse]:
    """Who sent it, most first."""
    query = select(CannedUse).where(CannedUse.answer_id == answer_id).order_by(CannedUse.sent.desc(), CannedUse.user_id)
    return list(session.scalars(query))


def forget(session: Session, conversation_ids: Iterable[int]) -> None:
    """Somebody is erased: what was prepared for them goes."""
    session.execute(delete(CannedTake).where(CannedTake.conversation_id.in_(list(conversation_ids))))
