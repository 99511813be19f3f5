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

from contact.legible import text_of_html

MAX_LINES = 20_000

_DASHES = r"[-_=*~—–]{2,}"
_ORIGINAL = (
    r"original(?:\s+(?:message|e?-?mail|appointment))|forwarded\s+(?:message|by\b.*)|reply\s+message|"
    r"원본\s*(?:메시지|메일|이메일|편지|내용)|(?:전달|전송)된\s*(?:메시지|메일|이메일)|받은\s*(?:메시지|메일)|"
    r"urspr(?:ü|ue)ngliche\s+(?:nachricht|mail)|weitergeleitete\s+nachricht|message\s+d['’]origine|"
    r"message\s+original|"
    r"message\s+transféré|mensaje\s+original|mensaje\s+reenviado|messaggio\s+(?:originale|inoltrato)|"
    r"mensagem\s+original|"
    r"oorspronkelijk\s+bericht|doorgestuurd\s+bericht|oprindelig\s+(?:meddelelse|besked)|ursprungligt\s+meddelande|"
    r"opprinnelig\s+melding|alkuperäinen\s+viesti|wiadomość\s+oryginalna|исходное\s+сообщение|"
    r"пересланное\s+сообщение|"
    r"původní\s+zpráva|eredeti\s+üzenet|orijinal\s+mesaj|元のメッセージ|转发邮件信息|原始邮件|原始郵件"
)
_SEPARATOR = re.compile(
    rf"\s*(?:{_DASHES}\s*(?:{_ORIGINAL})\s*:?\s*(?:{_DASHES})?|begin\s+forwarded\s+message\s*:)\s*", re.I
)
_RULE = re.compile(rf"\s*{_DASHES[:-4]}{{3,}}\s*")

_FIELDS = {
    "from": (
        r"from|보낸\s*사람|보낸\s*이|발신(?:자|인)?|보내는\s*사람|von|de|da|van|från|fra|od|от|lähettäjä|kimden|差出人|发件人|寄件者|"
        r"寄件人|feladó"
    ),
    "date": (
        r"sent(?:\s+on)?|date|보낸\s*(?:날짜|시간|일시)|발신\s*(?:일시|일자|시간)|날짜|일시|일자|시간|작성일|gesendet|datum|envoyé(?:\s+le)?|"
        r"message\s+du|enviado(?:\s+el|\s+em)?|inviato|data|fecha|verzonden|skickat|sendt|dato|wysłano|"
        r"отправлено|дата|lähetetty|"
        r"tarih|gönderildi|odesláno|送信日時|日付|日時|发送时间|寄件日期|日期|时间"
    ),
    "to": (
        r"to|받는\s*사람|받는\s*이|수신(?:자|인)?|an|à|a|para|aan|till|til|do|кому|vastaanottaja|kime|komu|"
        r"宛先|收件人|címzett"
    ),
    "cc": r"cc|bcc|참조|숨은\s*참조|kopie|copie(?:\s+à)?|copia|kopi|kopia|копия|抄送|副本",
    "subject": (
        r"subject|제목|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|ämne|emne|temat|тема|aihe|konu|"
        r"předmět|件名|主题|主旨|tárgy"
    ),
}
_FIELD = re.compile(
    rf"\W{{0,6}}(?:{'|'.join(f'(?P<{kind}_>{names})' for kind, names in _FIELDS.items())})\s*\W{{0,3}}\s*[:：]", re.I
)
_LATER_FIELD = re.compile(
    rf"\s(?:{'|'.join(f'(?P<{kind}_>{names})' for kind, names in _FIELDS.items() if kind != 'from')})\s*[:：]\s", re.I
)
_ADDRESS = re.compile(r"[\w.+%-]+@[\w.-]+")
_CLOCK = re.compile(r"\d{1,2}[:.시]\s?\d{2}")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|\d{1,2}/\d{1,2}/\d{2}|(?:19|20)\d\d(?=[年년])")

_VERB = re.compile(
    r"(?:\bwrote|\bsent|\bsaid|\bschrieb|\bgeschrieben|\bgeschreven|\ba\s+écrit|\bescribió|\bha\s+scritto|"
    r"\bescreveu|\bschreef|\bskrev|"
    r"\bнаписал\(?а?\)?|\bпишет|\bnapisał\(?a?\)?|\bpisze|\bkirjoitti|\byazdı|\bđã\s+viết|\bnapsal\(?a?\)?|\bírta|"
    r"님이?\s*(?:작성|쓴\s*글|쓰셨습니다|작성했습니다)|작성|이\(가\)\s*쓴\s*글|(?:에|께서|님이|이|가)\s*쓴\s*글|님의\s*말|"
    r"写道|寫道|のメール|書きました)[^\n:：]{0,40}[:：]\s*$",
    re.I,
)
_LANGUAGE_START = re.compile(
    r"\s*[>*_ ]*(?:on|le|am|el|il|em|op|den|w\s+dniu|dne|vào|pe|on\s+\w+|\d{1,4}\s*[년.年/-]|(?:mon|tue|wed|"
    r"thu|fri|sat|sun)|"
    r"[\w.]{2,10},?\s+\d)",
    re.I,
)
_ENDS_WITH_ADDRESS = re.compile(r"[<(\[\s\"'][\w.+%-]+@[\w.-]+\s*[>)\]\"']?[\"']?\s*[:：]\s*$")
_SHARED_LINE = re.compile(r"^(.*?\S)\s*-{2,}\s*(On\b.{5,200}\bwrote:)\s*$", re.I)

_SIGNATURE_MARK = re.compile(r"-- ?|—\s?|_{2,}\s*")
_MOBILE = re.compile(
    r"\W{0,3}(?:(?:sent|get)\s+(?:from|via|with|on)\s+(?:my\s+|a\s+)?(?:\w+[\s'’]+){0,4}?"
    r"(?:iphone|ipad|ipod|galaxy|android|samsung|blackberry|smartphone|phone|mobile|device|outlook|"
    r"handheld|mailbox|yahoo\s+mail|mail)\b.{0,60}|"
    r"(?:나의|내|제)\s+\S{2,20}(?:\s+\S{1,20})?에서\s+보냄|(?:iphone|ipad|galaxy|갤럭시|아이폰|삼성\S*)\S*에서\s+보(?:냄|냈습니다)|"
    r"(?:네이버|다음|naver)\s*(?:메일|mail)?\s*앱?에서\s+보(?:냄|낸\s*메일).{0,20}|gesendet\s+(?:von|mit)\s.{0,60}|"
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
    lines = _separated(body.split("\n"))
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


def _separated(lines: list[str]) -> list[str]:
    """`reply--- On ... wrote:` on one line becomes two lines."""
    out: list[str] = []
    for line in lines:
        shared = _SHARED_LINE.match(line) if len(line) < 500 else None
        out += [shared[1], shared[2]] if shared else [line]
    return out


def _own(lines: list[str]) -> list[bool]:
    """For each line: is it the sender's own?"""
    own = [True] * len(lines)
    colons = [line.rstrip().endswith((":", "：")) for line in lines]
    index = 0
    while index < len(lines):
        if _quoted_line(lines[index]):
            own[index] = False
            index += 1
            continue
        cut = _starts_rest(lines, index)
        if cut:
            return own[:index] + [False] * (len(lines) - index)
        length = _attribution(lines, index) if any(colons[index : index + 4]) else 0
        if not length:
            index += 1
            continue
        following = next((line for line in lines[index + length :] if line.strip()), "")
        if not _quoted_line(following):
            if _strong(" ".join(lines[index : index + length])):
                return own[:index] + [False] * (len(lines) - index)
            index += 1
            continue
        own[index : index + length] = [False] * length
        index += length
    return own


def _quoted_line(line: str) -> bool:
    return line.lstrip(" \t\ufeff").startswith(">")


def _starts_rest(lines: list[str], index: int) -> bool:
    """Everything from here on is an earlier message."""
    line = lines[index]
    if not line.strip() or len(line) > 400:
        return False
    drawn = line.lstrip()[0] in "-_=*~—–bB"
    if drawn and _SEPARATOR.fullmatch(line):
        return True
    after = index + 1
    if drawn and _RULE.fullmatch(line):
        while after < len(lines) and after < index + 3 and not lines[after].strip():
            after += 1
        return _header_block(lines, after, ruled=True)
    return _header_block(lines, index, ruled=False)


def _header_block(lines: list[str], index: int, *, ruled: bool) -> bool:
    """From, Sent, To, Subject as a mail program writes them above what it quotes."""
    if index >= len(lines) or not _field(lines[index]):
        return False
    kinds: set[str] = set()
    strangers = 0
    block: list[str] = []
    for line in lines[index : index + 12]:
        found = _field(line)
        if not line.strip() and kinds:
            break
        strangers = 0 if found else strangers + 1
        if strangers > 2:
            break
        kinds |= found
        block.append(line)
    evidence = " ".join(block)
    if ruled and {"from"} < kinds and (_ADDRESS.search(evidence) or _CLOCK.search(evidence)):
        return True
    if not {"from", "date"} <= kinds or not kinds & {"to", "subject"}:
        return False
    return bool(_ADDRESS.search(evidence)) or ("subject" in kinds and bool(_CLOCK.search(evidence)))


def _field(line: str) -> set[str]:
    """The header fields a line begins with, or holds (`To: a Subject: b` on one line)."""
    if len(line) > 1000 or (":" not in line and "：" not in line):
        return set()
    found = _FIELD.match(line)
    if not found:
        return set()
    return {_kind(found), *(_kind(later) for later in _LATER_FIELD.finditer(line, found.end() - 1))}


def _kind(found: re.Match[str]) -> str:
    return (found.lastgroup or "").rstrip("_")


def _attribution(lines: list[str], index: int) -> int:
    """How many lines the `On ... wrote:` at this line takes; 0 when there is none."""
    if not lines[index].strip() or (
        not _LANGUAGE_START.match(lines[index]) and not _one_line_attribution(lines[index])
    ):
        return 0
    joined = ""
    for length, line in enumerate(lines[index : index + 4], 1):
        wrapped_end = length > 1 and re.fullmatch(r"\s*>\s*[:：]\s*", line)
        if not line.strip() or len(joined) + len(line) > 600 or (_quoted_line(line) and not wrapped_end):
            return 0
        joined = f"{joined} {line.strip()}".strip()
        if re.search(r"[:：]\s*$", line):
            return length if _is_attribution(joined) else 0
    return 0


def _one_line_attribution(line: str) -> bool:
    """Names may stand first: `홍길동 님이 2024-03-05에 쓴 글:`."""
    ends = len(line) < 300 and line.rstrip().endswith((":", "："))  # as either pattern asks, and much faster to see
    return ends and bool(_VERB.search(line) or _ENDS_WITH_ADDRESS.search(line))


def _is_attribution(joined: str) -> bool:
    """A verb of writing with a date or an address, or a time with an address at the end."""
    dated = bool(_CLOCK.search(joined) or _YEAR.search(joined))
    addressed = bool(_ADDRESS.search(joined))
    if _VERB.search(joined):
        return (dated or addressed) and not re.search(r"\byou\s+(?:wrote|said|sent)\s*:", joined, re.I)
    return dated and bool(_ENDS_WITH_ADDRESS.search(joined) or re.search(r"@[\w.-]+>?[\"']?\s*[:：]\s*$", joined))


def _strong(joined: str) -> bool:
    """Enough to fold unmarked text below it: an address, or date and clock together."""
    return bool(_ADDRESS.search(joined) or (_CLOCK.search(joined) and re.search(r"\d{4}|\d/\d", joined)))


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
