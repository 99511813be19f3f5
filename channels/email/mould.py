"""Many mails of one inbox: what they share is written once, what differs is spliced in.

The same rules as for a single mail (`compose.py`), by the same functions where an address or a word goes into a
header; bodies are encoded by C alone.
"""

from __future__ import annotations

import binascii
import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from channels.email.compose import unsubscribe
from channels.email.fields import CRLF, people, wire_address, words
from channels.email.seal import Field, Seal
from channels.email.token import recipient_token, tagged
from contact.legible import text_of_html
from contact.messages import InboxFacts, Outbound, Party

_FROM = b"\r\nFrom "


class Mould:
    """`cast` makes a mail. `key` signs its return path."""

    def __init__(self, inbox: InboxFacts, key: bytes, seal: Seal | None) -> None:
        self._key, self._seal, self._inbox = key, seal, inbox
        named = inbox.settings.get("return_address")
        self._returns = str(named) if named else f"bounces@{inbox.address.rpartition('@')[2]}"
        self._boundary = f"=_{hashlib.sha256(f'hanmaru {inbox.id} {inbox.address}'.encode()).hexdigest()[:32]}"
        self._from = b""

    def cast(self, message: Outbound) -> tuple[str, str, bytes]:
        """Sender and recipient of the envelope, and the mail. Raises `ChannelError` where one cannot be written."""
        to = wire_address(message.to.value)
        returns = tagged(self._returns, recipient_token(message.delivery_id, self._key))
        kind, body = self._body(message)
        at = message.created_at or datetime.now(UTC)
        fields: list[Field] = [
            (b"date", _date(int(at.timestamp()))),
            (b"from", self._sender(message)),
            (b"to", (people([message.to]) if message.to.name else to).encode()),
            (b"x-returns-to", returns.encode()),
            (b"subject", _subject(message.subject)),
            (b"message-id", f"<{message.message_id}>".encode()),
        ]
        if message.unsubscribe:
            fields += [(name.lower().encode(), value.encode()) for name, value in unsubscribe(message.unsubscribe)]
        fields += [(b"mime-version", b"1.0"), *kind]
        head = b"".join([b"%b: %b\r\n" % (_NAMES[name], value) for name, value in fields])
        mark = self._seal.field(fields, body, int(at.timestamp())) if self._seal else b""
        return returns, to, b"".join((mark, head, CRLF, body))

    def _sender(self, message: Outbound) -> bytes:
        if not self._from:
            self._from = people([Party(message.to.kind, self._inbox.address, self._inbox.name)]).encode()
        return self._from

    def _body(self, message: Outbound) -> tuple[list[Field], bytes]:
        text = message.text or (text_of_html(message.html) if message.html else "")
        if not message.html:
            return _part(text, b"plain")
        mark = f"--{self._boundary}".encode()
        parts = []
        for fields, coded in (_part(text, b"plain"), _part(message.html, b"html")):
            head = b"".join(b"%b: %b\r\n" % (_NAMES[name], value) for name, value in fields)
            parts.append(b"".join((mark, CRLF, head, CRLF, coded)))
        kind = f'multipart/alternative;\r\n boundary="{self._boundary}"'.encode()
        return [(b"content-type", kind)], b"".join((*parts, mark, b"--\r\n"))


_NAMES = {
    b"date": b"Date", b"from": b"From", b"to": b"To", b"x-returns-to": b"X-Returns-To", b"subject": b"Subject",
    b"message-id": b"Message-ID", b"list-unsubscribe": b"List-Unsubscribe",
    b"list-unsubscribe-post": b"List-Unsubscribe-Post", b"mime-version": b"MIME-Version",
    b"content-type": b"Content-Type", b"content-transfer-encoding": b"Content-Transfer-Encoding",
}  # fmt: skip


@lru_cache(maxsize=64)
def _date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()


@lru_cache(maxsize=256)
def _subject(subject: str) -> bytes:
    return words(subject).encode()


def _part(text: str, subtype: bytes) -> tuple[list[Field], bytes]:
    """One text part: quoted-printable where it is mostly ASCII, else base64; both survive every relay and signature."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    data = text.encode("utf-8", "replace").replace(b"\n", CRLF)
    if not data.endswith(CRLF):
        data += CRLF
    kind = b"text/%b; charset=%b" % (subtype, b"us-ascii" if data.isascii() else b"utf-8")
    if (len(data) - len(text)) * 9 > len(data):
        coding, coded = b"base64", _base64(data)
    else:
        coding, coded = b"quoted-printable", _quoted(data)
    return [(b"content-type", kind), (b"content-transfer-encoding", coding)], coded


def _base64(data: bytes) -> bytes:
    coded = binascii.b2a_base64(data, newline=False)
    return CRLF.join([coded[start : start + 76] for start in range(0, len(coded), 76)]) + CRLF


def _quoted(data: bytes) -> bytes:
    coded = binascii.b2a_qp(data, istext=True)
    if _FROM in coded or coded.startswith(b"From "):
        coded = (CRLF + coded).replace(_FROM, b"\r\n=46rom ")[2:]
    return coded
