"""The chat as a channel: our own sockets carry it, so handing over is done when it is in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import orjson

from channels.chat.said import MAX_TEXT, fields, inbound, said
from channels.chat.visitor import Visitors
from contact.channel import Capabilities, Forged, Preview, Provider, Unreadable
from contact.errors import HanmaruError
from contact.messages import AddressKind, DeliveryState, Envelope, Inbound, InboxFacts, Outbound, Receipt


class Chat:
    """`send` has nothing to do: every web process reads the log and shows the row to the widget.

    `verify` and `parse` read one message as a JSON object `{token, id, text, files}`, the same
    values the socket carries.
    """

    name = "chat"
    capabilities = Capabilities(
        address=AddressKind.VISITOR,
        max_text=MAX_TEXT,
        live=True,
        typing=True,
        undo=timedelta(0),
        retry_for=timedelta(hours=1),
    )

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    @property
    def providers(self) -> tuple[Provider, ...]:
        return (Provider(self.name, "Web chat"),)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """A message sent later has become due: from now on the widget can fetch it."""
        return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id)

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        if self._visitors.read(fields(_json(raw)).get("token"), inbox.id) is None:
            raise Forged("not a token of ours")

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        data = _json(raw)
        visitor = self._visitors.read(fields(data).get("token"), inbox.id)
        if visitor is None:
            raise Unreadable("The message carries no visitor's token.")
        try:
            return [inbound(said(data, visitor, self._visitors), visitor, inbox.language)]
        except HanmaruError as error:
            raise Unreadable(str(error)) from error

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        over = len(message.text) - self.capabilities.max_text
        problems = ((self.capabilities.max_text, "The message is too long."),) if over > 0 else ()
        return Preview(units=len(message.text), unit="characters", problems=problems)

    async def close(self) -> None:
        """No connection is held."""


def _json(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
