"""A message that says "unsubscribe" and nothing else. Pure.

What a customer writes *about* unsubscribing is a question for people. So a message counts only when, without the
signature below "-- " and what a telephone adds by itself, all of it is one of these sayings.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
_SAYINGS = frozenset(
    """
    unsubscribe / unsubscribe me / please unsubscribe / please unsubscribe me / unsubscribe please / unsubscribe all
    opt out / optout / stop emails / stop sending me emails / remove me / remove me from this list
    remove me from your list / please remove me / please remove me from your list / take me off this list
    take me off your list / please take me off your list / no more emails
    수신거부 / 수신거부요 / 수신거부합니다 / 수신거부할게요 / 수신거부해주세요 / 수신거부해주십시오 / 수신거부바랍니다
    수신거부부탁드립니다 / 수신거부부탁드려요 / 수신거부요청 / 수신거부요청합니다 / 수신거부요청드립니다
    수신거부신청 / 수신거부신청합니다 / 수신거부처리해주세요 / 수신을거부합니다 / 무료수신거부 / 광고수신거부
    광고수신거부합니다 / 광고수신거부해주세요 / 광고거부 / 메일수신거부 / 문자수신거부 / 수신동의철회
    수신동의철회합니다 / 수신동의를철회합니다 / 구독취소 / 구독취소해주세요 / 구독취소합니다 / 구독해지
    구독해지해주세요 / 구독해지합니다 / 광고보내지마세요 / 광고보내지말아주세요 / 메일보내지마세요
    더이상보내지마세요 / 그만보내세요 / 그만보내주세요
    """.replace("\n", "/").split("/")
)
_KNOWN = frozenset("".join(one.split()) for one in _SAYINGS if one.strip())
_SIGNATURE = re.compile(r"^--\s*$.*", re.M | re.S)
_ADDED = re.compile(
    r"^\s*(?:sent from my .{1,40}|sent from outlook.{0,40}|get outlook for .{1,40}|나의 .{1,30}에서 보냄|"
    r".{1,30}에서 보낸 메일|.{1,20}에서 보냄|내 .{1,30}에서 보냄)\s*$",
    re.I | re.M,
)
_POLITE = re.compile(r"[\s.,!~…·ㅠㅜ^;:()\[\]\"'“”‘’*_>-]+")
_RE = re.compile(r"^(?:\s*(?:re|fw|fwd|답장|회신|전달)\s*:)+", re.I)


def refuses(text: str, subject: str = "") -> bool:
    """Whether it is plainly a refusal. The subject counts only for a mail without words."""
    if len(text) > LONGEST:
        return False
    bare = _bare(_ADDED.sub("", _SIGNATURE.sub("", text)))
    if bare:
        return bare in _KNOWN
    return bool(subject) and len(subject) <= LONGEST and not _RE.match(subject) and _bare(subject) in _KNOWN


def _bare(text: str) -> str:
    return _POLITE.sub("", unicodedata.normalize("NFKC", _POLITE.sub("", text))).casefold()
