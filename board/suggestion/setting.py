"""What the house has decided about suggestions: one row."""

from __future__ import annotations

from sqlalchemy import Boolean, Integer
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.errors import Invalid

ONE = 1
MOST_DAYS = 365


class SuggestionSetting(Base):
    """`inbox_id`: mail to that inbox becomes suggestions. Days after which nobody may still not look after one, and
    days that whoever takes one is given."""

    __tablename__ = "suggestion_setting"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    inbox_id: Mapped[int | None] = mapped_column(Id)
    ownerless_days: Mapped[int] = mapped_column(Integer, default=3)
    due_days: Mapped[int] = mapped_column(Integer, default=14)
    public: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the world may read what everybody may see."""


def get(session: Session) -> SuggestionSetting:
    """What holds; the defaults where nobody has decided."""
    found = session.get(SuggestionSetting, ONE)
    return found or SuggestionSetting(id=ONE, inbox_id=None, ownerless_days=3, due_days=14, public=False)


def put(session: Session, *, inbox_id: int | None, ownerless_days: int, due_days: int, public: bool) -> None:
    """Decide; raises `Invalid`."""
    for days in (ownerless_days, due_days):
        if not 1 <= days <= MOST_DAYS:
            raise Invalid("1 to %(most)s days.", most=MOST_DAYS)
    row = get(session)
    row.inbox_id, row.ownerless_days, row.due_days, row.public = inbox_id, ownerless_days, due_days, public
    session.add(row)
    session.flush()
