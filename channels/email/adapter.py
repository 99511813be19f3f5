"""E-mail as a channel: composes once, signs, hands over; reads what came in. Knows no database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from channels.email import compose as composing
from channels.email.bulk import Lines
from channels.email.dkim import BadKey, Signer, signer
from channels.email.handover import Handed
from channels.email.mould import Mould
from channels.email.parse import parse
from channels.email.played import played
from channels.email.relay import Relay, Target
from channels.email.seal import Seal
from channels.email.ways import Ways
from contact import relay as relays
from contact.channel import Capabilities, ChannelError, Journal, Preview, Provider, Receipts
from contact.errors import SettingsError
from contact.messages import (
    AddressKind,
    DeliveryState,
    Envelope,
    Fault,
    Inbound,
    InboxFacts,
    Outbound,
    Played,
    Receipt,
    Who,
)
from contact.relay import RelayAt
from contact.settings import Settings

RETRY_SOON = 1.0


class Email:
    """The adapter. Out by the inbox's own relay, else the house's, else to the sandbox: always the same SMTP code.

    Can be pickled: the copy has the same settings and no connections.
    """

    name = "email"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = settings.secret()
        self._ways = Ways()
        self._signer = _signer(settings)
        self.sandbox_at: tuple[str, int] | None = settings.sandbox_listen if settings.sandbox_listen[1] else None
        """Where the sandbox listens; the sandbox's own server says so when the system chose the port."""

    def __reduce__(self) -> tuple[type[Email], tuple[Settings]]:
        return Email, (self._settings,)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            AddressKind.EMAIL,
            subject=True,
            html=True,
            cc=True,
            starts=True,
            receipts=Receipts.PUSHED,
            max_text=1_000_000,
            max_attachment_bytes=self._settings.files_limit_mb * 1024 * 1024,
            undo=timedelta(seconds=self._settings.undo_seconds),
        )

    @property
    def providers(self) -> tuple[Provider, ...]:
        return (Provider(self.name, "E-mail"),)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Compose, sign, hand over; every try sends the same bytes."""
        relay = await self._ways.of(inbox.id, self._target(inbox))
        mailing = composing.mailing(message, inbox, key=self._key)
        handed = await relay.send(mailing, self.bytes_of(message, inbox))
        return _receipt(message, handed)

    @asynccontextmanager
    async def bulk(self, inbox: InboxFacts, journal: Journal) -> AsyncIterator[Lines]:
        """Connections of their own, so that a campaign never stands in front of an agent's reply."""
        mould = Mould(inbox, self._key, Seal(self._signer) if self._signer else None)
        lines = Lines(Relay(self._target(inbox)), mould, journal)
        try:
            yield lines
        finally:
            await lines.close()

    def bytes_of(self, message: Outbound, inbox: InboxFacts) -> bytes:
        """The mail as it leaves: composed, and signed when a DKIM key is configured."""
        raw = composing.compose(message, inbox, key=self._key)
        return self._signer.sign(raw, message.created_at) if self._signer else raw

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        """Anybody may write us a mail; what it claims is judged when it is parsed."""

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        return parse(raw, envelope, inbox, key=self._key)

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        """Size as it would leave, and what the composer refuses."""
        try:
            size = len(self.bytes_of(message, inbox))
        except ChannelError as error:
            return Preview(0, "bytes", ((0, error.reason),))
        limit = self.capabilities.max_attachment_bytes * 3 // 2
        problems = ((limit, f"The mail has {size} bytes; most servers take no more than {limit}."),)
        return Preview(size, "bytes", problems if size > limit else ())

    def plays(self, inbox: InboxFacts) -> bool:
        return relays.of_inbox(inbox.settings, inbox.secrets) is None and relays.of_house(self._settings) is None

    def play(self, said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
        return played(said, inbox)

    async def close(self) -> None:
        await self._ways.close()

    def _target(self, inbox: InboxFacts) -> Target:
        settings = self._settings
        at = relays.of_inbox(inbox.settings, inbox.secrets) or relays.of_house(settings) or self._sandbox()
        return Target(at.host, at.port, at.tls, at.user, at.password, settings.relay_connections, settings.mail_domain)

    def _sandbox(self) -> RelayAt:
        if self.sandbox_at is None:
            raise ChannelError(
                "The sandbox is not open yet.",
                fault=Fault.PROVIDER_DOWN, retryable=True, who=Who.US, retry_after=RETRY_SOON,
            )  # fmt: skip
        return RelayAt(*self.sandbox_at, tls="none")


def _signer(settings: Settings) -> Signer | None:
    if settings.dkim_key is None:
        return None
    try:
        return signer(settings.dkim_domain, settings.dkim_selector, settings.dkim_key.read_bytes())
    except BadKey as error:
        raise SettingsError(f"HANMARU_DKIM_KEY: {error}") from error


def _receipt(message: Outbound, handed: Handed) -> Receipt:
    """Accepted; who was left out is said in the reason."""
    left_out = "; ".join(f"{address} ({words})" for address, words in handed.refused)
    return Receipt(
        DeliveryState.WIRED,
        delivery_id=message.delivery_id,
        code="250",
        reason=f"Not taken for: {left_out}" if left_out else "",
        exchange={**handed.exchange, "answer": handed.answer},
    )
