"""DKIM signatures (RFC 6376, RFC 8463) for thousands of mails: OpenSSL does the arithmetic.

dkimpy (`channels/email/dkim.py`), which signs ordinary mail, spends three times as long on a signature as the
RSA in it takes. This one knows only our own mails: fields are given, nothing is parsed. Tests let dkimpy verify it.
What is signed and the arithmetic are two steps, so that the second can run beside the loop.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from channels.email.dkim import Signer
from channels.email.stencil import Field

_SIGNED = frozenset(
    b"from to reply-to subject date message-id list-unsubscribe list-unsubscribe-post mime-version "
    b"content-type content-transfer-encoding".split()
)
_PADDING, _HASH = padding.PKCS1v15(), hashes.SHA256()


class Unsigned(NamedTuple):
    """The value of a DKIM-Signature up to its last tag, and what that tag is to sign."""

    value: bytes
    data: bytes


class Seal:
    """One key of one domain."""

    def __init__(self, signer: Signer) -> None:
        self._key = _key(signer)
        algorithm = signer.algorithm.decode()
        domain = signer.domain.encode("idna").decode()
        self._head = f"v=1; a={algorithm}; c=relaxed/simple; d={domain}; s={signer.selector}; t=".encode()

    def secret(self) -> bytes:
        """An RSA key (DER), for the process that signs; nothing of any other kind."""
        if not isinstance(self._key, rsa.RSAPrivateKey):
            return b""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def unsigned(self, fields: Sequence[Field], body: bytes, at: int) -> Unsigned:
        """What is to be signed. `at`: seconds since 1970. The body ends with one CRLF (RFC 6376 section 3.4.3)."""
        signed = [one for one in fields if one[0] in _SIGNED]
        names = b":".join([name for name, _ in signed])
        digest = base64.b64encode(hashlib.sha256(body).digest())
        # `from` once more than there is: nobody can add a second one
        value = b"%b%d;\r\n h=%b:from;\r\n bh=%b;\r\n b=" % (self._head, at, names, digest)
        head = b"".join([b"%b:%b\r\n" % (name, b" ".join(given.split())) for name, given in signed])
        return Unsigned(value, b"%bdkim-signature:%b" % (head, b" ".join(value.split())))

    def sign(self, data: bytes) -> bytes:
        """The arithmetic: a quarter of a millisecond for RSA, in any thread, the interpreter free meanwhile."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, _PADDING, _HASH)
        return self._key.sign(hashlib.sha256(data).digest())

    def field(self, unsigned: Unsigned, signature: bytes) -> bytes:
        """The whole DKIM-Signature field."""
        mark = base64.b64encode(signature)
        folded = b"\r\n ".join([mark[start : start + 72] for start in range(0, len(mark), 72)])
        return b"DKIM-Signature: %b%b\r\n" % (unsigned.value, folded)


def _key(signer: Signer) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    if signer.algorithm == b"ed25519-sha256":
        return ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(signer.key))
    key = load_pem_private_key(signer.key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
