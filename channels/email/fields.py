"""Header fields of a mail of ours (RFC 5322, 2047): every value passes one gate that knows no line break."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import idna

from contact.channel import ChannelError
from contact.messages import Fault, Party, Who

CRLF = b"\r\n"
LONGEST = 42
"""Bytes in one encoded word, which has up to 75 signs (RFC 2047 section 2)."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f,;:\"()\[\]\\@]{1,64}@[^\s<>\x00-\x1f\x7f,;:\"()\\@]{1,255}")


def field(name: str, value: str) -> bytes:
    """One header field. Folds are the only line breaks that can be here, each before a blank."""
    if re.search(r"\r(?!\n[ ])|(?<!\r)\n", value):
        raise ChannelError(f"The field {name} holds a line break.", fault=Fault.CONTENT_REJECTED, who=Who.US)
    return f"{name}: {value}".encode() + CRLF


def one_line(value: str) -> str:
    """A value as it may stand in a header: controls and line breaks become blanks."""
    return " ".join(_CONTROL.sub(" ", value).split())


def words(value: str) -> str:
    """An unstructured value: ASCII folded at blanks, the rest as RFC 2047 words of UTF-8."""
    value = one_line(value)
    simple = value.isascii() and "=?" not in value and all(len(word) < 70 for word in value.split(" "))
    return _folded(value.split(" ")) if simple else encoded(value)


def _folded(words: Sequence[str], first: int = 12) -> str:
    lines, room = [""], 76 - first
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
            room = 75
        lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def encoded(value: str) -> str:
    """RFC 2047: words of at most 75 characters, never cut inside a character."""
    if len(whole := value.encode()) <= LONGEST:
        return _word(whole) if whole else ""
    words: list[str] = []
    piece = b""
    for char in value:
        data = char.encode()
        if len(piece) + len(data) > LONGEST:
            words.append(_word(piece))
            piece = b""
        piece += data
    return "\r\n ".join([*words, _word(piece)])


def _word(data: bytes) -> str:
    return f"=?UTF-8?B?{base64.b64encode(data).decode()}?="


def people(parties: Sequence[Party]) -> str:
    return ",\r\n ".join(_person(party) for party in parties)


def _person(party: Party) -> str:
    """`name <address>`; an address we cannot write safely is refused, not repaired."""
    mail = f"<{wire_address(party.value)}>"
    name = one_line(party.name)
    if not name:
        return mail[1:-1]
    if not name.isascii() or "=?" in name or len(name) > 60:
        return f"{encoded(name)}\r\n {mail}"
    if _ATOMS.fullmatch(name):
        return f"{name} {mail}"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" {mail}'


def wire_address(value: str) -> str:
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
