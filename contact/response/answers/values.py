"""What the fields of prepared words are filled with, and which language a contact is answered in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import directory
from contact.conversation import Conversation
from contact.directory import Contact
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.response.hours import Hours, hours_of
from contact.settings import Settings

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")


def guess(text: str) -> str | None:
    """Korean or English, by the letters of a text; None when it has none."""
    hangul, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    if not hangul and not latin:
        return None
    return "ko" if hangul * 4 >= latin else "en"


def language_of(contact: Contact | None, text: str, otherwise: str) -> str:
    """`ko` or `en`: what the contact is known to speak, else what was written, else the inbox's."""
    known = ((contact.language if contact else None) or "").partition("-")[0].lower()
    if known in ("ko", "en"):
        return known
    if known:
        return "en"
    return guess(text) or (otherwise if otherwise in ("ko", "en") else "ko")


def spoken_in(session: Session, conversation: Conversation, otherwise: str) -> str:
    """The language a conversation is answered in: by the contact, else by the customer's last words."""
    contact = directory.root(session, directory.get(session, conversation.contact_id))
    row = Interaction
    said = session.scalar(
        select(row.body)
        .where(row.conversation_id == conversation.id, row.name == Name.MESSAGE_RECEIVED.value)
        .order_by(row.id.desc())
        .limit(1)
    )
    return language_of(contact, said or conversation.subject, otherwise)


def of_conversation(
    session: Session, settings: Settings, conversation: Conversation, language: str, now: datetime, agent: str = ""
) -> dict[str, str]:
    """Every field's value in a conversation."""
    contact = directory.root(session, directory.get(session, conversation.contact_id))
    box = session.get(Inbox, conversation.inbox_id)
    return of_contact(session, settings, contact, language, now, agent) | {
        "number": f"#{conversation.id}",
        "subject": conversation.subject,
        "inbox": box.name if box else "",
    }


def of_contact(
    session: Session, settings: Settings, contact: Contact | None, language: str, now: datetime, agent: str = ""
) -> dict[str, str]:
    """Those that need no conversation: for a letter that begins one, and for a preview."""
    today = now.astimezone(ZoneInfo(settings.zone)).date()
    return {
        "name": contact.name if contact else "",
        "company": contact.organisation if contact else "",
        "agent": agent,
        "today": format_date(today, "long", locale=language),
        "hours": hours_text(hours_of(session, None), language),
        "organisation": settings.organisation,
    }


def hours_text(hours: Hours, language: str) -> str:
    """A week in one line: `월–금 09:00–18:00, 토 09:00–13:00`; empty when the house is always or never open."""
    if hours.next_closing(datetime.now(ZoneInfo(hours.zone))) is None:
        return ""
    names = get_day_names("abbreviated", locale=language)
    runs = [[day for day, _ in run] for _, run in groupby(enumerate(hours.week), key=lambda each: each[1])]
    said = []
    for run in runs:
        spans = hours.week[run[0]]
        if spans:
            days = names[run[0]] if len(run) == 1 else f"{names[run[0]]}–{names[run[-1]]}"
            said.append(f"{days} {_spans(spans)}")
    return ", ".join(said)


def _spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{_clock(start)}–{_clock(end)}" for start, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
