"""Task: whoever looks after the partner here is asked to call. It is the person's thread about the notice, opened and
assigned, with a note of what was tried; it closes by itself when they acknowledge.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import thread
from board.notice import composing, mails, version
from board.notice.attempt import Channel, NoticeAttempt
from board.notice.due import Step
from board.notice.known import Firm, Mine
from board.notice.notice import Notice
from contact import conversation as conversations
from contact import inbox as inboxes
from contact.conversation import State
from contact.errors import Conflict
from contact.service import Service
from contact.text import N_
from contact.users import Role, User

ABOUT: Final = "notice"
"""What threads of notices are about: the version (its row) that must be acknowledged, so that an answer says which."""
NO_INBOX = N_("There is no inbox it could be sent from.")
_CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.FAX, Channel.POST)


def give(
    session: Session, now: datetime, service: Service, attempt: Step, notice: Notice, mine: Mine, firm: Firm,
) -> None:  # fmt: skip
    """Open it for the partner's owner, or for whoever takes work, where there is none. Raises `Conflict`."""
    user = session.get_one(User, attempt.user_id)
    box = next((found for each in _CHANNELS if (found := inboxes.first(session, each.value))), None)
    if box is None or user.contact_id is None:
        raise Conflict(NO_INBOX)
    said = version.current(session, notice)
    talk = thread.begin(
        session, now, user.id, user.contact_id, inbox=box, subject=said.title, about=ABOUT,
        about_id=version.of(session, notice.id, attempt.round).id,
    )  # fmt: skip
    owner = session.get(User, firm.owner_id) if firm.owner_id else None
    owner = owner if owner is not None and owner.may(Role.AGENT) else None
    conversations.reopen(session, now, talk)
    if owner is not None:
        conversations.assign(session, now, talk, owner.id, None)
    language = service.settings.language
    text = mails.TASK[language].format(
        title=said.title, name=user.name, partner=firm.name, tried=_tried(session, attempt, language),
        due=composing.day(mine.due_at, language, ZoneInfo(service.settings.zone)) or "-",
    )  # fmt: skip
    mentions = [owner.id] if owner is not None else []
    conversations.note(session, now, talk, text, None, mentions=mentions, key=f"notice-task-{attempt.id}")


def close(session: Session, now: datetime, notice_id: int, round_: int, user_id: int) -> None:
    """They acknowledged: nobody needs to call. What they asked there and still waits stays open."""
    about_id = version.of(session, notice_id, round_).id
    number = thread.find(session, ABOUT, about_id, user_id)
    if number is None:
        return
    talk = conversations.get(session, number)
    if talk.state == State.OPEN and talk.waiting_since is None and talk.merged_into is None:
        conversations.resolve(session, now, talk, None)


def _tried(session: Session, attempt: Step, language: str) -> str:
    row, words = NoticeAttempt, mails.TRIED[language]
    before = select(row.channel, row.state).where(
        row.notice_id == attempt.notice_id, row.round == attempt.round, row.user_id == attempt.user_id,
        row.step < attempt.step, row.channel != Channel.BOARD.value,
    )  # fmt: skip
    tried = [f"{words[channel]} ({words[state]})" for channel, state in session.execute(before.order_by(row.step))]
    return ", ".join(tried) or mails.NEVER[language]
