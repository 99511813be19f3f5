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

from channels.email.cause import Cause, cause
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
    stage: str = ""
    """The SMTP command that was refused: `MAIL`, `RCPT`, `DATA`; empty where nobody says."""

    @property
    def cause(self) -> Cause:
        return cause(self.code, self.words, stage=self.stage)


_ACTIONS = {
    "failed": DeliveryState.BOUNCED,
    "delayed": DeliveryState.WIRED,
    "delivered": DeliveryState.DELIVERED,
    "relayed": DeliveryState.WIRED,
    "expanded": DeliveryState.WIRED,
}
_PLAIN = (Fault.ADDRESS_INVALID, Fault.QUOTA)
"""What words alone say plainly enough, where a free-form bounce names no code."""
_CODE = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_FREE_CODE = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


def reported(reports: Iterable[Message]) -> list[Status]:
    """Every recipient block of the delivery reports in a mail."""
    found: list[Status] = []
    for part in reports:
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload()
            told = filter(_names_recipient, blocks) if isinstance(blocks, list) else ()
            found += [status for block in told for status in _both(block)]
    return found[:MAX_RECIPIENTS]


def receipts(found: Iterable[Status], delivery_id: int, *, key: str, at: datetime | None) -> list[Receipt]:
    """What a bounce to the signed return path of one delivery says about it."""
    return [
        _receipt(status, delivery_id, f"{key}:{position}", at, *status.cause)
        for position, status in enumerate(found)
        if status.code or status.action or status.cause[0] in _PLAIN
    ]


def _receipt(status: Status, delivery_id: int, key: str, at: datetime | None, fault: Fault, who: Who) -> Receipt:
    state = _state(status)
    over = state is DeliveryState.BOUNCED
    return Receipt(
        state=state,
        delivery_id=delivery_id,
        key=key,
        fault=fault if over else None,
        who=who if over else None,
        code=status.code,
        reason=" ".join(status.words.split())[:500],
        at=at,
        recipient=status.recipient,
        exchange={"recipient": status.recipient, "action": status.action},
    )


def _names_recipient(block: object) -> TypeGuard[Message]:
    return isinstance(block, Message) and bool(block.get("final-recipient") or block.get("original-recipient"))


def _state(status: Status) -> DeliveryState:
    if status.action in _ACTIONS:
        return _ACTIONS[status.action]
    final = status.code.startswith("5") or (not status.code and status.cause[0] in _PLAIN)
    return DeliveryState.BOUNCED if final else DeliveryState.WIRED


def _both(block: Message) -> list[Status]:
    """Where it failed, and where we had sent it if that is another address (an alias, a forward)."""
    status = _status(block)
    original = address(_typed(first(block, "original-recipient")))
    return [status] if original in ("", status.recipient) else [status, status._replace(recipient=original)]


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
