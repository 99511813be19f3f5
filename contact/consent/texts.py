"""The words people agree to, each version kept for ever: a consent names the one it was given to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, Integer, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import log
from contact.consent.purpose import Purpose
from contact.db import Base, Id, Utc
from contact.errors import Invalid
from contact.text import storable

LANGUAGES = ("ko", "en")
LONGEST = 10_000


class ConsentText(Base):
    """One version of what is agreed to. Never changed, never deleted (database triggers)."""

    __tablename__ = "consent_text"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    night: Mapped[bool] = mapped_column(Boolean, default=False)
    language: Mapped[str] = mapped_column(String(10))
    number: Mapped[int] = mapped_column(Integer)
    """Its version, from 1, for this purpose and language."""
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (UniqueConstraint("purpose", "night", "language", "number"),)


def add(
    session: Session, now: datetime, purpose: Purpose, language: str, body: str, *, night: bool = False,
    user_id: int | None = None,
) -> ConsentText:  # fmt: skip
    """A new version; the same words as the newest are that one. Raises `Invalid`."""
    body = str(storable(body)).replace("\r\n", "\n").strip()
    if not body or len(body) > LONGEST:
        raise Invalid("A text of consent has 1 to 10,000 characters.")
    if language not in LANGUAGES:
        raise Invalid("A text of consent is in Korean or in English.")
    if night and purpose is not Purpose.ADVERTISING:
        raise Invalid("Only advertising has a consent of its own for the night.")
    log.lock(session)
    newest = current(session, purpose, language, night=night)
    if newest is not None and newest.body == body:
        return newest
    made = ConsentText(
        purpose=purpose.value, night=night, language=language, number=(newest.number if newest else 0) + 1, body=body,
        created_at=now, user_id=user_id,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def current(session: Session, purpose: Purpose, language: str, *, night: bool = False) -> ConsentText | None:
    """The version that is agreed to now."""
    one = ConsentText
    query = select(one).where(one.purpose == purpose.value, one.night.is_(night), one.language == language)
    return session.scalar(query.order_by(one.number.desc()).limit(1))


def newest(session: Session) -> Sequence[ConsentText]:
    """The current version of each."""
    one = ConsentText
    ids = select(func.max(one.id)).group_by(one.purpose, one.night, one.language)
    return session.scalars(select(one).where(one.id.in_(ids)).order_by(one.purpose, one.night, one.language)).all()


def versions(session: Session) -> Sequence[ConsentText]:
    """All of them, newest first."""
    return session.scalars(select(ConsentText).order_by(ConsentText.id.desc())).all()
