"""Mailboxes: which folders of which inboxes are fetched by IMAP, and by whom."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email.fetcher import IDLE, Fetcher, Mailbox
from channels.email.imap import Server
from contact import lease, owner
from contact.db import utcnow
from contact.inbox import Inbox
from contact.vault import Sealed, Vault
from contact.worker import Context

LEASE = "mailboxes"
LEASE_LENGTH = timedelta(seconds=20)
LOOK = 5.0
"""Seconds between two looks at the list of inboxes, and renewals of the lease."""
TLS = ("implicit", "starttls", "none")
log = structlog.stdlib.get_logger(__name__)


class Mailboxes:
    """The worker's part: one task a folder, in the one worker that holds the lease."""

    def __init__(self) -> None:
        self._owner = owner.make()

    async def run(self, context: Context) -> None:
        tasks: dict[Mailbox, asyncio.Task[None]] = {}
        try:
            while not context.stop.is_set():
                held = await context.write(_hold, utcnow(), self._owner)
                wanted = await context.read(mailboxes, Vault.of(context.settings)) if held else []
                await _stop([tasks.pop(box) for box in list(tasks) if box not in wanted or tasks[box].done()])
                for box in wanted:
                    if box not in tasks:
                        tasks[box] = asyncio.create_task(Fetcher(context, box).run())
                await context.sleep(LOOK)
        finally:
            await _stop(list(tasks.values()))
            await context.write(lease.release, LEASE, self._owner)


def _hold(session: Session, now: datetime, me: str) -> bool:
    holder = lease.holder(session, LEASE, now)
    if holder is not None and owner.is_dead(holder, me):
        lease.release(session, LEASE, holder)
    return lease.hold(session, LEASE, me, now, LEASE_LENGTH)


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("mailbox task failed", error=f"{type(result).__name__}: {result}")


def mailboxes(session: Session, vault: Vault) -> list[Mailbox]:
    """What the inboxes' settings ask for: `imap` = host, port, tls, user, folders, start; secret `imap_password`."""
    found: list[Mailbox] = []
    for inbox in session.scalars(select(Inbox).where(Inbox.channel == "email").order_by(Inbox.id)):
        named = (inbox.settings or {}).get("imap")
        if isinstance(named, Mapping) and named.get("host"):
            try:
                password = vault.open_all(inbox.secrets or "").get("imap_password", "")
            except Sealed as error:
                log.error("mailbox password cannot be opened", inbox=inbox.id, reason=str(error))
                continue
            found += _folders(inbox, named, password)
    return found


def _folders(inbox: Inbox, named: Mapping[str, Any], password: str) -> list[Mailbox]:
    tls = str(named.get("tls") or "implicit")
    if tls not in TLS:
        log.error("mailbox with unknown tls setting", inbox=inbox.id, tls=tls)
        return []
    port = int(named.get("port") or (993 if tls == "implicit" else 143))
    server = Server(str(named["host"]), port, str(named.get("user") or inbox.address), password, tls)
    everything, idle = named.get("start", "all") != "new", float(named.get("idle") or IDLE)
    folders = dict.fromkeys(str(folder) for folder in named.get("folders") or ["INBOX"])
    return [Mailbox(inbox.id, inbox.address, folder, server, everything, idle) for folder in folders]
