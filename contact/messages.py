"""The common language of hall and channels: values that travel between them.

Everything here is frozen and pure. An adapter turns the provider's words into these and
these into the provider's words; it never needs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AddressKind(StrEnum):
    """What sort of address a contact is reached at."""

    EMAIL = "email"
    TEL = "tel"
    FAX = "fax"
    POST = "post"
    VISITOR = "visitor"
    """A browser that chatted with us: an id we gave it, carried in a signed token."""


class Nature(StrEnum):
    """Whose words an inbound message is. Only `HUMAN` is shown as a customer's words."""

    HUMAN = "human"
    AUTO_REPLY = "auto_reply"
    """Out of office, acknowledgement, any answer by a machine (RFC 3834)."""
    BOUNCE = "bounce"
    """A delivery status notification (RFC 3464) or a free-form bounce."""
    COMPLAINT = "complaint"
    """An abuse report (ARF, RFC 5965)."""
    BULK = "bulk"
    """List or bulk mail: stored, shown, never answered automatically."""


class DeliveryState(StrEnum):
    """Where one delivery is. See `contact/outbox.py` for the order."""

    HELD = "held"
    """Waits for a person: consent or quiet hours do not allow it now."""
    QUEUED = "queued"
    SENDING = "sending"
    WIRED = "wired"
    """Handed over and accepted; no proof of arrival yet."""
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """We crashed or timed out after the point of no return. Never resent by itself."""


class Fault(StrEnum):
    """Why something could not be delivered; every provider code maps to one of these."""

    AUTH = "auth"
    CONFIG = "config"
    ADDRESS_INVALID = "address_invalid"
    ADDRESS_UNREACHABLE = "address_unreachable"
    OPTED_OUT = "opted_out"
    CONTENT_REJECTED = "content_rejected"
    TOO_LONG = "too_long"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    PROVIDER_DOWN = "provider_down"
    TIMEOUT = "timeout"
    OTHER = "other"


class Who(StrEnum):
    """Who can do something about a failure."""

    CONTACT = "contact"
    PROVIDER = "provider"
    US = "us"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody at an address. `value` is normalised (see `contact/address.py`)."""

    kind: AddressKind
    value: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file with its bytes, on its way in or out. `content_id` is the bare RFC 2392 id."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of an inbound message that still lies at the provider; fetched after the words were shown."""

    url: str
    content_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A person says whether we may write to this address: STOP, START, a provider's opt-out.

    `words` are theirs or the provider's, the proof. `how`: `keyword`, `provider`, `agent`.
    """

    given: bool
    how: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """What a message says about the messages it belongs to (RFC 5322 section 3.6.4).

    Ids are bare, without angle brackets. `token` is the signed part of our reply address
    (`help+TOKEN@...`), already verified by the adapter: a conversation id. `number` is a
    bare conversation number quoted in the subject: a hint, never proof.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    token: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from the world to one inbox of ours.

    `key` makes it unique (seen-before): the same key is the same message. `fingerprint`
    is a hash of what it says: the same key with another fingerprint is a reused key.
    `at` is when the sender claims to have written it (UTC), None when unknown.
    `text` holds the sender's new words, `quoted` the folded rest of the plain text.
    """

    channel: str
    key: str
    fingerprint: str
    sender: Party
    text: str
    at: datetime | None = None
    subject: str = ""
    html: str = ""
    quoted: str = ""
    files: tuple[File, ...] = ()
    thread: Thread = Thread()
    others: tuple[Party, ...] = ()
    """To and CC except our own inbox: they become participants."""
    reply_to: Party | None = None
    nature: Nature = Nature.HUMAN
    nature_reason: str = ""
    """Which header or rule decided `nature`, for the person who wonders."""
    remotes: tuple[Remote, ...] = ()
    wish: Wish | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Anything else worth keeping, JSON-ready (defects, spam score, page of the visitor)."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message of ours on its way to one address, ready to be handed to a provider.

    `message_id` is decided before the first try and the same for all tries (bare id).
    `automatic` marks mail no person wrote (RFC 3834). An adapter that signs its return and
    reply addresses makes the tokens from the two ids.
    """

    delivery_id: int
    conversation_id: int
    message_id: str
    to: Party
    text: str
    subject: str = ""
    html: str = ""
    cc: tuple[Party, ...] = ()
    bcc: tuple[Party, ...] = ()
    files: tuple[File, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    automatic: bool = False
    created_at: datetime | None = None
    unsubscribe: str = ""
    """Where a mail program refuses more of this with one click (RFC 8058): an address of our public page."""
    until: datetime | None = None
    """It must not leave later than this, wherever it waits: adapters tell their provider, where it can be told."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What a sandbox shows in place of the world: the very bytes that would have left.

    `message_id` links it to the delivery; `subject` is the line of the list.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    raw: bytes
    channel: str = "email"
    content_type: str = "message/rfc822"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a message on its way has come: `done` of `total` pages."""

    done: int
    total: int
    unit: str = "page"
    note: str = ""
    """What else is to be said while it waits (a msgid): printed, out of paper."""
    over: bool = False
    """The provider has said all it will ever know: it is not asked again (printed; a person posts it)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery the provider has: what `ask` and `recall` are about. `since` is when it was handed over."""

    delivery_id: int
    provider_ref: str
    to: Party
    since: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's word about a delivery.

    Either `delivery_id` (from a signed return path or our own hand) or `provider_ref`
    names the delivery. `key` dedupes the same word said twice.
    """

    state: DeliveryState
    delivery_id: int | None = None
    """Negative: no delivery, but the recipient of a campaign with this number (`Outbound.delivery_id`)."""
    provider_ref: str = ""
    key: str = ""
    fault: Fault | None = None
    who: Who | None = None
    code: str = ""
    reason: str = ""
    at: datetime | None = None
    recipient: str = ""
    """The address it speaks of, where a delivery has several (CC); empty = the delivery's own."""
    exchange: Mapping[str, Any] = field(default_factory=dict)
    """Redacted request and answer, for the exchange log."""
    progress: Progress | None = None
    caught: Catch | None = None
    """Set by a sandbox: kept for its viewer, nothing left the house."""
    wish: Wish | None = None
    """The provider says that the recipient does not want (or wants again) to be written to."""


@dataclass(frozen=True, slots=True)
class Played:
    """What somebody writes in a customer's place, to try the house (`Plays`)."""

    sender: Party
    text: str
    subject: str = ""
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """How raw bytes reached us: what the transport knew and the bytes may not say."""

    channel: str
    inbox_id: int
    inbox_address: str
    source: str
    """`smtp`, `imap:HOST/FOLDER`, `webhook`, `upload`."""
    sender: str = ""
    """SMTP MAIL FROM, empty for the null reverse-path."""
    recipients: tuple[str, ...] = ()
    received_at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a webhook: `url` (as the provider knows it), `what` (the end of its path), `content-type`, its signatures."""


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """What an adapter may know of the inbox it sends from or receives for."""

    id: int
    channel: str
    provider: str
    address: str
    name: str
    language: str = "ko"
    signature: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
