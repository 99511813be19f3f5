"""The fetcher: files of messages that came in and still lie at their provider, one by one to the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from sqlalchemy.orm import Session

from contact import files, remotes
from contact import inbox as inboxes
from contact.channel import ChannelError, Fetches
from contact.db import utcnow
from contact.messages import Fault, File, InboxFacts, Who
from contact.remotes import Due
from contact.vault import Sealed, Vault
from contact.worker import Context

AT_ONCE = 4
POLL = 5.0
"""Seconds after which it looks without having been nudged."""

log = structlog.stdlib.get_logger(__name__)


async def run(context: Context) -> None:
    """The worker's part. What is cut off at the end is tried again when its lease is over."""
    bell = context.bell(remotes.NUDGE)
    vault = Vault.of(context.settings)
    while not context.stop.is_set():
        due = await context.write(remotes.claim, utcnow(), AT_ONCE)
        await asyncio.gather(*(_one(context, vault, one) for one in due))
        if not due:
            await bell.wait(await _pause(context))


async def _pause(context: Context) -> float:
    at = await context.read(remotes.due_at)
    return min(max((at - utcnow()).total_seconds(), 0.05), POLL) if at else POLL


async def _one(context: Context, vault: Vault, due: Due) -> None:
    try:
        file = await _fetch(context, vault, due)
        (item,) = await context.call(files.keep, context.store, [file])
    except ChannelError as error:
        log.info("file not fetched", file=due.id, reason=error.reason)
        await context.write(remotes.failed, utcnow(), due.id, error)
    else:
        await context.write(remotes.fetched, utcnow(), due.id, item)


async def _fetch(context: Context, vault: Vault, due: Due) -> File:
    """Raises `ChannelError`. Whatever else an adapter raises is its own fault, and still only this file's."""
    facts = await context.read(_facts, vault, due.inbox_id)
    channel = context.channels[facts.channel]
    if not isinstance(channel, Fetches):
        raise ChannelError("This channel cannot fetch files.", fault=Fault.CONFIG, who=Who.US)
    try:
        file = await channel.fetch(due.remote, facts)
    except ChannelError:
        raise
    except Exception as error:
        log.exception("channel broke the contract", channel=facts.channel, file=due.id)
        raise ChannelError(f"The file cannot be fetched: {type(error).__name__}: {error}"[:500]) from error
    return replace(file, name=file.name or due.remote.name or "file")


def _facts(session: Session, vault: Vault, inbox_id: int) -> InboxFacts:
    ours = inboxes.get(session, inbox_id)
    try:
        return inboxes.facts(ours, vault.open_all(ours.secrets or ""))
    except Sealed as error:
        raise ChannelError(str(error), fault=Fault.CONFIG, retryable=True, who=Who.US) from error
