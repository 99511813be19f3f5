"""The SMTP listener: mail for our inboxes, 250 only once it is committed.

Concurrent mails share one transaction (group commit). Nothing is parsed here: the raw bytes
and the envelope are kept, one row for each inbox addressed, and the receiver does the rest.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email.token import delivery_of, untagged
from contact import address as normal
from contact import raw
from contact.db import utcnow
from contact.errors import InvalidAddress
from contact.inbox import Inbox
from contact.messages import Envelope
from contact.outbox.delivery import Delivery
from contact.worker import Context

RECIPIENTS = 100
"""Recipients of one mail; RFC 5321 section 4.5.3.1.8 asks for at least 100."""
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
BOOK_AGE = 5.0
"""Seconds a known recipient is believed; an unknown one is always looked up."""
DRAIN = 10.0
"""Seconds that clients in the middle of a mail get at the end."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ours:
    """An inbox of ours behind a recipient address."""

    inbox_id: int
    address: str


class Listener:
    """The worker's part."""

    def __init__(self) -> None:
        self.port = 0
        """Where it listens, once it does."""

    async def run(self, context: Context) -> None:
        settings = context.settings
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells every command
        host, port = settings.smtp_listen
        store = _Store(context)
        handler = _Handler(_Book(context), store)
        doors = _Doors()
        tls = _tls(settings.smtp_tls_cert, settings.smtp_tls_key)

        def protocol() -> SMTP:
            return _Protocol(doors, handler, settings.smtp_limit_mb << 20, settings.mail_domain, tls)

        server = await asyncio.get_running_loop().create_server(protocol, host, port, backlog=500)
        self.port = server.sockets[0].getsockname()[1]
        context.opened("smtp listener")
        log.info("smtp listener open", address=f"{host}:{self.port}", starttls=tls is not None)
        keeper = asyncio.create_task(store.run())
        try:
            await context.stop.wait()
            await doors.empty(DRAIN)  # newcomers hear 421 meanwhile
        finally:
            server.close()
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


def _tls(cert: Any, key: Any) -> ssl.SSLContext | None:
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


class _Doors:
    """Who is connected."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._open: set[_Protocol] = set()
        self.closed = False

    def enter(self, one: _Protocol, peer: str) -> bool:
        if self.closed or len(self._open) >= AT_ALL or self._here[peer] >= FROM_ONE:
            return False
        self._here[peer] += 1
        self._open.add(one)
        return True

    def leave(self, one: _Protocol, peer: str) -> None:
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


class _Protocol(SMTP):
    """aiosmtpd's server with doors that can be full."""

    line_length_limit = BUFFER

    def __init__(self, doors: _Doors, handler: _Handler, size: int, hostname: str, tls: ssl.SSLContext | None) -> None:
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


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, book: _Book, store: _Store) -> None:
        self._book = book
        self._store = store

    async def handle_EHLO(  # noqa: N802
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Nobody signs in here; commands may come several at a time (RFC 2920)."""
        session.host_name = hostname
        return ["250-PIPELINING", *(line for line in responses if not line[4:].startswith("AUTH"))]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            ours = await self._book.find(address)
        except Exception:
            log.exception("recipient not looked up")
            return "451 4.3.0 Try again later"
        if ours is None:
            return "550 5.1.1 No such inbox here"
        envelope.rcpt_tos.append(address)
        vars(envelope).setdefault("ours", {}).setdefault(ours, []).append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        now = utcnow()
        headers = {"peer": str(session.peer[0]), "helo": str(session.host_name or "")[:255]}
        if session.ssl is not None:
            headers["tls"] = "yes"
        mails = [
            Envelope(
                channel="email",
                inbox_id=ours.inbox_id,
                inbox_address=ours.address,
                source="smtp",
                sender=(envelope.mail_from or "")[:1000],
                recipients=tuple(recipients),
                received_at=now,
                headers=headers,
            )
            for ours, recipients in vars(envelope)["ours"].items()
        ]
        try:
            numbers = await self._store.keep(mails, envelope.content)
        except Exception:
            log.exception("mail not stored")
            return "451 4.3.0 Not stored, try again later"
        return f"250 2.0.0 Kept as {' '.join(map(str, numbers))}"

    async def handle_exception(self, error: Exception) -> str:
        log.error("smtp session failed", error=f"{type(error).__name__}: {error}"[:300])
        return "451 4.3.0 Try again later"


class _Book:
    """Which addresses are ours: inboxes with any +tag, their aliases, and signed return paths."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._key = context.settings.secret()
        self._known: dict[str, Ours] = {}
        self._read_at = -BOOK_AGE

    async def find(self, address: str) -> Ours | None:
        now = asyncio.get_running_loop().time()
        if now - self._read_at > BOOK_AGE:
            await self._read(now)
        if (ours := self._look(address)) is not None:
            return ours
        if (delivery := delivery_of(address, self._key)) is not None:
            return await self._context.read(_inbox_of_delivery, delivery)
        await self._read(now)  # perhaps somebody has just added it
        return self._look(address)

    async def _read(self, now: float) -> None:
        self._known = await self._context.read(_all_addresses)
        self._read_at = now

    def _look(self, address: str) -> Ours | None:
        if (ours := self._known.get(untagged(address).lower())) is not None:
            return ours
        try:
            return self._known.get(untagged(normal.email(address)))
        except InvalidAddress:
            return None


def _all_addresses(session: Session) -> dict[str, Ours]:
    found: dict[str, Ours] = {}
    for inbox in session.scalars(select(Inbox).where(Inbox.channel == "email").order_by(Inbox.id)):
        aliases = (inbox.settings or {}).get("aliases", ())
        for address in (inbox.address, *(aliases if isinstance(aliases, (list, tuple)) else ())):
            found.setdefault(str(address).lower(), Ours(inbox.id, inbox.address))
    return found


def _inbox_of_delivery(session: Session, delivery_id: int) -> Ours | None:
    """Where a bounce of this delivery belongs."""
    inbox = session.scalar(
        select(Inbox).join(Delivery, Delivery.inbox_id == Inbox.id).where(Delivery.id == delivery_id)
    )
    return Ours(inbox.id, inbox.address) if inbox is not None else None


@dataclass(frozen=True, slots=True)
class _Mail:
    """One mail that waits for the next commit."""

    envelopes: Sequence[Envelope]
    content: bytes
    kept: asyncio.Future[list[int]]


class _Store:
    """Group commit: everything that came while the last transaction ran goes into the next."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: list[_Mail] = []
        self._come = asyncio.Event()

    async def keep(self, envelopes: Sequence[Envelope], content: bytes) -> list[int]:
        """The raw ids, once committed."""
        mail = _Mail(envelopes, content, asyncio.get_running_loop().create_future())
        self._waiting.append(mail)
        self._come.set()
        return await mail.kept

    async def run(self) -> None:
        while True:
            await self._come.wait()
            self._come.clear()
            mails, self._waiting = self._waiting, []
            try:
                await self._commit(mails)
            except Exception as error:  # noqa: BLE001 - handed on to the session that waits
                if len(mails) == 1:
                    _refuse(mails[0], error)
                    continue
                for mail in mails:  # one of them spoils it for the others: each by itself
                    try:
                        await self._commit([mail])
                    except Exception as own:  # noqa: BLE001 - handed on too
                        _refuse(mail, own)

    async def _commit(self, mails: Sequence[_Mail]) -> None:
        kept = await self._context.call(self._keep, mails)
        for mail, numbers in zip(mails, kept, strict=True):
            if not mail.kept.done():  # its client may have gone
                mail.kept.set_result(numbers)

    def _keep(self, mails: Sequence[_Mail]) -> list[list[int]]:
        stored = [raw.large(self._context.store, mail.content) for mail in mails]
        with self._context.db.write() as session:
            return [
                [raw.keep(session, _at(each), replace(each, received_at=None), mail.content, stored=hashed)
                 for each in mail.envelopes]
                for mail, hashed in zip(mails, stored, strict=True)
            ]  # fmt: skip


def _refuse(mail: _Mail, error: Exception) -> None:
    if not mail.kept.done():
        mail.kept.set_exception(error)


def _at(envelope: Envelope) -> datetime:
    return envelope.received_at or utcnow()
