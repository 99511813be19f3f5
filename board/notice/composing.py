"""The message of one step: which words, in whose language, as plain text and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from html import escape
from typing import Final
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
    own = {"name": told.name, "partner": told.partner, "link": told.link}
    parts = _filled(text, given, told.body, own)
    words = _text(parts)
    if len(words) > most:
        cut = mails.CUT[language]
        given["text"] = given["text"][: max(len(given["text"]) - (len(words) - most) - len(cut), 0)] + cut
        parts = _filled(text, given, told.body, own)
        words = _text(parts)
    html = _html(parts) if channel == "email" else ""
    subject = subject.format(**given, **own)
    return Words(words, subject=subject, html=html, automatic=True, purpose=PURPOSE, capped=False)


def day(at: datetime | None, language: str, zone: ZoneInfo) -> str:
    return _day(at.astimezone(zone).date(), language) if at is not None else ""


@lru_cache(maxsize=256)
def _day(on: date, language: str) -> str:
    return format_date(on, "long", locale=language)


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
        "organisation": told.organisation, "title": title, "text": told.text.strip(),
        "due": day(told.due_at, language, zone),
        "changed": mails.CHANGED[language].format(note=told.note) if told.note else "",
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """A paragraph as text and as HTML. `personal`: both still have fields of `_OWN`."""

    text: str
    html: str
    personal: bool


_OWN: Final = ("name", "partner", "link")
"""What is another one for each person; all else is put in once for all of them."""


def _filled(template: str, given: Mapping[str, str], body: str, own: Mapping[str, str]) -> list[tuple[str, str]]:
    """The paragraphs that say something, each as text and as HTML."""
    safe = {name: escape(value) for name, value in own.items()}
    safe["link"] = f'<a href="{safe["link"]}">{safe["link"]}</a>'
    return [
        (part.text.format(**own), part.html.format(**safe).replace("\n", "<br>"))
        if part.personal
        else (part.text, part.html)
        for part in _frame(template, tuple(given.items()), body)
    ]


@lru_cache(maxsize=64)
def _frame(template: str, given: tuple[tuple[str, str], ...], body: str) -> tuple[_Part, ...]:
    parts = (_part(part, dict(given), body) for part in template.split("\n\n"))
    return tuple(part for part in parts if part.text.strip())


def _part(part: str, given: Mapping[str, str], body: str) -> _Part:
    if part == "{text}":
        return _Part(given["text"], body, personal=False)
    if not any(f"{{{name}}}" in part for name in _OWN):
        safe = {name: escape(value) for name, value in given.items()}
        filled = escape(part, quote=False).format(**safe).replace("\n", "<br>")
        alone = "{title}" in part and len(part) < len("{title}") + 4
        return _Part(part.format(**given), f"<b>{filled}</b>" if alone else filled, personal=False)
    later = {name: f"{{{name}}}" for name in _OWN}  # a field stays a field, and a brace of ours no field
    text = {name: _braced(value) for name, value in given.items()}
    html = {name: _braced(escape(value)) for name, value in given.items()}
    return _Part(part.format(**text, **later), escape(part, quote=False).format(**html, **later), personal=True)


def _braced(value: str) -> str:
    return value.replace("{", "{{").replace("}", "}}")


def _text(parts: Sequence[tuple[str, str]]) -> str:
    return "\n\n".join(text for text, _ in parts)


def _html(parts: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<div>{html}</div><div><br></div>" for _, html in parts)
