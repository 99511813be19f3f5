"""How long first answers really take: one row for each conversation that an agent has answered.

Derived from the log by the reader "answers" (`heard`): the first `message.received` of a person and the
first `message.queued` of an agent. To rebuild it, empty the table and set the reader's position to 0;
what the reader *does* ignores old rows. Working time is counted when it is asked for, so other
business hours count at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.conversation import Conversation
from contact.db import Base, Id, Utc
from contact.log import Appended, Interaction, Name
from contact.response.hours import Hours

WINDOW = timedelta(days=28)
"""The figure speaks of this long."""
LEAST = 20
"""Answers below which there is no figure: a handful promises nothing."""
MOST = 1000
"""Of more, the newest."""


class FirstAnswer(Base):
    """`asked_at` the first words of the customer, `answered_at` ours, `interaction_id` the row of ours."""

    __tablename__ = "first_answer"

    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True)
    interaction_id: Mapped[int] = mapped_column(Id)
    inbox_id: Mapped[int] = mapped_column(Id)
    queue_id: Mapped[int | None] = mapped_column(Id)
    asked_at: Mapped[datetime] = mapped_column(Utc)
    answered_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_first_answer_inbox_id", "inbox_id", "answered_at"),
        Index("ix_first_answer_interaction_id", "interaction_id"),
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """Working time until the first answer: of half, and of four in five of `count` conversations."""

    count: int
    median: timedelta
    most: timedelta


def heard(session: Session, row: Appended) -> None:
    """An agent answered: note it when it is the first answer of a conversation a customer began."""
    if row.conversation_id is None or session.get(FirstAnswer, row.conversation_id) is not None:
        return
    each = Interaction
    asked = session.scalar(
        select(each.at)
        .where(each.conversation_id == row.conversation_id, each.id < row.id)
        .where(each.name == Name.MESSAGE_RECEIVED.value)
        .order_by(each.id)
        .limit(1)
    )
    conversation = session.get(Conversation, row.conversation_id)
    if asked is None or conversation is None:
        return
    session.add(
        FirstAnswer(
            conversation_id=conversation.id,
            interaction_id=row.id,
            inbox_id=row.inbox_id or conversation.inbox_id,
            queue_id=conversation.queue_id,
            asked_at=asked,
            answered_at=row.at,
        )
    )
    session.flush()


def taken_back(session: Session, row: Appended) -> None:
    """A message was taken back before it left: it was no answer."""
    if row.about_id is not None:
        session.execute(delete(FirstAnswer).where(FirstAnswer.interaction_id == row.about_id))


def figure(session: Session, now: datetime, hours: Hours, inbox_id: int, queue_id: int | None = None) -> Figure | None:
    """Real figures of the last weeks: the queue's, when it has enough, else the inbox's; None while too few."""
    for where in (queue_id, None) if queue_id is not None else (None,):
        query = (
            select(FirstAnswer.asked_at, FirstAnswer.answered_at)
            .where(FirstAnswer.inbox_id == inbox_id, FirstAnswer.answered_at > now - WINDOW)
            .order_by(FirstAnswer.answered_at.desc())
            .limit(MOST)
        )
        rows = session.execute(query if where is None else query.where(FirstAnswer.queue_id == where)).all()
        if len(rows) >= LEAST:
            return of([hours.between(asked, answered) for asked, answered in rows])
    return None


def of(worked: Sequence[timedelta]) -> Figure:
    """Half, and four in five, are answered within these times (nearest rank)."""
    ordered = sorted(worked)
    return Figure(len(ordered), _within(ordered, 50), _within(ordered, 80))


def _within(ordered: Sequence[timedelta], percent: int) -> timedelta:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


_STEPS = (*(timedelta(minutes=m) for m in (5, 10, 15, 30)), *(timedelta(hours=h) for h in (1, 2, 3, 4, 6, 8, 12, 16)))
DAY = timedelta(hours=8)
"""A working day, in words."""


def rounded(time: timedelta) -> timedelta:
    """The next step above: we promise no less than it takes."""
    for step in _STEPS:
        if time <= step:
            return step
    days = -(-time // DAY)
    return DAY * days


def sentence(found: Figure, language: str, always: bool) -> str:
    """What we may honestly say: four in five were answered within so long."""
    time = rounded(found.most)
    if language == "ko":
        open_ = "" if always else "영업시간 기준 "
        return f"최근 4주 동안 문의 5건 중 4건에 {open_}{_korean(time)} 안에 답변드렸습니다."
    open_ = "" if always else ", counting business hours only"
    return f"In the last four weeks, four of five messages were answered within {_english(time)}{open_}."


def _korean(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes}분"
    return f"{minutes // 60}시간" if time <= _STEPS[-1] else f"{time // DAY}영업일"


def _english(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} minutes"
    if time > _STEPS[-1]:
        return f"{time // DAY} working days"
    return "an hour" if minutes == 60 else f"{minutes // 60} hours"
