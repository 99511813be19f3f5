"""Until when somebody is away, as far as an out-of-office mail says so. A hint for people; nothing follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1)
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"(?P<y>20\d\d)\s*[-./년]\s*(?P<m>\d{1,2})\s*[-./월]\s*(?P<d>\d{1,2})\s*일?"),
    re.compile(r"(?P<m>\d{1,2})\s*월\s*(?P<d>\d{1,2})\s*일"),
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<name>{_MONTH})\.?(?:,?\s+(?P<y>20\d\d))?\b", re.I),
    re.compile(rf"\b(?P<name>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y>20\d\d))?", re.I),
    re.compile(r"(?<![\d/.])(?P<m>\d{1,2})/(?P<d>\d{1,2})(?:/(?P<y>20\d\d))?(?![\d/])"),
    re.compile(r"(?<=[~\-–—])\s*(?P<d>\d{1,2})\s*일"),
)
_UNTIL_BEFORE = re.compile(
    r"(?:until|till|through|thru|(?:back|return(?:ing)?|again|available)(?:\s+\w+){0,4}?\s+(?:on|by|from)|to|[~–—-])"
    r"\s*(?:\w{3,9}(?:day)?,?\s+)?(?:the\s+)?$",
    re.I,
)
_BACK_BEFORE = re.compile(
    r"\b(?:back|return(?:ing)?|available again|in the office again)(?:\s+\w+){0,4}?\s+(?:on|by|"
    r"from)\s*(?:\w{3,9}day,?\s+)?$",
    re.I,
)
_UNTIL_AFTER = re.compile(r"^\s*(?:\([월화수목금토일]\))?\s*(?:까지|일까지)")
_BACK_AFTER = re.compile(
    r"^\s*(?:\([월화수목금토일]\))?\s*(?:부터|에)\s*(?:정상\s*)?(?:출근|복귀|업무|근무|회신|응대|답변)"
)
LONGEST = timedelta(days=400)
MAX_WORDS = 4000


def until(words: str, at: datetime | None) -> date | None:
    """The last day of an absence, None when the mail does not say or says something absurd.

    `at`: when the mail was written; a date without a year is the next one from there.
    """
    if at is None:
        return None
    written = at.date()
    found = [
        day for day in _days(words[:MAX_WORDS], written) if written - timedelta(days=1) <= day <= written + LONGEST
    ]
    return max(found, default=None)


def _days(words: str, written: date) -> Iterator[date]:
    for pattern in _DATES:
        for match in pattern.finditer(words):
            before, after = words[max(0, match.start() - 60) : match.start()], words[match.end() : match.end() + 30]
            back = bool(_BACK_BEFORE.search(before) or _BACK_AFTER.match(after))
            if not back and not _UNTIL_BEFORE.search(before) and not _UNTIL_AFTER.match(after):
                continue
            day = _day(match, written, words)
            if day is not None:
                yield day - timedelta(days=1) if back else day


def _day(match: re.Match[str], written: date, words: str) -> date | None:
    given = match.groupdict()
    month = _MONTHS[given["name"].lower()] if given.get("name") else given.get("m")
    if month is None:  # `3월 2일 ~ 5일`: the month stands before
        named = re.findall(r"(\d{1,2})\s*월", words[: match.start()])
        month = named[-1] if named else written.month
    years = [int(given["y"])] if given.get("y") else [written.year, written.year + 1]
    for year in years:
        try:
            day = date(year, int(month), int(given["d"]))
        except ValueError:
            return None
        if given.get("y") or day >= written - timedelta(days=1):
            return day
    return None
