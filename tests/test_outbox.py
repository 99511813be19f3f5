"""The outbox: promised once, sent at most once unless a person says so, and honest about the rest."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import CHAT, MAIL, NOON, Hall
from sqlalchemy.orm import Session

from contact import consent, directory, files, inbox, log, outbox
from contact import conversation as conversations
from contact.channel import ChannelError, Unsure
from contact.errors import Conflict, Invalid, KeyReused, NotFound, SomethingArrived, Suppressed
from contact.messages import AddressKind, Fault, Party, Receipt, Thread, Who, Wish
from contact.messages import DeliveryState as S
from contact.outbox import Delivery, Exchange, Words, delivery
from contact.outbox.put import AUTOMATIC_CAP


def state(hall: Hall, number: int) -> S:
    with hall.db.read() as session:
        return S(session.get_one(Delivery, number).state)


def begun(hall: Hall, owner: str = "w") -> list[Delivery]:
    with hall.db.write() as session:
        ids = outbox.claim(session, hall.now, owner, ["email"])
    with hall.db.write() as session:
        return [one for number in ids if (one := outbox.begin(session, hall.now, number, owner)) is not None]


def wired(hall: Hall) -> int:
    number = hall.reply(hall.mail_in().conversation_id)
    begun(hall)
    settled(hall, Receipt(S.WIRED, delivery_id=number, provider_ref="ref-1"))
    return number


def settled(hall: Hall, receipt: Receipt) -> bool:
    with hall.db.write() as session:
        return outbox.settle(session, hall.tick(), receipt)


def names(hall: Hall, number: int) -> list[str]:
    with hall.db.read() as session:
        row = log.Interaction
        return list(session.scalars(sa.select(row.name).where(row.delivery_id == number).order_by(row.id)))


# -- promising --------------------------------------------------------------------------------


def test_the_same_promise_again_is_the_same_delivery(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    first = hall.reply(talk, "답", key="r1")
    assert hall.reply(talk, "답", key="r1") == first
    with pytest.raises(KeyReused):
        hall.reply(talk, "다른 답", key="r1")
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda _: hall.reply(talk, "동시", key="r2"), range(12)))) == 1
    with hall.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 2


def test_whoever_may_not_be_written_to_gets_no_copy_and_the_row_says_so(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    lee, gone, no = (Party(AddressKind.EMAIL, f"{name}@a.example") for name in ("lee", "gone", "no"))
    with hall.db.write() as session:
        for party in (lee, gone, no):
            directory.find_or_create(session, hall.tick(), party)
        dead = directory.find(session, AddressKind.EMAIL, gone.value)
        unwilling = directory.find(session, AddressKind.EMAIL, no.value)
        assert dead is not None
        assert unwilling is not None
        directory.reach.lost(session, hall.tick(), dead.id, directory.reach.How.DEAD, "user unknown")
        consent.record(session, hall.tick(), unwilling, Wish(False, "link", "no more"), channel="email")
    new = Party(AddressKind.EMAIL, "new@a.example")
    number = hall.reply(talk, words=Words("답", cc=(lee, gone), bcc=(no, new)), key="once")
    with hall.db.read() as session:
        made = session.get_one(Delivery, number)
        row = session.get_one(log.Interaction, made.interaction_id)
        assert ([one["value"] for one in made.message["cc"]], [one["value"] for one in made.message["bcc"]]) == (
            [lee.value],
            [new.value],
        )
        assert row.content is not None
        assert (row.content["cc"], row.content["bcc"]) == ([lee.value], [new.value])
        assert row.content["left_out"] == [
            {"value": gone.value, "why": "unreachable"},
            {"value": no.value, "why": "refused"},
        ]
    assert hall.reply(talk, words=Words("답", cc=(lee, gone), bcc=(no, new)), key="once") == number


def test_something_arrived_stops_before_promising(hall: Hall) -> None:
    talk = hall.mail_in()
    seen = talk.interaction_id
    with hall.db.write() as session:
        conversations.note(session, hall.tick(), conversations.get(session, talk.conversation_id), "내 메모", 7)
    assert hall.reply(talk.conversation_id, "ok", seen=seen), "one's own note is no surprise"
    hall.reply(talk.conversation_id, "동료의 답", user_id=8)
    with pytest.raises(SomethingArrived):
        hall.reply(talk.conversation_id, "늦은 답", seen=seen)
    with hall.db.read() as session:
        head = log.head(session)
    assert hall.reply(talk.conversation_id, "이제 봤음", seen=head)
    hall.mail_in(thread=Thread(token=talk.conversation_id))
    with pytest.raises(SomethingArrived):
        hall.reply(talk.conversation_id, "또 늦음", seen=head)


def test_something_that_arrived_in_a_merged_conversation_counts(hall: Hall) -> None:
    one, other = hall.mail_in(), hall.mail_in("lee@b.example")
    with hall.db.write() as session:
        loser, winner = (conversations.get(session, taken.conversation_id) for taken in (other, one))
        conversations.merge(session, hall.tick(), loser, winner, 1)
    with pytest.raises(SomethingArrived):
        hall.reply(one.conversation_id, seen=one.interaction_id)


@pytest.mark.parametrize(
    ("words", "error"),
    [(Words(""), Invalid), (Words(" \n"), Invalid), (Words("x" * (MAIL.max_text + 1)), Invalid)],
)
def test_what_cannot_be_said_is_not_promised(lite: Hall, words: Words, error: type[Exception]) -> None:
    talk = lite.mail_in().conversation_id
    with pytest.raises(error):
        lite.reply(talk, words=words)
    items = files.keep(lite.store, [files.File("a", "text/plain", b"1")])
    assert lite.reply(talk, words=Words("", items=items)), "a file alone is a message"


def test_an_address_of_another_channel_is_refused(lite: Hall) -> None:
    talk = lite.mail_in().conversation_id
    with pytest.raises(Invalid), lite.db.write() as session:
        outbox.put(
            session, NOON, conversation=conversations.get(session, talk), inbox=inbox.get(session, lite.chat),
            address=session.get_one(directory.Address, 1), words=Words("x"), can=CHAT, user_id=1, domain="d",
        )  # fmt: skip


def test_two_machines_do_not_answer_each_other_for_ever(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    for _ in range(AUTOMATIC_CAP):
        hall.reply(talk, words=Words("자동", automatic=True), user_id=None)
    with pytest.raises(Suppressed):
        hall.reply(talk, words=Words("자동", automatic=True), user_id=None)
    assert hall.reply(talk, "사람은 언제나")
    hall.tick(24 * 3600 + 60)
    assert hall.reply(talk, words=Words("자동", automatic=True), user_id=None)
    with hall.db.read() as session:
        assert conversations.get(session, talk).waiting_since is None


def test_an_automatic_answer_leaves_the_customer_waiting(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    hall.reply(talk, words=Words("접수했습니다", automatic=True), user_id=None)
    with hall.db.read() as session:
        assert conversations.get(session, talk).waiting_since is not None
    hall.reply(talk)
    with hall.db.read() as session:
        assert conversations.get(session, talk).waiting_since is None


def test_a_live_channel_is_wired_at_once(hall: Hall) -> None:
    talk = hall.chat_in().conversation_id
    assert state(hall, hall.reply(talk)) is S.WIRED
    later = hall.reply(talk, not_before=hall.now + timedelta(hours=1))
    assert state(hall, later) is S.QUEUED


def test_outbound_is_what_was_promised(hall: Hall) -> None:
    talk = hall.mail_in("kim@a.example", name="김하나").conversation_id
    items = files.keep(hall.store, [files.File("견적.pdf", "application/pdf", b"%PDF", "cid", True)])
    cc, bcc = Party(AddressKind.EMAIL, "cc@a.example", "C"), Party(AddressKind.EMAIL, "bcc@a.example")
    words = Words("본문", "제목", "<b>본문</b>", (cc,), (bcc,), items)
    number = hall.reply(talk, words=words)
    with hall.db.read() as session:
        made = session.get_one(Delivery, number)
        out = outbox.outbound(session, number, hall.store)
    assert (out.to, out.text, out.subject, out.html) == (
        Party(AddressKind.EMAIL, "kim@a.example", "김하나"), "본문", "제목", "<b>본문</b>")  # fmt: skip
    assert (out.cc, out.bcc, out.message_id) == ((cc,), (bcc,), made.message_id)
    assert out.files == (files.File("견적.pdf", "application/pdf", b"%PDF", "cid", True),)
    assert out.in_reply_to == out.references[-1] == "in1@a.example"


# -- taking back ------------------------------------------------------------------------------


def snapshot(hall: Hall, talk: int) -> tuple[object, ...]:
    with hall.db.read() as session:
        one = conversations.get(session, talk)
        return one.waiting_since, one.preview, one.state


def test_taking_back_leaves_it_as_if_unwritten_whatever_came_between(hall: Hall) -> None:
    talk = hall.mail_in(text="첫 질문").conversation_id
    before = snapshot(hall, talk)
    number = hall.reply(talk, "성급한 답")
    assert snapshot(hall, talk) != before
    with hall.db.write() as session:
        conversations.note(session, hall.tick(), conversations.get(session, talk), "메모가 사이에", 1)
        outbox.cancel(session, hall.tick(), number, 7)
    assert snapshot(hall, talk) == before
    assert names(hall, number) == ["message.queued", "delivery.cancelled"]

    one, two = hall.reply(talk, "답 하나"), hall.reply(talk, "답 둘")
    with hall.db.write() as session:  # the first of two: the second still answers
        outbox.cancel(session, hall.tick(), one, 7)
        assert conversations.get(session, talk).waiting_since is None
        assert conversations.get(session, talk).preview == "답 둘"
        outbox.cancel(session, hall.tick(), two, 7)
    assert snapshot(hall, talk) == before

    three = hall.reply(talk, "답 셋")
    hall.mail_in(text="두번째 질문", thread=Thread(token=talk))
    with hall.db.write() as session:
        outbox.cancel(session, hall.tick(), three, 7)
    assert snapshot(hall, talk)[:2] == (before[0], "두번째 질문"), "the customer waits since the first question"


def test_too_late_to_take_back(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    begun(hall)
    with pytest.raises(Conflict), hall.db.write() as session:
        outbox.cancel(session, hall.now, number, 7)
    with pytest.raises(NotFound), hall.db.write() as session:
        outbox.cancel(session, hall.now, 999, 7)


def test_taking_back_races_with_the_worker(hall: Hall) -> None:
    """Whoever is first wins, and never both."""
    talk = hall.mail_in().conversation_id
    for _ in range(8):
        number = hall.reply(talk)
        with ThreadPoolExecutor(2) as pool:
            sent = pool.submit(begun, hall)
            back = pool.submit(_cancelled, hall, number)
        assert bool(sent.result()) != back.result()
        assert state(hall, number) is (S.CANCELLED if back.result() else S.SENDING)
        if not back.result():
            settled(hall, Receipt(S.WIRED, delivery_id=number))


def _cancelled(hall: Hall, number: int) -> bool:
    try:
        with hall.db.write() as session:
            outbox.cancel(session, hall.now, number, 7)
    except Conflict:
        return False
    return True


# -- carrying ---------------------------------------------------------------------------------


def test_each_delivery_has_one_carrier(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    ids = {hall.reply(talk, f"n{n}") for n in range(20)}

    def work(owner: str) -> list[int]:
        return [one.id for _ in range(6) for one in begun(hall, owner)]

    with ThreadPoolExecutor(4) as pool:
        carried = [number for found in pool.map(work, "abcd") for number in found]
    assert sorted(carried) == sorted(ids)


def test_not_before_its_time_and_in_order(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    later = hall.reply(talk, not_before=hall.now + timedelta(hours=1))
    now = hall.reply(talk)
    with hall.db.read() as session:
        assert outbox.due_at(session) == session.get_one(Delivery, now).next_at
    assert [one.id for one in begun(hall)] == [now]
    assert begun(hall) == []
    hall.tick(3600)
    assert [one.id for one in begun(hall)] == [later]


def test_a_paused_inbox_sends_nothing(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    with hall.db.write() as session:
        inbox.pause(inbox.get(session, hall.mail), "wrong password")
    assert begun(hall) == []
    with hall.db.write() as session:
        inbox.get(session, hall.mail).state = inbox.InboxState.ACTIVE
    assert [one.id for one in begun(hall)] == [number]


def test_an_inbox_whose_carrier_has_no_hand_free_waits(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    with hall.db.write() as session:
        other = inbox.add(session, hall.now, "email", "two@shop.example", "Two").id
        assert outbox.claim(session, hall.now, "a", ["email"], without=[hall.mail]) == []
        assert outbox.claim(session, hall.now, "a", ["email"], without=[other]) == [number]


def test_a_lease_that_ran_out_before_the_first_byte_is_taken_over(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    with hall.db.write() as session:
        assert outbox.claim(session, hall.now, "dead", ["email"]) == [number]
        assert outbox.claim(session, hall.now, "b", ["email"]) == []
    hall.tick(121)
    with hall.db.write() as session:
        assert outbox.claim(session, hall.now, "b", ["email"]) == [number]
        assert outbox.begin(session, hall.now, number, "dead") is None
        assert outbox.begin(session, hall.now, number, "b") is not None


def test_a_carrier_that_died_leaves_unknown_and_nothing_is_resent(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    begun(hall)
    with hall.db.write() as session:
        assert outbox.recover(session, hall.now) == 0
    hall.tick(121)
    with hall.db.write() as session:
        assert outbox.recover(session, hall.now) == 1
    assert state(hall, number) is S.UNKNOWN
    hall.tick(3600)
    assert begun(hall) == []
    assert settled(hall, Receipt(S.DELIVERED, delivery_id=number)), "later evidence resolves it"


def test_a_passing_failure_is_tried_again_until_it_expires(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    tries = 0
    while state(hall, number) is S.QUEUED:
        for one in begun(hall):
            tries += 1
            with hall.db.write() as session:
                outbox.fail(session, hall.now, one, ChannelError("busy", retryable=True, code="451"))
        hall.tick(600)
    assert state(hall, number) is S.EXPIRED
    assert 72 < tries < 85
    with hall.db.read() as session:
        last = session.get_one(Delivery, number)
        assert last.settled_at is not None
        assert timedelta(hours=70) < last.settled_at - last.created_at <= timedelta(hours=72)
        assert (last.code, last.reason) == ("451", "busy")
        assert session.scalar(sa.select(sa.func.count()).select_from(Exchange)) == tries


def test_a_permanent_failure_stops_at_once_and_marks_the_address(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    (one,) = begun(hall)
    error = ChannelError("no such user", fault=Fault.ADDRESS_INVALID, who=Who.CONTACT, code="550")
    with hall.db.write() as session:
        outbox.fail(session, hall.now, one, error)
    assert state(hall, number) is S.FAILED
    with hall.db.read() as session:
        address = session.get_one(directory.Address, one.address_id)
        assert (address.unreachable_at, address.unreachable_reason) == (hall.now, "no such user")
    settled(hall, Receipt(S.DELIVERED, delivery_id=number))
    with hall.db.read() as session:
        assert session.get_one(directory.Address, one.address_id).unreachable_at is None


def test_a_failure_told_after_better_news_changes_nothing(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    (one,) = begun(hall)
    settled(hall, Receipt(S.DELIVERED, delivery_id=number))
    with hall.db.write() as session:
        outbox.fail(session, hall.now, one, ChannelError("busy", retryable=True))
    assert state(hall, number) is S.DELIVERED


def test_unsure_is_shown_and_decided_by_a_person(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    (one,) = begun(hall)
    with hall.db.write() as session:
        outbox.unsure(session, hall.now, one, Unsure("broke after DATA", {"said": "\0"}))
    assert state(hall, number) is S.UNKNOWN
    with hall.db.write() as session:
        assert outbox.settle_by_hand(session, hall.now, number, True, 3).state == S.WIRED
    with pytest.raises(Conflict), hall.db.write() as session:
        outbox.settle_by_hand(session, hall.now, number, False, 3)


def test_a_person_sends_again_with_the_same_message_id(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    (one,) = begun(hall)
    with hall.db.write() as session:
        outbox.fail(session, hall.now, one, ChannelError("no"))
    with hall.db.write() as session:
        again = outbox.retry(session, hall.tick(), number, 3)
        assert (again.message_id, again.attempts, again.state) == (one.message_id, 0, S.QUEUED)
    with pytest.raises(Conflict), hall.db.write() as session:
        outbox.retry(session, hall.now, number, 3)
    assert [found.id for found in begun(hall)] == [number]
    assert names(hall, number) == ["message.queued", "delivery.failed", "delivery.retried"]


def test_a_receipt_names_its_delivery_or_is_refused(hall: Hall) -> None:
    number = wired(hall)
    assert settled(hall, Receipt(S.DELIVERED, provider_ref="ref-1"))
    assert state(hall, number) is S.DELIVERED
    for receipt in (Receipt(S.READ, provider_ref="ref-2"), Receipt(S.READ, delivery_id=77)):
        with pytest.raises(NotFound):
            settled(hall, receipt)


# -- the order of states ----------------------------------------------------------------------


def test_every_way_leads_somewhere_and_only_forward() -> None:
    assert set(delivery.NEXT) == set(S)
    for before, ways in delivery.NEXT.items():
        for after in ways & delivery.RANK.keys() if before in delivery.RANK else ():
            back = delivery.RANK[after] < delivery.RANK[before]
            assert not back or (before, after) in {(S.SENDING, S.QUEUED), (S.UNKNOWN, S.QUEUED), (S.QUEUED, S.HELD)}


def test_no_receipt_ever_makes_us_send_again(hall: Hall) -> None:
    number = hall.reply(hall.mail_in().conversation_id)
    (one,) = begun(hall)
    with hall.db.write() as session:
        outbox.unsure(session, hall.now, one, Unsure("?"))
    for said in (S.QUEUED, S.HELD, S.SENDING, S.CANCELLED):
        assert not settled(hall, Receipt(said, delivery_id=number))
    assert state(hall, number) is S.UNKNOWN
    settled(hall, Receipt(S.FAILED, delivery_id=number))
    assert not settled(hall, Receipt(S.QUEUED, delivery_id=number))


@pytest.mark.parametrize("seed", range(6))
def test_repeated_late_and_shuffled_receipts(hall: Hall, seed: int) -> None:
    chance = random.Random(seed)
    number = hall.reply(hall.mail_in().conversation_id)
    begun(hall)
    receipts = [Receipt(said, delivery_id=number, reason="r", fault=Fault.OTHER) for said in S] * 3
    chance.shuffle(receipts)
    path = [S.SENDING]
    for receipt in receipts:
        changed = settled(hall, receipt)
        now = state(hall, number)
        assert changed == (now is not path[-1])
        if changed:
            assert now in delivery.NEXT[path[-1]]
            assert now is receipt.state
            path.append(now)
    if S.READ in path:
        assert path[-1] is S.READ
    assert len(path) == len(set(path)), "no state is entered twice without a person"
    assert [f"delivery.{one.value}" for one in path[1:]] == names(hall, number)[1:]
    with hall.db.read() as session:
        told = sa.select(sa.func.count()).select_from(Exchange).where(Exchange.delivery_id == number)
        assert session.scalar(told) == len(receipts), "also what changed nothing is kept"


def test_receipts_from_many_at_once(hall: Hall) -> None:
    number = wired(hall)

    def tell(said: S) -> bool:
        with hall.db.write() as session:
            return outbox.settle(session, NOON, Receipt(said, delivery_id=number))

    with ThreadPoolExecutor(6) as pool:
        changed = list(pool.map(tell, [S.DELIVERED, S.READ, S.WIRED] * 8))
    assert 1 <= sum(changed) <= 2
    assert state(hall, number) is S.READ


def test_the_row_of_a_receipt_belongs_to_who_was_written_to(hall: Hall) -> None:
    """A reply to a participant: what becomes of it is the participant's row, not the owner's."""
    boss = Party(AddressKind.EMAIL, "boss@a.example")
    talk = hall.mail_in(others=(boss,)).conversation_id

    def put(session: Session) -> int:
        address = directory.find(session, AddressKind.EMAIL, boss.value)
        assert address is not None
        return outbox.put(
            session, hall.now, conversation=conversations.get(session, talk), inbox=inbox.get(session, hall.mail),
            address=address, words=Words("x"), can=MAIL, user_id=1, domain="d",
        ).id  # fmt: skip

    with hall.db.write() as session:
        number = put(session)
    begun(hall)
    settled(hall, Receipt(S.FAILED, delivery_id=number))
    with hall.db.read() as session:
        rows = session.scalars(sa.select(log.Interaction).where(log.Interaction.delivery_id == number)).all()
        assert {row.contact_id for row in rows} == {2}
