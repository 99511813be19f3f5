"""IMAP over STARTTLS (RFC 3501 section 6.2.1): clear text up to the handshake, and nothing of it remembered.

Whoever sits on the line can write into the clear part. So it is spoken by a protocol of its
own: whatever comes behind the server's yes ends the attempt (CVE-2011-0411), so does a server
that claims we are signed in already (PREAUTH), and the IMAP client first wakes up inside TLS,
where it asks for the capabilities anew.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import aioimaplib
from aioimaplib.aioimaplib import IMAP4ClientProtocol

MOST = 16 * 1024
"""Bytes a server may say before TLS."""


class Refused(Exception):
    """No TLS is to be had here; the sentence says why. Nothing secret was said."""


class StartTls(aioimaplib.IMAP4):  # type: ignore[misc]  # the library has no types
    """aioimaplib's client, which knows TLS only from the first byte, behind a STARTTLS of ours."""

    def create_client(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop | None,
        conn_lost_cb: Callable[[Exception | None], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        loop = loop or asyncio.get_running_loop()
        self.protocol = IMAP4ClientProtocol(loop, conn_lost_cb)
        context = ssl_context or ssl.create_default_context()
        self._client_task = loop.create_task(_connect(self.protocol, host, port, context))


class _Clear(asyncio.Protocol):
    """The clear part, line by line."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._rest = b""
        self._heard = 0

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard > MOST:
            self.connection_lost(None)
            return
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            self._lines.put_nowait(line)

    def connection_lost(self, _error: Exception | None) -> None:
        self._lines.put_nowait(b"")

    async def line(self) -> bytes:
        """The next line; raises `Refused` when none can come any more."""
        line = await self._lines.get()
        if not line:
            raise Refused("The mail server closed the connection, or does not speak IMAP.")
        return line

    async def answer(self, tag: bytes) -> list[bytes]:
        """The lines up to the tagged answer, which is the last."""
        lines = [await self.line()]
        while not lines[-1].startswith(tag + b" "):
            lines.append(await self.line())
        return lines

    @property
    def said_more(self) -> bool:
        return bool(self._rest) or not self._lines.empty()


async def _connect(protocol: asyncio.Protocol, host: str, port: int, context: ssl.SSLContext) -> None:
    """Connect, ask for TLS, shake hands, and only then let `protocol` listen."""
    loop = asyncio.get_running_loop()
    transport, clear = await loop.create_connection(_Clear, host, port)
    try:
        await _ask(transport, clear)
        secured = await loop.start_tls(transport, protocol, context, server_hostname=host)
        if secured is None:
            raise ConnectionResetError("closed during the TLS handshake")
    except BaseException:
        transport.abort()
        raise
    protocol.connection_made(secured)
    protocol.data_received(b"* OK TLS\r\n")  # no greeting follows STARTTLS, and the client waits for one


async def _ask(transport: asyncio.WriteTransport, clear: _Clear) -> None:
    """From the greeting to the server's yes; raises `Refused`."""
    greeting = await clear.line()
    if not greeting.upper().startswith(b"* OK"):
        raise Refused(f"The mail server does not wait for a sign-in, so no TLS can be begun: {_words(greeting)}")
    transport.write(b"A1 CAPABILITY\r\n")
    offers = [line.upper().split() for line in await clear.answer(b"A1")]
    if not any(b"STARTTLS" in words for words in offers if words[:2] == [b"*", b"CAPABILITY"]):
        raise Refused("The mail server offers no STARTTLS; the password is not sent in the clear.")
    transport.write(b"A2 STARTTLS\r\n")
    answer = (await clear.answer(b"A2"))[-1]
    if not answer.upper().startswith(b"A2 OK"):
        raise Refused(f"The mail server refuses STARTTLS: {_words(answer[3:])}")
    if clear.said_more:
        raise Refused("Something was said in the clear after STARTTLS; somebody may sit on the line.")


def _words(line: bytes) -> str:
    return line[:200].decode("utf-8", "replace")
