"""The body of a mail of ours as MIME (RFC 2045-2049, 2231): nothing depends on the clock or on chance."""

from __future__ import annotations

import base64
import hashlib
import html as entities
import quopri
import re
from collections.abc import Sequence
from urllib.parse import quote

from channels.email.fields import CRLF, encoded, field
from channels.email.names import clean_name
from contact.legible import text_of_html
from contact.messages import File, InboxFacts, Outbound

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}")
_CHARSET = "utf-8''"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+-]{1,60}")


def body_of(message: Outbound, inbox: InboxFacts) -> bytes:
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
        field("Content-Type", f"text/{subtype}; charset={charset}")
        + field("Content-Transfer-Encoding", encoding)
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
    head = field("Content-Type", kind + _old_name(name)) + field("Content-Transfer-Encoding", encoding)
    head += field("Content-Disposition", ("inline" if file.inline and content_id else "attachment") + _new_name(name))
    if content_id:
        head += field("Content-ID", f"<{content_id}>")
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
    return f';\r\n name="{encoded(name)}"'


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
    head = field("Content-Type", f'multipart/{subtype}{extra};\r\n boundary="{boundary}"') + CRLF
    mark = f"--{boundary}".encode()
    return head + b"".join(mark + CRLF + part + CRLF for part in parts) + mark + b"--" + CRLF
