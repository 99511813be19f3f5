"""Many mails of one inbox: what they share is written once, what differs is spliced in.

The same rules as for a single mail (`compose.py`), by the same functions where an address or a word goes into a
header; the parts of the body by a `Stencil` each.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from channels.email.compose import unsubscribe
from channels.email.fields import CRLF, people, wire_address, words
from channels.email.seal import Seal, Unsigned
from channels.email.stencil import Field, Part, Stencil
from channels.email.token import recipient_token, tagged
from contact.legible import text_of_html
from contact.messages import InboxFacts, Outbound, Party


class Cast(NamedTuple):
    """A mail and its envelope. `dots`: a line begins with one. `unsigned`: what stands in front once it is signed."""

    sender: str
    to: str
    raw: bytes
    dots: bool
    unsigned: Unsigned | None = None


class Mould:
    """`cast` makes a mail. `key` signs its return path."""

    def __init__(self, inbox: InboxFacts, key: bytes, seal: Seal | None) -> None:
        self._key, self.seal, self._inbox = key, seal, inbox
        named = inbox.settings.get("return_address")
        self._returns = str(named) if named else f"bounces@{inbox.address.rpartition('@')[2]}"
        named_by = hashlib.sha256(f"hanmaru {inbox.id} {inbox.address}".encode()).hexdigest()
        self._boundary = f"=_{named_by[:32]}".encode()
        self._kind = b'multipart/alternative;\r\n boundary="%b"' % self._boundary
        self._from = b""
        self._plain, self._html = Stencil(b"plain"), Stencil(b"html")

    def cast(self, message: Outbound) -> Cast:
        """The mail, still without a signature. Raises `ChannelError` where an address cannot be written."""
        to = wire_address(message.to.value)
        returns = tagged(self._returns, recipient_token(message.delivery_id, self._key))
        kind, body, dots = self._body(message)
        at = message.created_at or datetime.now(UTC)
        stop = unsubscribe(message.unsubscribe) if message.unsubscribe else ()
        names = (*_OPENING, *[_STOPPING[name] for name, _ in stop], b"mime-version", *[name for name, _ in kind])
        values = (
            _date(int(at.timestamp())),
            self._sender(message),
            (people([message.to]) if message.to.name else to).encode(),
            returns.encode(),
            _subject(message.subject),
            b"<%b>" % message.message_id.encode(),
            *[value.encode() for _, value in stop],
            b"1.0",
            *[value for _, value in kind],
        )
        unsigned = None
        if self.seal is not None:
            unsigned = self.seal.unsigned(list(zip(names, values, strict=True)), body, int(at.timestamp()))
        return Cast(returns, to, b"%b\r\n%b" % (_layout(names) % values, body), dots, unsigned)

    def _sender(self, message: Outbound) -> bytes:
        if not self._from:
            self._from = people([Party(message.to.kind, self._inbox.address, self._inbox.name)]).encode()
        return self._from

    def _body(self, message: Outbound) -> Part:
        text = message.text or (text_of_html(message.html) if message.html else "")
        plain = self._plain.part(text)
        if not message.html:
            return plain._replace(coded=_ended(plain.coded))
        html = self._html.part(message.html)
        mark = b"--" + self._boundary
        body = b"".join((mark, _head(plain.fields), plain.coded, mark, _head(html.fields), html.coded, mark, b"--\r\n"))
        return Part(((b"content-type", self._kind),), body, plain.dots or html.dots)


def _ended(body: bytes) -> bytes:
    """With one line end: a signature does not see more (RFC 6376 section 3.4.3), and relays may drop them."""
    return body.rstrip(CRLF) + CRLF if body.endswith(b"\r\n\r\n") else body


@lru_cache(maxsize=16)
def _head(fields: tuple[Field, ...]) -> bytes:
    """The fields of a part between its boundary and its text."""
    return b"\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % (_NAMES[name], value) for name, value in fields])


@lru_cache(maxsize=64)
def _layout(names: tuple[bytes, ...]) -> bytes:
    """The header, with a place for each value."""
    return b"".join([b"%b: %%b\r\n" % _NAMES[name] for name in names])


_OPENING = (b"date", b"from", b"to", b"x-returns-to", b"subject", b"message-id")
_NAMES = {
    b"date": b"Date", b"from": b"From", b"to": b"To", b"x-returns-to": b"X-Returns-To", b"subject": b"Subject",
    b"message-id": b"Message-ID", b"list-unsubscribe": b"List-Unsubscribe",
    b"list-unsubscribe-post": b"List-Unsubscribe-Post", b"mime-version": b"MIME-Version",
    b"content-type": b"Content-Type", b"content-transfer-encoding": b"Content-Transfer-Encoding",
}  # fmt: skip
_STOPPING = {name.decode(): key for key, name in _NAMES.items() if key.startswith(b"list-")}


@lru_cache(maxsize=64)
def _date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()


@lru_cache(maxsize=256)
def _subject(subject: str) -> bytes:
    return words(subject).encode()
