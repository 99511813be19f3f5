"""The sender for channels that carry one message at a time: the journal is written around each `send`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from contact.channel import Bulk, Channel, ChannelError, Journal, Outcome, Sender, Unsure
from contact.cutoff import TooLate
from contact.messages import InboxFacts, Outbound

AT_ONCE = 4

log = structlog.stdlib.get_logger(__name__)


class Plain:
    """Whoever ends between the two lines of the journal leaves an `unknown`, also where nothing had left yet."""

    at_once = AT_ONCE

    def __init__(self, channel: Channel, inbox: InboxFacts, journal: Journal) -> None:
        self._channel, self._inbox, self._journal = channel, inbox, journal

    async def send(self, message: Outbound) -> Outcome:
        number = abs(message.delivery_id)
        try:
            self._journal.leaving([number])
        except TooLate as late:
            return late
        outcome = await self._send(message)
        self._journal.answered(number, outcome)
        self._journal.leaving([])
        return outcome

    async def _send(self, message: Outbound) -> Outcome:
        try:
            return await self._channel.send(message, self._inbox)
        except (ChannelError, Unsure, TooLate) as told:
            return told
        except Exception as error:  # an adapter that breaks the contract may have handed it over
            log.exception("channel broke the contract", channel=self._channel.name)
            return Unsure(f"The channel broke down while it was handing the message over: {type(error).__name__}")


@asynccontextmanager
async def _plain(channel: Channel, inbox: InboxFacts, journal: Journal) -> AsyncIterator[Sender]:
    yield Plain(channel, inbox, journal)


def sender(channel: Channel, inbox: InboxFacts, journal: Journal) -> AbstractAsyncContextManager[Sender]:
    """The quickest this channel has."""
    return channel.bulk(inbox, journal) if isinstance(channel, Bulk) else _plain(channel, inbox, journal)
