"""Where an earlier message begins: a separator a mail program draws, or the header fields it repeats."""

from __future__ import annotations

import re

from channels.email.attribution import ADDRESS, CLOCK

_DASHES = r"[-_=*~—–]{2,}"
_ORIGINAL = (
    r"original(?:\s+(?:message|e?-?mail|appointment))|forwarded\s+(?:message|by\b.*)|reply\s+message|"
    r"원본\s*(?:메[시세]지|메일|이메일|편지|내용)|(?:전달|전송)된\s*(?:메[시세]지|메일|이메일)|받은\s*(?:메시지|메일)|"
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
    rf"\s*(?:{_DASHES}\s*(?:{_ORIGINAL})\s*:?\s*(?:{_DASHES})?|begin\s+forwarded\s+message\s*:|전달된\s*메[시세]지\s*시작\s*:)\s*",
    re.I,
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


def starts_rest(lines: list[str], index: int) -> bool:
    """Everything from here on is an earlier message."""
    line = lines[index]
    if not line.strip() or len(line) > 400:
        return False
    drawn = line.lstrip()[0] in "-_=*~—–bB전"
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
    if ruled and {"from"} < kinds and (ADDRESS.search(evidence) or CLOCK.search(evidence)):
        return True
    if not {"from", "date"} <= kinds or not kinds & {"to", "subject"}:
        return False
    return bool(ADDRESS.search(evidence)) or ("subject" in kinds and bool(CLOCK.search(evidence)))


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
