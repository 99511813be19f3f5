"""Where a provider fetches our pictures: a signed address that expires. Pure.

An MMS carries no bytes but addresses, which Twilio fetches without signing in. So each is signed for one
file of one delivery, and ends when no provider can want it any more.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer

from contact.text import storable

LASTS = 24 * 3600
"""Seconds. Twilio fetches at once, or when the message comes to the head of its queue (10 hours at most)."""
PLACE = "/sms/files"


class Pictures:
    """Makes and reads the addresses. `public` is how the world reaches us."""

    def __init__(self, public: str, key: bytes) -> None:
        self._public = public.rstrip("/")
        self._signer = URLSafeTimedSerializer(key, salt="sms picture")

    def url(self, delivery_id: int, position: int, name: str) -> str:
        token = self._signer.dumps([delivery_id, position])
        return f"{self._public}{PLACE}/{token}/{quote(str(storable(name))[-80:] or 'file', safe='')}"

    def read(self, token: str) -> tuple[int, int] | None:
        """Delivery and position of the file; None when we did not make this, or too long ago."""
        try:
            delivery_id, position = self._signer.loads(token, max_age=LASTS)
        except (BadSignature, TypeError, ValueError):
            return None
        return int(delivery_id), int(position)


def reachable(public: str, base_url: str = "") -> bool:
    """Whether a provider can call us at `public`. Where the provider itself runs on this machine, loopback will do."""
    host = urlsplit(public).hostname or ""
    return _is_public(host) or (bool(base_url) and not _is_public(urlsplit(base_url).hostname or ""))


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".") and not host.lower().endswith((".local", ".localhost", ".internal"))
