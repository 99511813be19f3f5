"""Fan: a notice comes to people, and goes from them. By set statements, however many they are.

Each person gets a receipt, and a row for each step of the ladder with the time it is due. Both have unique keys, so
that the same twice, or two at once, is as once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from board.audience.compiled import select_people
from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.notice import BELL, Notice
from board.notice.receipt import NoticeReceipt
from board.partner.member import MemberRole
from board.partner.partner import Stage
from contact import log
from contact.db import Base, Utc, wake

UNSENT = (Fate.PLANNED.value,)


def publish(session: Session, now: datetime, notice: Notice, round_: int, users: Sequence[int] | None = None) -> None:
    """To everybody of the audience who has no receipt. `users`: of these only."""
    people = select_people(notice.definition, users=users).subquery()
    acts = and_(people.c.role != MemberRole.VIEWER.value, people.c.stage != Stage.SUSPENDED.value)
    columns: dict[str, Any] = {
        "notice_id": literal(notice.id), "user_id": people.c.user_id, "contact_id": people.c.contact_id,
        "partner_id": people.c.partner_id, "round": literal(round_), "at": literal(now, Utc),
        "due_at": _due(notice, now, acts),
    }  # fmt: skip
    _insert(session, NoticeReceipt, columns, select(*columns.values()).where(people.c.user_id.is_not(None)))
    _plan(session, now, notice, round_, users)


def again(session: Session, now: datetime, notice: Notice, round_: int) -> None:
    """Everybody of the audience must acknowledge this version; what they acknowledged before stays written."""
    _cancel(session, now, and_(NoticeAttempt.notice_id == notice.id, NoticeAttempt.round < round_), "newer")
    mine = and_(NoticeReceipt.notice_id == notice.id, NoticeReceipt.left_at.is_(None), NoticeReceipt.round < round_)
    due = null() if not notice.needs_ack else literal(now + timedelta(days=notice.ack_days), Utc)
    session.execute(
        update(NoticeReceipt)
        .where(mine)
        .values(
            round=round_, at=now, read_at=None, read_via="", acked_at=None, acked_via="", acked_version=None,
            due_at=case((NoticeReceipt.due_at.is_not(None), due), else_=null()),
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    session.expire_all()
    _plan(session, now, notice, round_)


def back(session: Session, now: datetime, notice: Notice, round_: int, users: Sequence[int]) -> None:
    """Who had left belongs to it again: what was not sent is due from now, unless they acknowledged before."""
    mine = and_(NoticeReceipt.notice_id == notice.id, NoticeReceipt.user_id.in_(users))
    fresh = {"round": round_, "read_at": None, "read_via": "", "acked_at": None, "acked_via": "", "acked_version": None}
    older = and_(mine, NoticeReceipt.left_at.is_not(None), NoticeReceipt.round < round_)
    _update(session, NoticeReceipt, older, **fresh)
    _update(session, NoticeReceipt, and_(mine, NoticeReceipt.left_at.is_not(None)), left_at=None, at=now)
    _plan(session, now, notice, round_, users)
    waiting = select(NoticeReceipt.user_id).where(mine, NoticeReceipt.acked_at.is_(None))
    left = and_(
        NoticeAttempt.notice_id == notice.id, NoticeAttempt.round == round_, NoticeAttempt.user_id.in_(waiting),
        NoticeAttempt.state == Fate.CANCELLED.value, NoticeAttempt.reason == "left",
    )  # fmt: skip
    for number, step in enumerate(notice.ladder):
        at = now + timedelta(days=step["days"])
        state = _begins(step["channel"])
        _update(
            session, NoticeAttempt, and_(left, NoticeAttempt.step == number), state=state, reason="", due_at=at, at=now
        )


def leave(session: Session, now: datetime, notice_id: int, users: Sequence[int]) -> None:
    """These people belong to it no more: they lose what was not sent."""
    mine = and_(NoticeReceipt.notice_id == notice_id, NoticeReceipt.user_id.in_(users), NoticeReceipt.left_at.is_(None))
    _update(session, NoticeReceipt, mine, left_at=now)
    _cancel(session, now, and_(NoticeAttempt.notice_id == notice_id, NoticeAttempt.user_id.in_(users)), "left")


def owe(session: Session, now: datetime, notice: Notice, users: Sequence[int], acts: bool) -> None:
    """These people may act now and owe an acknowledgement, or they only read from now on and owe none."""
    due = now + timedelta(days=notice.ack_days) if acts and notice.needs_ack else None
    mine = and_(NoticeReceipt.notice_id == notice.id, NoticeReceipt.user_id.in_(users))
    _update(session, NoticeReceipt, and_(mine, NoticeReceipt.acked_at.is_(None)), due_at=due)


def cancel(session: Session, now: datetime, notice_ids: Sequence[int], reason: str) -> None:
    """Nothing more of these is sent, and nothing lies on the board."""
    if notice_ids:
        _cancel(session, now, NoticeAttempt.notice_id.in_(notice_ids), reason)


def done(session: Session, now: datetime, receipt: NoticeReceipt, reason: str) -> None:
    """This person needs no further step."""
    mine = and_(
        NoticeAttempt.notice_id == receipt.notice_id, NoticeAttempt.user_id == receipt.user_id,
        NoticeAttempt.state.in_(UNSENT),
    )  # fmt: skip
    _update(session, NoticeAttempt, mine, state=Fate.CANCELLED.value, reason=reason, at=now)


def read(session: Session, now: datetime, receipt: NoticeReceipt) -> None:
    """It lay on the board, and was read there."""
    mine = and_(
        NoticeAttempt.notice_id == receipt.notice_id, NoticeAttempt.round == receipt.round,
        NoticeAttempt.user_id == receipt.user_id, NoticeAttempt.channel == Channel.BOARD.value,
        NoticeAttempt.state == Fate.QUEUED.value,
    )  # fmt: skip
    _update(session, NoticeAttempt, mine, state=Fate.DELIVERED.value, at=now)


def _plan(session: Session, now: datetime, notice: Notice, round_: int, users: Sequence[int] | None = None) -> None:
    """The steps of everybody in this round who has none yet: one statement a step."""
    whose = and_(
        NoticeReceipt.notice_id == notice.id, NoticeReceipt.round == round_, NoticeReceipt.left_at.is_(None),
        NoticeReceipt.acked_at.is_(None),
    )  # fmt: skip
    if users is not None:
        whose = and_(whose, NoticeReceipt.user_id.in_(users))
    for number, step in enumerate(notice.ladder):
        columns: dict[str, Any] = {
            "notice_id": literal(notice.id), "round": literal(round_), "step": literal(number),
            "user_id": NoticeReceipt.user_id, "contact_id": NoticeReceipt.contact_id,
            "channel": literal(step["channel"]), "due_at": literal(now + timedelta(days=step["days"]), Utc),
            "state": literal(_begins(step["channel"])), "at": literal(now, Utc),
        }  # fmt: skip
        _insert(session, NoticeAttempt, columns, select(*columns.values()).where(whose))
    wake(session, BELL)


def _begins(channel: str) -> str:
    """What lies on the board is there; everything else has to be carried."""
    return Fate.QUEUED.value if channel == Channel.BOARD.value else Fate.PLANNED.value


def _due(notice: Notice, now: datetime, acts: ColumnElement[bool]) -> ColumnElement[Any]:
    if not notice.needs_ack:
        return null()
    return case((acts, literal(now + timedelta(days=notice.ack_days), Utc)), else_=null())


def _cancel(session: Session, now: datetime, which: ColumnElement[bool], reason: str) -> None:
    board = and_(NoticeAttempt.channel == Channel.BOARD.value, NoticeAttempt.state == Fate.QUEUED.value)
    unsent = NoticeAttempt.state.in_(UNSENT) | board
    _update(session, NoticeAttempt, and_(which, unsent), state=Fate.CANCELLED.value, reason=reason, at=now)


def _insert(session: Session, table: type[Base], columns: dict[str, Any], rows: Any) -> None:
    session.flush()
    dialect: Any = postgresql if log.is_postgresql(session) else sqlite
    statement = dialect.insert(table).from_select(list(columns), rows).on_conflict_do_nothing()
    session.execute(statement)


def _update(session: Session, table: type[Base], which: ColumnElement[bool], **values: Any) -> None:
    statement = update(table).where(which).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))
    session.expire_all()
