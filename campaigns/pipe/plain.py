"""The sender for channels that carry one message at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from contact import cutoff
from contact.channel import Bulk, Channel, ChannelError, Journal, Outcome, Sender, Unsure
from contact.cutoff import TooLate
from contact.messages import InboxFacts, Outbound

log = structlog.stdlib.get_logger(__name__)


class Mark:
    """`D` of one message: written when the adapter says that the point of no return is here, once."""

    def __init__(self, journal: Journal, number: int) -> None:
        self._journal, self._number = journal, number
        self._made = self._late = False

    def __call__(self) -> None:
        if self._late:
            raise TooLate
        if self._made:
            return
        self._made = self._late = True
        self._journal.leaving([self._number])
        self._late = False


class Plain:
    """Where a channel tells that it has come to the point of no return, the journal is written there, else before.

    So whoever ends while a fax is drawn or a line is dialled leaves nothing unknown.
    """

    def __init__(self, channel: Channel, inbox: InboxFacts, journal: Journal) -> None:
        self._channel, self._inbox, self._journal = channel, inbox, journal
        self.at_once = channel.capabilities.at_once

    async def send(self, message: Outbound) -> Outcome:
        number = abs(message.delivery_id)
        mark = Mark(self._journal, number)
        with cutoff.marked(mark):
            outcome = await self._send(message, mark)
        self._journal.answered(number, outcome)
        self._journal.leaving([])
        return outcome

    async def _send(self, message: Outbound, mark: Mark) -> Outcome:
        try:
            if not self._channel.capabilities.checks:
                mark()
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
