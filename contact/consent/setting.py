"""Whether the house sends the notices the law wants (`notices.py`). Off until somebody switches it on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Utc

ONE = 1


class ConsentSetting(Base):
    """One row for the house. `on_since` None = off."""

    __tablename__ = "consent_setting"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    on_since: Mapped[datetime | None] = mapped_column(Utc)


def on_since(session: Session) -> datetime | None:
    """Since when notices are sent; None = they are not."""
    row = session.get(ConsentSetting, ONE)
    return row.on_since if row else None


def switch(session: Session, now: datetime, on: bool) -> None:
    """On, or off."""
    row = session.get(ConsentSetting, ONE) or ConsentSetting(id=ONE, on_since=None)
    row.on_since = (row.on_since or now) if on else None
    session.add(row)
    session.flush()
