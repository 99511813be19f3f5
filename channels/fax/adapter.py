"""Fax as a channel: pages out by HylaFAX or into the sandbox, faxes in by the receive hook. Knows no database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from channels.fax import job as jobs
from channels.fax import received, render, sandbox, signing, sniff, tiff
from channels.fax import settings as setup
from channels.fax.client import Client
from channels.fax.estimate import estimate
from channels.fax.handing import Handing
from channels.fax.job import Job
from channels.fax.shelf import Shelf
from channels.fax.tiff import Damaged
from contact import cutoff
from contact.channel import Capabilities, ChannelError, Hook, Preview, Provider, Receipts, Unreadable
from contact.messages import (
    AddressKind,
    DeliveryState,
    Envelope,
    Fault,
    File,
    Inbound,
    InboxFacts,
    Outbound,
    Played,
    Receipt,
    Waiting,
    Who,
)
from contact.settings import Settings

MOST_BYTES: Final = 48 * 1024 * 1024
"""Of a received fax: 500 dense pages are half of it."""


ENDLESS: Final = 10_000
"""Room in the sandbox."""


class Fax:
    """The adapter. Can be pickled: the copy has the same settings and an empty shelf."""

    name = "fax"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shelf = Shelf()

    def __reduce__(self) -> tuple[type[Fax], tuple[Settings]]:
        return Fax, (self._settings,)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            AddressKind.FAX,
            subject=True,
            max_text=20_000,
            max_attachment_bytes=self._settings.files_limit_mb * 1024 * 1024,
            max_attachments=20,
            attachment_types=sniff.TYPES,
            cancel=True,
            receipts=Receipts.ASKED,
            checks=True,
            hook=Hook((signing.HEADER,), limit=MOST_BYTES),
            undo=timedelta(seconds=self._settings.undo_seconds),
            retry_for=timedelta(hours=24),
            starts=True,
        )

    @property
    def providers(self) -> tuple[Provider, ...]:
        return setup.PROVIDERS

    # -- out -----------------------------------------------------------------------------------

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Render, upload, make the job; then submit it. HylaFAX itself dials again when nobody answers."""
        if inbox.provider != setup.HYLAFAX:
            pages = await asyncio.to_thread(render.message, message, inbox, setup.paper(inbox))
            return await asyncio.to_thread(sandbox.receipt, message, inbox, pages)
        handing = Handing(message, inbox)
        try:
            await asyncio.to_thread(handing.prepare)
            cutoff.check()
        except (asyncio.CancelledError, cutoff.TooLate):
            handing.abandon()
            raise
        return await asyncio.to_thread(handing.submit)

    async def ask(self, waiting: Sequence[Waiting], inbox: InboxFacts) -> Sequence[Receipt]:
        """The states and pages of `waiting`; of what the server does not know any more nothing is said."""
        if inbox.provider != setup.HYLAFAX:
            return [sandbox.ask(one) for one in waiting]
        return await asyncio.to_thread(_asked, waiting, inbox)

    async def look_up(self, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
        """The job that carries this message's id. None when there is none: it may be done and cleaned away."""
        if inbox.provider != setup.HYLAFAX:
            return None
        return await asyncio.to_thread(_looked_up, message, inbox)

    async def recall(self, waiting: Waiting, inbox: InboxFacts) -> None:
        """Stop the job; what is on the line breaks off. Raises `ChannelError` when it has gone out."""
        if inbox.provider != setup.HYLAFAX:
            raise ChannelError("The sandbox lets nothing be called back.", who=Who.US)
        await asyncio.to_thread(_recalled, waiting, inbox)

    async def room(self, inbox: InboxFacts) -> int:
        """As many as its lines are busy with, and as many again behind them: agents' faxes wait for no more."""
        if inbox.provider != setup.HYLAFAX:
            return ENDLESS
        return await asyncio.to_thread(_room, inbox)

    def pages(self, message: Outbound, inbox: InboxFacts, limit: int) -> Sequence[bytes]:
        """Cover and files as they would leave. Blocks."""
        return [tiff.png(page) for page in render.message(message, inbox, setup.paper(inbox))[:limit]]

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        """Pages, minutes, cost; what cannot be printed. The words are estimated, files are really made into pages."""
        return estimate(message, inbox, self._shelf)

    # -- in ------------------------------------------------------------------------------------

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        given = envelope.headers.get(signing.HEADER.lower(), "")
        signing.check(inbox.secrets.get("hook_secret", ""), given, envelope.headers.get("url", ""), raw, time.time())

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        return [received.parse(raw, inbox)]

    def pictures(self, file: File, limit: int) -> Sequence[bytes]:
        """The first pages of a received TIFF, to look at; none for another file. Raises `Unreadable`. Blocks."""
        if sniff.image_of(file.content[:16]) != "TIFF":
            return []
        try:
            return tiff.pngs(file.content, limit)
        except Damaged as error:
            raise Unreadable(f"The file {file.name} is damaged: {error}") from error

    def plays(self, inbox: InboxFacts) -> bool:
        return inbox.provider != setup.HYLAFAX

    def play(self, said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
        return sandbox.played(said, inbox)

    async def close(self) -> None:
        """Nothing is held open."""


def _asked(waiting: Sequence[Waiting], inbox: InboxFacts) -> list[Receipt]:
    wanted = {one.provider_ref: one for one in waiting}
    with Client(setup.line(inbox)) as client:
        known = [job for job in client.jobs() if job.ref in wanted]
        return [jobs.receipt(_complete(client, job), wanted[job.ref].delivery_id) for job in known]


def _looked_up(message: Outbound, inbox: InboxFacts) -> Receipt | None:
    with Client(setup.line(inbox)) as client:
        ours = [job for job in client.jobs() if job.tag == message.message_id]
        if not ours:
            return None
        newest = max(ours, key=lambda job: job.number)
        return jobs.receipt(_complete(client, newest), message.delivery_id)


def _room(inbox: InboxFacts) -> int:
    with Client(setup.line(inbox)) as client:
        waiting = sum(not jobs.over(job) for job in client.jobs())
    return max(0, 2 * setup.lines(inbox) - waiting)


def _complete(client: Client, job: Job) -> Job:
    return client.why(job) if job.failed else job


def _recalled(waiting: Waiting, inbox: InboxFacts) -> None:
    with Client(setup.line(inbox)) as client:
        job = _find(client, waiting)
        if jobs.over(job):
            raise _too_late(job, client)
        try:
            client.kill(job.number)
        except ChannelError:  # 460: it ended this very moment; what it came to counts
            with Client(setup.line(inbox)) as anew:
                if not jobs.over(job := _find(anew, waiting)):
                    raise
            raise _too_late(job, client) from None


def _find(client: Client, waiting: Waiting) -> Job:
    found = next((job for job in client.jobs() if job.ref == waiting.provider_ref), None)
    if found is None:
        raise ChannelError("The fax server does not know this fax any more.", who=Who.US, exchange=client.exchange)
    return found


def _too_late(job: Job, client: Client) -> ChannelError:
    state = jobs.receipt(job, 0).state
    words = "The fax has arrived already." if state is DeliveryState.DELIVERED else "The fax has failed already."
    return ChannelError(words, fault=Fault.OTHER, who=Who.US, code="460", exchange=client.exchange)
