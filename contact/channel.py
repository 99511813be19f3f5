"""The channel contract: what every medium promises the hall, and the registry of them.

Adding a channel = one folder in `channels/` with an `adapter.py` whose class satisfies
`Channel`, one line in `wsgi.py`, and its cases in the contract test
(`docs/adding-a-channel.md`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from contact.errors import NotFound
from contact.messages import (
    AddressKind,
    Envelope,
    Fault,
    Inbound,
    InboxFacts,
    Outbound,
    Receipt,
    Who,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do, as data: screens and validators read it, nobody asks by name."""

    address: AddressKind
    subject: bool = False
    html: bool = False
    cc: bool = False
    attachments: bool = True
    max_text: int = 100_000
    """Characters a person may write in one message."""
    max_attachment_bytes: int = 25 * 1024 * 1024
    live: bool = False
    """Our own server is the provider: wired at once, nothing to dispatch when due now."""
    typing: bool = False
    undo: timedelta = timedelta(seconds=10)
    """How long an agent may take a message back before it leaves."""
    retry_for: timedelta = timedelta(hours=72)
    """How long passing failures are retried before the delivery expires."""
    starts: bool = False
    """We may write first, to an address that nobody has written to us from."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would leave: size, parts, and what cannot be sent (position, reason)."""

    units: int
    unit: str
    problems: tuple[tuple[int, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class ChannelError(Exception):
    """The provider refused, or could not be reached: nothing was handed over.

    `retryable` tells whether trying again can help, `who` who can act, `reason` is the
    sentence an agent reads, `code` the provider's own code.
    """

    def __init__(
        self,
        reason: str,
        *,
        fault: Fault = Fault.OTHER,
        retryable: bool = False,
        who: Who = Who.PROVIDER,
        code: str = "",
        retry_after: float | None = None,
        exchange: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fault = fault
        self.retryable = retryable
        self.who = who
        self.code = code
        self.retry_after = retry_after
        self.exchange = dict(exchange or {})


class Unsure(Exception):
    """The connection broke after the point of no return: it may have been sent, or not."""

    def __init__(self, reason: str, exchange: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exchange = dict(exchange or {})


class Forged(Exception):
    """The bytes do not carry the provider's signature."""


class Unreadable(Exception):
    """The bytes cannot be understood; the reason is shown beside the kept raw message."""


class Channel(Protocol):
    """One medium. Adapters translate; they know neither database, log nor Flask."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Hand one message over.

        Returns a receipt (`wired` or better); raises `ChannelError` when nothing was handed
        over, `Unsure` when that is not known.
        """
        ...

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        """Raise `Forged` unless the provider said this."""
        ...

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        """Understand raw bytes; raise `Unreadable` when that is impossible. Pure."""
        ...

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview: ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Channels:
    """The registry: channel name to adapter, filled once in `wsgi.py`."""

    def __init__(self, *channels: Channel) -> None:
        self._by_name = {channel.name: channel for channel in channels}

    def __getitem__(self, name: str) -> Channel:
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound("There is no channel named %(name)s.", name=name) from None

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_name.values())
