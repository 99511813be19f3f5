"""The sandbox: a real SMTP server on loopback that catches what would leave, for the console's viewer.

It runs while no relay is configured. A mail to one of our own inboxes is caught like any
other and never comes back in.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

import structlog
from aiosmtpd.smtp import SMTP

from channels.email.adapter import Email
from channels.email.headers import RAW, first, ids
from channels.email.headers import text as readable
from contact import caught
from contact.db import utcnow
from contact.messages import Catch
from contact.worker import Context

log = structlog.stdlib.get_logger(__name__)


async def run(context: Context) -> None:
    """The worker's part; ends at once when a relay is configured."""
    settings = context.settings
    if settings.relay_url:
        return
    host, port = settings.sandbox_listen
    handler, sessions = _Catcher(context), WeakSet[SMTP]()

    def protocol() -> SMTP:
        one = SMTP(handler, data_size_limit=None, enable_SMTPUTF8=True, hostname="sandbox.invalid", ident="Hanmaru")
        sessions.add(one)
        return one

    server = await asyncio.get_running_loop().create_server(protocol, host, port)
    adapter = context.channels["email"]
    if isinstance(adapter, Email):
        adapter.sandbox_at = server.sockets[0].getsockname()[:2]
    context.opened("sandbox")
    log.info("sandbox open", address="{}:{}".format(*server.sockets[0].getsockname()[:2]))
    try:
        await context.stop.wait()
        await handler.idle()
    finally:
        server.close()
        for one in list(sessions):
            if isinstance(one.transport, asyncio.WriteTransport):
                one.transport.abort()
        await asyncio.sleep(0)


class _Catcher:
    """aiosmtpd's handler: 250 only after the commit."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._busy = 0

    async def idle(self) -> None:
        """The dispatcher drains at the same time: what it is handing over is still taken."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.1)
            quiet = quiet + 1 if not self._busy else 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self._busy += 1
        try:
            catch = caught_of(envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
            number = await self._context.write(lambda session: caught.keep(session, utcnow(), catch).id)
        except Exception:
            log.exception("sandbox could not keep a mail")
            return "451 4.3.0 Not stored, try again"
        finally:
            self._busy -= 1
        return f"250 2.0.0 Caught as {number}"


def caught_of(sender: str, recipients: list[str], raw: bytes) -> Catch:
    """What the list shows of a mail of ours."""
    from email.parser import BytesHeaderParser

    message = BytesHeaderParser(policy=RAW).parsebytes(raw[:200_000])
    named = ids(first(message, "message-id"))
    return Catch(sender, tuple(recipients), readable(first(message, "subject")), named[0] if named else "", raw)
