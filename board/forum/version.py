"""What stood there before somebody changed it: read by those who work here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Index, String, Text, false, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.scope import Viewer
from contact.db import Base, Id, Utc


class OldText(Base):
    """The words of a post or a comment until `at`, when `user_id` changed them."""

    __tablename__ = "forum_old_text"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    about: Mapped[str] = mapped_column(String(10))
    about_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_forum_old_text_about", "about", "about_id"), {"info": {"erase": ("title", "body")}})


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.is_staff else false()


scope.seen(OldText, _seen)


def keep(
    session: Session, now: datetime, about: str, about_id: int, contact_id: int | None, title: str, body: str,
    user_id: int,
) -> None:  # fmt: skip
    session.add(
        OldText(about=about, about_id=about_id, contact_id=contact_id, title=title, body=body, user_id=user_id, at=now)
    )


def of(session: Session, viewer: Viewer, about: str, ids: Collection[int]) -> dict[int, list[OldText]]:
    """By thing, the newest first; nothing for partners."""
    found: dict[int, list[OldText]] = {}
    query = scope.those(viewer, OldText).where(OldText.about == about, OldText.about_id.in_(ids))
    for one in session.scalars(query.order_by(OldText.id.desc())):
        found.setdefault(one.about_id, []).append(one)
    return found
