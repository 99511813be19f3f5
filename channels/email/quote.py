"""New words apart from the quoted rest. Nothing is thrown away: what is cut is folded.

Cutting a customer's own words is the worse error, so a cut needs evidence: quote marks, a
line a mail program writes ("On ... wrote:"), a separator it draws, or a block of header
fields with an address or a time in it. Where nothing of the sender would remain, nothing
is cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from channels.email.attribution import attribution, quoted_line, separated, strong
from channels.email.rest import starts_rest
from contact.legible import text_of_html

MAX_LINES = 20_000
_SIGNATURE_MARK = re.compile(r"-- ?|—\s?|_{2,}\s*")
_MOBILE = re.compile(
    r"\W{0,3}(?:(?:sent|get)\s+(?:from|via|with|on)\s+(?:my\s+|a\s+)?(?:\w+[\s'’]+){0,4}?"
    r"(?:iphone|ipad|ipod|galaxy|android|samsung|blackberry|smartphone|phone|mobile|device|outlook|"
    r"handheld|mailbox|yahoo\s+mail|mail)\b.{0,60}|"
    r"(?:나의|내|제)\s+\S{2,20}(?:\s+\S{1,20})?에서\s+보냄|(?:iphone|ipad|galaxy|갤럭시|아이폰|삼성\S*)\S*에서\s+보냄|"
    r"(?:휴대폰|스마트폰)에서\s+보냄|삼성\s*(?:휴대폰|스마트폰)에서\s+보냈습니다|(?:ios|android)용\s+outlook\s*(?:받기|다운로드|가져오기).{0,60}|"
    r"get\s+outlook\s+for\s.{0,60}|"
    r"(?:네이버|다음|카카오|naver|daum|kakao|gmail|지메일)\s*(?:메일|mail)?\s*(?:(?:앱|모바일)?에서\s+보냄|앱에서\s+보(?:냈습니다|낸\s*메일)).{0,20}|gesendet\s+(?:von|mit)\s.{0,60}|"
    r"envoyé\s+de(?:puis)?\s+mon\s.{0,40}|"
    r"enviado\s+(?:desde|do)\s+(?:mi|meu)\s.{0,40}|inviato\s+da(?:l\s+mio)?\s.{0,40}|"
    r"verstuurd\s+vanaf\s.{0,40}|skickat\s+från\s.{0,40}|"
    r"sendt\s+fra\s.{0,40}|outlook\s+for\s+(?:android|ios).{0,60})\W*",
    re.I,
)
_GMAIL_REPLY = re.compile(r"gmail_(?:attr|extra)|<div[^>]{0,200}gmail_quote|(?:wrote|작성)\s*[:：]")


class Split(NamedTuple):
    """`text` is the sender's own, `quoted` the folded rest."""

    text: str
    quoted: str


def split(body: str) -> Split:
    """Split a plain-text body (LF line ends)."""
    lines = separated(body.split("\n"))
    own = _own(lines[:MAX_LINES])
    own += [False] * (len(lines) - len(own))
    if not any(mine and re.search(r"\w|[^\W_]|[:^)(+-]{2}", line) for line, mine in zip(lines, own, strict=True)):
        return Split(_trim(lines), "")
    if _interleaved(lines, own):
        own = _with_context(own)
    own = _without_signature(lines, own)
    text = _trim([line for line, mine in zip(lines, own, strict=True) if mine])
    return Split(text, _trim([line for line, mine in zip(lines, own, strict=True) if not mine]))


def split_html(html: str) -> Split:
    """Split an HTML body into legible text and the folded rest."""
    if _GMAIL_REPLY.search(html):
        return split(text_of_html(html, quoted=is_quotation))
    return split(text_of_html(html, quoted=lambda tag, given: is_quotation(tag, given) and not _cited_in_gmail(given)))


def _cited_in_gmail(attributes: Mapping[str, str]) -> bool:
    """Gmail's quote button marks the writer's own citation like an earlier message, without a line above it."""
    return "gmail_quote" in attributes.get("class", "").split()


def is_quotation(tag: str, attributes: Mapping[str, str]) -> bool:
    """Does a mail program mark this element as an earlier message?"""
    if tag == "blockquote":
        style = re.sub(r"\s", "", attributes.get("style", "").lower())
        indented = "border:none" in style and attributes.get("type", "") != "cite"
        return not indented
    marks = f"{attributes.get('class', '')} {attributes.get('id', '')}".lower().split()
    return any(mark.removeprefix("x_") in _QUOTE_MARKS for mark in marks)


_QUOTE_MARKS = {
    "gmail_attr",
    "moz-cite-prefix",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "divrplyfwdmsg",
    "olk_src_body_section",
    "outlookmessageheader",
    "mail-editor-reference-message-container",
    "reply-intro",
    "replyheader",
}


def _own(lines: list[str]) -> list[bool]:
    """For each line: is it the sender's own?"""
    own = [True] * len(lines)
    colons = [line.rstrip().endswith((":", "：")) for line in lines]
    index = 0
    while index < len(lines):
        if quoted_line(lines[index]):
            own[index] = False
            index += 1
            continue
        cut = starts_rest(lines, index)
        if cut:
            return own[:index] + [False] * (len(lines) - index)
        length = attribution(lines, index) if any(colons[index : index + 4]) else 0
        if not length:
            index += 1
            continue
        following = next((line for line in lines[index + length :] if line.strip()), "")
        if not quoted_line(following):
            if strong(" ".join(lines[index : index + length])):
                return own[:index] + [False] * (len(lines) - index)
            index += 1
            continue
        own[index : index + length] = [False] * length
        index += length
    return own


def _interleaved(lines: list[str], own: list[bool]) -> bool:
    """Answers stand between the quoted lines, twice or more: they need their questions."""
    blocks = 0
    quoting = False
    for line, mine in zip(lines, own, strict=True):
        if not mine:
            quoting = True
        elif line.strip() and quoting:
            blocks += 1
            quoting = False
    return blocks >= 2


def _with_context(own: list[bool]) -> list[bool]:
    """All up to the last own line stays."""
    last = max(index for index, mine in enumerate(own) if mine)
    return [index <= last for index in range(len(own))]


def _without_signature(lines: list[str], own: list[bool]) -> list[bool]:
    """Folds what follows `-- ` (RFC 3676 section 4.3) and the line a telephone adds, at the end of the own words."""
    mine = [index for index, is_own in enumerate(own) if is_own and lines[index].strip()]
    while mine and len(mine) > 1 and _MOBILE.fullmatch(lines[mine[-1]].strip()[:200]):
        own[mine.pop()] = False
    tail = mine[-12:]
    for position, index in enumerate(tail):
        if _SIGNATURE_MARK.fullmatch(lines[index]) and (position or len(mine) > len(tail)):
            short = all(len(lines[each]) <= 80 for each in tail[position:])
            if short and (lines[index] == "-- " or len(tail) - position <= 6):
                for each in tail[position:]:
                    own[each] = False
                return own
    return own


def _trim(lines: list[str]) -> str:
    text = "\n".join(line.rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").strip()
