"""Report: somebody says that a post or a comment should be looked at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Index, String, UniqueConstraint, false, select, true, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.scope import Viewer
from contact import log
from contact.db import Base, Id, Utc
from contact.errors import Invalid
from contact.text import storable

LONGEST = 500


class Report(Base):
    """One from each user for each thing; open until somebody here has decided."""

    __tablename__ = "forum_report"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    about: Mapped[str] = mapped_column(String(10))
    about_id: Mapped[int] = mapped_column(Id)
    user_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    reason: Mapped[str] = mapped_column(String(LONGEST))
    at: Mapped[datetime] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)
    closed_by: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (
        UniqueConstraint("about", "about_id", "user_id"),
        Index("ix_forum_report_open", "closed_at", "id"),
        {"info": {"erase": ("reason",)}},
    )


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.is_staff else false()


scope.seen(Report, _seen)


def report(session: Session, now: datetime, viewer: Viewer, about: str, about_id: int, reason: str) -> Report:
    """Say it once; saying it again opens it again. Who may only read may still report."""
    words = " ".join(storable(reason).split())
    if not 1 <= len(words) <= LONGEST:
        raise Invalid("Say in up to %(n)s characters what is wrong with it.", n=LONGEST)
    log.lock(session)
    mine = (Report.about == about, Report.about_id == about_id, Report.user_id == viewer.user_id)
    row = session.scalar(select(Report).where(*mine))
    if row is None:
        row = Report(
            about=about, about_id=about_id, user_id=viewer.user_id, contact_id=viewer.contact_id or None, at=now
        )
        session.add(row)
    row.reason, row.closed_at, row.closed_by = words, None, None
    session.flush()
    return row


def close(session: Session, now: datetime, user_id: int, about: str, about_id: int) -> None:
    """Somebody has decided."""
    those = (Report.about == about, Report.about_id == about_id, Report.closed_at.is_(None))
    session.execute(update(Report).where(*those).values(closed_at=now, closed_by=user_id))
