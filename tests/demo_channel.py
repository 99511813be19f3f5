"""A channel that uses everything the contract offers, for the tests of the console: pigeon post.

It carries cp949 text in strips of ten bytes, leaves as pages, is asked what became of its
messages, can be called back, is spoken to by webhooks, and takes pictures only.
"""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from contact.channel import (
    Capabilities,
    ChannelError,
    Forged,
    Hook,
    Preview,
    Provider,
    Receipts,
    Setting,
    Unreadable,
)
from contact.messages import (
    AddressKind,
    Catch,
    DeliveryState,
    Envelope,
    Fault,
    File,
    Inbound,
    InboxFacts,
    Outbound,
    Party,
    Receipt,
    Waiting,
    Who,
)

STRIP = 40
"""Bytes one strip of paper holds."""

LOFT = Provider(
    "loft",
    "The loft",
    (
        Setting("host", "Loft", help="Where the pigeons live.", required=True, where=True),
        Setting("feed", "Password", "secret", required=True),
        Setting("perches", "Perches", "number", default="4", pattern=r"[1-9]\d?", wrong="From 1 to 99."),
        Setting("breed", "Breed", "choice", default="grey", choices=(("grey", "Grey"), ("white", "White"))),
        Setting("routes", "Routes", "lines", help="One a line."),
        Setting("night", "Flies at night", "switch"),
    ),
)


def png(page: int, width: int = 210, height: int = 297) -> bytes:
    """A page with grey lines on it, as many as its number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def row(y: int) -> bytes:
        ink = 20 < y < 24 + page * 12 and y % 12 < 4
        line = bytearray(b"\xff" * width)
        if ink:
            line[20 : width - 20] = b"\x60" * (width - 40)
        return b"\0" + bytes(line)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(row(y) for y in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


CAN = Capabilities(
    AddressKind.TEL,
    max_text=2000,
    max_attachments=2,
    max_attachment_bytes=100_000,
    attachment_types=("image/*",),
    encodings=("ascii", "cp949"),
    cancel=True,
    receipts=Receipts.ASKED,
    hook=Hook(("X-Feather",), limit=1000),
    pace=((1, timedelta(seconds=1)),),
    undo=timedelta(0),
    starts=True,
)


@dataclass
class Pigeon:
    """`said` is what it was asked to do, for tests in one process."""

    name: str = "pigeon"
    capabilities: Capabilities = CAN
    providers: tuple[Provider, ...] = (Provider("sandbox", "Sandbox"), LOFT)
    said: list[object] = field(default_factory=list)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        exchange = {
            "request": {"url": "https://loft.example/fly", "body": {"to": message.to.value, "strips": ["안녕", 2]}},
            "response": {"status": 201, "headers": {"X-Bird": "grey"}},
            "ms": 12,
        }
        catch = Catch(
            inbox.address, (message.to.value,), message.text[:40], message.message_id, message.text.encode(),
            self.name, "text/plain; charset=utf-8",
        )  # fmt: skip
        return Receipt(
            DeliveryState.WIRED, message.delivery_id, f"bird-{message.delivery_id}", exchange=exchange, caught=catch
        )

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        if envelope.headers.get("x-feather") != "grey":
            raise Forged("The feather does not fit.")

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        sender = Party(AddressKind.TEL, "+821055550000")
        return [Inbound(self.name, raw.hex()[:60], raw.hex()[:60], sender, raw.decode())]

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        problems = tuple(
            (at, "This character cannot be written.") for at, one in enumerate(message.text) if not _fits(one)
        )
        size = len(message.text.encode("cp949", "replace"))
        strips = -(-size // STRIP)
        price = inbox.settings.get("price")
        cost = (Decimal(str(price)) * strips, str(inbox.settings.get("currency", "KRW"))) if price else None
        facts = {
            "encoding": "EUC-KR", "left": strips * STRIP - size, "size": STRIP, "of": "byte",
            "proposals": {"“": '"', "☕": "커피"},
        }  # fmt: skip
        return Preview(strips, "part", problems, facts, cost)

    async def close(self) -> None:
        pass

    async def ask(self, waiting: Sequence[Waiting], inbox: InboxFacts) -> Sequence[Receipt]:
        return []

    async def recall(self, waiting: Waiting, inbox: InboxFacts) -> None:
        self.said.append(("recall", waiting.provider_ref, dict(inbox.secrets)))
        await asyncio.to_thread(time.sleep, 0.01)  # as adapters do whose library blocks
        if waiting.to.value.endswith("9"):
            raise ChannelError("The bird is over the hills.", fault=Fault.OTHER, who=Who.PROVIDER, code="B9")

    def pages(self, message: Outbound, inbox: InboxFacts, limit: int) -> Sequence[bytes]:
        self.said.append(("pages", limit))
        count = 1 + message.text.count("\f") + len(message.files)
        return [png(number) for number in range(1, min(count, limit) + 1)]

    def pictures(self, file: File, limit: int) -> Sequence[bytes]:
        if file.content_type not in ("image/tiff", "application/pdf"):
            return []
        if file.content.startswith(b"broken"):
            raise Unreadable("This file is broken.")
        return [png(number) for number in range(1, min(3, limit) + 1)]


def _fits(letter: str) -> bool:
    try:
        letter.encode("cp949")
    except UnicodeEncodeError:
        return False
    return True
