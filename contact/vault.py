"""Secrets at rest: what must be read back (an inbox's password, a TOTP secret) is kept sealed.

Sealed with Fernet (AES-128-CBC and HMAC-SHA256) under a key derived from the house's secret
by HKDF (RFC 5869). A stolen database alone opens nothing; a lost `secret.key` cannot be made
up for, and the sentence then says so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contact.errors import HanmaruError
from contact.settings import Settings

VERSION = "v1:"


class Sealed(HanmaruError):
    """A stored secret cannot be opened: the secret key of this house has changed. Enter the secret again."""

    code = "sealed"


def derive(secret: bytes, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose alone, so that no two uses of the house's secret meet (RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt=None, info=b"hanmaru " + purpose.encode()).derive(secret)


class Vault:
    """Seals and opens short texts."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(derive(secret, "vault")))

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        return cls(settings.secret())

    def seal(self, text: str) -> str:
        return VERSION + self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again; raises `Sealed` when another key, or nobody, sealed it."""
        if not sealed.startswith(VERSION):
            raise Sealed
        try:
            return self._fernet.decrypt(sealed.removeprefix(VERSION).encode()).decode()
        except InvalidToken:
            raise Sealed from None

    def seal_all(self, secrets: Mapping[str, str]) -> str:
        """Several named secrets as one sealed text; empty for none."""
        return self.seal(orjson.dumps(dict(secrets)).decode()) if secrets else ""

    def open_all(self, sealed: str) -> dict[str, str]:
        return dict(orjson.loads(self.open(sealed))) if sealed else {}
