"""Automatic answers of an inbox: what is said, in which language, and whether it is switched on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.errors import Invalid
from contact.response.answers.fields import check_fields
from contact.text import storable

LONGEST = 2000


class Kind(StrEnum):
    """Why something is answered without a person."""

    RECEIVED = "received"
    """We have it, and so long it usually takes."""
    CLOSED = "closed"
    """Nobody works now; this is when we are back."""


class AutomaticAnswer(Base):
    """One kind of one inbox. `on_since` None = off. `texts` by language; `calendar_id` None = the house's hours."""

    __tablename__ = "automatic_answer"

    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    on_since: Mapped[datetime | None] = mapped_column(Utc)
    texts: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    calendar_id: Mapped[int | None] = mapped_column(Id)
    changed_at: Mapped[datetime] = mapped_column(Utc)


LONG: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.RECEIVED: {
        "ko": "{{ 이름 | 고객 }}님, 안녕하세요.\n\n보내 주신 메시지를 잘 받았습니다. 상담번호는 {{ 상담번호 }}입니다.\n"
        "{{ 예상시간 }}\n\n이 메일은 자동으로 발송되었습니다. 덧붙일 내용은 이 메일에 답장해 주세요.\n\n"
        "{{ 상호 }} 드림",
        "en": "Hello {{ name | there }},\n\nwe have received your message. Its number is {{ number }}.\n"
        "{{ expected }}\n\nThis mail was sent automatically. To add something, just reply to it.\n\n{{ organisation }}",
    },
    Kind.CLOSED: {
        "ko": "{{ 이름 | 고객 }}님, 안녕하세요.\n\n보내 주신 메시지를 잘 받았습니다. 지금은 상담 시간이 아닙니다.\n"
        "{{ 답변시각 }}부터 순서대로 답변드리겠습니다.\n\n이 메일은 자동으로 발송되었습니다.\n\n{{ 상호 }} 드림",
        "en": "Hello {{ name | there }},\n\nwe have received your message. We are closed at the moment and "
        "will be back\n{{ back }}.\n\nThis mail was sent automatically.\n\n{{ organisation }}",
    },
}
SHORT: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.RECEIVED: {
        "ko": "[자동응답] 메시지를 잘 받았습니다.\n{{ 예상시간 }}",
        "en": "[Automatic] We have received your message.\n{{ expected }}",
    },
    Kind.CLOSED: {
        "ko": "[자동응답] 지금은 상담 시간이 아닙니다.\n{{ 답변시각 }}부터 답변드리겠습니다.",
        "en": "[Automatic] We are closed at the moment and will be back\n{{ back }}.",
    },
}
"""For channels without subject: SMS and chat."""


def standard(kind: Kind, subject: bool) -> Mapping[str, str]:
    """The words a new automatic answer begins with."""
    return (LONG if subject else SHORT)[kind]


def find(session: Session, inbox_id: int, kind: Kind) -> AutomaticAnswer | None:
    return session.get(AutomaticAnswer, (inbox_id, kind.value))


def keep(
    session: Session, now: datetime, inbox_id: int, kind: Kind, *, on: bool, texts: Mapping[str, str],
    calendar_id: int | None = None,
) -> AutomaticAnswer:  # fmt: skip
    """Set it; raises `Invalid`. It answers only what comes after it was switched on."""
    words = {language: storable(texts.get(language, "")).replace("\r\n", "\n").strip() for language in ("ko", "en")}
    for text in words.values():
        if not text:
            raise Invalid("An automatic answer needs a text in both languages.")
        if len(text) > LONGEST:
            raise Invalid("An automatic answer may have up to %(n)s characters.", n=LONGEST)
        check_fields(text, automatic=True)
    row = find(session, inbox_id, kind) or AutomaticAnswer(inbox_id=inbox_id, kind=kind.value, on_since=None)
    row.texts, row.calendar_id, row.changed_at = words, calendar_id, now
    row.on_since = (row.on_since or now) if on else None
    session.add(row)
    session.flush()
    return row


def back(opening: datetime, zone: str, now: datetime, language: str) -> str:
    """When we are back, in words: with the day when it is not today."""
    local, today = opening.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    if language == "ko":
        half = "오전" if local.hour < 12 else "오후"
        day = "오늘" if local.date() == today else format_datetime(local, "M월 d일 EEEE", local.tzinfo, "ko")
        return f"{day} {half} {local.hour % 12 or 12}:{local.minute:02d}"
    day = "today" if local.date() == today else format_datetime(local, "'on' EEEE, MMMM d,", local.tzinfo, "en")
    return f"{day} at {local:%H:%M}"


def subject_of(subject: str, language: str) -> str:
    """A subject other machines know for what it is."""
    mark = "자동응답" if language == "ko" else "Automatic reply"
    return f"{mark}: {subject}" if subject else mark


def on(session: Session, inbox_ids: Iterable[int]) -> set[tuple[int, str]]:
    """What is switched on: (inbox, kind)."""
    from sqlalchemy import select

    query = select(AutomaticAnswer.inbox_id, AutomaticAnswer.kind).where(AutomaticAnswer.on_since.is_not(None))
    return {
        (number, kind) for number, kind in session.execute(query.where(AutomaticAnswer.inbox_id.in_(list(inbox_ids))))
    }
