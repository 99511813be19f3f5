"""A message of ours as RFC 5322 bytes, the same for every try.

Written by hand rather than with the stdlib's generator: every header value passes one gate
that knows no line break, bodies leave with CRLF only, and nothing depends on the clock or
on chance, so a second try sends the very bytes of the first.
"""

from __future__ import annotations

import base64
import hashlib
import html as entities
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

import idna

from channels.email.names import clean_name
from channels.email.token import reply_token, return_token, tagged
from contact.channel import ChannelError
from contact.legible import text_of_html
from contact.messages import Fault, File, InboxFacts, Outbound, Party, Who

MAX_REFERENCES = 25
CRLF = b"\r\n"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ID = re.compile(r"[^\s<>\x00-\x1f\x7f]{1,900}@?[^\s<>\x00-\x1f\x7f]*")
_ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f,;:\"()\[\]\\@]{1,64}@[^\s<>\x00-\x1f\x7f,;:\"()\\@]{1,255}")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}")
_CHARSET = "utf-8''"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Mailing:
    """What the SMTP dialogue needs beside the bytes."""

    sender: str
    """MAIL FROM: our signed return path."""
    recipients: tuple[str, ...]
    smtputf8: bool
    """A mailbox name outside ASCII: the relay must offer SMTPUTF8 (RFC 6531)."""


def mailing(message: Outbound, inbox: InboxFacts, *, key: bytes) -> Mailing:
    """Envelope of a message: return path, everybody it goes to (BCC too), what it asks of the relay."""
    people = (message.to, *message.cc, *message.bcc)
    recipients = tuple(dict.fromkeys(_wire_address(party.value) for party in people))
    sender = return_path(message, inbox, key=key)
    return Mailing(sender, recipients, not all(each.isascii() for each in (sender, *recipients)))


def return_path(message: Outbound, inbox: InboxFacts, *, key: bytes) -> str:
    """`bounces+TOKEN@` the inbox's domain, or the address the inbox names for it."""
    named = inbox.settings.get("return_address")
    base = str(named) if named else f"bounces@{inbox.address.rpartition('@')[2]}"
    return _wire_address(tagged(base, return_token(message.delivery_id, key)))


def compose(message: Outbound, inbox: InboxFacts, *, key: bytes) -> bytes:
    """RFC 5322 bytes with CRLF line ends, signed addresses by `key`.

    Raises `ChannelError` when an address or our own id cannot be written.
    """
    body = _body(message, inbox)
    fields = [*_fields(message, inbox, key), ("MIME-Version", "1.0")]
    head = b"".join(_field(name, value) for name, value in fields)
    return head + body


# -- header ------------------------------------------------------------------------------------------------


def _fields(message: Outbound, inbox: InboxFacts, key: bytes) -> list[tuple[str, str]]:
    fields = []
    if message.created_at is not None:
        fields.append(("Date", _date(message.created_at)))
    fields += [
        ("From", _people([Party(message.to.kind, inbox.address, inbox.name)])),
        ("To", _people([message.to])),
    ]
    if message.cc:
        fields.append(("Cc", _people(message.cc)))
    if message.conversation_id:
        answers = tagged(inbox.address, reply_token(message.conversation_id, key))
        reply = Party(message.to.kind, answers, inbox.name)
        fields.append(("Reply-To", _people([reply])))
    fields += [("Subject", _words(message.subject)), ("Message-ID", _own_id(message.message_id))]
    fields += _thread(message)
    if message.automatic:
        fields += [
            ("Auto-Submitted", "auto-replied" if message.in_reply_to else "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "auto_reply"),
        ]
    return fields


def _date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0))


def _thread(message: Outbound) -> list[tuple[str, str]]:
    """In-Reply-To and References (RFC 5322 section 3.6.4); ids that are none are left out."""
    fields = []
    parent = _bare_id(message.in_reply_to)
    if parent:
        fields.append(("In-Reply-To", f"<{parent}>"))
    chain = list(dict.fromkeys(filter(None, (_bare_id(each) for each in (*message.references, message.in_reply_to)))))
    if len(chain) > MAX_REFERENCES:
        chain = [chain[0], *chain[-(MAX_REFERENCES - 1) :]]
    if chain:
        fields.append(("References", "\r\n ".join(f"<{each}>" for each in chain)))
    return fields


def _bare_id(value: str) -> str:
    value = value.strip().removeprefix("<").removesuffix(">")
    return value if value.isascii() and _ID.fullmatch(value) else ""


def _own_id(value: str) -> str:
    if not _bare_id(value):
        raise ChannelError("The message has no usable Message-ID.", fault=Fault.CONFIG, who=Who.US)
    return f"<{_bare_id(value)}>"


def _field(name: str, value: str) -> bytes:
    """One header field. Folds are the only line breaks that can be here, each before a blank."""
    if re.search(r"\r(?!\n[ ])|(?<!\r)\n", value):
        raise ChannelError(f"The field {name} holds a line break.", fault=Fault.CONTENT_REJECTED, who=Who.US)
    return f"{name}: {value}".encode() + CRLF


def one_line(value: str) -> str:
    """A value as it may stand in a header: controls and line breaks become blanks."""
    return " ".join(_CONTROL.sub(" ", value).split())


def _words(value: str) -> str:
    """An unstructured value: ASCII folded at blanks, the rest as RFC 2047 words of UTF-8."""
    value = one_line(value)
    simple = value.isascii() and "=?" not in value and all(len(word) < 70 for word in value.split(" "))
    return _folded(value.split(" ")) if simple else _encoded(value)


def _folded(words: Sequence[str], first: int = 12) -> str:
    lines, room = [""], 76 - first
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
            room = 75
        lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded(value: str) -> str:
    """RFC 2047: words of at most 75 characters, never cut inside a character."""
    words: list[str] = []
    piece = b""
    for char in value:
        data = char.encode()
        if len(piece) + len(data) > 42:
            words.append(_word(piece))
            piece = b""
        piece += data
    return "\r\n ".join([*words, _word(piece)]) if piece or words else ""


def _word(data: bytes) -> str:
    return f"=?UTF-8?B?{base64.b64encode(data).decode()}?="


def _people(parties: Sequence[Party]) -> str:
    return ",\r\n ".join(_person(party) for party in parties)


def _person(party: Party) -> str:
    """`name <address>`; an address we cannot write safely is refused, not repaired."""
    mail = f"<{_wire_address(party.value)}>"
    name = one_line(party.name)
    if not name:
        return mail[1:-1]
    if not name.isascii() or "=?" in name or len(name) > 60:
        return f"{_encoded(name)}\r\n {mail}"
    if _ATOMS.fullmatch(name):
        return f"{name} {mail}"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" {mail}'


def _wire_address(value: str) -> str:
    """The address for header and envelope: domain in punycode (RFC 5890), mailbox as it is."""
    if not _ADDRESS.fullmatch(value):
        raise ChannelError(f"{value[:200]!r} cannot be written as an address.", fault=Fault.ADDRESS_INVALID, who=Who.US)
    local, _, domain = value.rpartition("@")
    if domain.isascii():
        return value
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise ChannelError(f"{domain} is not a domain name.", fault=Fault.ADDRESS_INVALID, who=Who.US) from error


# -- body --------------------------------------------------------------------------------------------------


def _body(message: Outbound, inbox: InboxFacts) -> bytes:
    """mixed( alternative( text, related( html, images ) ), files ), as much of it as is needed."""
    text, html = _signed(message, inbox)
    inline = [file for file in message.files if html and file.inline and _content_id(file)]
    rest = [file for file in message.files if file not in inline]
    part = _text(text, "plain")
    if html:
        rich = _text(html, "html")
        if inline:
            rich = _multipart("related", [rich, *(_file(file) for file in inline)], message, 'type="text/html"')
        part = _multipart("alternative", [part, rich], message)
    return _multipart("mixed", [part, *(_file(file) for file in rest)], message) if rest else part


def _signed(message: Outbound, inbox: InboxFacts) -> tuple[str, str]:
    """Both bodies with the inbox's signature below; the text from the HTML where only that was written."""
    text = message.text or (text_of_html(message.html) if message.html else "")
    html = message.html
    if not inbox.signature.strip():
        return text, html
    if html:
        lines = entities.escape(inbox.signature.strip()).replace("\n", "<br>")
        html = f'{html}<div class="signature">-- <br>{lines}</div>'
    return f"{text.rstrip()}\n\n-- \n{inbox.signature.strip()}\n", html


def _text(body: str, subtype: str) -> bytes:
    """A text part in the plainest encoding that survives every relay."""
    body = re.sub(r"\r\n?", "\n", body).replace("\x00", "")
    data = body.encode("utf-8", "replace").replace(b"\n", CRLF)
    if not data.endswith(CRLF):
        data += CRLF
    encoding, coded = _coded(data)
    charset = "us-ascii" if data.isascii() else "utf-8"
    return (
        _field("Content-Type", f"text/{subtype}; charset={charset}")
        + _field("Content-Transfer-Encoding", encoding)
        + CRLF
        + coded
    )


def _coded(data: bytes) -> tuple[str, bytes]:
    lines = data.split(CRLF)
    if data.isascii() and b"--=_" not in data and all(_survives(line) for line in lines):
        return "7bit", data
    foreign = sum(byte > 126 for byte in data)
    if foreign * 6 < len(data):
        return "quoted-printable", CRLF.join(_quoted(line) for line in lines)
    return "base64", _base64(data)


def _survives(line: bytes) -> bool:
    """Short, no blank at the end, nothing a mailbox file or a bare control would change."""
    return (
        len(line) <= 500
        and not line.endswith((b" ", b"\t"))
        and not line.startswith((b"From ", b"."))
        and not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)
    )


def _quoted(line: bytes) -> bytes:
    coded = quopri.encodestring(line, quotetabs=False).replace(b"=\n", b"=\r\n")
    if coded.startswith((b"From ", b".")):
        coded = b"=%02X" % coded[0] + coded[1:]
    return coded


def _base64(data: bytes) -> bytes:
    coded = base64.b64encode(data)
    return b"".join(coded[start : start + 76] + CRLF for start in range(0, len(coded), 76))


def _file(file: File) -> bytes:
    """One attachment. A nested mail may not be encoded (RFC 2046 section 5.2.1), so only a plain one keeps its type."""
    kind = file.content_type.partition(";")[0].strip().lower()
    name = clean_name(file.name)
    if not _TYPE.fullmatch(kind) or kind.startswith("multipart/"):
        kind = "application/octet-stream"
    encoding, data = "base64", _base64(file.content)
    if kind.startswith("message/"):
        lines = re.sub(rb"\r\n|\r|\n", CRLF, file.content)
        if kind == "message/rfc822" and lines.isascii() and all(_survives(line) for line in lines.split(CRLF)):
            encoding, data = "7bit", lines if lines.endswith(CRLF) else lines + CRLF
        else:
            kind = "application/octet-stream"
    content_id = _content_id(file)
    head = _field("Content-Type", kind + _old_name(name)) + _field("Content-Transfer-Encoding", encoding)
    head += _field("Content-Disposition", ("inline" if file.inline and content_id else "attachment") + _new_name(name))
    if content_id:
        head += _field("Content-ID", f"<{content_id}>")
    return head + CRLF + data


def _content_id(file: File) -> str:
    return (
        file.content_id
        if file.content_id.isascii() and re.fullmatch(r"[^\s<>\x00-\x1f]{1,200}", file.content_id)
        else ""
    )


def _old_name(name: str) -> str:
    """`name=` as RFC 2047 words inside quotes: against the letter, but what Outlook and Korean webmail read."""
    if not name:
        return ""
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n name="{name}"'
    return f';\r\n name="{_encoded(name)}"'


def _new_name(name: str) -> str:
    """`filename=`, with RFC 2231 sections where it is long or not ASCII."""
    if not name:
        return ""
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n filename="{name}"'
    coded = quote(name, safe="", errors="replace")
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,18}", coded)
    if len(pieces) == 1:
        return f";\r\n filename*=utf-8''{coded}"
    return "".join(
        f";\r\n filename*{position}*={_CHARSET if not position else ''}{piece}" for position, piece in enumerate(pieces)
    )


def _multipart(subtype: str, parts: Sequence[bytes], message: Outbound, more: str = "") -> bytes:
    """The boundary follows from the message alone, and no encoding lets it appear in a body."""
    seed = f"{message.message_id} {message.delivery_id} {subtype}".encode("utf-8", "replace")
    boundary = f"=_{hashlib.sha256(seed).hexdigest()[:32]}"
    extra = f";\r\n {more}" if more else ""
    head = _field("Content-Type", f'multipart/{subtype}{extra};\r\n boundary="{boundary}"') + CRLF
    mark = f"--{boundary}".encode()
    return head + b"".join(mark + CRLF + part + CRLF for part in parts) + mark + b"--" + CRLF
