"""One letter as data: what stands in its window and on its pages, and what keeps it from being printed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from channels.post import fonts, window
from contact import postal, postmark
from contact.dots import dots
from contact.messages import InboxFacts, Outbound
from contact.postal import Postal, Problem
from contact.slip import slip
from contact.text import N_

SIZE = 10.5
"""Points of the address: what sorting machines and eyes read at arm's length."""
BODY, HEAD = 10.0, 12.5
"""Points of the text and of the subject."""
FOOT = 4
"""Lines the house may have at the bottom of a page."""
_RIGHT = 189.5
"""Millimetres from the left where lines end: the margin is at 190, the rest is for rounding."""
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")
_LINE = SIZE * 1.283 * 25.4 / 72
"""Millimetres from one line of the address to the next: cap height 0.733 em and leading 0.55 em."""
_SENDER = 6.0
"""Millimetres the sender's small line takes at the top of the window."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line in the window."""

    text: str
    bold: bool = False
    wide: bool = False
    """Set apart sign by sign, as postal codes are."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that is printed for one delivery."""

    delivery_id: int
    number: str
    to: Postal
    rows: tuple[Row, ...]
    date: str
    subject: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    """Paragraphs, each in its lines."""
    signature: tuple[str, ...]
    slip: dict[str, Any] | None = None
    """How to get no more of it, below the text."""

    def data(self) -> dict[str, Any]:
        """For the template; every text in it stays a text."""
        return {
            "rows": [{"text": row.text, "bold": row.bold, "wide": row.wide} for row in self.rows],
            "date": self.date,
            "subject": self.subject,
            "body": self.body,
            "signature": self.signature,
            "number": self.number,
            "mark": dots(self.number),
            "slip": self.slip,
        }


def letter(message: Outbound, inbox: InboxFacts, key: bytes, zone: str) -> Letter:
    """The letter of a message."""
    to = recipient(message.to.value, message.to.name)
    created = message.created_at
    at = window.of(inbox.settings)
    room = _RIGHT - at.x - at.left
    subject = " ".join(fonts.clean(message.subject).split())
    return Letter(
        delivery_id=message.delivery_id,
        number=postmark.number(message.delivery_id, key),
        to=to,
        rows=arranged(to, SIZE, at.room),
        date=format_date(created.astimezone(ZoneInfo(zone)), "long", inbox.language) if created else "",
        subject=tuple(fonts.wrap(subject, HEAD, room, bold=True)) if subject else (),
        body=tuple(
            _set(part, room) for part in _PARAGRAPHS.split(fonts.clean(message.text).strip("\n")) if part.strip()
        ),
        signature=_set(fonts.clean(inbox.signature).strip(), room),
        slip=slip(message.unsubscribe, inbox.language),
    )


def _set(text: str, room: float) -> tuple[str, ...]:
    """A paragraph in lines; a line break of its author stays one."""
    return tuple(line for row in text.splitlines() for line in fonts.wrap(row.rstrip(), BODY, room))


def recipient(value: str, name: str) -> Postal:
    """The address; a name that does not stand in it is the contact's."""
    to = postal.read(fonts.clean(value))
    name = " ".join(fonts.clean(name).split())
    return to if to.names or not name else replace(to, names=(name,))


def arranged(to: Postal, size: float, room: float) -> tuple[Row, ...]:
    """The lines of an address: in Korea place, name, code; elsewhere the name first and the country last."""
    if to.korean:
        names = (*to.names[:-1], f"{to.names[-1]} {to.salutation()}") if to.names else ()
        code = (Row(to.code, bold=True, wide=True),) if to.code else ()
        return (*_wrapped(to.above, size, room), *_wrapped(names, size, room, bold=True), *code)
    name, country = _wrapped(to.names, size, room, bold=True), _wrapped((_country(to.country),), size, room, bold=True)
    return (*name, *_wrapped(to.above, size, room), *country)


def _wrapped(texts: tuple[str, ...], size: float, room: float, bold: bool = False) -> tuple[Row, ...]:
    return tuple(Row(line, bold) for text in texts for line in fonts.wrap(text, size, room, bold))


def _country(code: str) -> str:
    """In capitals in English, as the Universal Postal Union asks."""
    return str(Locale("en").territories.get(code, code)).upper()


def problems(one: Letter, message: Outbound, inbox: InboxFacts) -> list[Problem]:
    """What is wrong with a letter, by field; `stops` keeps it from being printed."""
    at = window.of(inbox.settings)
    lines = int((at.height - at.top - at.bottom - _SENDER) / _LINE)
    found = list(postal.check(one.to))
    if len(one.rows) > lines:
        facts = {"n": len(one.rows), "room": lines}
        found.append(Problem("rows", N_("The address needs %(n)s lines; the window has room for %(room)s."), facts))
    places = {
        "to": f"{one.to.line} {message.to.name}",
        "subject": message.subject,
        "text": message.text,
        "signature": inbox.signature,
        "sender": f"{inbox.name} {inbox.address} {foot(inbox)}",
    }
    for place, text in places.items():
        if strange := fonts.missing(fonts.clean(text)):
            shown = ", ".join(f"{char} (U+{ord(char):04X})" for _, char in strange[:10])
            found.append(Problem(place, N_("No font has these characters: %(signs)s"), {"signs": shown}))
    return found


def foot(inbox: InboxFacts) -> str:
    """Lines of the house at the bottom of every page: telephone, bank, register."""
    given = inbox.settings.get("foot") or ""
    lines = given.splitlines() if isinstance(given, str) else [str(line) for line in given]
    return fonts.clean("\n".join(lines[:FOOT])).strip()


def frame(inbox: InboxFacts, title: str) -> dict[str, Any]:
    """What all letters of an inbox share, for the template."""
    ours = postal.read(fonts.clean(inbox.address))
    name = fonts.clean(inbox.name)
    place = ours.place if ours.korean else ", ".join(ours.rows)
    return {
        "title": title,
        "language": inbox.language,
        "fonts": list(fonts.FAMILIES),
        "size": SIZE,
        "body": BODY,
        "head": HEAD,
        "page": "쪽" if inbox.language == "ko" else "Page",
        "window": window.data(window.of(inbox.settings)),
        "sender": {"name": name, "line": f"{name} · {place}", "foot": [f"{name} · {place}", *foot(inbox).splitlines()]},
    }
