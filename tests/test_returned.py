"""What comes back by itself, over real SMTP through the whole house: marks, complaints, absences, floods."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from mail_doubles import Copy, Sink
from post_office import HELP, PostOffice, letter
from real import wait_for
from sqlalchemy import func, select, update

from channels.receiver import Receiver
from contact import alarms, consent, directory, floods, log, outbox, raw, verify
from contact.conversation import Conversation
from contact.db import utcnow
from contact.directory import Address, reach
from contact.errors import Conflict, Suppressed
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Fault, Party, Receipt
from contact.outbox import Delivery
from contact.raw import Raw

GONE = "gone@customer.example"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink().running() as sink:
        yield sink


@pytest.fixture
def office(make_office: Callable[..., PostOffice], sink: Sink) -> PostOffice:
    return make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none").open()


def sent(office: PostOffice, sink: Sink, to: str = GONE) -> tuple[int, Copy]:
    """One mail that left the house, as the other side has it."""
    number = office.write_to(to)
    office.in_state(number, "wired")
    return number, sink.caught[-1]


def bounced(
    office: PostOffice, copy: Copy, who: str = GONE, code: str = "5.1.1", words: str = "no such user", to: str = ""
) -> None:
    """The other side's server says that it could not deliver."""
    raw_mail = (
        f"From: MAILER-DAEMON@mx.customer.example\r\nTo: {copy.sender}\r\nSubject: Undelivered Mail\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt was not delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.customer.example\r\n\r\n"
        f"Final-Recipient: rfc822; {who}\r\nAction: failed\r\nStatus: {code}\r\n"
        f"Diagnostic-Code: smtp; 550 {code} {words}\r\n\r\n--b--\r\n"
    ).encode()
    office.post(raw_mail, sender="", to=to or copy.sender)
    office.settled()


def complaint(copy: Copy, marked: bool = True, rcpt: str = "") -> bytes:
    """An ARF report that encloses our own mail, as a provider's feedback loop sends it."""
    ours = copy.raw if marked else b"From: help@shop.example\r\nSubject: Hello\r\n\r\nHello."
    head = (
        "From: fbl@mail.example\r\nTo: help@shop.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        "Message-ID: <fbl1@mail.example>\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n"
        "\r\n--b\r\nContent-Type: text/plain\r\n\r\nA user marked this as spam.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: FBL\r\nVersion: 1\r\n"
        + (f"Original-Rcpt-To: <{rcpt}>\r\n" if rcpt else "")
        + "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    return head.encode() + ours + b"\r\n--b--\r\n"


def address(office: PostOffice, value: str = GONE) -> Address:
    found = office.one(lambda session: directory.find(session, AddressKind.EMAIL, value))
    assert isinstance(found, Address)
    return found


def rows(office: PostOffice, name: Name) -> list[Interaction]:
    query = select(Interaction).where(Interaction.name == name.value).order_by(Interaction.id)
    return list(office.one(lambda session: session.scalars(query).all()))


def refused(office: PostOffice, to: str = GONE) -> str:
    with pytest.raises(Suppressed) as told:
        office.write_to(to)
    return str(told.value)


def proves_itself(office: PostOffice) -> None:
    assert office.one(lambda session: [str(one) for one in verify.verify(session)]) == []


# -- bounces -----------------------------------------------------------------------------------------------


def test_a_dead_address_takes_no_more_mail_until_somebody_lifts_it(office: PostOffice, sink: Sink) -> None:
    number, copy = sent(office, sink)
    bounced(office, copy)
    office.in_state(number, "bounced")
    marked = address(office)
    assert (marked.unreachable_how, marked.unreachable_code) == ("dead", "5.1.1")
    assert marked.unreachable_reason == "550 5.1.1 no such user"
    (said,) = rows(office, Name.ADDRESS_UNREACHABLE)
    delivery = office.delivery(number)
    assert (said.conversation_id, said.about_id) == (delivery.conversation_id, delivery.interaction_id)
    assert said.data == {"how": "dead", "code": "5.1.1"}
    assert "comes back" in refused(office)
    with office.service.db.write() as session:
        reach.lift(session, utcnow(), marked.id, 1)
    with office.service.db.write() as session, pytest.raises(Conflict):
        reach.lift(session, utcnow(), marked.id, 1)
    (back,) = rows(office, Name.ADDRESS_REACHABLE)
    assert (back.user_id, back.data["how"]) == (1, "agent")
    sent(office, sink)
    proves_itself(office)
    with office.service.db.write() as session:
        session.execute(update(Address).where(Address.id == marked.id).values(unreachable_at=utcnow()))
    (difference,) = office.one(lambda session: [str(one) for one in verify.verify(session)])
    assert difference.startswith(f"address {marked.id}: unreachable_at is")


def test_what_waits_when_the_bounce_comes_is_held_for_a_person(office: PostOffice, sink: Sink) -> None:
    _, copy = sent(office, sink)
    later = office.write_to(GONE)  # promised before the bad news
    with office.service.db.write() as session:
        session.execute(update(Delivery).where(Delivery.id == later).values(state="held"))
    bounced(office, copy)
    with office.service.db.write() as session:
        outbox.retry(session, utcnow(), later, 1)
    held = office.in_state(later, "held")
    assert "comes back" in held.reason


def test_a_bounce_says_no_words_reopens_nothing_and_waits_for_nobody(office: PostOffice, sink: Sink) -> None:
    number, copy = sent(office, sink)
    talk = office.delivery(number).conversation_id
    from contact import conversation as conversations

    with office.service.db.write() as session:
        conversations.resolve(session, utcnow(), conversations.get(session, talk), None)
    for _ in range(2):  # the second to the inbox itself, unsigned
        bounced(office, copy)
        bounced(office, copy, to=HELP)
    office.post(complaint(copy))
    away = letter("11월 25일까지 휴가입니다", sender=GONE, Subject="자동 응답", Auto_Submitted="auto-replied",
                  In_Reply_To=f"<{copy.message_id}>")  # fmt: skip
    office.post(away, sender="")
    office.settled()
    assert office.received() == []
    assert office.tally().get("failed") is None
    for one in office.conversations():
        assert (one.state, one.waiting_since) == ("resolved", None)
    (absent,) = rows(office, Name.AUTO_REPLY_RECEIVED)
    assert absent.conversation_id == talk
    proves_itself(office)


def test_a_forged_bounce_marks_nobody_and_is_shown_as_such(office: PostOffice, sink: Sink) -> None:
    number, copy = sent(office, sink)
    bounced(office, copy, to=HELP)
    bounced(office, copy, to="help+d1.aaaaaaaaaaaaaaaa@shop.example")
    assert office.delivery(number).state == "wired"
    assert address(office).unreachable_at is None
    assert rows(office, Name.BOUNCE_RECEIVED)[0].content["facts"]["unverified"] is True  # type: ignore[index]


def test_one_full_mailbox_is_forgiven_a_mailbox_that_stays_full_is_not(office: PostOffice, sink: Sink) -> None:
    numbers = []
    for _ in range(2):
        number, copy = sent(office, sink)
        bounced(office, copy, code="5.2.2", words="mailbox full")
        numbers.append(number)
    assert office.delivery(numbers[-1]).fault == Fault.QUOTA
    assert address(office).unreachable_at is None
    number, copy = sent(office, sink)
    bounced(office, copy, code="5.2.2", words="mailbox full")
    assert address(office).unreachable_at is None, "three within a day are one bad day"
    with office.service.db.write() as session:
        first = update(Delivery).where(Delivery.id == numbers[0])
        session.execute(first.values(created_at=utcnow() - timedelta(days=3)))
    number, copy = sent(office, sink)
    bounced(office, copy, code="5.2.2", words="mailbox full")
    marked = address(office)
    assert marked.unreachable_how == "kept_failing"
    assert "comes back" in refused(office)
    office.post(letter("I am here again", sender=GONE), sender=GONE)
    office.settled()
    assert address(office).unreachable_at is None
    assert rows(office, Name.ADDRESS_REACHABLE)[0].data["how"] == "wrote"
    number, copy = sent(office, sink)
    bounced(office, copy, code="5.2.2", words="mailbox full")
    assert address(office).unreachable_at is None, "what failed before counts no more"


def test_what_lies_with_us_or_with_the_words_is_no_matter_of_the_address(office: PostOffice, sink: Sink) -> None:
    for _ in range(4):
        _, copy = sent(office, sink)
        bounced(office, copy, code="5.7.1", words="blocked using spam list")
    with office.service.db.write() as session:
        session.execute(update(Delivery).where(Delivery.id == 1).values(created_at=utcnow() - timedelta(days=3)))
    _, copy = sent(office, sink)
    bounced(office, copy, code="5.7.1", words="blocked using spam list")
    assert address(office).unreachable_at is None


def test_a_late_proof_of_arrival_lifts_the_mark(office: PostOffice, sink: Sink) -> None:
    first, _ = sent(office, sink)
    _, copy = sent(office, sink)
    bounced(office, copy)
    assert address(office).unreachable_at is not None
    with office.service.db.write() as session:
        outbox.settle(session, utcnow(), Receipt(DeliveryState.DELIVERED, delivery_id=first))
    assert address(office).unreachable_at is None


# -- complaints --------------------------------------------------------------------------------------------


def test_a_complaint_withdraws_consent_where_it_was_said(office: PostOffice, sink: Sink) -> None:
    number, copy = sent(office, sink)
    office.post(complaint(copy))
    office.settled()
    wish = office.one(lambda session: consent.latest(session, address(office).id))
    assert (wish.given, wish.how) == (False, "complaint")
    talk = office.delivery(number).conversation_id
    (said,) = rows(office, Name.CONSENT_WITHDRAWN)
    (shown,) = rows(office, Name.COMPLAINT_RECEIVED)
    assert said.conversation_id == shown.conversation_id == talk
    assert "unverified" not in shown.content["facts"]  # type: ignore[index]
    assert "does not want" in refused(office)
    office.post(complaint(copy))
    office.settled()
    assert len(rows(office, Name.CONSENT_WITHDRAWN)) == 1
    proves_itself(office)


def test_a_complaint_of_somebody_in_copy_is_theirs_alone(office: PostOffice, sink: Sink) -> None:
    number = office.write_to(GONE, cc=(Party(AddressKind.EMAIL, "lee@customer.example"),))
    office.in_state(number, "wired")
    office.post(complaint(sink.caught[-1], rcpt="Lee@customer.example"))
    office.settled()
    (said,) = rows(office, Name.CONSENT_WITHDRAWN)
    assert said.address_id == address(office, "lee@customer.example").id
    assert office.delivery(number).state == "wired", "a word of the copy is none about the message"
    sent(office, sink)


def test_a_forged_complaint_withdraws_nothing(office: PostOffice, sink: Sink) -> None:
    _, copy = sent(office, sink)
    office.post(complaint(copy, marked=False, rcpt=GONE))
    office.settled()
    assert rows(office, Name.CONSENT_WITHDRAWN) == []
    assert rows(office, Name.COMPLAINT_RECEIVED)[0].content["facts"]["unverified"] is True  # type: ignore[index]
    sent(office, sink)


# -- floods ------------------------------------------------------------------------------------------------


def test_a_thousand_mails_of_one_sender_lose_nothing_and_hold_up_nobody(office: PostOffice) -> None:
    """Others write in the middle of it and are read while most of the flood still waits."""
    total, loud = 1000, "robot@loud.example"

    def pour() -> None:
        with office.smtp() as smtp:
            for number in range(total):
                mail = letter(f"alarm {number}", sender=loud, Subject=f"Alarm {number % 40}")
                smtp.sendmail(loud, [HELP], mail.as_bytes())

    pouring = threading.Thread(target=pour)
    pouring.start()
    for number in range(5):
        wait_for(lambda number=number: _kept(office) >= (number + 1) * 150, what="the flood to rise")
        office.post(letter(f"a person {number}", sender=f"kim{number}@customer.example"))
        wait_for(lambda number=number: _shown(office, f"a person {number}"), what="a person's mail to be read")
    pouring.join()
    office.settled(180)
    assert office.tally() == {"parsed": total + 5}
    assert len(office.received()) == total + 5
    begun = office.one(
        lambda session: session.scalar(
            select(func.count()).select_from(Conversation).join(Address, Address.contact_id == Conversation.contact_id)
            .where(Address.value == loud)
        )
    )  # fmt: skip
    assert begun == floods.MOST
    marked = [row for row in office.received() if floods.marked(row)]
    assert len(marked) == total - floods.MOST
    gathering = [one for one in office.conversations() if floods.TAG in one.tags]
    assert gathering
    assert len(rows(office, Name.SENDER_FLOODED)) == len(gathering), "said once in each"
    assert len(office.one(lambda session: alarms.ringing(session, "flood:"))) == len(gathering)
    proves_itself(office)


def test_who_came_last_is_read_before_a_long_line_of_one(make_office: Callable[..., PostOffice]) -> None:
    office = make_office()
    office.open(office.listener.run)
    with office.smtp() as smtp:
        for number in range(300):
            smtp.sendmail("robot@loud.example", [HELP], letter(f"alarm {number}", Subject="Alarm").as_bytes())
    office.post(letter("a person", sender="kim@customer.example"))
    office.shut()
    office.open(Receiver().run)
    office.settled()
    order = [(row.body or "").strip() for row in office.received()]
    assert order[:3] == ["alarm 0", "a person", "alarm 1"]
    assert [words for words in order if words != "a person"] == [f"alarm {number}" for number in range(300)]


def _kept(office: PostOffice) -> int:
    return int(office.one(lambda session: session.scalar(select(func.max(Raw.id))) or 0))


def _shown(office: PostOffice, words: str) -> bool:
    query = select(Interaction.id).where(Interaction.body.startswith(words))
    return office.one(lambda session: session.scalar(query)) is not None


def test_mails_of_a_flood_join_those_of_their_subject(office: PostOffice) -> None:
    for number in range(floods.MOST + 5):
        office.post(letter(f"mail {number}", sender="robot@loud.example", Subject=f"Host {'abcde'[number % 5]}"))
    office.settled()
    where: dict[str, Counter[int | None]] = {}
    for row in office.received()[floods.MOST :]:
        assert row.content
        where.setdefault(row.content["subject"], Counter())[row.conversation_id] += 1
    subjects = {one.id: one.subject for one in office.conversations()}
    for subject, talks in where.items():
        assert {subjects[number or 0] for number in talks} == {subject}


def test_a_busy_customer_is_no_flood(office: PostOffice) -> None:
    for number in range(floods.MOST):
        office.post(letter(f"order {number}", sender="shop@market.example", Subject=f"Order {number}"))
    office.settled()
    assert len(office.conversations()) == floods.MOST
    assert rows(office, Name.SENDER_FLOODED) == []


def test_a_form_on_a_web_site_writes_for_many_people(office: PostOffice) -> None:
    with office.smtp() as smtp:
        for number in range(floods.MOST + 10):
            mail = letter(f"question {number}", sender="form@shop.example", Subject="New question",
                          Reply_To=f"kim{number}@customer.example")  # fmt: skip
            smtp.sendmail("form@shop.example", [HELP], mail.as_bytes())
    office.settled()
    assert len(office.conversations()) == floods.MOST + 10


def test_turns() -> None:
    assert raw.in_turn({1: "a", 2: "a", 3: "a", 4: "b", 5: "c", 6: "b"}) == [1, 4, 5, 2, 6, 3]
    assert raw.in_turn({}) == []
    assert raw.writer(b"Subject: x\r\nFrom: Kim <kim@a.example>\r\n\r\nFrom: other@b.example") == "kim@a.example"
    assert raw.writer(b"no header at all") == ""


def test_an_alarm_rings_once(office: PostOffice) -> None:
    with office.service.db.write() as session:
        assert alarms.ring(session, utcnow(), "reader:x", {"n": 1})
        assert not alarms.ring(session, utcnow(), "reader:x", {"n": 2})
        assert [one.facts for one in alarms.ringing(session)] == [{"n": 2}]
        assert alarms.clear(session, utcnow(), "reader:x")
        assert not alarms.clear(session, utcnow(), "reader:x")
        assert alarms.ring(session, utcnow(), "reader:x", {"n": 3})
        assert log.head(session) == 0
