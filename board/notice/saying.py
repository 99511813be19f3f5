"""Which words of an answer acknowledge: a clear one, and nothing else beside courtesies. Pure.

"확인했습니다. 그런데 언제까지인가요?" asks something, so it goes to people. What was quoted is taken off before.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ACKNOWLEDGES: Final = frozenset({
    "확인", "확인함", "확인됨", "확인완료", "확인했음", "확인하였음", "확인했습니다", "확인하였습니다", "확인합니다",
    "확인했어요", "확인됐습니다", "확인되었습니다", "확인완료했습니다", "확인완료하였습니다",
    "잘확인했습니다",
    "잘확인하였습니다", "네확인했습니다", "네확인하였습니다", "예확인했습니다", "예확인하였습니다", "넵확인했습니다",
    "내용확인했습니다", "내용확인하였습니다", "공지확인했습니다", "공지확인하였습니다", "공지사항확인했습니다",
    "공지사항확인하였습니다", "메일확인했습니다", "메일확인하였습니다", "내용확인", "공지확인", "메일확인",
    "숙지했습니다", "숙지하였습니다", "숙지완료", "내용숙지했습니다", "내용숙지하였습니다", "확인및숙지했습니다",
    "ack", "acked", "acknowledge", "acknowledged", "iacknowledge", "weacknowledge", "readandacknowledged",
    "receivedandacknowledged", "confirm", "confirmed", "iconfirm", "weconfirm", "readandconfirmed", "allacknowledged",
})  # fmt: skip
"""Whole phrases, without spaces: `미확인` and `확인 못 했습니다` are none of them."""
COURTESIES: Final = frozenset({
    "안녕하세요", "안녕하십니까", "네", "넵", "예", "감사합니다", "고맙습니다", "감사드립니다", "수고하세요",
    "수고하십시오",
    "수고많으십니다", "수고하십니다", "좋은하루되세요", "좋은하루보내세요", "담당자님", "담당자님안녕하세요",
    "hi", "hello", "dearall", "yes", "thanks", "thankyou", "thanksalot", "manythanks", "regards", "bestregards",
    "kindregards", "best", "sincerely", "cheers",
})  # fmt: skip
_SIGNED = re.compile(r"^.{1,30}(드림|올림|배상)$")
_DEVICE = re.compile(
    r"^(sent from my .{1,40}|sent from outlook.{0,40}|나의 .{1,20}에서 보냄|내 .{1,20}에서 보냄)$", re.IGNORECASE
)
_LINES = re.compile(r"[\r\n]+|(?<=[.!。])\s+|[,，]\s*")
_EDGES = " \t.!~…。^_-*\"'“”‘’()"


def acknowledges(text: str, names: tuple[str, ...] = ()) -> bool:
    """Whether this says that they know, and nothing else. `names`: of whoever wrote, which stand below a mail."""
    own = {_plain(name) for name in names if name.strip()}
    said = [line for line in _LINES.split(unicodedata.normalize("NFC", text)) if line.strip(_EDGES)]
    left = [
        _plain(line) for line in said if not _SIGNED.match(line.strip(_EDGES)) and not _DEVICE.match(line.strip(_EDGES))
    ]
    left = [line for line in left if line not in COURTESIES and line not in own]
    return bool(left) and all(line in ACKNOWLEDGES for line in left)


def number_in(text: str) -> int | None:
    """The bare number an answer consists of."""
    if len(text.split()) != 1:
        return None
    plain = _plain(unicodedata.normalize("NFKC", text)).removesuffix("번")
    return int(plain) if plain.isascii() and plain.isdecimal() and len(plain) < 10 else None


def _plain(line: str) -> str:
    return "".join(line.split()).strip(_EDGES).casefold()
