"""Hashes that chain the rows of the ledger: one row changed, taken out or put between is found.

A row's hash covers the hash before it and every column that erasure leaves alone. What people said and what
proves it goes in as `sealed`, a hash with a random salt of the row's own; erasing a person empties the salt
with the words, so the chain still holds and `sealed` tells nothing any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COVERED = (
    "at", "address_id", "contact_id", "channel", "purpose", "night", "scope", "given", "how", "text_id", "said_at",
    "user_id", "interaction_id", "sealed",
)  # fmt: skip
"""Columns a row's hash covers, in this order."""


def seal(salt: str, words: str, proof: str) -> str:
    """A fingerprint of what was said and what proves it; without the salt it tells nothing."""
    return hashlib.sha256("\0".join((salt, words, proof)).encode("utf-8", "surrogatepass")).hexdigest()


def link(before: str, row: Mapping[str, Any]) -> str:
    """The hash of a row behind the row whose hash is `before`."""
    told = "\0".join([before, *(_plain(row[name]) for name in COVERED)])
    return hashlib.sha256(told.encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


def broken(session: Session) -> Iterator[int]:
    """Rows of the ledger that are not as they were written: their ids. Rows older than the chain have no hash.

    The last rows of all could be cut off without a trace here; the log names each of them (`contact/verify.py`).
    """
    from contact.consent.ledger import Consent  # the ledger writes with this module

    before, begun = "", False
    for row in session.scalars(select(Consent).order_by(Consent.id).execution_options(yield_per=1000)):
        if not row.hash and not begun:
            continue
        begun = True
        values = {name: getattr(row, name) for name in COVERED}
        kept = row.salt == "" or seal(row.salt, row.words, row.proof) == row.sealed
        if link(before, values) != row.hash or not kept:
            yield row.id
        before = row.hash
