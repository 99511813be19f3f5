"""The channel contract: what every medium promises the hall, and the registry of them.

Adding a channel = one folder in `channels/` with an `adapter.py` whose class satisfies
`Channel`, one line in `wsgi.py`, and its cases in the contract test
(`docs/adding-a-channel.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from contact.bundle import Bundle, Cover
from contact.cutoff import TooLate
from contact.errors import NotFound
from contact.messages import (
    AddressKind,
    Envelope,
    Fault,
    File,
    Inbound,
    InboxFacts,
    Outbound,
    Played,
    Receipt,
    Remote,
    Waiting,
    Who,
    Wish,
)


class Receipts(StrEnum):
    """How a provider tells what became of a message after it took it."""

    NONE = "none"
    PUSHED = "pushed"
    """It calls us (a webhook, a bounce)."""
    ASKED = "asked"
    """We must ask: the channel is `Asks`."""


@dataclass(frozen=True, slots=True)
class Hook:
    """How a channel's provider speaks to us over HTTP (`channels/webhooks.py`)."""

    headers: tuple[str, ...] = ()
    """Request headers kept with the message: signatures, tokens."""
    limit: int = 256 * 1024
    """Bytes a request may have."""
    answer: tuple[str, str] = ("text/plain; charset=utf-8", "")
    """Content type and body of our 200."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of an inbox's form. `label` and `help` are msgids; `kind` says how it is asked and checked.

    A `secret` lies sealed in the inbox's secrets, all others in its settings.
    """

    name: str
    label: str
    kind: Literal["text", "secret", "number", "choice", "lines", "switch"] = "text"
    help: str = ""
    required: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """(value, msgid) of a `choice`."""
    pattern: str = ""
    """A regular expression the whole value must match."""
    wrong: str = ""
    """msgid of what to say when it does not."""
    where: bool = False
    """It says where the secrets go: when it changes they must be entered anew, or whoever may
    change it could have them sent to a server of their own."""


HAND = "hand"
"""The provider of an inbox whose messages a person carries away: the dispatcher leaves them in the queue."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A firm or machine that carries this channel, and what an inbox must know to use it."""

    name: str
    label: str
    settings: tuple[Setting, ...] = ()


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
    max_attachments: int = 100
    attachment_types: tuple[str, ...] = ()
    """Content types it carries, like `image/*`; empty = any."""
    encodings: tuple[str, ...] = ("utf-8",)
    """What a text may travel in; a character in none of them is named before sending, never replaced."""
    batch: int = 1
    """Messages handed over in one call to the provider."""
    at_once: int = 4
    """Messages on their way to one provider at the same time."""
    checks: bool = False
    """It calls `cutoff.check()` right before the step nobody can take back, every time and for every provider that
    is somebody else: what had not come so far when a process died has certainly not left."""
    cancel: bool = False
    """What was handed over can still be called back: the channel is `Recalls`."""
    idempotent: bool = False
    """The provider knows our reference: the same message handed over twice is one."""
    receipts: Receipts = Receipts.NONE
    reads: bool = False
    """The provider tells when a message was read."""
    hook: Hook | None = None
    pace: tuple[tuple[int, timedelta], ...] = ()
    """Most messages of one inbox in any window of so long, where its own settings (`pace`) say nothing else."""
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
    """JSON-ready. The composer knows these:

    `encoding`   what it would travel in, as people call it
    `left`       characters (or bytes, see `of`) that still fit into the last unit
    `size`       how many one unit holds; shown as `used/size`
    `of`         what `left` and `size` count: `character` (the default) or `byte`
    `kind`       what it would leave as, where that depends on its size (SMS, LMS, MMS)
    `proposals`  what could stand in place of a character that cannot be sent: by the character,
                 or by its position as text
    """
    cost: tuple[Decimal, str] | None = None
    """Estimated price and its currency (ISO 4217), when the inbox knows what a unit costs."""


class ChannelError(Exception):
    """The provider refused, or could not be reached: nothing was handed over.

    `retryable` tells whether trying again can help, `who` who can act, `reason` is the
    sentence an agent reads, `code` the provider's own code. `alone`: it is about this message, and
    others may go on, although its fault would say that the provider or the sender must rest. `wish`:
    the provider refuses because the recipient does not want to be written to.
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
        alone: bool = False,
        wish: Wish | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wish = wish
        self.fault = fault
        self.retryable = retryable
        self.who = who
        self.code = code
        self.retry_after = retry_after
        self.exchange = dict(exchange or {})
        self.alone = alone


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

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Who can carry it, the one that needs no account first."""
        ...

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


@runtime_checkable
class Asks(Protocol):
    """A channel whose provider must be asked what became of messages (`channels/asking.py`)."""

    async def ask(self, waiting: Sequence[Waiting], inbox: InboxFacts) -> Sequence[Receipt]:
        """What is new about some of `waiting`; raises `ChannelError` when the provider cannot be asked."""
        ...


@runtime_checkable
class Recalls(Protocol):
    """A channel that can call back what was handed over."""

    async def recall(self, waiting: Waiting, inbox: InboxFacts) -> None:
        """Ask the provider to stop; raises `ChannelError` when it will not. The receipt tells what came of it."""
        ...


@runtime_checkable
class Looks(Protocol):
    """A channel that can look an `unknown` message up at its provider."""

    async def look_up(self, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
        """What the provider knows of a message begun at `begun`; None when it cannot tell."""
        ...


@runtime_checkable
class Plays(Protocol):
    """A channel whose sandbox can also play the customer: a message comes in, and nobody had to be there."""

    def plays(self, inbox: InboxFacts) -> bool:
        """Whether nothing of this inbox reaches the world."""
        ...

    def play(self, said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
        """The bytes such a message would come as, for `parse`. Blocks; raises `ChannelError`."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """A channel whose messages come with files that lie at the provider."""

    async def fetch(self, remote: Remote, inbox: InboxFacts) -> File:
        """One file; raises `ChannelError`, retryable or not."""
        ...


@runtime_checkable
class Renders(Protocol):
    """A channel whose messages leave as pages."""

    def pages(self, message: Outbound, inbox: InboxFacts, limit: int) -> Sequence[bytes]:
        """The first `limit` pages as PNG, just as they would leave. Blocks: not for the event loop."""
        ...


@runtime_checkable
class Binds(Protocol):
    """A channel whose waiting messages a person may carry away as paper (`contact/letters.py`)."""

    @property
    def sheets(self) -> Mapping[str, str]:
        """Sheets of labels it knows: name to msgid."""
        ...

    def hindrance(self, message: Outbound, inbox: InboxFacts) -> ChannelError | None:
        """Why this message cannot be printed; None when it can."""
        ...

    def bind(
        self, messages: Sequence[Outbound], inbox: InboxFacts, tell: Callable[[int], None], cover: Cover | None = None
    ) -> Bundle:
        """All in one, in their order; `tell` hears how many are done. Blocks for seconds; raises `ChannelError`."""
        ...

    def manifest(self, bundle: Bundle, kind: str, facts: Mapping[str, Any]) -> bytes:
        """The list of a bundle, `json` or `csv`."""
        ...

    def labels(self, messages: Sequence[Outbound], inbox: InboxFacts, sheet: str, skip: int) -> bytes:
        """Address labels as a PDF. Blocks; raises `ChannelError`."""
        ...


@runtime_checkable
class Shows(Protocol):
    """A channel that can show files of its messages (a fax that came as TIFF or PDF) as pictures."""

    def pictures(self, file: File, limit: int) -> Sequence[bytes]:
        """The first `limit` pages as PNG; none for a file it does not know. Blocks: not for the event loop.

        Raises `Unreadable` when the file is broken.
        """
        ...


@runtime_checkable
class Queues(Protocol):
    """A channel whose provider dials slower than it takes: what waits there can be paused by nobody."""

    async def room(self, inbox: InboxFacts) -> int:
        """How many more of a campaign it should be given now; raises `ChannelError` when it cannot be asked."""
        ...


Outcome = Receipt | ChannelError | Unsure | TooLate
"""What became of one message of many: a value, not an exception. `TooLate`: nothing was handed over."""


class Journal(Protocol):
    """What a sender of many must write down around the step nobody can take back."""

    def leaving(self, numbers: Sequence[int]) -> None:
        """These are about to be handed over; it is on record when this returns.

        Raises `TooLate` when the right to do so is gone: then none of them may be handed over.
        """
        ...

    def answered(self, number: int, outcome: Outcome) -> None:
        """What became of one of them; on record before the next `leaving` returns."""
        ...


class Sender(Protocol):
    """Hands over many messages, several at the same time."""

    @property
    def at_once(self) -> int:
        """How many `send` can work on at the same time."""
        ...

    async def send(self, message: Outbound) -> Outcome: ...


class Prepared(Protocol):
    """A message that is ready, or soon will be. Nobody has to send it."""

    async def send(self) -> Outcome: ...


@runtime_checkable
class Ahead(Protocol):
    """A sender that makes messages ready while others leave: some need time that is not the receiver's."""

    @property
    def ahead(self) -> int:
        """How many should be in the making."""
        ...

    def prepare(self, message: Outbound) -> Prepared: ...


@runtime_checkable
class Bulk(Protocol):
    """A channel that carries many messages from one inbox cheaper than one by one (campaigns)."""

    def bulk(self, inbox: InboxFacts, journal: Journal) -> AbstractAsyncContextManager[Sender]:
        """A sender that keeps what the messages share; what is still in its hands at the end is cut off."""
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
