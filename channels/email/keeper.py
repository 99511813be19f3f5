"""Keeping what came in: mails that arrive while a commit runs share the next one (group commit)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from contact import raw
from contact.db import utcnow
from contact.messages import Envelope
from contact.worker import Context


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that waits for the next commit."""

    envelopes: Sequence[Envelope]
    content: bytes
    kept: asyncio.Future[list[int]]


class Keeper:
    """Group commit: everything that came while the last transaction ran goes into the next."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: list[Mail] = []
        self._come = asyncio.Event()

    async def keep(self, envelopes: Sequence[Envelope], content: bytes) -> list[int]:
        """The raw ids, once committed."""
        mail = Mail(envelopes, content, asyncio.get_running_loop().create_future())
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

    async def _commit(self, mails: Sequence[Mail]) -> None:
        kept = await self._context.call(self._keep, mails)
        for mail, numbers in zip(mails, kept, strict=True):
            if not mail.kept.done():  # its client may have gone
                mail.kept.set_result(numbers)

    def _keep(self, mails: Sequence[Mail]) -> list[list[int]]:
        stored = [raw.large(self._context.store, mail.content) for mail in mails]
        with self._context.db.write() as session:
            return [
                [raw.keep(session, _at(each), replace(each, received_at=None), mail.content, stored=hashed)
                 for each in mail.envelopes]
                for mail, hashed in zip(mails, stored, strict=True)
            ]  # fmt: skip


def _refuse(mail: Mail, error: Exception) -> None:
    if not mail.kept.done():
        mail.kept.set_exception(error)


def _at(envelope: Envelope) -> datetime:
    return envelope.received_at or utcnow()
