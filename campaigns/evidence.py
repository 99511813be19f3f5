"""Evidence: what is heard of a recipient after the end, and what it proves.

A word of the provider, an answer that names our message and a link somebody followed prove one thing alike: it left. So
an `unknown` becomes `accepted` by any of them, also by a bounce: the relay had taken it, and it came back later, just
as it would have been had its answer not been lost. Only a provider that says it was never sent makes it `failed`.

What comes before the end is known (a bounce can be faster than our own writing) is kept on the row (`proved_at`) and
counts when the end is `unknown`, or when the recipient would be written to once more (`campaigns/pipe/claim.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign
from campaigns.recipient import Fate, Recipient
from contact import consent, log, raw
from contact.db import wake
from contact.directory import Address, reach
from contact.errors import Conflict
from contact.following import Reader
from contact.log import Appended, Name
from contact.messages import AddressKind, DeliveryState, Fault, Wish
from contact.text import N_

ARRIVED = (DeliveryState.DELIVERED.value, DeliveryState.READ.value)
CAME_BACK = (DeliveryState.BOUNCED.value, DeliveryState.FAILED.value, DeliveryState.EXPIRED.value)
_SOFT = (Fault.ADDRESS_UNREACHABLE.value, Fault.QUOTA.value, Fault.TIMEOUT.value)
WHY = {
    "report": N_("The provider or a mail server spoke of it."),
    "reply": N_("Somebody answered it."),
    "click": N_("Somebody followed a link in it."),
    "hand": N_("Somebody of us said so."),
}
"""What proved it, by the word of the log."""


def read(session: Session, row: Appended) -> None:
    """One row of the log."""
    found = _recipient(session, row)
    if found is None:
        return
    if row.name == Name.RECIPIENT_REPORTED:
        _reported(session, row, found)
    elif row.name == Name.RECIPIENT_UNKNOWN:
        if found.proved_at is not None:
            _prove(session, row.at, found, "report")
    elif row.name == Name.RESPONSE_REPLIED and row.data.get("how") == "reference":
        _prove(session, row.at, found, "reply")
    elif row.name == Name.RESPONSE_CLICKED and row.data.get("who") == "human":
        _prove(session, row.at, found, "click")


READER = Reader(
    "evidence",
    read,
    names=frozenset({
        Name.RECIPIENT_REPORTED, Name.RECIPIENT_UNKNOWN, Name.RESPONSE_REPLIED, Name.RESPONSE_CLICKED,
    }),
)  # fmt: skip


def resolve(session: Session, now: datetime, found: Recipient, to: Fate, why: str, user_id: int | None = None) -> bool:
    """An `unknown` is known now; returns whether it was one. The row and the log move together."""
    log.lock(session)
    session.refresh(found, with_for_update=True)
    if found.state != Fate.UNKNOWN.value:
        return False
    data = {"from": Fate.UNKNOWN.value, "to": to.value, "why": why}
    _say(session, now, Name.RECIPIENT_RESOLVED, found, data, user_id)
    found.state = to.value
    session.flush()
    return True


def again(session: Session, now: datetime, found: Recipient, user_id: int) -> None:
    """A person has an `unknown` sent once more, at the risk that it arrives twice; its campaign goes on for that.

    Raises `Conflict` when it is known by now, or its campaign was ended.
    """
    campaigns.reopen(session, now, found.campaign_id, user_id)
    if found.proved_at is not None or not resolve(session, now, found, Fate.PLANNED, "hand", user_id):
        raise Conflict
    found.next_at, found.settled_at, found.attempts, found.reason = now, None, 0, ""
    session.flush()
    wake(session, campaigns.BELL)


def _recipient(session: Session, row: Appended) -> Recipient | None:
    """None: nobody of ours, or a click that names nobody."""
    number = row.data.get("recipient")
    return session.get(Recipient, number, populate_existing=True) if isinstance(number, int) else None


def _reported(session: Session, row: Appended, found: Recipient) -> None:
    """The provider spoke of it."""
    said, state = row.data, str(row.data.get("state", ""))
    log.lock(session)
    session.refresh(found, with_for_update=True)
    if state == DeliveryState.FAILED.value and found.state == Fate.UNKNOWN.value:
        resolve(session, row.at, found, Fate.FAILED, "report")
        found.code, found.reason = str(said.get("code", ""))[:60], str(said.get("reason", ""))[:300]
    else:
        _prove(session, row.at, found, "report")
        _told(session, row, found, state)
    _address(session, row, found, state)
    raw.about(session, row.id, _last(session, found))


def _told(session: Session, row: Appended, found: Recipient, state: str) -> None:
    """It arrived, or came back: said once each, of what may have left."""
    if found.state not in (Fate.ACCEPTED.value, Fate.SENDING.value, Fate.PLANNED.value):
        return
    about: dict[str, Any] = {name: row.data[name] for name in row.data if name in ("code", "reason", "fault")}
    if state in ARRIVED and found.delivered_at is None:
        found.delivered_at = row.at
        _say(session, row.at, Name.RECIPIENT_DELIVERED, found, about)
    elif state in CAME_BACK and found.returned_at is None:
        found.returned_at = row.at
        found.code, found.reason = str(about.get("code", ""))[:60], str(about.get("reason", ""))[:300]
        _say(session, row.at, Name.RECIPIENT_RETURNED, found, about)
    session.flush()


def _prove(session: Session, now: datetime, found: Recipient, why: str) -> None:
    if found.proved_at is None:
        found.proved_at = now
    session.flush()
    resolve(session, now, found, Fate.ACCEPTED, why)


def _address(session: Session, row: Appended, found: Recipient, state: str) -> None:
    """What it says of the address, as for answers (`outbox/settle.py`): dead, alive, or to be left alone."""
    said = row.data
    address = session.get(Address, found.address_id)
    if address is None:
        return
    about: dict[str, Any] = {"channel": row.channel, "inbox_id": row.inbox_id, "about_id": row.id}
    if how := said.get("wish"):
        wish = Wish(bool(said.get("given")), str(how), str(said.get("reason", "")))
        consent.record(session, row.at, address, wish, channel=found.channel, about_id=row.id)
    if state in ARRIVED:
        reach.found(session, row.at, address.id, reach.How.ARRIVED, **about)
    elif (lost := _how_lost(session, row.at, address, state, said)) is not None:
        reach.lost(session, row.at, address.id, lost, str(said.get("reason", "")), str(said.get("code", "")), **about)


def _how_lost(
    session: Session, now: datetime, address: Address, state: str, said: Mapping[str, Any]
) -> reach.How | None:
    fault = said.get("fault")
    if state not in CAME_BACK:
        return None
    if fault == Fault.ADDRESS_INVALID.value and state != DeliveryState.EXPIRED.value:
        return reach.How.DEAD
    if address.kind != AddressKind.EMAIL.value:
        dead = fault == Fault.ADDRESS_UNREACHABLE.value and state != DeliveryState.EXPIRED.value
        return reach.How.DEAD if dead else None
    return reach.How.KEPT_FAILING if fault in _SOFT and _keeps_failing(session, now, address) else None


def _keeps_failing(session: Session, now: datetime, address: Address) -> bool:
    """So many campaigns came back in so many days, not all within one span."""
    since = max(now - reach.SOFT_DAYS, address.reachable_at or now - reach.SOFT_DAYS)
    times = select(func.count(), func.min(Recipient.returned_at), func.max(Recipient.returned_at))
    many, first, last = session.execute(
        times.where(Recipient.address_id == address.id, Recipient.returned_at > since)
    ).one()
    return first is not None and last is not None and many >= reach.SOFT_TIMES and last - first >= reach.SOFT_SPAN


def _say(
    session: Session, now: datetime, name: Name, found: Recipient, data: Mapping[str, Any], user_id: int | None = None
) -> None:
    campaign = session.get_one(Campaign, found.campaign_id)
    log.append(
        session, now, name, contact_id=found.contact_id, address_id=found.address_id, inbox_id=campaign.inbox_id,
        channel=found.channel, user_id=user_id, about_id=campaign.launch_id,
        data={"campaign": campaign.id, "recipient": found.id, **data},
    )  # fmt: skip


def _last(session: Session, found: Recipient) -> int | None:
    """The newest row of the person this campaign wrote: whoever erases them finds the raw report by it."""
    newest = select(func.max(log.Interaction.id)).where(
        log.Interaction.contact_id == found.contact_id, log.Interaction.name.in_(sorted(log.CROWD))
    )
    return session.scalar(newest)
