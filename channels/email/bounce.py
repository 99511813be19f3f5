"""Delivery status notifications (RFC 3464, 6533) as receipts.

Anybody can write a bounce. It is only believed when it came to a return path we signed for
that one delivery; the failing mail server is the only one we told it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from email.message import Message
from typing import NamedTuple, TypeGuard

from channels.email.headers import address, eight_bit, first, unfold
from channels.email.headers import text as readable
from contact.messages import DeliveryState, Fault, Receipt, Who

MAX_RECIPIENTS = 50


class Status(NamedTuple):
    """One recipient's fate as the remote system tells it. `code` is RFC 3463, e.g. `5.1.1`."""

    recipient: str
    action: str
    code: str
    words: str


_ACTIONS = {
    "failed": DeliveryState.BOUNCED,
    "delayed": DeliveryState.WIRED,
    "delivered": DeliveryState.DELIVERED,
    "relayed": DeliveryState.WIRED,
    "expanded": DeliveryState.WIRED,
}
_CODE = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -]|$)")
_FREE_CODE = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")

_FAULTS: tuple[tuple[str, Fault, Who], ...] = (
    (r"[45]\.1\.[1-6]|[45]\.1\.10", Fault.ADDRESS_INVALID, Who.CONTACT),
    (r"[45]\.1\.[78]", Fault.CONFIG, Who.US),
    (r"[45]\.2\.1", Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    (r"[45]\.2\.2", Fault.QUOTA, Who.CONTACT),
    (r"[45]\.(?:2\.3|3\.4)", Fault.TOO_LONG, Who.US),
    (r"[45]\.4\.7", Fault.TIMEOUT, Who.PROVIDER),
    (r"[45]\.[34]\.\d+", Fault.ADDRESS_UNREACHABLE, Who.PROVIDER),
    (r"[45]\.6\.\d+", Fault.CONTENT_REJECTED, Who.US),
    (r"[45]\.7\.(?:2[0-9]|[89])", Fault.AUTH, Who.US),
    (r"[45]\.7\.\d+", Fault.CONTENT_REJECTED, Who.US),
)
_WORDS: tuple[tuple[str, Fault, Who], ...] = (
    (r"quota|mailbox (?:is )?full|over.?quota|insufficient storage", Fault.QUOTA, Who.CONTACT),
    (r"user unknown|unknown user|no such (?:user|recipient|mailbox)|does ?n[o']t exist|invalid recipient|not found",
     Fault.ADDRESS_INVALID, Who.CONTACT),
    (r"too (?:large|big)|size limit|exceeds.{0,20}size", Fault.TOO_LONG, Who.US),
    (r"spam|blocked|blacklist|policy|reputation|rejected", Fault.CONTENT_REJECTED, Who.US),
    (r"dkim|spf|dmarc", Fault.AUTH, Who.US),
    (r"rate|too many", Fault.RATE_LIMITED, Who.US),
    (r"timed? ?out|expired|retry", Fault.TIMEOUT, Who.PROVIDER),
)  # fmt: skip


def statuses(reports: Iterable[Message]) -> list[Status]:
    """Every recipient block of the delivery reports in a mail."""
    found: list[Status] = []
    for part in reports:
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload()
            found += [_status(block) for block in blocks if _names_recipient(block)] if isinstance(blocks, list) else []
    return found[:MAX_RECIPIENTS]


def receipts(
    found: Iterable[Status], delivery_id: int, *, key: str, at: datetime | None, words: str = ""
) -> list[Receipt]:
    """What the reports say about our delivery; `words` are a free-form bounce's, read when there is no report."""
    told = list(found) or _from_words(words)
    return [
        Receipt(
            state=_state(status),
            delivery_id=delivery_id,
            key=f"{key}:{position}",
            fault=fault if _state(status) is DeliveryState.BOUNCED else None,
            who=who if _state(status) is DeliveryState.BOUNCED else None,
            code=status.code,
            reason=status.words[:500],
            at=at,
            recipient=status.recipient,
            exchange={"recipient": status.recipient, "action": status.action},
        )
        for position, status in enumerate(told)
        for fault, who in [_fault(status)]
    ]


def _names_recipient(block: object) -> TypeGuard[Message]:
    return isinstance(block, Message) and bool(block.get("final-recipient") or block.get("original-recipient"))


def _state(status: Status) -> DeliveryState:
    if status.action in _ACTIONS:
        return _ACTIONS[status.action]
    return DeliveryState.BOUNCED if status.code.startswith("5") else DeliveryState.WIRED


def _status(block: Message) -> Status:
    recipient = _typed(first(block, "final-recipient")) or _typed(first(block, "original-recipient"))
    action = re.split(r"[\s(;]", first(block, "action").strip().lower(), maxsplit=1)[0]
    words = readable(_typed(first(block, "diagnostic-code")))
    stated = _CODE.search(first(block, "status"))
    better = _FREE_CODE.search(words)
    code = stated[0] if stated else ""
    if better and (not code or code.endswith(".0.0")):
        code = better[1]
    return Status(address(recipient) or recipient.strip()[:320], action, code, words)


def _typed(value: str) -> str:
    """`rfc822; a@b` -> `a@b`: the word before the semicolon is the kind of address."""
    value = unfold(eight_bit(value))
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and re.fullmatch(r"\s*[\w-]+\s*", kind) else value.strip()


def _from_words(words: str) -> list[Status]:
    """A bounce without a report: believed as to its end only when it names a permanent code."""
    code = _FREE_CODE.search(words)
    reply = _REPLY_CODE.search(words)
    if not code and not reply:
        return []
    found = code[1] if code else (reply[1] if reply else "")
    line = next((line.strip() for line in words.splitlines() if found in line), "")
    return [Status("", "failed" if found.startswith("5") else "delayed", found, line)]


def _fault(status: Status) -> tuple[Fault, Who]:
    """Who can act: by the words where they are plain, else by the enhanced code (RFC 3463)."""
    for pattern, fault, who in _FAULTS:
        if re.fullmatch(pattern, status.code):
            return fault, who
    for pattern, fault, who in _WORDS:
        if re.search(pattern, status.words, re.IGNORECASE):
            return fault, who
    return Fault.OTHER, Who.PROVIDER
