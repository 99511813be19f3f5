"""The signature of the receive hook: HMAC-SHA256 over time, URL and body (RFC 2104).

    X-Hanmaru-Signature: t=1763785000,v1=<hex of HMAC(secret, "1763785000\\n<URL>\\n" + body)>

The time stands against replay: a request heard on the line is worth nothing a few minutes
later. The shell script `faxrcvd` makes the same with openssl.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from contact.channel import Forged

HEADER: Final = "X-Hanmaru-Signature"
AGE: Final = 300
"""Seconds the two clocks may differ, the way included."""
_FORM: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, at: int, url: str, body: bytes) -> str:
    """The header's value."""
    said = f"{at}\n{url}\n".encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()}"


def check(secret: str, given: str, url: str, body: bytes, now: float) -> None:
    """Raise `Forged` unless our own fax server said this, just now."""
    if not secret:
        raise Forged("This inbox has no secret for the receive hook.")
    found = _FORM.fullmatch(given)
    if found is None:
        raise Forged("The fax server did not sign this.")
    if not hmac.compare_digest(sign(secret, int(found[1]), url, body), given):
        raise Forged("The signature does not fit: is the secret the same, and the address of the house?")
    if abs(now - int(found[1])) > AGE:
        raise Forged("The signature is too old, or the clocks differ.")
