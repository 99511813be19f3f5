"""The sandbox: a fax that stays in the house, with the states of a real one, so that a newcomer sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from channels.fax import tiff
from channels.fax.job import number_of, ref
from contact.messages import Catch, DeliveryState, InboxFacts, Outbound, Progress, Receipt, Waiting

SECONDS: Final = 3
"""A page takes so long here."""
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
