"""The SMTP server's side of a connection: how many there may be, and DATA without a loop over lines."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter

from aiosmtpd.smtp import SMTP

FROM_ONE = 50
"""Connections from one address at the same time."""
AT_ALL = 300
"""Connections at the same time."""
SILENCE = 300.0
"""Seconds a client may say nothing (RFC 5321 section 4.5.3.2.7)."""
BUFFER = 128 * 1024
"""Bytes a client may send ahead. Lines of mail may have any length: refusing them would lose mail."""
READ = 16 * BUFFER
"""More than the buffer can ever hold, so that one read empties it."""
END = b"\r\n.\r\n"


class Doors:
    """Who is connected."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._open: set[Protocol] = set()
        self.closed = False

    def enter(self, one: Protocol, peer: str) -> bool:
        if self.closed or len(self._open) >= AT_ALL or self._here[peer] >= FROM_ONE:
            return False
        self._here[peer] += 1
        self._open.add(one)
        return True

    def leave(self, one: Protocol, peer: str) -> None:
        if one in self._open:
            self._open.discard(one)
            self._here[peer] -= 1
            if self._here[peer] <= 0:
                del self._here[peer]

    async def empty(self, seconds: float) -> None:
        """Send the idle ones away, let the busy ones finish their mail."""
        self.closed = True
        end = asyncio.get_running_loop().time() + seconds
        while self._open and asyncio.get_running_loop().time() < end:
            for one in [one for one in self._open if not one.busy]:
                one.goodbye()
            await asyncio.sleep(0.05)
        for one in list(self._open):
            one.goodbye()
        for _ in range(20):  # a transport is closed by the loop, a few turns later; so is who came last
            await asyncio.sleep(0.02)
            if not self._open:
                return
        for one in list(self._open):
            if isinstance(one.transport, asyncio.WriteTransport):
                one.transport.abort()
        await asyncio.sleep(0)


class Protocol(SMTP):
    """aiosmtpd's server with doors that can be full."""

    line_length_limit = BUFFER

    def __init__(self, doors: Doors, handler: object, size: int, hostname: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            handler,
            data_size_limit=size,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="Hanmaru",
            tls_context=tls,
            timeout=SILENCE,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
        )
        self._doors = doors
        self._peer = ""
        self.kept = False

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """aiosmtpd's DATA without its loop over lines: a quarter of the time, and lines of any length."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._text()
        if content is None:
            status = "552 5.3.4 Too much mail data"
        else:
            self.envelope.content = self.envelope.original_content = content
            status = str(await self._call_handler_hook("DATA"))
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    async def _text(self) -> bytes | None:
        """Bytes up to the lone dot (RFC 5321 section 4.5.2), dots undoubled; None when there were too many.

        Only CR LF dot CR LF ends it: a bare LF is content, so nobody can smuggle a second mail in.
        """
        data, over, limit = bytearray(b"\r\n"), False, self.data_size_limit or 0
        while True:
            searched = max(0, len(data) - 4)
            chunk = await self._reader.read(READ)
            if not chunk:
                raise ConnectionResetError("the client went away in the middle of a mail")
            self._reset_timeout()
            data += chunk
            end = data.find(END, searched)
            if end >= 0:
                break
            if len(data) > limit:
                over, data = True, data[-4:]
        self._reader.feed_data(bytes(data[end + len(END) :]))  # read() has emptied the buffer: this comes first
        if over or end - 2 > limit:
            return None
        return bytes(data[2 : end + 2]).replace(b"\r\n..", b"\r\n.").removeprefix(b"." if data[2:4] == b".." else b"")

    @property
    def busy(self) -> bool:
        """In the middle of a mail."""
        return self.envelope is not None and self.envelope.mail_from is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        if not self.kept:  # STARTTLS makes the same connection once more
            if not self._doors.enter(self, self._peer):
                assert isinstance(transport, asyncio.WriteTransport)
                transport.write(b"421 4.3.2 Not now, try again later\r\n")
                transport.close()
                return
            self.kept = True
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._doors.leave(self, self._peer)
        if self.kept:
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self.kept:
            super().data_received(data)

    def eof_received(self) -> bool:
        """Close at once. aiosmtpd keeps the half-open connection, and forgets it when it had just begun."""
        if self.kept:
            super().eof_received()
        return False

    def goodbye(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(b"421 4.3.2 Closing, come back soon\r\n")
            self.transport.close()
