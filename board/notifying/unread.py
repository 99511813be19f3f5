"""What one user has been told and not read yet: the number at the bell, and the list behind it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from board import scope
from board.notifying.notification import Notification
from board.scope import Viewer

PAGE = 50


def count(session: Session, viewer: Viewer) -> int:
    """From the index of unread ones alone."""
    mine = select(func.count()).where(Notification.user_id == viewer.user_id)
    return session.scalar(mine.where(Notification.read_at.is_(None), Notification.shown)) or 0


def newest(session: Session, viewer: Viewer, before: int | None = None) -> Sequence[Notification]:
    """A page of them and one more, newest first; those before a number where one is given."""
    query = scope.those(viewer, Notification)
    if before is not None:
        query = query.where(Notification.id < before)
    return session.scalars(query.order_by(Notification.id.desc()).limit(PAGE + 1)).all()
