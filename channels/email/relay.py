"""The way out to one SMTP server: a few connections kept open, and the exact moment of handing over.

The text of a message leaves before the line with the lone dot, and the dot only once the
text is out of our hands (RFC 5321 section 4.1.1.4). Whatever breaks before the dot has handed nothing
over and can be tried again; what breaks between the dot and the answer is `Unsure`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPResponseException, SMTPServerDisconnected

from channels.email.compose import Mailing
from channels.email.status import meaning
from contact.channel import ChannelError, Unsure
from contact.messages import Fault, Who

CONNECT_WAIT = 30.0
COMMAND_WAIT = 120.0
BLOCK_WAIT = 180.0
"""Seconds for one block of the text to leave (RFC 5321 section 4.5.3.2.5)."""
ANSWER_WAIT = 600.0
"""Seconds for the answer to the dot (RFC 5321 section 4.5.3.2.6)."""
BLOCK = 256 * 1024
FRESH = 20.0
"""Seconds a connection may rest before it is asked (NOOP) whether it still lives."""
REST = 240.0
"""Seconds of rest after which a connection is closed: servers close theirs after 300."""
MAILS = 200
"""Mails over one connection; then a new one, so that load spreads behind a balancer."""

_LOST = (SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError, asyncio.IncompleteReadError)


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


@dataclass(frozen=True, slots=True)
class Handed:
    """The server took it. `refused` are recipients it did not take, with its words."""

    answer: str
    refused: tuple[tuple[str, str], ...]
    exchange: dict[str, Any]


class _Gone(Exception):
    """The connection broke before anything was handed over."""


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
                        return await _transaction(line, mailing, raw, story)
                    except _Gone as gone:
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
        line = (None if fresh else await self._rested()) or await self._open(story)
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

    async def _open(self, story: dict[str, Any]) -> _Line:
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
        reason = f"The relay {self.target.place} said: {error.code} {_words(error.message)}"
        return ChannelError(
            reason, fault=fault, retryable=told.passing, who=who, code=told.code, exchange={**story, "stage": "connect"}
        )


async def _transaction(line: _Line, mailing: Mailing, raw: bytes, story: dict[str, Any]) -> Handed:
    """One mail over one connection, from MAIL to the answer to the dot."""
    client = line.client
    said: list[str] = []
    story["answers"] = said
    story["tls"] = _tls(client)
    dotted = False
    try:
        refused = await _envelope(client, mailing, raw, said, story)
        answer = await client.execute_command(b"DATA")
        said.append(f"DATA {answer.code} {_words(answer.message)}")
        if answer.code != 354:
            raise _refused(answer.code, answer.message, "data", story)
        await _text(client, raw)
        if not client.is_connected:
            raise SMTPServerDisconnected("the connection closed during the text")
        dotted = True
        answer = await client.execute_command(b".", timeout=ANSWER_WAIT)
    except ChannelError:
        await _reset(client)
        raise
    except (*_LOST, SMTPResponseException) as error:
        client.close()
        if dotted:
            story["lost"] = str(error) or type(error).__name__
            raise Unsure("The connection broke after the mail was handed over, before the answer.", story) from error
        raise _Gone(str(error) or type(error).__name__) from error
    except BaseException:
        client.close()  # cancelled in the middle: this connection is of no more use
        raise
    said.append(f". {answer.code} {_words(answer.message)}")
    if not 200 <= answer.code < 300:
        raise _refused(answer.code, answer.message, "text", story)
    return Handed(_words(answer.message), tuple(refused), story)


async def _envelope(
    client: aiosmtplib.SMTP, mailing: Mailing, raw: bytes, said: list[str], story: dict[str, Any]
) -> list[tuple[str, str]]:
    """MAIL and RCPT; returns the recipients that were refused besides the first."""
    options, encoding = _options(client, mailing, raw, story), "utf-8" if mailing.smtputf8 else "ascii"
    try:
        answer = await client.mail(mailing.sender, options=options, encoding=encoding)
        said.append(f"MAIL {answer.code} {_words(answer.message)}")
    except aiosmtplib.SMTPSenderRefused as error:
        said.append(f"MAIL {error.code} {_words(error.message)}")
        raise _refused(error.code, error.message, "mail", story) from error
    refused: list[tuple[str, str]] = []
    for recipient in mailing.recipients:
        try:
            answer = await client.rcpt(recipient, encoding=encoding)
            said.append(f"RCPT {recipient} {answer.code} {_words(answer.message)}")
        except aiosmtplib.SMTPRecipientRefused as error:
            said.append(f"RCPT {recipient} {error.code} {_words(error.message)}")
            if recipient == mailing.recipients[0]:
                raise _refused(error.code, error.message, "rcpt", story) from error
            refused.append((recipient, f"{error.code} {_words(error.message)}"))
    return refused


def _options(client: aiosmtplib.SMTP, mailing: Mailing, raw: bytes, story: dict[str, Any]) -> list[str]:
    """What MAIL must say; refuses here what this server could never take."""
    options = []
    if client.supports_extension("size"):
        limit = client.esmtp_extensions.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(raw):
            raise ChannelError(
                f"The mail is too large for the relay: {len(raw)} of {limit} bytes.",
                fault=Fault.TOO_LONG, who=Who.US, code="5.3.4", exchange=story,
            )  # fmt: skip
        options.append(f"SIZE={len(raw)}")
    if not raw.isascii() and client.supports_extension("8bitmime"):
        options.append("BODY=8BITMIME")
    if mailing.smtputf8:
        if not client.supports_extension("smtputf8"):
            raise ChannelError(
                "The relay cannot carry addresses with letters beyond ASCII before the @.",
                fault=Fault.ADDRESS_UNREACHABLE, who=Who.PROVIDER, code="5.6.7", exchange=story,
            )  # fmt: skip
        options.append("SMTPUTF8")
    return options


async def _text(client: aiosmtplib.SMTP, raw: bytes) -> None:
    """The text with dots doubled (RFC 5321 section 4.5.2); returns when the last byte has left us."""
    data = raw.replace(b"\r\n.", b"\r\n..")
    data = (b"." if data.startswith(b".") else b"") + data + (b"" if data.endswith(b"\r\n") else b"\r\n")
    for start in range(0, len(data), BLOCK):
        if client.protocol is None:
            break
        client.protocol.write(data[start : start + BLOCK])
        await _left(client, at_most=0 if start + BLOCK >= len(data) else BLOCK)


async def _left(client: aiosmtplib.SMTP, at_most: int) -> None:
    """Wait until no more than `at_most` bytes are still with us. A short mail is gone at once."""
    end, pause = time.monotonic() + BLOCK_WAIT, 0.001
    while (transport := client.transport) is not None and not transport.is_closing():
        if not isinstance(transport, asyncio.WriteTransport) or transport.get_write_buffer_size() <= at_most:
            return
        if time.monotonic() > end:
            raise aiosmtplib.SMTPTimeoutError("the relay stopped reading")
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.05)


def _refused(code: int, words: str, stage: str, story: dict[str, Any]) -> ChannelError:
    """A server's no. What concerns the sender is our configuration only where MAIL was refused."""
    told = meaning(code, words)
    fault, who = told.fault, told.who
    if stage == "mail" and not told.passing and fault in (Fault.ADDRESS_UNREACHABLE, Fault.ADDRESS_INVALID):
        fault, who = Fault.CONFIG, Who.US
    elif stage != "mail" and fault in (Fault.AUTH, Fault.CONFIG):
        fault = Fault.CONTENT_REJECTED
    return ChannelError(
        f"The relay said: {code} {_words(words)}",
        fault=fault,
        retryable=told.passing,
        who=who,
        code=told.code,
        exchange={**story, "stage": stage},
    )


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Make the connection ready for the next mail; one that cannot be is closed."""
    if client.is_connected:
        try:
            await client.rset(timeout=10)
        except (aiosmtplib.SMTPException, OSError):
            client.close()


async def _lives(line: _Line) -> bool:
    try:
        return (await line.client.noop(timeout=10)).code == 250
    except (aiosmtplib.SMTPException, OSError):
        line.client.close()
        return False


async def _quit(line: _Line) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await line.client.quit(timeout=3)
    line.client.close()


def _tls(client: aiosmtplib.SMTP) -> str:
    if not client.is_connected:
        return ""
    shell = client.get_transport_info("ssl_object")
    return str(shell.version()) if shell is not None else "none"


def _words(message: str) -> str:
    return " ".join(message.split())[:500]
