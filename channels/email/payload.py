"""The bytes of a MIME part: decoded, or as they stood (RFC 2045). Lenient, because senders are not exact."""

from __future__ import annotations

import binascii
import quopri
import re
from email.generator import BytesGenerator
from email.message import Message
from io import BytesIO

from channels.email.headers import RAW, first


def payload(part: Message) -> bytes:
    """The decoded bytes of a leaf, whatever its transfer encoding is spelt like."""
    body = vars(part).get("_payload")  # get_payload() would read 8-bit bytes by their label, wrongly and for good
    if not isinstance(body, str):
        return b""
    raw = body.encode("utf-8", "surrogateescape")
    encoding = first(part, "content-transfer-encoding").strip(" \t\"';").lower()
    if encoding.startswith("quoted"):
        return quopri.decodestring(raw)
    if encoding.startswith("base64"):
        return _base64(raw)
    if "uue" in encoding or "uuencode" in encoding:
        return uudecoded(raw.decode("latin-1")) or raw
    return raw


def as_file(message: Message) -> bytes:
    """A nested mail as it stood, ready to be opened by a mail program."""
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, policy=RAW).flatten(message)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return payload(message)
    return out.getvalue()


def _base64(raw: bytes) -> bytes:
    """Lenient: foreign characters skipped, a lost tail costs only the tail."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        return binascii.a2b_base64(clean[: len(clean) - len(clean) % 4] + _tail(clean))


def _tail(clean: bytes) -> bytes:
    rest = clean[len(clean) - len(clean) % 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def uudecoded(body: str) -> bytes:
    out = []
    for line in body.splitlines():
        if line.startswith("begin ") or not line.strip() or line == "end":
            continue
        try:
            out.append(binascii.a2b_uu(line.encode("latin-1", "replace")))
        except binascii.Error:
            # encoders that count trailing blanks: take as many characters as the length byte promises
            wanted = (((ord(line[0]) - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:wanted].encode("latin-1", "replace")))
            except binascii.Error:
                return b""
    return b"".join(out)
