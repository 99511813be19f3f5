"""Complaints (ARF, RFC 5965): who pressed "this is spam", and about which message of ours.

A report is believed when it carries an address we signed for that one message: the return path it left
with, in `Original-Mail-From`, or in the header of the mail it encloses (Return-Path, and `X-Returns-To`,
which we write because many reports leave the envelope out). Everything else is shown and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from email.message import Message
from typing import Any, NamedTuple

from channels.email.headers import eight_bit, every, first, parties, text
from channels.email.token import conversation_of, sent_of
from contact.messages import DeliveryState, Receipt, Wish

TOLD = ("original-rcpt-to", "original-mail-from", "source-ip", "user-agent")
NO_COMPLAINT = ("not-spam", "auth-failure", "dmarc")
"""Feedback types that say nothing against the sender (RFC 6430, 6591)."""
MOST = 50
HOW = "complaint"


class Proof(NamedTuple):
    """What of a report we signed ourselves: a delivery (negative: a recipient), the conversation it was about."""

    delivery: int | None
    conversation: int | None


def told(reports: Iterable[Message], kind: str) -> dict[str, Any]:
    """Who complained about what, as far as the report tells."""
    said: dict[str, Any] = {"type": kind}
    for block in _blocks(reports):
        for name in TOLD:
            if block.get(name):
                said[name.replace("-", "_")] = ", ".join(text(value)[:320] for value in every(block, name)[:MOST])
    return said


def proof(message: Message, reports: Iterable[Message], key: bytes) -> Proof:
    """Our own marks inside the report."""
    marks = list(_marks(message, reports))
    delivery = next((found for mark in marks if (found := sent_of(mark, key)) is not None), None)
    talk = next((found for mark in marks if (found := conversation_of(mark, key)) is not None), None)
    return Proof(delivery, talk)


def receipts(message: Message, reports: Sequence[Message], kind: str, delivery: int, key: str) -> list[Receipt]:
    """It arrived, and each recipient it names (nobody: its own) wants no more; none when nothing is complained of."""
    if kind in NO_COMPLAINT:
        return []
    said = told(reports, kind)
    words = text(first(message, "subject"))[:200]
    named = parties([value for block in _blocks(reports) for value in every(block, "original-rcpt-to")])[:MOST]
    return [
        Receipt(
            DeliveryState.DELIVERED,
            delivery_id=delivery,
            key=f"{key}:complaint:{position}",
            recipient=recipient,
            reason=words,
            exchange={name: value for name, value in said.items() if name != "original_mail_from"},
            wish=Wish(False, HOW, words),
        )
        for position, recipient in enumerate([party.value for party in named] or [""])
    ]


def _blocks(reports: Iterable[Message]) -> Iterator[Message]:
    for part in reports:
        below = part.get_payload()
        yield from (each for each in below if isinstance(each, Message)) if isinstance(below, list) else ()


def _marks(message: Message, reports: Iterable[Message]) -> Iterator[str]:
    for block in _blocks(reports):
        yield first(block, "original-mail-from")
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            below = part.get_payload()
            for inner in below if isinstance(below, list) else ():
                if isinstance(inner, Message):
                    yield from _fields(inner)
        elif part.get_content_type() == "text/rfc822-headers":
            raw = part.get_payload(decode=True)
            yield from raw.decode("utf-8", "replace").split("\n")[:200] if isinstance(raw, bytes) else ()


def _fields(inner: Message) -> Iterator[str]:
    for name in ("return-path", "x-returns-to", "reply-to", "errors-to"):
        yield eight_bit(first(inner, name))
