"""Relay: the SMTP server that carries our mail, an inbox's own or the house's, and asking one whether it would.

An inbox names its own in its `settings` under `relay` (host, port, tls, user), the password
lies sealed in its `secrets` as `relay_password`. Without one the house's HANMARU_RELAY_URL
counts, and without that the sandbox.
"""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from contact.settings import Settings

TLS = ("implicit", "starttls", "none")
"""What an inbox's relay may ask for: from the first byte (RFC 8314), STARTTLS or nothing (RFC 3207), clear text."""
_POLICY = {"implicit": "implicit", "starttls": "required", "none": "none"}
PORTS = {"implicit": 465, "starttls": 587, "none": 25}


@dataclass(frozen=True, slots=True)
class RelayAt:
    """Where a relay is, and on which terms. `tls`: implicit, required, opportunistic or none."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def of_house(settings: Settings) -> RelayAt | None:
    """The house's relay; `smtps://` is TLS from the first byte (RFC 8314)."""
    if not settings.relay_url:
        return None
    url = urlsplit(settings.relay_url)
    secure = url.scheme == "smtps"
    return RelayAt(
        host=url.hostname or "localhost",
        port=url.port or (465 if secure else 587 if url.username else 25),
        tls="implicit" if secure else settings.relay_tls,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
    )


def of_inbox(settings: Mapping[str, Any], secrets: Mapping[str, str]) -> RelayAt | None:
    """An inbox's own relay, when it has one. A TLS setting nobody knows counts as the strictest."""
    named = settings.get("relay")
    if not isinstance(named, Mapping) or not named.get("host"):
        return None
    tls = str(named.get("tls"))
    return RelayAt(
        host=str(named["host"]),
        port=int(named.get("port") or PORTS.get(tls, 587)),
        tls=_POLICY.get(tls, "required"),
        user=str(named.get("user") or ""),
        password=secrets.get("relay_password", ""),
    )


class NoTls(smtplib.SMTPException):
    """TLS is required, and the relay offers no STARTTLS."""


@contextmanager
def connected(relay: RelayAt, seconds: float) -> Iterator[smtplib.SMTP]:
    """Greeted, secured and signed in, ready for a mail; raises `OSError` or `smtplib.SMTPException`."""
    smtp = _connect(relay, seconds)
    try:
        smtp.ehlo()
        _secure(smtp, relay)
        if relay.user:
            _sign_in(smtp, relay)
        yield smtp
        with suppress(OSError):  # whoever hangs up instead of saying goodbye has still answered
            smtp.quit()
    finally:
        smtp.close()


def _connect(relay: RelayAt, seconds: float) -> smtplib.SMTP:
    name = socket.gethostname()
    if relay.tls == "implicit":
        tls = ssl.create_default_context()
        return smtplib.SMTP_SSL(relay.host, relay.port, local_hostname=name, timeout=seconds, context=tls)
    return smtplib.SMTP(relay.host, relay.port, local_hostname=name, timeout=seconds)


def _secure(smtp: smtplib.SMTP, relay: RelayAt) -> None:
    """STARTTLS by the terms; what was said in the clear is forgotten by `starttls` (RFC 3207 section 4.2)."""
    if relay.tls in ("implicit", "none"):
        return
    if smtp.has_extn("starttls"):
        code, words = smtp.starttls(context=ssl.create_default_context() if relay.tls == "required" else _lenient())
        if code != 220:
            raise smtplib.SMTPResponseException(code, words)
        smtp.ehlo()
    elif relay.tls == "required":
        raise NoTls("TLS is required, and the relay offers no STARTTLS")
    elif relay.user:
        raise NoTls("the relay offers no STARTTLS; the password is not sent in the clear")


def _sign_in(smtp: smtplib.SMTP, relay: RelayAt) -> None:
    """smtplib's own sign-in knows ASCII alone; other passwords go by PLAIN in UTF-8 (RFC 4616)."""
    if (relay.user + relay.password).isascii():
        smtp.login(relay.user, relay.password)
        return
    secret = base64.b64encode(f"\0{relay.user}\0{relay.password}".encode()).decode()
    code, words = smtp.docmd("AUTH", f"PLAIN {secret}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, words)


def _lenient() -> ssl.SSLContext:
    """Opportunistic TLS checks no names, as between mail servers (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
