"""Trade with a contact: for six months after it ended, advertising for the same kind of goods needs no consent.

Network Act article 50 (1), proviso 1, and decree article 61 (1). Whoever refused gets none all the same. Rows are only
added (triggers say so); erasing a person empties what was bought and the proof.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.consent.law.korea import TRADE
from contact.consent.law.periods import after_months, day_of, end_of
from contact.db import Base, Id, Utc
from contact.directory import Contact
from contact.errors import Invalid
from contact.text import storable
from contact.users import User

LONGEST = 60
"""Characters of a kind of goods."""


class Trade(Base):
    """One trade of a contact in goods of one kind: `category` is the house's own word for the kind."""

    __tablename__ = "trade"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"))
    category: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime] = mapped_column(Utc)
    recorded_at: Mapped[datetime] = mapped_column(Utc)
    how: Mapped[str] = mapped_column(String(20), default="")
    """A `How`: an agent wrote it down, or an import."""
    proof: Mapped[str] = mapped_column(Text, default="")
    """Where it can be seen again: the number of the order, the receipt."""
    user_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (
        Index("ix_trade_contact_id", "contact_id", "category"),
        Index("ix_trade_category", "category", "ended_at"),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A trade for people to read, and the first moment at which it allows nothing any more."""

    row: Trade
    until: datetime
    user: str = ""


def tidy(category: str) -> str:
    """A kind of goods as it is kept; raises `Invalid`."""
    category = " ".join(storable(category).split())
    if not category or len(category) > LONGEST:
        raise Invalid("A kind of goods has 1 to 60 characters.")
    return category


def ended(
    session: Session, now: datetime, contact_id: int, category: str, ended_at: datetime, *, how: str = "",
    proof: str = "", user_id: int | None = None,
) -> bool:  # fmt: skip
    """Note that a trade ended; whether that is news. The latest in a kind of goods counts. Raises `Invalid`."""
    category, ended_at = tidy(category), min(ended_at, now)
    log.lock(session)
    before = select(Trade.ended_at).where(Trade.contact_id == contact_id, Trade.category == category)
    if any(day_of(at) == day_of(ended_at) for at in session.scalars(before)):
        return False
    made = Trade(contact_id=contact_id, category=category, ended_at=ended_at, recorded_at=now, how=how, user_id=user_id)
    made.proof = storable(proof)[:1000]
    session.add(made)
    log.append(
        session, now, log.Name.TRADE_NOTED, contact_id=contact_id, user_id=user_id, content={"goods": category},
        data={"how": how, "ended": ended_at.isoformat()},
    )  # fmt: skip
    session.flush()
    return True


def until(ended_at: datetime) -> datetime:
    """The first moment at which the exception is over."""
    return end_of(after_months(day_of(ended_at), TRADE.months))


def covered(session: Session, now: datetime, roots: Collection[int], category: str) -> set[int]:
    """Those of the persons (root contacts) who bought goods of this kind lately enough."""
    found = session.execute(
        select(Contact.root_id, Trade.ended_at)
        .join(Trade, Trade.contact_id == Contact.id)
        .where(Contact.root_id.in_(roots), Trade.category == category)
    )
    return {root for root, ended_at in found if ended_at <= now < until(ended_at)}


def lines(session: Session, root_id: int) -> list[Line]:
    """What a person bought, the newest first; what was erased is left out."""
    rows = session.execute(
        select(Trade, User.name)
        .join(Contact, Contact.id == Trade.contact_id)
        .outerjoin(User, User.id == Trade.user_id)
        .where(Contact.root_id == root_id, Trade.category != "")
        .order_by(Trade.ended_at.desc(), Trade.id.desc())
        .limit(100)
    )
    return [Line(row, until(row.ended_at), name or "") for row, name in rows]


def kinds(session: Session) -> Sequence[str]:
    """Kinds of goods there are, for whoever has to write one again as it was."""
    return session.scalars(select(Trade.category).where(Trade.category != "").distinct().order_by(Trade.category)).all()
