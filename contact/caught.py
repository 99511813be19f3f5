"""Caught messages: what the sandbox took in place of the world, shown in the console's viewer.

While no relay or provider is configured, everything that leaves ends here, as the bytes the world
would have got. Nothing in it is ever delivered or read as an incoming message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, String, cast, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, undefer

from contact.db import Base, Id, Json, Utc, wake
from contact.errors import NotFound
from contact.messages import Catch

KEPT = 2000
"""How many are kept; the oldest go first. A sandbox is no archive."""


class CaughtMail(Base):
    """`sender` and `recipients` are the envelope: BCC shows here and nowhere else."""

    __tablename__ = "caught_mail"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    sender: Mapped[str] = mapped_column(String(320))
    recipients: Mapped[list[str]] = mapped_column(Json)
    subject: Mapped[str] = mapped_column(String(1000))
    message_id: Mapped[str] = mapped_column(String(255), index=True)
    """Bare, as on the delivery: the viewer links the two by it."""
    channel: Mapped[str] = mapped_column(String(20), default="email")
    content_type: Mapped[str] = mapped_column(String(120), default="message/rfc822")
    size: Mapped[int] = mapped_column(BigInteger)
    raw: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


def keep(session: Session, now: datetime, catch: Catch) -> CaughtMail:
    """Store one message, and forget what is older than the newest `KEPT`."""
    mail = CaughtMail(
        at=now,
        sender=catch.sender[:320],
        recipients=list(catch.recipients),
        subject=catch.subject[:1000],
        message_id=catch.message_id[:255],
        channel=catch.channel,
        content_type=catch.content_type,
        size=len(catch.raw),
        raw=catch.raw,
    )
    session.add(mail)
    session.flush()
    session.execute(delete(CaughtMail).where(CaughtMail.id <= mail.id - KEPT))
    wake(session, "caught")
    return mail


def newest(
    session: Session, before: int | None = None, limit: int = 50, words: Sequence[str] = (), channel: str = ""
) -> Sequence[CaughtMail]:
    """A page of the list without the bytes, newest first, ids below `before`; of one `channel`, or of all.

    Every one of `words` stands in the subject, the sender or a recipient.
    """
    query = select(CaughtMail).order_by(CaughtMail.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CaughtMail.id < before)
    if channel:
        query = query.where(CaughtMail.channel == channel)
    places = (CaughtMail.subject, CaughtMail.sender, cast(CaughtMail.recipients, String))
    for word in words:
        query = query.where(or_(*(place.icontains(word, autoescape=True) for place in places)))
    return session.scalars(query).all()


def channels(session: Session) -> Sequence[str]:
    """The channels of what is kept."""
    return session.scalars(select(CaughtMail.channel).distinct().order_by(CaughtMail.channel)).all()


def get(session: Session, mail_id: int) -> CaughtMail:
    """One mail with its bytes; raises `NotFound`."""
    mail = session.get(CaughtMail, mail_id, options=[undefer(CaughtMail.raw)])
    if mail is None:
        raise NotFound("This mail does not exist, or no longer.")
    return mail


def of_message(session: Session, message_id: str) -> Sequence[CaughtMail]:
    """The copies caught of one message of ours, oldest first: more than one would be a double."""
    return session.scalars(select(CaughtMail).where(CaughtMail.message_id == message_id).order_by(CaughtMail.id)).all()


def count(session: Session) -> int:
    """How many are kept now."""
    return session.scalar(select(func.count()).select_from(CaughtMail)) or 0


def mark(session: Session) -> str:
    """Changes with every mail that is caught or removed: what a page that looks again compares."""
    newest, count = session.execute(select(func.max(CaughtMail.id), func.count(CaughtMail.id))).one()
    return f"{newest or 0}-{count}"


def remove(session: Session, mail_id: int) -> None:
    """Forget one."""
    session.execute(delete(CaughtMail).where(CaughtMail.id == mail_id))


def clear(session: Session) -> None:
    """Forget all."""
    session.execute(delete(CaughtMail))
