"""Visit: a hit as it was kept, and what it was judged to be once what came beside it was known.

With personal tracking a visit names its recipient, and its agent until it is erased. Without, it names the
campaign alone, is judged at once and by itself, and no agent is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses.hit import Hit, Kind
from campaigns.responses.judging import BURST, Judgement, judge
from contact import log
from contact.db import Base, Id, Utc
from contact.directory import Contact
from contact.log import Name

PATIENCE = BURST + timedelta(seconds=6)
"""How long a visit waits for what comes beside it."""
MOST = 300
"""Visits kept of one recipient: who comes more often is no news."""
NAMES = {Kind.CLICKED: Name.RESPONSE_CLICKED, Kind.OPENED: Name.RESPONSE_OPENED}
_WAITS = text("who IS NULL")


class Visit(Base):
    """`who` and `why` as in `judging`; None until it is judged."""

    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    campaign_id: Mapped[int] = mapped_column(Id)
    recipient_id: Mapped[int | None] = mapped_column(Id)
    address_id: Mapped[int | None] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(10))
    link: Mapped[int] = mapped_column(Integer)
    agent: Mapped[str] = mapped_column(String(300), default="")
    languages: Mapped[bool] = mapped_column(Boolean, default=False)
    prefetch: Mapped[bool] = mapped_column(Boolean, default=False)
    head: Mapped[bool] = mapped_column(Boolean, default=False)
    who: Mapped[str | None] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(20), default="")

    __table_args__ = (
        Index("ix_visit_waits", "at", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_visit_recipient_id", "recipient_id"),
        Index("ix_visit_campaign_id", "campaign_id"),
        Index("ix_visit_address_id", "address_id"),
        {"info": {"erase": ("agent",)}},
    )

    @property
    def hit(self) -> Hit:
        return Hit(self.at, Kind(self.kind), self.link, self.agent, self.languages, self.prefetch, self.head)


def keep(session: Session, hit: Hit, *, campaign_id: int, recipient_id: int | None) -> None:
    """Write a hit down. One that names nobody is judged here and now, and tells nothing of whoever came."""
    row = Visit(
        at=hit.at, campaign_id=campaign_id, recipient_id=recipient_id, kind=hit.kind.value, link=hit.link,
        languages=hit.languages, prefetch=hit.prefetch, head=hit.head,
    )  # fmt: skip
    if recipient_id is None:
        campaign = session.get_one(Campaign, campaign_id)
        _tell(session, hit.at, row, judge([hit], campaign.launched_at or hit.at)[0])
    elif _kept(session, recipient_id) >= MOST:
        return
    else:
        recipient = session.get_one(Recipient, recipient_id)
        if _erased(session, recipient):
            return
        row.agent, row.address_id = hit.agent[:300], recipient.address_id
    session.add(row)


def _erased(session: Session, recipient: Recipient) -> bool:
    """Whether the person behind it is to be forgotten: the link leads on, and nothing is noted."""
    contact = session.get(Contact, recipient.contact_id)
    root = session.get(Contact, contact.root_id) if contact else None
    return contact is None or root is None or contact.erased_at is not None or root.erased_at is not None


def _kept(session: Session, recipient_id: int) -> int:
    return session.scalar(select(func.count()).where(Visit.recipient_id == recipient_id)) or 0


def judge_due(session: Session, now: datetime, limit: int = 200) -> int:
    """Judge what has waited long enough, message by message; returns how many messages."""
    waits = select(Visit.recipient_id).where(Visit.who.is_(None), Visit.at <= now - PATIENCE)
    numbers = session.scalars(waits.distinct().limit(limit)).all()
    for number in numbers:
        if number is not None:
            _judge(session, now, session.get_one(Recipient, number))
    return len(numbers)


def _judge(session: Session, now: datetime, recipient: Recipient) -> None:
    rows = session.scalars(select(Visit).where(Visit.recipient_id == recipient.id).order_by(Visit.at, Visit.id)).all()
    # an answer lost on the way leaves no time of acceptance; who visits has the message, whatever we know
    accepted = recipient.settled_at or rows[0].at - timedelta(days=1)
    told = {(row.kind, row.link, row.who) for row in rows if row.who is not None}
    for row, found in zip(rows, judge([row.hit for row in rows], accepted), strict=True):
        if row.who is None and row.at <= now - PATIENCE:
            news = (row.kind, row.link, found.who.value) not in told
            told.add((row.kind, row.link, found.who.value))
            _tell(session, now, row, found, recipient, say=news)


def _tell(
    session: Session, now: datetime, row: Visit, found: Judgement, recipient: Recipient | None = None, say: bool = True
) -> None:
    """Keep the judgement; the log hears the first of its kind for each link of a message."""
    row.who, row.why = found.who.value, found.why.value
    if not say:
        return
    data = {
        "campaign": row.campaign_id,
        "link": row.link,
        "who": row.who,
        "why": row.why,
        "visited": row.at.isoformat(),
    }
    campaign = session.get_one(Campaign, row.campaign_id)
    whom: dict[str, Any] = {"contact_id": recipient.contact_id, "address_id": recipient.address_id} if recipient else {}
    if recipient is not None:
        data["recipient"] = recipient.id
    log.append(
        session, now, NAMES[Kind(row.kind)], channel=campaign.channel, about_id=campaign.launch_id, data=data, **whom
    )  # fmt: skip
