"""Words as pages: a cover (to, from, date, pages, subject) with the text on it, or the text alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import orjson

from contact import address
from contact.messages import AddressKind, InboxFacts, Outbound
from contact.slip import slip

TEMPLATE: Final = (Path(__file__).parent / "cover.typ").read_bytes()
FONTS: Final = ("nanumgothic", "nanumbarungothic", "noto sans cjk kr", "noto sans kr", "pretendard")
"""The first that is installed is used; what it lacks is taken from the others."""
LABELS: Final = {
    "ko": ("팩스", "받는 분", "받는 번호", "보낸 분", "보낸 번호", "날짜", "제목", "쪽수 (표지 포함)"),
    "en": ("Fax", "To", "Fax number", "From", "Our number", "Date", "Subject", "Pages, with this one"),
}
ACROSS, DOWN, HEADED = 74, 38, 25
"""Half-width letters of a line, lines of a page, and of one below the head of a cover."""
SLIP = 7
"""Lines the slip takes."""
SEOUL: Final = timezone(timedelta(hours=9), "KST")


class NoFont(Exception):
    """No font with Korean letters is installed."""


def pdf(message: Outbound, inbox: InboxFacts, *, cover: bool, attached: int) -> bytes:
    """The words as PDF; `attached` pages follow. Raises `NoFont`."""
    data = {
        "language": inbox.language if inbox.language in LABELS else "en",
        "fonts": _fonts(),
        "attached": attached,
        "lines": message.text.expandtabs(8).splitlines(),
        "slip": slip(message.unsubscribe, inbox.language),
        **(_head(message, inbox) if cover else {"title": "", "rows": [], "pages": ""}),
    }
    return _set(data)


def of_text(text: str, language: str) -> bytes:
    """A plain text as PDF; raises `NoFont`."""
    data = {"language": language if language in LABELS else "en", "fonts": _fonts(), "attached": 0}
    data |= {"lines": text.expandtabs(8).splitlines(), "title": "", "rows": [], "pages": "", "slip": None}
    return _set(data)


def _set(data: dict[str, Any]) -> bytes:
    import typst  # 40 MB that only those load who print

    made: bytes = typst.compile(TEMPLATE, format="pdf", sys_inputs={"data": orjson.dumps(data).decode()})
    return made


def estimate(text: str, *, cover: bool, slip: bool = False) -> int:
    """About how many pages the words take, without setting them."""
    lines = sum(max(1, -(-_width(line) // ACROSS)) for line in text.splitlines()) + (SLIP if slip else 0)
    if not lines and not cover:
        return 0
    return 1 + max(0, -(-(lines - (HEADED if cover else DOWN)) // DOWN))


def installed() -> list[str]:
    """Which of our fonts are here."""
    import typst

    here = {family.lower() for family in typst.Fonts().families()}
    return [name for name in FONTS if name in here]


def _fonts() -> list[str]:
    fonts = installed()
    if not fonts:
        raise NoFont
    return fonts


def _width(line: str) -> int:
    return sum(1 if ord(letter) < 0x1100 else 2 for letter in line)


def _head(message: Outbound, inbox: InboxFacts) -> dict[str, Any]:
    title, to, number, sender, ours, date, subject, pages = LABELS["ko" if inbox.language == "ko" else "en"]
    at = (message.created_at or datetime.now(UTC)).astimezone(SEOUL)
    rows = (
        (to, message.to.name),
        (number, address.show(AddressKind.FAX, message.to.value)),
        (sender, inbox.name),
        (ours, address.show(AddressKind.FAX, inbox.address)),
        (date, f"{at:%Y-%m-%d %H:%M}"),
        (subject, message.subject),
    )
    return {"title": title, "pages": pages, "rows": [row for row in rows if row[1]]}
