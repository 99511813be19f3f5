"""A mail of ours taken apart for the sandbox's viewer: headers, text, HTML, files. Pure.

Only the shape is needed here, and our own mails are well formed; reading what strangers send
is the mail room's art (`channels/email`), which the hall does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from mimetypes import guess_extension

LONGEST = 400_000
"""Characters of a text that are shown; the source has the rest."""
MAX_PARTS = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the mail. `number` is its place among them."""

    number: int
    name: str
    content_type: str
    content: bytes
    content_id: str = ""

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail program would show. Headers are decoded and in their order."""

    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""
    html: str = ""
    parts: tuple[Part, ...] = ()

    def header(self, name: str) -> str:
        """All values of one header, joined."""
        return ", ".join(value for given, value in self.headers if given.lower() == name)


def read(raw: bytes) -> Letter:
    """Take the bytes apart; what cannot be understood is left out, the source is always there."""
    try:
        message = message_from_bytes(raw, policy=policy.compat32)
    except RecursionError:  # parts within parts without end
        return Letter()
    text, html, parts = "", "", list[Part]()
    for leaf in _leaves(message):
        kind, is_file = leaf.get_content_type(), _is_file(leaf)
        if kind == "text/plain" and not is_file and not text:
            text = _text(leaf)
        elif kind == "text/html" and not is_file and not html:
            html = _text(leaf)
        else:
            parts.append(_part(len(parts), leaf))
    headers = tuple((name, decoded(value)) for name, value in message.items())
    return Letter(headers, text[:LONGEST], html, tuple(parts))


def decoded(value: object) -> str:
    """A header for people: RFC 2047 words and raw UTF-8 decoded, lines unfolded."""
    line = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with suppress(HeaderParseError, LookupError, UnicodeError, ValueError):  # shown as it stands
        line = str(make_header(decode_header(line)))
    return " ".join(line.split())


def _leaves(message: Message) -> Iterator[Message]:
    """Everything that holds content, in order; an enclosed mail is one file."""
    waiting, count = [message], 0
    while waiting and count < MAX_PARTS:
        one = waiting.pop(0)
        inside = one.get_payload() if one.get_content_maintype() == "multipart" else None
        if isinstance(inside, list):
            waiting[:0] = [each for each in inside if isinstance(each, Message)]
        else:
            count += 1
            yield one


def _is_file(leaf: Message) -> bool:
    return leaf.get_content_disposition() == "attachment" or bool(leaf.get_filename())


def _bytes(leaf: Message) -> bytes:
    if leaf.is_multipart():  # an enclosed mail: its payload is a list of one
        enclosed = leaf.get_payload()
        return b"".join(each.as_bytes() for each in enclosed if isinstance(each, Message))
    content = leaf.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(leaf: Message) -> str:
    try:
        return _bytes(leaf).decode(leaf.get_content_charset() or "utf-8", "replace")
    except LookupError:  # a charset nobody knows
        return _bytes(leaf).decode("utf-8", "replace")


def _part(number: int, leaf: Message) -> Part:
    kind = leaf.get_content_type()
    plain = "mail.eml" if kind == "message/rfc822" else f"part-{number + 1}{guess_extension(kind) or ''}"
    name = decoded(leaf.get_filename() or "") or plain
    return Part(number, name, kind, _bytes(leaf), decoded(leaf.get("Content-ID", "")).strip("<> "))
