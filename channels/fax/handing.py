"""Handing a fax over, in two steps: what can be repeated, and the point of no return.

The steps run in threads. Between them the event loop sees whether it is too late: who was
held up past the lease, or cut off, hands nothing over.
"""

from __future__ import annotations

import threading

from channels.fax import number, render, tiff
from channels.fax import settings as setup
from channels.fax.client import Client
from channels.fax.job import ref
from contact.channel import ChannelError
from contact.errors import InvalidAddress
from contact.messages import DeliveryState, Fault, InboxFacts, Outbound, Progress, Receipt, Who


class Handing:
    """One fax on its way to the server."""

    def __init__(self, message: Outbound, inbox: InboxFacts) -> None:
        self._message, self._inbox = message, inbox
        self._line = setup.line(inbox)
        self._client = Client(self._line)
        self._turn = threading.Lock()
        self._gone = False
        self._job = self._pages = 0

    def prepare(self) -> None:
        """Everything but the last word; raises `ChannelError`. May be run again by somebody else: nothing has left."""
        digits = dialled(self._message, self._inbox, self._line)
        pages = render.message(self._message, self._inbox, setup.paper(self._inbox))
        self._pages = len(pages)
        try:
            self._client.__enter__()
            document = self._client.put(tiff.joined(pages))
            self._job = self._client.make(document, digits, self._message.message_id, self._message.until)
        except ChannelError:
            self._client.close()
            raise
        with self._turn:
            if self._gone:
                self._client.close()

    def submit(self) -> Receipt:
        """Raises `Unsure` when the server takes it and does not say so."""
        try:
            self._client.submit()
        finally:
            self._client.close()
        return Receipt(
            DeliveryState.WIRED,
            delivery_id=self._message.delivery_id,
            provider_ref=ref(self._job, self._message.message_id),
            exchange=self._client.exchange,
            progress=Progress(0, self._pages),
        )

    def abandon(self) -> None:
        """Nobody waits any more: the server forgets the job with the connection."""
        with self._turn:
            self._gone = True
            if self._job:
                self._client.close()


def dialled(message: Outbound, inbox: InboxFacts, line: setup.Line) -> str:
    """The digits the line dials; raises `ChannelError` for a caller who gave no number."""
    try:
        return number.dialled(message.to.value, line, number.home(inbox.address))
    except InvalidAddress as error:
        raise ChannelError(
            "This caller gave no number; a fax cannot be sent back.",
            fault=Fault.ADDRESS_INVALID, who=Who.CONTACT, code="number",
        ) from error  # fmt: skip
