"""Notices as somebody of a partner has them: what is new, what must be acknowledged by when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_
from sqlalchemy.orm import Session

from board import scope
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from board.scope import Viewer
from contact.text import N_

PAGE = 30


class Only(StrEnum):
    """Which of them a list shows."""

    ALL = "all"
    UNREAD = "unread"
    TO_ACKNOWLEDGE = "acknowledge"


ONLY: Final[Mapping[Only, str]] = {
    Only.ALL: N_("All"),
    Only.UNREAD: N_("Unread"),
    Only.TO_ACKNOWLEDGE: N_("To acknowledge"),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. `pinned`: for now."""

    notice: Notice
    receipt: NoticeReceipt
    title: str
    text: str
    pinned: bool


def owes() -> ColumnElement[bool]:
    return and_(NoticeReceipt.due_at.is_not(None), NoticeReceipt.acked_at.is_(None))


def _mine(viewer: Viewer, *columns: Any) -> Select[*tuple[Any, ...]]:
    query = scope.those(viewer, NoticeReceipt).join(Notice, Notice.id == NoticeReceipt.notice_id)
    return query.where(Notice.state == State.PUBLISHED.value).with_only_columns(*columns)


def listed(
    session: Session, viewer: Viewer, now: datetime, only: Only = Only.ALL, *, category_id: int | None = None,
    start: int = 0,
) -> list[Listed]:  # fmt: skip
    """Pinned ones first, then what must be acknowledged, by urgency, then the newest; one more than a page."""
    pinned = case((and_(Notice.pinned_until.is_not(None), Notice.pinned_until > now), 1), else_=0)
    query = _mine(viewer, Notice, NoticeReceipt, NoticeVersion.title, NoticeVersion.text, pinned)
    newest = and_(NoticeVersion.notice_id == Notice.id, NoticeVersion.number == Notice.version)
    query = query.join(NoticeVersion, newest)
    if only is Only.UNREAD:
        query = query.where(NoticeReceipt.read_at.is_(None))
    elif only is Only.TO_ACKNOWLEDGE:
        query = query.where(owes())
    if category_id is not None:
        query = query.where(Notice.category_id == category_id)
    urgent = case((owes(), 0), else_=1)
    order = (pinned.desc(), urgent, case((owes(), NoticeReceipt.due_at)), Notice.published_at.desc(), Notice.id.desc())
    rows = session.execute(query.order_by(*order).offset(start).limit(PAGE + 1))
    return [Listed(notice, receipt, title, text[:300], bool(pin)) for notice, receipt, title, text, pin in rows]


def fresh(session: Session, viewer: Viewer, _now: datetime) -> int:
    """How many are unread or not acknowledged: the badge."""
    return session.scalar(_mine(viewer, func.count()).where(or_(owes(), NoticeReceipt.read_at.is_(None)))) or 0


def owing(session: Session, viewer: Viewer, _now: datetime) -> int:
    """How many must still be acknowledged."""
    return session.scalar(_mine(viewer, func.count()).where(owes())) or 0


def counts(session: Session, viewer: Viewer) -> dict[Only, int]:
    """How many of each."""
    unread = func.coalesce(func.sum(case((NoticeReceipt.read_at.is_(None), 1), else_=0)), 0)
    owing = func.coalesce(func.sum(case((owes(), 1), else_=0)), 0)
    total, new, due = session.execute(_mine(viewer, func.count(), unread, owing)).one()
    return {Only.ALL: total, Only.UNREAD: int(new), Only.TO_ACKNOWLEDGE: int(due)}
