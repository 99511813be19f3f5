"""DKIM signatures (RFC 6376, RFC 8463) for thousands of mails: OpenSSL does the arithmetic.

dkimpy (`channels/email/dkim.py`), which signs ordinary mail, spends three times as long on a signature as the
RSA in it takes. This one knows only our own mails: fields are given, nothing is parsed. Tests let dkimpy verify it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from channels.email.dkim import Signer

_SIGNED = frozenset(
    b"from to reply-to subject date message-id list-unsubscribe list-unsubscribe-post mime-version "
    b"content-type content-transfer-encoding".split()
)
Field = tuple[bytes, bytes]
"""A name in lower case, and the value as it will stand, folds and all."""


class Seal:
    """One key of one domain. The body must end with one CRLF."""

    def __init__(self, signer: Signer) -> None:
        self._key = _key(signer)
        algorithm = signer.algorithm.decode()
        domain = signer.domain.encode("idna").decode()
        self._head = f"v=1; a={algorithm}; c=relaxed/simple; d={domain}; s={signer.selector}; t="

    def field(self, fields: Sequence[Field], body: bytes, at: int) -> bytes:
        """The whole DKIM-Signature field. `at`: seconds since 1970."""
        signed = [one for one in fields if one[0] in _SIGNED]
        names = b":".join([*(name for name, _ in signed), b"from"]).decode()  # nobody can add a second From
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        value = f"{self._head}{at};\r\n h={names};\r\n bh={digest};\r\n b=".encode()
        head = b"".join(b"%b:%b\r\n" % (name, b" ".join(given.split())) for name, given in signed)
        mark = base64.b64encode(self._sign(head + b"dkim-signature:" + b" ".join(value.split())))
        folded = b"\r\n ".join(mark[start : start + 72] for start in range(0, len(mark), 72))
        return b"DKIM-Signature: " + value + folded + b"\r\n"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(hashlib.sha256(data).digest())


def _key(signer: Signer) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    if signer.algorithm == b"ed25519-sha256":
        return ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(signer.key))
    key = load_pem_private_key(signer.key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
