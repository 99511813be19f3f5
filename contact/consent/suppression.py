"""Addresses of erased people who had refused: only a fingerprint is kept, so that no list brings them back.

Erasing a person takes the address away, and the refusal would go with it: the next list somebody buys holds the
address again. The fingerprint is SHA-256 over kind and normalised value. Whoever holds the database can try all
telephone numbers against it; that is the price of keeping a refusal, and why nothing else stands beside it.
A consent the person gives after that counts, for it is newer; an import is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Utc
from contact.directory import Address


class Suppression(Base):
    """`digest` of an address its owner had refused before they were erased."""

    __tablename__ = "suppression"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)


_ANY = select(Suppression.digest).limit(1)


def digest(kind: str, value: str) -> str:
    """The fingerprint of an address in its normal form."""
    return hashlib.sha256(f"{kind}\0{value}".encode()).hexdigest()


def since(session: Session, addresses: Collection[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """Those of the addresses (kind, value) whose former owner had refused, and when they were erased."""
    if session.scalar(_ANY) is None:
        return {}
    named = {digest(*address): address for address in addresses}
    found = session.execute(select(Suppression.digest, Suppression.at).where(Suppression.digest.in_(named))).all()
    return {named[one]: at for one, at in found}


def remember(session: Session, now: datetime, address_ids: Collection[int]) -> None:
    """These addresses are about to be erased: keep the fingerprints of those whose owner refuses planned messages."""
    from contact.consent.ledger import Consent  # the ledger asks here, too

    said = select(func.max(Consent.id)).where(Consent.address_id.in_(address_ids), Consent.night.is_(False))
    newest = said.group_by(Consent.address_id, Consent.purpose)
    refused = select(Consent.address_id).where(Consent.id.in_(newest), Consent.given.is_(False))
    for kind, value in session.execute(select(Address.kind, Address.value).where(Address.id.in_(refused))).all():
        one = session.get(Suppression, digest(kind, value)) or Suppression(digest=digest(kind, value))
        one.at = now
        session.add(one)
    session.flush()
