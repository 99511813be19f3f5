"""A message of ours as RFC 5322 bytes, the same for every try.

Written by hand rather than with the stdlib's generator: every header value passes one gate
that knows no line break, bodies leave with CRLF only, and nothing depends on the clock or
on chance, so a second try sends the very bytes of the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from channels.email.body import body_of
from channels.email.fields import field, people, wire_address, words
from channels.email.token import reply_token, return_token, tagged
from contact.channel import ChannelError
from contact.messages import Fault, InboxFacts, Outbound, Party, Who

MAX_REFERENCES = 25
ONE_CLICK = "List-Unsubscribe=One-Click"
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+;=%\[\]-]{1,700}")
_ID = re.compile(r"[^\s<>\x00-\x1f\x7f]{1,900}@?[^\s<>\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Mailing:
    """What the SMTP dialogue needs beside the bytes."""

    sender: str
    """MAIL FROM: our signed return path."""
    recipients: tuple[str, ...]
    smtputf8: bool
    """A mailbox name outside ASCII: the relay must offer SMTPUTF8 (RFC 6531)."""


def mailing(message: Outbound, inbox: InboxFacts, *, key: bytes) -> Mailing:
    """Envelope of a message: return path, everybody it goes to (BCC too), what it asks of the relay."""
    everybody = (message.to, *message.cc, *message.bcc)
    recipients = tuple(dict.fromkeys(wire_address(party.value) for party in everybody))
    sender = return_path(message, inbox, key=key)
    return Mailing(sender, recipients, not all(each.isascii() for each in (sender, *recipients)))


def return_path(message: Outbound, inbox: InboxFacts, *, key: bytes) -> str:
    """`bounces+TOKEN@` the inbox's domain, or the address the inbox names for it."""
    named = inbox.settings.get("return_address")
    base = str(named) if named else f"bounces@{inbox.address.rpartition('@')[2]}"
    return wire_address(tagged(base, return_token(message.delivery_id, key)))


def compose(message: Outbound, inbox: InboxFacts, *, key: bytes) -> bytes:
    """RFC 5322 bytes with CRLF line ends, signed addresses by `key`.

    Raises `ChannelError` when an address or our own id cannot be written.
    """
    body = body_of(message, inbox)
    fields = [*_fields(message, inbox, key), ("MIME-Version", "1.0")]
    head = b"".join(field(name, value) for name, value in fields)
    return head + body


def _fields(message: Outbound, inbox: InboxFacts, key: bytes) -> list[tuple[str, str]]:
    fields = []
    if message.created_at is not None:
        fields.append(("Date", _date(message.created_at)))
    fields += [
        ("From", people([Party(message.to.kind, inbox.address, inbox.name)])),
        ("To", people([message.to])),
    ]
    if message.cc:
        fields.append(("Cc", people(message.cc)))
    if message.conversation_id:
        answers = tagged(inbox.address, reply_token(message.conversation_id, key))
        reply = Party(message.to.kind, answers, inbox.name)
        fields.append(("Reply-To", people([reply])))
    fields.append(("X-Returns-To", return_path(message, inbox, key=key)))  # what a complaint encloses has no envelope
    fields += [("Subject", words(message.subject)), ("Message-ID", _own_id(message.message_id))]
    fields += _thread(message)
    fields += _unsubscribe(message.unsubscribe)
    if message.automatic:
        fields += [
            ("Auto-Submitted", "auto-replied" if message.in_reply_to else "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "auto_reply"),
        ]
    return fields


def _unsubscribe(url: str) -> list[tuple[str, str]]:
    """List-Unsubscribe (RFC 2369) and, for an https address, List-Unsubscribe-Post (RFC 8058 section 3.1)."""
    if not url:
        return []
    if not _URL.fullmatch(url):
        raise ChannelError("The address for unsubscribing cannot be written.", fault=Fault.CONFIG, who=Who.US)
    fields = [("List-Unsubscribe", f"<{url}>")]
    if url.startswith("https://"):
        fields.append(("List-Unsubscribe-Post", ONE_CLICK))
    return fields


def _date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0))


def _thread(message: Outbound) -> list[tuple[str, str]]:
    """In-Reply-To and References (RFC 5322 section 3.6.4); ids that are none are left out."""
    fields = []
    parent = _bare_id(message.in_reply_to)
    if parent:
        fields.append(("In-Reply-To", f"<{parent}>"))
    chain = list(dict.fromkeys(filter(None, (_bare_id(each) for each in (*message.references, message.in_reply_to)))))
    if len(chain) > MAX_REFERENCES:
        chain = [chain[0], *chain[-(MAX_REFERENCES - 1) :]]
    if chain:
        fields.append(("References", "\r\n ".join(f"<{each}>" for each in chain)))
    return fields


def _bare_id(value: str) -> str:
    value = value.strip().removeprefix("<").removesuffix(">")
    return value if value.isascii() and _ID.fullmatch(value) else ""


def _own_id(value: str) -> str:
    if not _bare_id(value):
        raise ChannelError("The message has no usable Message-ID.", fault=Fault.CONFIG, who=Who.US)
    return f"<{_bare_id(value)}>"
