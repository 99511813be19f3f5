"""A bounce of a copy (CC) is not a bounce of the message."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from contact import conversation, directory, inbox, outbox
from contact.channel import Capabilities
from contact.messages import AddressKind, DeliveryState, Fault, Party, Receipt


def _sent(session: Session, now: datetime) -> outbox.Delivery:
    ours = inbox.add(session, now, "email", "help@shop.example", "Shop")
    kim, address = directory.find_or_create(session, now, Party(AddressKind.EMAIL, "kim@a.example"))
    directory.find_or_create(session, now, Party(AddressKind.EMAIL, "lee@b.example"))
    talk = conversation.open_for(session, now, contact_id=kim.id, inbox_id=ours.id, channel="email")
    words = outbox.Words("hello", cc=(Party(AddressKind.EMAIL, "lee@b.example"),))
    delivery = outbox.put(
        session, now, conversation=talk, inbox=ours, address=address, words=words,
        can=Capabilities(AddressKind.EMAIL, cc=True), user_id=None, domain="shop.example",
    )  # fmt: skip
    outbox.claim(session, now, "w", ["email"])
    outbox.begin(session, now, delivery.id, "w")
    outbox.settle(session, now, Receipt(DeliveryState.WIRED, delivery_id=delivery.id))
    return delivery


def _bounce(delivery: outbox.Delivery, recipient: str) -> Receipt:
    return Receipt(
        DeliveryState.BOUNCED, delivery_id=delivery.id, fault=Fault.ADDRESS_INVALID, code="5.1.1", recipient=recipient
    )


def test_a_copy_that_bounces_marks_its_address_and_nothing_else(session: Session, now: datetime) -> None:
    delivery = _sent(session, now)
    assert outbox.settle(session, now, _bounce(delivery, "Lee@B.example")) is False
    session.refresh(delivery)
    lee = directory.find(session, AddressKind.EMAIL, "lee@b.example")
    kim = directory.find(session, AddressKind.EMAIL, "kim@a.example")
    assert delivery.state == DeliveryState.WIRED
    assert lee is not None
    assert lee.unreachable_at == now
    assert kim is not None
    assert kim.unreachable_at is None


def test_the_recipient_s_own_bounce_counts(session: Session, now: datetime) -> None:
    delivery = _sent(session, now)
    assert outbox.settle(session, now, _bounce(delivery, "kim@a.example")) is True
    session.refresh(delivery)
    assert delivery.state == DeliveryState.BOUNCED
