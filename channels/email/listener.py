"""The SMTP listener: mail for our inboxes, 250 only once it is committed.

Concurrent mails share one transaction (group commit). Nothing is parsed here: the raw bytes
and the envelope are kept, one row for each inbox addressed, and the receiver does the rest.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP

from channels.email.keeper import Keeper
from channels.email.recipients import Book
from channels.email.smtp import Doors, Protocol
from contact.db import utcnow
from contact.messages import Envelope
from contact.worker import Context

RECIPIENTS = 100
"""Recipients of one mail; RFC 5321 section 4.5.3.1.8 asks for at least 100."""
DRAIN = 10.0
"""Seconds that clients in the middle of a mail get at the end."""
log = structlog.stdlib.get_logger(__name__)


class Listener:
    """The worker's part."""

    def __init__(self) -> None:
        self.port = 0
        """Where it listens, once it does."""

    async def run(self, context: Context) -> None:
        settings = context.settings
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells every command
        host, port = settings.smtp_listen
        store = Keeper(context)
        handler = _Handler(Book(context), store)
        doors = Doors()
        tls = _tls(settings.smtp_tls_cert, settings.smtp_tls_key)

        def protocol() -> SMTP:
            return Protocol(doors, handler, settings.smtp_limit_mb << 20, settings.mail_domain, tls)

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


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, book: Book, store: Keeper) -> None:
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
