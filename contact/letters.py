"""Letters a person carries: taken from the queue in batches, posted, and sometimes returned.

An inbox whose provider is `channel.HAND` has no machine: its letters wait in the queue until somebody takes
them as one batch (a PDF, its list, labels), puts them into the box and says so. Until then they are `queued`,
then `wired`; a batch that was never posted is put back, and nothing was sent. A letter can be taken back while
it lies in a batch: the page says which sheets to pull from the pile.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ForeignKey, Index, Integer, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import consent, directory, log, outbox
from contact.channel import HAND
from contact.db import Base, Id, Utc
from contact.directory import Address, Contact, reach
from contact.errors import Conflict, NotFound
from contact.inbox import Inbox
from contact.messages import AddressKind, DeliveryState, Fault, Receipt, Who
from contact.outbox import Delivery
from contact.text import N_

MOST = 1000
"""Letters of one batch: what a person carries, and what is set in a few seconds."""


class LetterBatch(Base):
    """Letters that were taken together. Open until `posted_at` or `put_back_at`."""

    __tablename__ = "letter_batch"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    taken_at: Mapped[datetime] = mapped_column(Utc)
    taken_by: Mapped[int | None] = mapped_column(Id)
    posted_at: Mapped[datetime | None] = mapped_column(Utc)
    put_back_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_by: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (Index("ix_letter_batch_inbox_id", "inbox_id", "id"),)

    @property
    def open(self) -> bool:
        return self.posted_at is None and self.put_back_at is None


class BatchedLetter(Base):
    """One letter in a batch, at its place from 1."""

    __tablename__ = "batched_letter"

    batch_id: Mapped[int] = mapped_column(Id, ForeignKey("letter_batch.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(Id, ForeignKey("delivery.id"))

    __table_args__ = (Index("ix_batched_letter_delivery_id", "delivery_id"),)


class Returned(StrEnum):
    """Why a letter came back, as the post office stamps it; kept in the delivery's `code`."""

    MOVED = "moved"
    UNKNOWN = "unknown"
    REFUSED = "refused"


RETURNED: Final = {
    Returned.MOVED: N_("The letter came back: the recipient has moved."),
    Returned.UNKNOWN: N_("The letter came back: nobody of this name lives there."),
    Returned.REFUSED: N_("The letter came back: the recipient refused it."),
}


_OPEN = (LetterBatch.posted_at.is_(None), LetterBatch.put_back_at.is_(None))


def hand_inboxes(session: Session) -> Sequence[Inbox]:
    """Inboxes whose letters a person carries."""
    return session.scalars(select(Inbox).where(Inbox.provider == HAND).order_by(Inbox.id)).all()


def waiting(session: Session, now: datetime, inbox_id: int, limit: int = MOST) -> Sequence[Delivery]:
    """Letters that may be taken now: due, wanted, to reachable addresses, in no open batch; the oldest first."""
    taken = select(BatchedLetter.delivery_id).join(LetterBatch).where(*_OPEN)
    found = session.scalars(
        select(Delivery)
        .join(Address, Address.id == Delivery.address_id)
        .where(Delivery.inbox_id == inbox_id, Delivery.state == DeliveryState.QUEUED.value, Delivery.next_at <= now)
        .where(Delivery.expires_at > now, Delivery.message.is_not(None), Address.unreachable_at.is_(None))
        .where(Delivery.id.not_in(taken))
        .order_by(Delivery.id)
        .limit(limit)
    ).all()
    unwanted = consent.refused(session, {each.address_id for each in found})
    return [each for each in found if each.address_id not in unwanted]


def take(
    session: Session, now: datetime, inbox_id: int, user_id: int | None, without: Collection[int] = ()
) -> LetterBatch:
    """All waiting letters as one batch, save those `without`; raises `Conflict` when there is none.

    Letters nobody wants any more, or to an address letters came back from, are held for a person.
    """
    log.lock(session)
    box = session.get(Inbox, inbox_id)
    if box is None or box.provider != HAND:
        raise NotFound("This inbox has no letters for a person to post.")
    _hold(session, now, inbox_id)
    chosen = [each for each in waiting(session, now, inbox_id) if each.id not in without]
    if not chosen:
        raise Conflict("No letter waits to be posted.")
    batch = LetterBatch(inbox_id=inbox_id, taken_at=now, taken_by=user_id)
    session.add(batch)
    session.flush()
    session.add_all(
        BatchedLetter(batch_id=batch.id, sequence=place, delivery_id=each.id) for place, each in enumerate(chosen, 1)
    )
    session.flush()
    return batch


def _hold(session: Session, now: datetime, inbox_id: int) -> None:
    due = session.scalars(
        select(Delivery.id)
        .where(Delivery.inbox_id == inbox_id, Delivery.state == DeliveryState.QUEUED.value, Delivery.next_at <= now)
        .order_by(Delivery.id)
    ).all()
    outbox.hold_refused(session, now, due)


def batch_of(session: Session, batch_id: int) -> LetterBatch:
    """Raises `NotFound`."""
    batch = session.get(LetterBatch, batch_id, populate_existing=True)
    if batch is None:
        raise NotFound("This batch of letters does not exist.")
    return batch


def batches(session: Session, inbox_id: int, limit: int = 20) -> Sequence[LetterBatch]:
    """The newest first."""
    query = select(LetterBatch).where(LetterBatch.inbox_id == inbox_id).order_by(LetterBatch.id.desc()).limit(limit)
    return session.scalars(query).all()


def letters(session: Session, batch_id: int) -> list[tuple[int, Delivery]]:
    """The letters of a batch with their places, those taken back since included."""
    rows = session.execute(
        select(BatchedLetter.sequence, Delivery)
        .join(Delivery, Delivery.id == BatchedLetter.delivery_id)
        .where(BatchedLetter.batch_id == batch_id)
        .order_by(BatchedLetter.sequence)
    )
    return [(place, delivery) for place, delivery in rows]


def counts(session: Session, batch_ids: Collection[int]) -> dict[int, int]:
    """How many letters each batch has."""
    rows = session.execute(
        select(BatchedLetter.batch_id, func.count())
        .where(BatchedLetter.batch_id.in_(batch_ids))
        .group_by(BatchedLetter.batch_id)
    )
    return dict(iter(rows))


def pulled(session: Session, batch_id: int) -> list[int]:
    """Places of letters that must not go: taken back, held or erased since the batch was taken."""
    return [place for place, each in letters(session, batch_id) if not _goes(each)]


def _goes(delivery: Delivery) -> bool:
    return delivery.state == DeliveryState.QUEUED and delivery.message is not None


def posted(session: Session, now: datetime, batch_id: int, user_id: int, pages: dict[int, int] | None = None) -> int:
    """A person has put the pile into the box: its letters are `wired`. Returns how many; raises `Conflict`."""
    log.lock(session)
    batch = _open_batch(session, batch_id)
    gone = [each for _, each in letters(session, batch_id) if _goes(each)]
    for each in gone:
        exchange = {"batch": batch.id, "by": user_id, **({"pages": pages[each.id]} if pages else {})}
        receipt = Receipt(DeliveryState.WIRED, delivery_id=each.id, code="posted", exchange=exchange)
        outbox.settle(session, now, receipt, user_id=user_id)
    batch.posted_at, batch.ended_by = now, user_id
    return len(gone)


def put_back(session: Session, now: datetime, batch_id: int, user_id: int) -> None:
    """It was never posted: its letters wait again, for the next batch."""
    log.lock(session)
    batch = _open_batch(session, batch_id)
    batch.put_back_at, batch.ended_by = now, user_id


def _open_batch(session: Session, batch_id: int) -> LetterBatch:
    batch = batch_of(session, batch_id)
    if not batch.open:
        raise Conflict("This batch has been posted or put back already.")
    return batch


def returned(session: Session, now: datetime, delivery_id: int, why: Returned, user_id: int) -> Delivery:
    """A letter lies on the table again: `bounced`, and its address takes no more letters until it is corrected.

    Raises `NotFound`, and `Conflict` where the letter never left or came back before.
    """
    log.lock(session)
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None or delivery.channel != AddressKind.POST.value:
        raise NotFound("There is no letter of this number.")
    receipt = Receipt(
        DeliveryState.BOUNCED,
        delivery_id=delivery_id,
        fault=Fault.ADDRESS_INVALID if why is Returned.UNKNOWN else Fault.ADDRESS_UNREACHABLE,
        who=Who.CONTACT,
        code=why.value,
        reason=RETURNED[why],
        exchange={"returned": why.value, "by": user_id},
    )
    if not outbox.may_follow(DeliveryState(delivery.state), DeliveryState.BOUNCED):
        raise Conflict("This letter has not left, or its return is noted already.")
    outbox.settle(session, now, receipt, user_id=user_id)
    return delivery


def correct(session: Session, now: datetime, address_id: int, value: str, user_id: int) -> Address:
    """Somebody found out where the person lives: a new address of theirs, or the same one confirmed.

    Raises `InvalidAddress`, `NotFound`, and `Conflict` when the address is another person's.
    """
    log.lock(session)
    old = session.get(Address, address_id)
    if old is None or old.kind != AddressKind.POST.value:
        raise NotFound("This address does not exist.")
    contact = session.get_one(Contact, old.contact_id)
    right = directory.add_address(session, now, contact, AddressKind.POST, value, user_id)
    reach.found(session, now, right.id, reach.How.AGENT, user_id)
    return right
