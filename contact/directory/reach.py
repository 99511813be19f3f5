"""Whether anything arrives at an address: marked when mail comes back for good, lifted by any better news.

The mark is a fact about the address, not a wish of its owner (that is `contact/consent.py`). To a marked
post or e-mail address nothing is sent any more: paper and postage are not spent on hope, and a house that
goes on writing to dead mailboxes is taken for a spammer. On other channels it is only shown.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contact import log
from contact.directory.contact import Address
from contact.errors import Conflict, NotFound
from contact.messages import AddressKind
from contact.text import N_, storable

REFUSED = (AddressKind.POST.value, AddressKind.EMAIL.value)
"""Kinds of address that take nothing while they are marked."""
NO_POST = N_("No letter can be delivered at this address. Correct it first.")
NO_MAIL = N_("Mail to this address comes back. If it works again, take the mark off at the customer first.")
SOFT_TIMES = 3
SOFT_DAYS = timedelta(days=14)
SOFT_SPAN = timedelta(days=1)
"""So many failures in so many days, not all within one span (one bad evening is one failure), are taken for good."""


class How(StrEnum):
    """How we know."""

    DEAD = "dead"
    """The provider says that there is no such address; a letter came back."""
    KEPT_FAILING = "kept_failing"
    """It failed `SOFT_TIMES` times in `SOFT_DAYS`."""
    AGENT = "agent"
    ARRIVED = "arrived"
    WROTE = "wrote"


def why_not(address: Address) -> str:
    """The sentence why nothing is sent there, "" when it may be."""
    if address.unreachable_at is None or address.kind not in REFUSED:
        return ""
    return NO_POST if address.kind == AddressKind.POST.value else NO_MAIL


def refused(session: Session, address_ids: Collection[int]) -> set[int]:
    """Those of the addresses that take nothing."""
    query = select(Address.id).where(Address.id.in_(address_ids), Address.kind.in_(REFUSED))
    return set(session.scalars(query.where(Address.unreachable_at.is_not(None))))


def lost(session: Session, now: datetime, address_id: int, how: How, reason: str, code: str = "", **about: Any) -> None:
    """Mark an address; the log says so the first time. `about`: conversation, delivery and message it is about."""
    address = session.get_one(Address, address_id, populate_existing=True)
    first = address.unreachable_at is None
    address.unreachable_at, address.unreachable_how = now, how.value
    address.unreachable_reason, address.unreachable_code = storable(reason or code)[:200], storable(code)[:60]
    session.flush()
    if first:
        content = {"value": address.value, "reason": address.unreachable_reason}
        _say(session, now, log.Name.ADDRESS_UNREACHABLE, address, how, content, code, about)


def found(session: Session, now: datetime, address_id: int, how: How, user_id: int | None = None, **about: Any) -> bool:
    """Take the mark off; returns whether there was one. What failed before counts no more."""
    lifted = session.execute(
        update(Address)
        .where(Address.id == address_id, Address.unreachable_at.is_not(None))
        .values(
            unreachable_at=None, unreachable_reason="", unreachable_how=None, unreachable_code=None, reachable_at=now
        )
        .returning(Address.id)
        .execution_options(synchronize_session=False)
    ).first()
    if lifted is None:
        return False
    address = session.get_one(Address, address_id, populate_existing=True)
    about["user_id"] = user_id
    _say(session, now, log.Name.ADDRESS_REACHABLE, address, how, {"value": address.value}, "", about)
    return True


def lift(session: Session, now: datetime, address_id: int, user_id: int) -> Address:
    """An agent says that mail arrives there after all; raises `NotFound`, or `Conflict` when nothing was marked."""
    log.lock(session)
    address = session.get(Address, address_id)
    if address is None:
        raise NotFound("This address does not exist.")
    if not found(session, now, address_id, How.AGENT, user_id):
        raise Conflict("Messages to this address are not held back.")
    return address


def _say(
    session: Session,
    now: datetime,
    name: log.Name,
    address: Address,
    how: How,
    content: dict[str, Any],
    code: str,
    about: dict[str, Any],
) -> None:
    data = {"how": how.value, "code": code[:60]}
    log.append(
        session,
        now,
        name,
        contact_id=address.contact_id,
        address_id=address.id,
        content=content,
        data={key: value for key, value in data.items() if value},
        **about,
    )
