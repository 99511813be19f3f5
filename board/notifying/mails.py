"""What users are told by mail and text message; `{told}` is made by `saying.py`."""

from __future__ import annotations

from typing import Final

from board.mailing import Texts

AT_ONCE: Final[Texts] = {
    "ko": (
        "{title}",
        "{name}님, 안녕하세요.\n\n{told}\n\n-- \n이 메일을 받는 이유: {why}\n"
        "이런 메일 줄이기: {fewer}\n알림 설정: {settings}",
    ),
    "en": (
        "{title}",
        "Dear {name},\n\n{told}\n\n-- \nYou get this because {why}.\n"
        "Fewer of these: {fewer}\nAll notification settings: {settings}",
    ),
}
DAILY: Final[Texts] = {
    "ko": (
        "{organisation} 오늘의 소식: {title}",
        "{name}님, 안녕하세요. 지난 하루의 소식 {count}건입니다.\n\n{told}\n\n-- \n"
        "하루에 한 번 모아 보내 드리는 메일입니다. 받는 이유: {why}\n"
        "이런 메일 줄이기: {fewer}\n알림 설정: {settings}",
    ),
    "en": (
        "{organisation} today: {title}",
        "Dear {name},\n\nThis is what was new in the last day ({count}).\n\n{told}\n\n-- \n"
        "You get this once a day, because {why}.\nFewer of these: {fewer}\nAll notification settings: {settings}",
    ),
}
WEEKLY: Final[Texts] = {
    "ko": (
        "{organisation} 이번 주 소식: {title}",
        "{name}님, 안녕하세요. 지난 한 주의 소식 {count}건입니다.\n\n{told}\n\n-- \n"
        "일주일에 한 번 모아 보내 드리는 메일입니다. 받는 이유: {why}\n"
        "이런 메일 줄이기: {fewer}\n알림 설정: {settings}",
    ),
    "en": (
        "{organisation} this week: {title}",
        "Dear {name},\n\nThis is what was new in the last week ({count}).\n\n{told}\n\n-- \n"
        "You get this once a week, because {why}.\nFewer of these: {fewer}\nAll notification settings: {settings}",
    ),
}
SHORT: Final[Texts] = {
    "ko": ("", "[{organisation}] {title} {link}"),
    "en": ("", "[{organisation}] {title} {link}"),
}
"""The text message."""
