"""The way out to one SMTP server: a few connections kept open, secured and signed in."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPResponseException

from channels.email.compose import Mailing
from channels.email.handover import Gone, Handed, one_line, transaction
from channels.email.status import meaning
from contact.channel import ChannelError
from contact.messages import Fault, Who

CONNECT_WAIT = 30.0
COMMAND_WAIT = 120.0
FRESH = 20.0
"""Seconds a connection may rest before it is asked (NOOP) whether it still lives."""
REST = 240.0
"""Seconds of rest after which a connection is closed: servers close theirs after 300."""
MAILS = 200
"""Mails over one connection; then a new one, so that load spreads behind a balancer."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which server, and on which terms. `tls`: implicit, required, opportunistic or none."""

    host: str
    port: int
    tls: str = "opportunistic"
    user: str = ""
    password: str = field(default="", repr=False)
    connections: int = 4
    hello: str = "localhost"
    """The name we greet with."""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class _Line:
    """One open connection."""

    client: aiosmtplib.SMTP
    mails: int = 0
    rested: float = 0.0


class Relay:
    """A pool of connections to one server; belongs to one event loop."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._slots = asyncio.Semaphore(target.connections)
        self._resting: list[_Line] = []
        self._closed = False

    async def send(self, mailing: Mailing, raw: bytes) -> Handed:
        """Hand one mail over. The first recipient is the one it is for: refused there, nothing is sent.

        Raises `ChannelError` when nothing was handed over, `Unsure` when that is not known.
        """
        story: dict[str, Any] = {
            "relay": self.target.place,
            "sender": mailing.sender,
            "recipients": list(mailing.recipients),
            "bytes": len(raw),
        }
        async with self._slots:
            for last in (False, True):
                async with self._line(story, fresh=last) as line:
                    try:
                        return await transaction(line.client, mailing, raw, story)
                    except Gone as gone:
                        if last or not line.mails:
                            raise self._unreachable(gone, story) from gone
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Say goodbye on all resting connections; those that are at work are closed when they are done."""
        self._closed = True
        lines, self._resting = self._resting, []
        await asyncio.gather(*(_quit(line) for line in lines))

    def _unreachable(self, cause: BaseException, story: dict[str, Any]) -> ChannelError:
        words = str(cause) or type(cause).__name__
        return ChannelError(
            f"The relay {self.target.place} cannot be reached: {words}",
            fault=Fault.TIMEOUT if isinstance(cause, TimeoutError) else Fault.PROVIDER_DOWN,
            retryable=True,
            exchange=story,
        )

    @contextlib.asynccontextmanager
    async def _line(self, story: dict[str, Any], fresh: bool) -> AsyncIterator[_Line]:
        """A connection for one mail; rests afterwards unless something went wrong with it."""
        line = (None if fresh else await self._rested()) or await self.open(story)
        try:
            yield line
        finally:
            line.mails += 1
            line.rested = time.monotonic()
            if line.client.is_connected and line.mails < MAILS and not self._closed:
                self._resting.append(line)
            else:
                line.client.close()

    async def _rested(self) -> _Line | None:
        """The connection that rested least and still lives."""
        while self._resting:
            line = self._resting.pop()
            rest = time.monotonic() - line.rested
            if rest > REST or not line.client.is_connected:
                line.client.close()
            elif rest < FRESH or await _lives(line):
                return line
        return None

    async def open(self, story: dict[str, Any]) -> _Line:
        """A new connection, secured and signed in; raises `ChannelError`."""
        target = self.target
        client = aiosmtplib.SMTP(
            hostname=target.host,
            port=target.port,
            use_tls=target.tls == "implicit",
            start_tls=False,
            local_hostname=target.hello,
            timeout=CONNECT_WAIT,
        )
        try:
            await client.connect()
            client.timeout = COMMAND_WAIT
            await self._secure(client)
            await self._sign_in(client)
        except SMTPResponseException as error:
            client.close()
            raise self._refused_at_door(error, story) from error
        except ssl.SSLCertVerificationError as error:
            client.close()
            reason = f"The relay {target.place} shows a certificate that cannot be trusted: {error.verify_message}"
            raise ChannelError(reason, fault=Fault.CONFIG, retryable=True, who=Who.US, exchange=story) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise self._unreachable(error, story) from error
        except BaseException:
            client.close()
            raise
        return _Line(client)

    async def _secure(self, client: aiosmtplib.SMTP) -> None:
        """TLS by the policy. Opportunistic TLS asks for no certificate (RFC 7435): it beats clear text."""
        await client.ehlo()
        if self.target.tls in ("implicit", "none"):
            return
        offered = client.supports_extension("starttls")
        if not offered and self.target.tls == "required":
            raise ChannelError(
                f"The relay {self.target.place} offers no TLS, which is required.", fault=Fault.CONFIG, who=Who.US
            )
        if offered:
            await client.starttls(validate_certs=self.target.tls == "required")
            await client.ehlo()

    async def _sign_in(self, client: aiosmtplib.SMTP) -> None:
        if not self.target.user:
            return
        clear = client.get_transport_info("sslcontext") is None
        if clear and self.target.tls != "none":
            raise ChannelError(
                f"The relay {self.target.place} offers no TLS; the password is not sent in the clear.",
                fault=Fault.CONFIG,
                who=Who.US,
            )
        if not client.supports_extension("auth"):
            raise ChannelError(f"The relay {self.target.place} takes no sign-in.", fault=Fault.CONFIG, who=Who.US)
        await client.login(self.target.user, self.target.password)

    def _refused_at_door(self, error: SMTPResponseException, story: dict[str, Any]) -> ChannelError:
        """Refused before any mail was spoken of: a permanent word here means our configuration."""
        told = meaning(error.code, error.message)
        auth = isinstance(error, aiosmtplib.SMTPAuthenticationError) or told.fault is Fault.AUTH
        fault = told.fault if told.passing else Fault.AUTH if auth else Fault.CONFIG
        who = Who.PROVIDER if told.passing else Who.US
        reason = f"The relay {self.target.place} said: {error.code} {one_line(error.message)}"
        return ChannelError(
            reason, fault=fault, retryable=told.passing, who=who, code=told.code, exchange={**story, "stage": "connect"}
        )


async def _lives(line: _Line) -> bool:
    try:
        return (await line.client.noop(timeout=10)).code == 250
    except (aiosmtplib.SMTPException, OSError):
        line.client.close()
        return False
    except BaseException:
        line.client.close()
        raise


async def _quit(line: _Line) -> None:
    try:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await line.client.quit(timeout=3)
    finally:  # also when the goodbye is cut off
        line.client.close()
