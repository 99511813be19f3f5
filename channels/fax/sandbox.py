"""The sandbox: a fax that stays in the house, with the states of a real one, so that a newcomer sees them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

from channels.fax import render, tiff
from channels.fax.job import number_of, ref
from contact.channel import ChannelError
from contact.messages import (
    Catch,
    DeliveryState,
    Envelope,
    Fault,
    File,
    InboxFacts,
    Outbound,
    Played,
    Progress,
    Receipt,
    Waiting,
    Who,
)

SECONDS: Final = 3
"""A page takes so long here."""
MOST_PLAYED: Final = 20
"""Pages of a fax that somebody writes in a customer's place."""
WORDS: Final = "Sandbox: nothing has left the house."


def receipt(message: Outbound, inbox: InboxFacts, pages: list[bytes]) -> Receipt:
    """Caught as a PDF of the very pages."""
    catch = Catch(
        sender=inbox.address,
        recipients=(message.to.value,),
        subject=message.subject or " ".join(message.text.split())[:80],
        message_id=message.message_id,
        raw=tiff.pdf(tiff.joined(pages)),
        channel="fax",
        content_type="application/pdf",
    )
    return Receipt(
        DeliveryState.WIRED,
        delivery_id=message.delivery_id,
        provider_ref=ref(len(pages), "sandbox"),
        reason=WORDS,
        exchange={"sandbox": True, "pages": len(pages)},
        progress=Progress(0, len(pages)),
        caught=catch,
    )


def ask(waiting: Waiting) -> Receipt:
    """How far it would have come by now."""
    pages = max(1, number_of(waiting.provider_ref))
    done = min(pages, int((datetime.now(UTC) - waiting.since).total_seconds() // SECONDS))
    arrived = done == pages
    return Receipt(
        DeliveryState.DELIVERED if arrived else DeliveryState.WIRED,
        delivery_id=waiting.delivery_id,
        reason=WORDS,
        exchange={"sandbox": True},
        progress=Progress(done, pages),
    )


def played(said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
    """Words and files as the receive hook would bring them from a far machine."""
    pages = [page for file in _papers(said) for page in _pages(file, inbox.language)]
    if not pages:
        raise ChannelError("The fax has no pages.", fault=Fault.CONTENT_REJECTED, who=Who.US, code="empty")
    call = secrets.token_hex(4)
    head = {
        "file": f"recvq/sandbox{call}.tif",
        "device": "sandbox",
        "commid": call,
        "number": said.sender.value,
        "dialled": inbox.address,
        "received": str(int(datetime.now(UTC).timestamp())),
    }
    lines = "".join(f"{name}: {value}\n" for name, value in head.items())
    return f"{lines}\n".encode() + tiff.joined(pages[:MOST_PLAYED]), Envelope("fax", inbox.id, inbox.address, "sandbox")


def _papers(said: Played) -> list[File]:
    words = "\n\n".join(part for part in (said.subject, said.text) if part.strip())
    return [*([File("words.txt", "text/plain; charset=utf-8", words.encode())] if words else []), *said.files]


def _pages(file: File, language: str) -> tuple[bytes, ...]:
    made = render.document(file, language, MOST_PLAYED)
    if made.trouble:
        raise ChannelError(made.trouble, fault=Fault.CONTENT_REJECTED, who=Who.US, code="format")
    return made.pages
