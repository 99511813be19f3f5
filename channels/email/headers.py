"""Header fields as text: RFC 2047 words, raw 8-bit names, addresses, ids, dates.

Headers are read from the undecoded values (8-bit bytes as surrogate escapes), because the
charset is often only known by looking at the bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from channels.email.charset import decode, tidy
from contact.address import email as normalised
from contact.errors import InvalidAddress
from contact.messages import AddressKind, Party

MAX_VALUE = 64_000
"""Characters of one field we look at."""
MAX_IDS = 100
MAX_ID = 512
MAX_PARTIES = 500
SHORT = 1000
"""Characters of an address field up to which what it holds is remembered."""

_WORD = re.compile(r"=\?([^?\s]*?)(?:\*[^?]*)?\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*)*)\?=")
_FOLD = re.compile(r"\r?\n[ \t]*|\r")
_ID = re.compile(r"<([^<>]{1,2000})>")
_BARE_ID = re.compile(r"[^\s<>,;\"()@]{1,250}@[^\s<>,;\"()@]{1,250}")
_COMMENT = re.compile(r"\([^()]*\)")
_LOOSE_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\]{1,64}@[^\s<>,;:\"()\[\]\\]{1,255}")


class RawPolicy(Compat32):
    """Compat32 that hands out header values as they stood, and writes them back so."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


RAW = RawPolicy()


def body_charset(message: Message) -> str:
    """The charset the body is labelled with: old clients write their headers raw in the same."""
    for part in message.walk():
        if not part.is_multipart():
            return parameter(part, "charset")
    return ""


def first(message: Message, name: str) -> str:
    """The first field of that name, undecoded, "" when there is none."""
    return str(message.get(name, ""))[:MAX_VALUE]


def every(message: Message, name: str) -> list[str]:
    return [str(value)[:MAX_VALUE] for value in message.get_all(name, [])][:100]


@lru_cache(maxsize=256)
def text(value: str, hint: str = "") -> str:
    """An unstructured field as people read it: unfolded, words decoded, controls gone.

    Remembered, because subject and sender of a mail are looked at from several sides.
    """
    return " ".join(tidy(words(unfold(eight_bit(value, hint)))).split())


def eight_bit(value: str, hint: str = "") -> str:
    """Raw bytes in a header (surrogate escapes) as the text they most likely are; `hint` is the body's charset."""
    if value.isascii():
        return value
    return decode(value.encode("utf-8", "surrogateescape"), hint).text


def unfold(value: str) -> str:
    return _FOLD.sub(" ", value)


def words(value: str) -> str:
    """RFC 2047 decoding. Adjacent words of one charset are joined as bytes first: clients cut characters."""
    if "=?" not in value:
        return value
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    end = 0

    def flush() -> None:
        if pending:
            out.append(decode(b"".join(pending), charset).text)
            pending.clear()

    for found in _WORD.finditer(value):
        between = value[end : found.start()]
        data = _word_bytes(found[2], found[3])
        if between.strip() or not end:
            flush()
            out.append(between)
        elif found[1].lower() != charset:
            flush()
        charset = found[1].lower()
        pending.append(data)
        end = found.end()
    flush()
    out.append(value[end:])
    return "".join(out)


def _word_bytes(kind: str, data: str) -> bytes:
    raw = data.encode("utf-8", "surrogateescape")
    if kind in "bB":
        return _base64(raw)
    return re.sub(rb"=([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), raw.replace(b"_", b" ")).removesuffix(b"=")


def _base64(raw: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    try:
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return raw


@lru_cache(maxsize=4096)
def address(value: str) -> str:
    """The normal form of an address a stranger wrote; "" when it is none at all.

    Lenient: what the validator refuses but looks like an address is kept in lower case, so
    that a customer with an odd mailbox is still answered.
    """
    value = value.strip().strip("<>").strip()
    if value[:7].lower() == "mailto:":
        value = value[7:].partition("?")[0]
    try:
        return normalised(value)
    except InvalidAddress:
        odd = _LOOSE_ADDRESS.fullmatch(re.sub(r"\s+", "", value)) or _LOOSE_ADDRESS.match(value)
        return odd[0].lower() if odd else ""


def parties(values: Iterable[str], hint: str = "") -> list[Party]:
    """Everybody in address fields, in order, each address once."""
    found: dict[str, Party] = {}
    for value in values:
        for party in _field(value, hint) if len(value) <= SHORT else _parties(value, hint):
            if party.value not in found and len(found) < MAX_PARTIES:
                found[party.value] = party
    return list(found.values())


def _parties(value: str, hint: str) -> tuple[Party, ...]:
    found: list[Party] = []
    for name, raw in _pairs(unfold(eight_bit(value, hint))):
        mail = address(words(raw))
        if mail and len(found) < MAX_PARTIES:
            found.append(Party(AddressKind.EMAIL, mail, _name(name, mail)))
    return tuple(found)


_field = lru_cache(maxsize=1024)(_parties)
"""Remembered: the same few fields of a mail are asked for from several sides, and most mail is addressed to us."""


def _pairs(value: str) -> Sequence[tuple[str, str]]:
    try:
        pairs = getaddresses([value])
    except (RecursionError, ValueError, IndexError):  # comments nested a thousand deep
        return [("", match[0]) for match in _LOOSE_ADDRESS.finditer(value)]
    if any("@" in mail for _, mail in pairs):
        return pairs
    return [("", match[0]) for match in _LOOSE_ADDRESS.finditer(words(value))]


def _name(name: str, mail: str) -> str:
    """The display name, "" when it only repeats the address."""
    shown = " ".join(tidy(words(name)).split()).strip("'\" ")[:200]
    return "" if shown.lower() == mail else shown


def ids(value: str) -> tuple[str, ...]:
    """Message ids, bare, each once, bounded: the first (the root) and the newest stay."""
    value = unfold(eight_bit(value))
    found = [re.sub(r"\s+", "", match) for match in _ID.findall(value)] or _BARE_ID.findall(value)
    unique = list(dict.fromkeys(tidy(each)[:MAX_ID] for each in found if each))
    if len(unique) > MAX_IDS:
        unique = [unique[0], *unique[-(MAX_IDS - 1) :]]
    return tuple(unique)


def date(value: str, received_at: datetime | None) -> datetime | None:
    """When the sender claims to have written it, UTC; None when absent or absurd.

    Absurd is before 1980 or more than two days after it reached us.
    """
    try:
        at = parsedate_to_datetime(_without_comments(unfold(value)[:400]))
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    latest = (received_at or datetime(2100, 1, 1, tzinfo=UTC)) + timedelta(days=2)
    return at if datetime(1980, 1, 1, tzinfo=UTC) <= at <= latest else None


def _without_comments(value: str) -> str:
    while (shorter := _COMMENT.sub(" ", value)) != value:
        value = shorter
    return value


def parameter(part: Message, name: str, header: str = "content-type") -> str:
    """A parameter of a MIME field: RFC 2231, RFC 2047 inside it, raw bytes, or plain."""
    try:
        value = part.get_param(name, header=header)
    except (ValueError, IndexError, KeyError, TypeError):  # hostile RFC 2231 numbering
        return ""
    if value is None:
        return ""
    if isinstance(value, tuple):
        charset, _, encoded = value
        return tidy(decode(encoded.encode("latin-1", "replace"), charset or "").text)
    plain = value.strip().strip('"')
    if re.match(r"[\w-]+'[\w-]*'.*%", plain):  # RFC 2231 value under a name without the star
        charset, _, encoded = plain.split("'", 2)
        return tidy(decode(unquote_to_bytes(encoded), charset).text)
    return text(plain)
