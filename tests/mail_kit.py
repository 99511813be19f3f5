"""What the tests of the mail room share: corpora, an inbox, a key, ways to write a mail."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from channels.email.parse import parse
from contact.messages import AddressKind, Envelope, Inbound, InboxFacts, Outbound, Party, Receipt

CORPORA = Path(__file__).parents[1].parent / "shared" / "corpora"
KEY = b"k" * 32
INBOX = InboxFacts(1, "email", "smtp", "help@shop.example", "한마루 상점")
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def envelope(**changes: Any) -> Envelope:
    given: dict[str, Any] = {
        "channel": "email",
        "inbox_id": 1,
        "inbox_address": "help@shop.example",
        "source": "imap:test/INBOX",
        "received_at": NOON,
    }
    return Envelope(**(given | changes))


@cache
def labels(corpus: str) -> dict[str, dict[str, Any]]:
    path = CORPORA / corpus / "labels.json"
    if not path.exists():
        pytest.skip(f"the corpus {corpus} is not here: {path}")
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return found


def raw_of(corpus: str, case: dict[str, Any]) -> bytes:
    return (CORPORA / corpus / case["file"]).read_bytes()


def one(raw: bytes, **changes: Any) -> Inbound:
    """The one message a mail holds."""
    (found,) = parse(raw, envelope(**changes), INBOX, key=KEY)
    assert isinstance(found, Inbound)
    return found


def receipts(raw: bytes, **changes: Any) -> list[Receipt]:
    found = parse(raw, envelope(**changes), INBOX, key=KEY)
    return [each for each in found if isinstance(each, Receipt)]


def mail(body: bytes | str = "hello", **headers: str | bytes) -> bytes:
    """A mail with usual headers; `_` in a name stands for `-`, None leaves a header out."""
    fields: dict[str, str | bytes | None] = {
        "From": "Kim <kim@customer.example>",
        "To": "help@shop.example",
        "Subject": "question",
        "Date": "Mon, 02 Mar 2026 11:59:00 +0900",
        "Message-ID": "<1@customer.example>",
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = b"".join(
        f"{name}: ".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        for name, value in fields.items()
        if value is not None
    )
    return head + b"\r\n" + (body if isinstance(body, bytes) else body.encode())


def outbound(text: str = "안녕하세요", **changes: Any) -> Outbound:
    given: dict[str, Any] = {
        "delivery_id": 7,
        "conversation_id": 12,
        "message_id": "7.abc@shop.example",
        "to": Party(AddressKind.EMAIL, "kim@customer.example", "김철수"),
        "text": text,
        "subject": "문의하신 견적입니다",
        "created_at": NOON,
    }
    return Outbound(**(given | changes))


def squeezed(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()
