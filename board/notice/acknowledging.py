"""To read and to acknowledge: the one place for both, whichever way it was said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from board import scope
from board.notice import fan, receipt, telling, version
from board.notice.acknowledgement import NoticeAcknowledgement, Via
from board.notice.notice import Notice, get
from board.notice.receipt import NoticeReceipt
from contact import log, users
from contact.errors import Conflict, NotFound
from contact.log import Name
from contact.text import storable

MOST_WORDS = 500


class Ended(Conflict):
    """This notice has ended. Nothing has to be acknowledged any more."""

    code = "ended"


class Newer(Conflict):
    """There is a newer version. Read it, and acknowledge that one."""

    code = "newer"


def acknowledge(
    session: Session, now: datetime, notice_id: int, user_id: int, via: Via,
    evidence: Mapping[str, Any] | None = None, *, words: str = "", version_seen: int | None = None,
) -> bool:  # fmt: skip
    """This person knows; whether that is news. The same twice changes nothing.

    `evidence`: numbers of ours (`interaction`, `agent`), `words` what was said, `version_seen` the version that was
    in front of them (None = the newest). Raises `NotFound` where it is not theirs, `Ended`, `Newer`, and as
    `Viewer.must_act` does for whoever only reads.
    """
    log.lock(session)
    notice, mine = get(session, notice_id), receipt.of(session, notice_id, user_id)
    if mine is None or mine.left_at is not None:
        raise NotFound
    if not notice.is_open:
        raise Ended
    scope.viewer_of(session, users.get(session, user_id)).must_act()
    seen = notice.version if version_seen is None else version_seen
    if seen < mine.round:
        raise Newer
    read(session, now, notice_id, user_id, via)
    if not notice.needs_ack or mine.acked_at is not None:
        return False
    if not _mark(session, now, mine, seen, via):
        return False
    _write(session, now, notice, mine, seen, via, evidence or {}, words)
    telling.known(session, now, notice_id, user_id)
    return True


def read(session: Session, now: datetime, notice_id: int, user_id: int, via: Via = Via.PAGE) -> bool:
    """This person had it in front of them; whether for the first time."""
    log.lock(session)
    mine = receipt.of(session, notice_id, user_id)
    if mine is None or mine.left_at is not None or mine.read_at is not None:
        return False
    mine.read_at, mine.read_via = now, via.value
    session.flush()
    if via is Via.PAGE:
        fan.read(session, now, mine)
    if mine.due_at is None:
        fan.done(session, now, mine, "read")
    telling.known(session, now, notice_id, user_id)
    return True


def _mark(session: Session, now: datetime, mine: NoticeReceipt, seen: int, via: Via) -> bool:
    """Whether we are the one who says so."""
    done = (
        update(NoticeReceipt)
        .where(NoticeReceipt.id == mine.id, NoticeReceipt.acked_at.is_(None), NoticeReceipt.left_at.is_(None))
        .values(acked_at=now, acked_via=via.value, acked_version=seen)
        .returning(NoticeReceipt.id)
        .execution_options(synchronize_session=False)
    )
    marked = session.execute(done).first() is not None
    session.refresh(mine)
    return marked


def _write(
    session: Session, now: datetime, notice: Notice, mine: NoticeReceipt, seen: int, via: Via,
    evidence: Mapping[str, Any], words: str,
) -> None:  # fmt: skip
    dialect: Any = postgresql if log.is_postgresql(session) else sqlite
    row = dialect.insert(NoticeAcknowledgement).values(
        notice_id=notice.id, version=seen, user_id=mine.user_id, contact_id=mine.contact_id, at=now, via=via.value,
        words=storable(words)[:MOST_WORDS], evidence=dict(evidence),
    )  # fmt: skip
    session.execute(row.on_conflict_do_nothing())
    fan.done(session, now, mine, "acknowledged")
    agent = evidence.get("agent")
    log.append(
        session, now, Name.NOTICE_ACKNOWLEDGED, contact_id=mine.contact_id,
        user_id=agent if isinstance(agent, int) else None,
        content={"subject": version.current(session, notice).title},
        data={"notice": notice.id, "version": seen, "via": via.value, "user": mine.user_id},
    )  # fmt: skip
