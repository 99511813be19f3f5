"""Asked: what providers are asked about, and how they answer.

Who has handed messages to providers (the outbox, campaigns) is a `Source` of `Sent`. How an inbox's provider answers
is one row, for health pages and `flask doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ForeignKey, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.messages import Outbound, Receipt, Waiting
from contact.text import storable

if TYPE_CHECKING:
    from contact.worker import Context


@dataclass(frozen=True, slots=True)
class Sent:
    """A message the provider has, or may have (`unknown`); `progress` is what we know already."""

    waiting: Waiting
    inbox_id: int
    channel: str
    unknown: bool
    progress: Mapping[str, Any] | None

    @property
    def id(self) -> int:
        return self.waiting.delivery_id


class Source(Protocol):
    """Whoever waits for the last word about messages of its own. Ids of two sources are never the same."""

    def all_(self, session: Session, asks: Sequence[str], looks: Sequence[str]) -> list[Sent]:
        """What waits on channels that can be asked, and what is unknown on those where it can be looked up."""
        ...

    def message(self, context: Context, session: Session, number: int) -> tuple[Outbound, datetime] | None:
        """An unknown message as it left, and when that began; None when it is unknown no more."""
        ...

    def settle(self, session: Session, now: datetime, receipt: Receipt, sent: Sent) -> None:
        """What the provider said of one of them."""
        ...


class Asked(Base):
    """`failures` in a row; 0 while the provider answers. `error` is the last of them, as a sentence."""

    __tablename__ = "asked"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    answered_at: Mapped[datetime | None] = mapped_column(Utc)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    failed_at: Mapped[datetime | None] = mapped_column(Utc)
    error: Mapped[str] = mapped_column(String(300), default="")


def answered(session: Session, now: datetime, inbox_id: int) -> None:
    """It told us what it knows."""
    row = _of(session, inbox_id)
    row.answered_at, row.failures, row.error = now, 0, ""


def failed(session: Session, now: datetime, inbox_id: int, why: str) -> None:
    """It could not be asked."""
    row = _of(session, inbox_id)
    row.failed_at, row.failures, row.error = now, row.failures + 1, storable(why)[:300]


def of(session: Session, inbox_id: int) -> Asked | None:
    """How its provider answers; None while it was never asked."""
    return session.get(Asked, inbox_id)


def silent(session: Session) -> Sequence[Asked]:
    """Inboxes whose provider does not answer now: what became of their messages is not known."""
    return session.scalars(select(Asked).where(Asked.failures > 0).order_by(Asked.inbox_id)).all()


def _of(session: Session, inbox_id: int) -> Asked:
    """Only the worker that holds the inbox's lease writes it."""
    row = session.get(Asked, inbox_id, with_for_update=True)
    if row is None:
        row = Asked(inbox_id=inbox_id, failures=0, error="")
        session.add(row)
    return row
