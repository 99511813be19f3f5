"""Who gets a copy, and who is left out: nobody is written to by the way whom we may not write to directly."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent
from contact.directory import Address, reach
from contact.messages import AddressKind, Party


class Why(StrEnum):
    """Why an address gets no copy."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"


def left_out(session: Session, parties: Iterable[Party]) -> dict[str, Why]:
    """Address -> why, for those whose owner does not want to be written to, or from where mail comes back."""
    values = {party.value for party in parties}
    if not values:
        return {}
    query = select(Address.id, Address.value).where(Address.kind == AddressKind.EMAIL.value, Address.value.in_(values))
    known = dict(session.execute(query).all())
    unreachable = {known[number]: Why.UNREACHABLE for number in reach.refused(session, known)}
    return unreachable | {known[number]: Why.REFUSED for number in consent.refused(session, known)}
