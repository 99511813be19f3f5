"""The message of one step: which words, in whose language, as plain text and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from babel.dates import format_date

from board.mailing import PURPOSE, Texts
from board.notice import mails
from contact.outbox import Words

MOST_SMS_TITLE = 40


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says, and to whom. `body` is the notice as HTML, `text` the same as plain text."""

    organisation: str
    partner: str
    name: str
    title: str
    text: str
    body: str
    note: str
    link: str
    due_at: datetime | None
    reminder: bool = False


def compose(told: Told, channel: str, language: str, zone: ZoneInfo, most: int) -> Words:
    """`channel` is one of the hall's, `most` how many characters it takes."""
    texts = _texts(told, channel)
    language = language if language in texts else "en"
    subject, text = texts[language]
    given = _given(told, channel, language, zone)
    words = _text(text, given)
    if len(words) > most:
        cut = mails.CUT[language]
        given["text"] = given["text"][: max(len(given["text"]) - (len(words) - most) - len(cut), 0)] + cut
        words = _text(text, given)
    html = _html(text, given, told) if channel == "email" else ""
    return Words(words, subject=subject.format(**given), html=html, automatic=True, purpose=PURPOSE, capped=False)


def day(at: datetime | None, language: str, zone: ZoneInfo) -> str:
    return format_date(at.astimezone(zone), "long", locale=language) if at is not None else ""


def _texts(told: Told, channel: str) -> Texts:
    asks = told.due_at is not None
    if channel == "sms":
        return mails.SMS_ASKED if asks else mails.SMS_TOLD
    if channel != "email":
        return mails.PAPER_ASKED if asks else mails.PAPER_TOLD
    if not asks:
        return mails.TOLD
    return mails.REMINDED if told.reminder else mails.ASKED


def _given(told: Told, channel: str, language: str, zone: ZoneInfo) -> dict[str, str]:
    title = told.title
    if channel == "sms" and len(title) > MOST_SMS_TITLE:
        title = title[: MOST_SMS_TITLE - 1] + "…"
    return {
        "organisation": told.organisation, "partner": told.partner, "name": told.name, "title": title,
        "text": told.text.strip(), "link": told.link, "due": day(told.due_at, language, zone),
        "changed": mails.CHANGED[language].format(note=told.note) if told.note else "",
    }  # fmt: skip


def _text(template: str, given: Mapping[str, str]) -> str:
    return "\n\n".join(filled for part in template.split("\n\n") if (filled := part.format(**given)).strip())


def _html(template: str, given: Mapping[str, str], told: Told) -> str:
    parts = [part for part in template.split("\n\n") if part.format(**given).strip()]
    return "".join(f"<div>{_paragraph(part, given, told)}</div><div><br></div>" for part in parts)


def _paragraph(part: str, given: Mapping[str, str], told: Told) -> str:
    if part == "{text}":
        return told.body
    safe = {name: escape(value) for name, value in given.items()}
    safe["link"] = f'<a href="{escape(told.link)}">{escape(told.link)}</a>'
    filled = escape(part, quote=False).format(**safe).replace("\n", "<br>")
    return f"<b>{filled}</b>" if "{title}" in part and len(part) < len("{title}") + 4 else filled
