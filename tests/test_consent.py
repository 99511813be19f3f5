"""Consent: the newest wish counts, at once, for what is written now and for what already waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hall_kit import Hall
from sqlalchemy import select

from contact import consent, directory, intake, log, outbox, verify
from contact.consent import Consent
from contact.conversation import Conversation
from contact.errors import Suppressed
from contact.inbox import Inbox
from contact.messages import AddressKind, DeliveryState, Fault, Inbound, Party, Receipt, Who, Wish
from contact.outbox import Delivery

STOP = Wish(given=False, how="keyword", words="STOP")
START = Wish(given=True, how="keyword", words="START")


def says(hall: Hall, wish: Wish | None, key: str, text: str = "hello") -> int:
    """A customer writes; the conversation."""
    party = Party(AddressKind.EMAIL, "kim@customer.example")
    with hall.db.write() as session:
        inbound = Inbound("email", key, key, party, text, wish=wish)
        return intake.take(session, hall.now, inbound, session.get_one(Inbox, hall.mail)).conversation_id


def names(hall: Hall) -> list[str]:
    with hall.db.read() as session:
        return [row.name for row in log.tail(session, 0) if row.name.startswith(("consent", "delivery"))]


def test_stop_is_written_down_once_and_start_takes_it_back(hall: Hall) -> None:
    talk = says(hall, STOP, "1")
    says(hall, STOP, "2", "STOP!")
    with hall.db.read() as session:
        address = directory.find(session, AddressKind.EMAIL, "kim@customer.example")
        assert address
        assert consent.withdrawn(session, address.id)
        (row,) = session.scalars(select(Consent)).all()
        said = session.get_one(log.Interaction, row.interaction_id)
        assert (row.given, row.how, row.words, row.channel) == (False, "keyword", "STOP", "email")
        assert (said.conversation_id, said.about_id, said.body) == (talk, 2, "STOP")
    says(hall, START, "3")
    with hall.db.read() as session:
        assert not consent.withdrawn(session, address.id)
        assert [one.given for one in session.scalars(select(Consent).order_by(Consent.id))] == [False, True]
        assert list(verify.verify(session)) == []
    assert names(hall) == ["consent.withdrawn", "consent.given"]


def test_nobody_writes_to_who_does_not_want_it(hall: Hall) -> None:
    talk = says(hall, STOP, "1")
    with pytest.raises(Suppressed, match="does not want"):
        hall.reply(talk, "all the same")
    says(hall, START, "2")
    assert hall.reply(talk, "now")


def test_what_waited_is_held_when_its_turn_comes(hall: Hall) -> None:
    talk = says(hall, None, "1")
    number = hall.reply(talk, "later")
    says(hall, STOP, "2")
    with hall.db.write() as session:
        due = session.get_one(Delivery, number).next_at + timedelta(seconds=1)
        claimed = outbox.claim(session, due, "me", ["email"])
        assert claimed == [number]
        assert outbox.hold_refused(session, due, claimed) == []
    with hall.db.read() as session:
        held = session.get_one(Delivery, number)
        assert (held.state, held.fault, held.who, held.lease_owner) == ("held", "opted_out", "contact", None)
    assert names(hall)[-1] == "delivery.held"
    says(hall, START, "3")
    with hall.db.write() as session:
        outbox.retry(session, due, number, None)
        claimed = outbox.claim(session, due, "me", ["email"])
        assert outbox.hold_refused(session, due, claimed) == [number]


def test_a_provider_that_refuses_for_the_recipient_says_so_for_the_next_time(hall: Hall) -> None:
    talk = says(hall, None, "1")
    number = hall.reply(talk, "hello")
    with hall.db.write() as session:
        delivery = session.get_one(Delivery, number)
        delivery.state = DeliveryState.SENDING.value
        session.flush()
        refusal = Receipt(
            DeliveryState.FAILED, delivery_id=number, fault=Fault.OPTED_OUT, who=Who.CONTACT, code="21610",
            reason="Attempt to send to unsubscribed recipient", wish=Wish(False, "provider", "21610"),
        )  # fmt: skip
        assert outbox.settle(session, hall.now, refusal)
    with hall.db.read() as session:
        assert session.scalar(select(Conversation.id).where(Conversation.id == talk)) == talk
    with pytest.raises(Suppressed):
        hall.reply(talk, "again")
    assert names(hall)[-2:] == ["consent.withdrawn", "delivery.failed"]
