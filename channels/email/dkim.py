"""DKIM signatures (RFC 6376, Ed25519 by RFC 8463) with dkimpy, the reference implementation."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dkim

_SIGNED = [
    b"from",
    b"from",  # once more than there are: nobody can add a second one
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"auto-submitted",
    b"list-unsubscribe",  # RFC 8058 section 4: both must be covered
    b"list-unsubscribe-post",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
]
_ED25519_DER = bytes.fromhex("302e020100300506032b657004220420")


class BadKey(ValueError):
    """The DKIM key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One key of one domain, ready to sign."""

    domain: str
    selector: str
    key: bytes
    """PEM for RSA; base64 of the 32-byte seed for Ed25519, as dkimpy wants them."""
    algorithm: bytes

    def sign(self, raw: bytes, at: datetime | None) -> bytes:
        """`raw` with a DKIM-Signature on top. `at` is when the message was made: each try signs the same bytes."""
        maker = _At(raw, at)
        header: bytes = maker.sign(
            self.selector.encode(),
            self.domain.encode("idna"),
            self.key,
            signature_algorithm=self.algorithm,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=_present(raw),
        )
        return header.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + raw


def signer(domain: str, selector: str, pem: bytes) -> Signer:
    """Read a PEM private key, RSA (PKCS#1 or #8) or Ed25519 (PKCS#8); raises `BadKey`."""
    seed = _ed25519_seed(pem)
    made = Signer(domain, selector, seed or pem, b"ed25519-sha256" if seed else b"rsa-sha256")
    try:
        made.sign(b"From: a@example.org\r\n\r\n", None)
    except (dkim.DKIMException, ValueError, KeyError, TypeError) as error:
        raise BadKey(f"The DKIM key cannot sign: {error}") from error
    return made


class _At(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's signer with the time of the message instead of the time of the try."""

    def __init__(self, raw: bytes, at: datetime | None) -> None:
        super().__init__(raw)
        self._at = at

    def gen_header(self, fields: list[tuple[bytes, bytes]], *args: Any, **kwargs: Any) -> Any:
        if self._at is not None:
            stamp = str(int(self._at.timestamp())).encode()
            fields = [(name, stamp if name == b"t" else value) for name, value in fields]
        return super().gen_header(fields, *args, **kwargs)


def _present(raw: bytes) -> list[bytes]:
    head = raw.partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].strip().lower() for line in re.split(rb"\r\n(?![ \t])", head)}
    return [name for name in _SIGNED if name in names]


def _ed25519_seed(pem: bytes) -> bytes:
    """The seed in base64 when the PEM holds an Ed25519 key (RFC 8410), else nothing."""
    body = re.search(rb"-----BEGIN PRIVATE KEY-----(.+?)-----END", pem, re.DOTALL)
    if not body:
        return b""
    try:
        der = base64.b64decode(body[1])
    except ValueError:
        return b""
    return base64.b64encode(der[16:48]) if der.startswith(_ED25519_DER) else b""
