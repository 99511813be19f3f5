"""All notices for those who work here, by state, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from board.notice import numbers
from board.notice.notice import Notice, State
from board.notice.numbers import Numbers
from board.notice.version import NoticeVersion

PAGE = 30


@dataclass(frozen=True, slots=True)
class Listed:
    """One page. `numbers` of those that were published."""

    rows: list[tuple[Notice, str]]
    numbers: Mapping[int, Numbers]
    more: bool


def listed(
    session: Session, now: datetime, *, state: State | None = None, words: str = "", before: int | None = None
) -> Listed:
    newest = and_(NoticeVersion.notice_id == Notice.id, NoticeVersion.number == Notice.version)
    query = select(Notice, NoticeVersion.title).join(NoticeVersion, newest)
    if state is not None:
        query = query.where(Notice.state == state.value)
    if words.strip():
        query = query.where(func.lower(NoticeVersion.title).contains(words.strip().lower(), autoescape=True))
    if before is not None:
        query = query.where(Notice.id < before)
    rows = [(notice, title) for notice, title in session.execute(query.order_by(Notice.id.desc()).limit(PAGE + 1))]
    shown = rows[:PAGE]
    came = [notice.id for notice, _ in shown if notice.published_at is not None]
    return Listed(shown, numbers.of(session, now, came) if came else {}, len(rows) > PAGE)


def states(session: Session) -> dict[State, int]:
    """How many stand where."""
    counted = session.execute(select(Notice.state, func.count()).group_by(Notice.state))
    found: dict[str, int] = {row[0]: row[1] for row in counted}
    return {state: found.get(state.value, 0) for state in State}
