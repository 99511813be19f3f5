"""A key to sign mail with, and the DNS record that lets everybody check it (RFC 6376)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contact import address
from contact.errors import Conflict, Invalid

BITS = 2048
"""RFC 8301 §3.2 wants 1024 at least and says 2048; Gmail counts shorter keys as none."""
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
CHUNK = 255
"""Bytes one string of a TXT record holds (RFC 1035 §3.3.14); longer ones stand in several."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Where the key lies, and the TXT record that belongs to it: its name and its strings."""

    path: Path
    name: str
    strings: tuple[str, ...]


def make(folder: Path, domain: str, selector: str) -> SigningKey:
    """A new key in `folder`, readable by its owner alone; raises `Invalid`, or `Conflict` where there is one."""
    domain = address.email(f"x@{domain}").removeprefix("x@")
    if not _SELECTOR.fullmatch(selector):
        raise Invalid("A selector is made of small letters, digits and hyphens.")
    key = rsa.generate_private_key(65537, BITS)
    path = folder / f"dkim-{selector}.{domain}.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise Conflict(f"{path} is there already. Choose another selector for a new key.") from None
    path.write_bytes(pem)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    strings = tuple(record[at : at + CHUNK] for at in range(0, len(record), CHUNK))
    return SigningKey(path, f"{selector}._domainkey.{domain}", strings)
