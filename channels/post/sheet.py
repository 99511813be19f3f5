"""The sheet on top of a pile of letters, as data for its template. Pure."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from channels.post import fonts
from contact.bundle import Cover
from contact.dots import dots
from contact.messages import InboxFacts

_WORDS = {
    "ko": {
        "pile": "우편 묶음", "from": "보내는 곳", "taken": "꺼낸 때", "letters": "우편물", "pages": "장수 (표지 제외)",
        "area": "우편번호·지역", "many": "통수", "places": "순서", "rest": "그 밖의 주소", "printed": "인쇄함",
        "posted": "우체국에 접수함", "day": "날짜", "name": "이름",
        "hint": "뺄 우편물이 있는지 아래 화면에서 확인한 뒤 접수하고, 같은 화면에서 ‘접수함’을 눌러 주세요.",
    },
    "en": {
        "pile": "Pile", "from": "From", "taken": "Taken", "letters": "Letters", "pages": "Pages (without this one)",
        "area": "Postal code, area", "many": "Letters", "places": "Places", "rest": "Other addresses",
        "printed": "Printed", "posted": "Handed in", "day": "Day", "name": "Name",
        "hint": "1. See on this page which letters to pull out. 2. Hand the pile in. 3. Say on the page that it left.",
    },
}  # fmt: skip


def data(cover: Cover, inbox: InboxFacts, pages: int, zone: str) -> dict[str, Any]:
    """`pages`: of all its letters."""
    language = "ko" if inbox.language == "ko" else "en"
    said = _WORDS[language]
    at = format_datetime(cover.taken_at.astimezone(ZoneInfo(zone)), "medium", locale=language)
    return {
        "fonts": list(fonts.FAMILIES), "language": language, "words": said, "title": fonts.clean(cover.title),
        "number": str(cover.number), "link": cover.link, "code": dots(cover.link),
        "facts": [
            [said["from"], fonts.clean(f"{inbox.name} · {inbox.address}")], [said["taken"], fonts.clean(at)],
            [said["letters"], f"{sum(one.letters for one in cover.areas):,}"], [said["pages"], f"{pages:,}"],
        ],
        "areas": [
            [fonts.clean(one.name) or said["rest"], f"{one.letters:,}", _places(one.first, one.last)]
            for one in cover.areas
        ],
    }  # fmt: skip


def _places(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
