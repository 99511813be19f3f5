"""Telling: what notices put behind the bell, and take out of it. (What goes by mail climbs the ladder.)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from board.notice import version
from board.notice.notice import Notice
from board.notice.receipt import NoticeReceipt
from board.notifying import bell, tell
from board.notifying.event import Event
from contact.users import User

ABOUT = "notice"


def came(session: Session, now: datetime, notice: Notice, round_: int, users: Sequence[int] | None = None) -> None:
    """Everybody who has this round of it has a line, once; of `users` only these."""
    mine = (NoticeReceipt.notice_id == notice.id) & (NoticeReceipt.round == round_) & NoticeReceipt.left_at.is_(None)
    if users is not None:
        mine &= NoticeReceipt.user_id.in_(users)
    last = version.current(session, notice)
    tell.tell(
        session, now, Event.NOTICE, select(NoticeReceipt.user_id).where(mine), title=last.title, text=last.text,
        link=f"/board/notices/{notice.id}", key=f"notice-{notice.id}-{round_}", about=ABOUT, about_id=notice.id,
    )  # fmt: skip


def over(session: Session, now: datetime, notice_ids: Sequence[int], *, withdrawn: bool = False) -> None:
    """They have ended: every list and badge forgets them at once, and what was withdrawn is quoted nowhere."""
    if not notice_ids:
        return
    tell.over(session, now, ABOUT, notice_ids, hidden=withdrawn)
    bell.ring(session, now, select(NoticeReceipt.user_id).where(NoticeReceipt.notice_id.in_(notice_ids)))


def known(session: Session, now: datetime, notice_id: int, user_id: int) -> None:
    """This person has read or acknowledged it, by whichever way: their open pages say so."""
    tell.read(session, now, user_id, f"/board/notices/{notice_id}")
    bell.ring(session, now, select(User.id).where(User.id == user_id))
