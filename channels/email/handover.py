"""Handing one mail over a connection, and the exact moment from which nobody can know.

The text of a message leaves before the line with the lone dot, and the dot only once the
text is out of our hands (RFC 5321 section 4.1.1.4). Whatever breaks before the dot has handed nothing
over and can be tried again; what breaks between the dot and the answer is `Unsure`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPResponseException, SMTPServerDisconnected

from channels.email.compose import Mailing
from channels.email.status import meaning
from contact import cutoff
from contact.channel import ChannelError, Unsure
from contact.messages import Fault, Who

BLOCK_WAIT = 180.0
"""Seconds for one block of the text to leave (RFC 5321 section 4.5.3.2.5)."""
ANSWER_WAIT = 600.0
"""Seconds for the answer to the dot (RFC 5321 section 4.5.3.2.6)."""
BLOCK = 256 * 1024
_LOST = (SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError, asyncio.IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Handed:
    """The server took it. `refused` are recipients it did not take, with its words."""

    answer: str
    refused: tuple[tuple[str, str], ...]
    exchange: dict[str, Any]


class Gone(Exception):
    """The connection broke before anything was handed over."""


async def transaction(client: aiosmtplib.SMTP, mailing: Mailing, raw: bytes, story: dict[str, Any]) -> Handed:
    """One mail over one connection, from MAIL to the answer to the dot."""
    said: list[str] = []
    story["answers"] = said
    story["tls"] = _tls(client)
    dotted = False
    try:
        refused = await _envelope(client, mailing, raw, said, story)
        cutoff.check()
        answer = await client.execute_command(b"DATA")
        said.append(f"DATA {answer.code} {one_line(answer.message)}")
        if answer.code != 354:
            raise refusal(answer.code, answer.message, "data", story)
        await _text(client, raw)
        if not client.is_connected:
            raise SMTPServerDisconnected("the connection closed during the text")
        cutoff.check()
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
        raise Gone(str(error) or type(error).__name__) from error
    except BaseException:
        client.close()  # cut off in the middle: this connection is of no more use
        raise
    said.append(f". {answer.code} {one_line(answer.message)}")
    if not 200 <= answer.code < 300:
        raise refusal(answer.code, answer.message, "text", story)
    return Handed(one_line(answer.message), tuple(refused), story)


async def _envelope(
    client: aiosmtplib.SMTP, mailing: Mailing, raw: bytes, said: list[str], story: dict[str, Any]
) -> list[tuple[str, str]]:
    """MAIL and RCPT; returns the recipients that were refused besides the first."""
    options, encoding = _options(client, mailing, raw, story), "utf-8" if mailing.smtputf8 else "ascii"
    try:
        answer = await client.mail(mailing.sender, options=options, encoding=encoding)
        said.append(f"MAIL {answer.code} {one_line(answer.message)}")
    except aiosmtplib.SMTPSenderRefused as error:
        said.append(f"MAIL {error.code} {one_line(error.message)}")
        raise refusal(error.code, error.message, "mail", story) from error
    refused: list[tuple[str, str]] = []
    for recipient in mailing.recipients:
        try:
            answer = await client.rcpt(recipient, encoding=encoding)
            said.append(f"RCPT {recipient} {answer.code} {one_line(answer.message)}")
        except aiosmtplib.SMTPRecipientRefused as error:
            said.append(f"RCPT {recipient} {error.code} {one_line(error.message)}")
            if recipient == mailing.recipients[0]:
                raise refusal(error.code, error.message, "rcpt", story) from error
            refused.append((recipient, f"{error.code} {one_line(error.message)}"))
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


def refusal(code: int, words: str, stage: str, story: dict[str, Any]) -> ChannelError:
    """A server's no. What concerns the sender is our configuration only where MAIL was refused."""
    told = meaning(code, words)
    fault, who = told.fault, told.who
    if stage == "mail" and not told.passing and fault in (Fault.ADDRESS_UNREACHABLE, Fault.ADDRESS_INVALID):
        fault, who = Fault.CONFIG, Who.US
    elif stage != "mail" and fault in (Fault.AUTH, Fault.CONFIG):
        fault = Fault.CONTENT_REJECTED
    return ChannelError(
        f"The relay said: {code} {one_line(words)}",
        fault=fault,
        retryable=told.passing,
        who=who,
        code=told.code,
        exchange={**story, "stage": stage},
        alone=True,  # the relay speaks with us, and speaks of this mail
    )


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Make the connection ready for the next mail; one that cannot be is closed."""
    if client.is_connected:
        try:
            await client.rset(timeout=10)
        except (aiosmtplib.SMTPException, OSError):
            client.close()


def _tls(client: aiosmtplib.SMTP) -> str:
    if not client.is_connected:
        return ""
    shell = client.get_transport_info("ssl_object")
    return str(shell.version()) if shell is not None else "none"


def one_line(message: str) -> str:
    return " ".join(message.split())[:500]
