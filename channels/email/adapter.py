"""E-mail as a channel: composes once, signs, hands over; reads what came in. Knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from channels.email import compose as composing
from channels.email.dkim import BadKey, Signer, signer
from channels.email.parse import parse
from channels.email.relay import Handed, Relay, Target
from contact.channel import Capabilities, ChannelError, Preview
from contact.errors import SettingsError
from contact.messages import AddressKind, DeliveryState, Envelope, Fault, Inbound, InboxFacts, Outbound, Receipt, Who
from contact.settings import Settings

RETRY_SOON = 1.0


class Email:
    """The adapter. While no relay is configured it sends to the sandbox, by the same SMTP code.

    Can be pickled: the copy has the same settings and no connections.
    """

    name = "email"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = settings.secret()
        self._relay: Relay | None = None
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
            max_text=1_000_000,
            max_attachment_bytes=self._settings.files_limit_mb * 1024 * 1024,
            undo=timedelta(seconds=self._settings.undo_seconds),
        )

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Compose, sign, hand over; every try sends the same bytes."""
        relay = await self._way_out()
        mailing = composing.mailing(message, inbox, key=self._key)
        handed = await relay.send(mailing, self.bytes_of(message, inbox))
        return _receipt(message, handed)

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

    async def close(self) -> None:
        if self._relay is not None:
            await self._relay.close()
            self._relay = None

    async def _way_out(self) -> Relay:
        target = self._target()
        if self._relay is None or self._relay.target != target:
            await self.close()
            self._relay = Relay(target)
        return self._relay

    def _target(self) -> Target:
        settings = self._settings
        if settings.relay_url:
            return target(settings)
        if self.sandbox_at is None:
            raise ChannelError(
                "The sandbox is not open yet.",
                fault=Fault.PROVIDER_DOWN, retryable=True, who=Who.US, retry_after=RETRY_SOON,
            )  # fmt: skip
        host, port = self.sandbox_at
        return Target(host, port, tls="none", connections=settings.relay_connections, hello=settings.mail_domain)


def target(settings: Settings) -> Target:
    """The configured relay; `smtps://` is TLS from the first byte (RFC 8314)."""
    url = urlsplit(settings.relay_url)
    secure = url.scheme == "smtps"
    return Target(
        host=url.hostname or "localhost",
        port=url.port or (465 if secure else 587 if url.username else 25),
        tls="implicit" if secure else settings.relay_tls,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        connections=settings.relay_connections,
        hello=settings.mail_domain,
    )


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
