"""Notices on their way: each step once, by what there is, only while it is wanted; and answers that come back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from board_kit import said
from told_kit import PHONE, Board

from board.notice import acknowledging, carrying, heard, life, way
from board.notice.acknowledgement import NoticeAcknowledgement, Via
from board.notice.attempt import Fate, NoticeAttempt
from board.partner import member, partner
from board.partner.member import MemberRole
from board.partner.partner import Stage
from contact import inbox, users
from contact.consent import record
from contact.conversation import Conversation, State
from contact.directory import Address
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Nature, Wish
from contact.users import Role

KIM, LEE = "kim@daehan.example", "lee@daehan.example"
FAX, POST = "+82215441234", "대한민국 04524 서울특별시 중구 세종대로 110"


def kim(board: Board, *, phone: bool = True, fax: bool = True) -> int:
    user = board.person(board.firm(), KIM, name="김철수")
    if phone:
        board.reach(user, AddressKind.TEL, PHONE)
    if fax:
        board.reach(user, AddressKind.FAX, FAX)
    return user


def acknowledge(board: Board, notice: int, user: int, via: Via = Via.PAGE) -> None:
    with board.db.write() as session:
        acknowledging.acknowledge(session, board.tick(), notice, user, via)
    board.read()


def acks(board: Board) -> list[tuple[int, int, str]]:
    with board.db.read() as session:
        rows = session.scalars(sa.select(NoticeAcknowledgement).order_by(NoticeAcknowledgement.id))
        return [(row.notice_id, row.version, row.via) for row in rows]


def states(board: Board, notice: int, user: int, round_: int = 1) -> dict[str, str]:
    return {channel: state for channel, (state, _) in board.fates(notice, user, round_).items()}


def test_each_step_goes_on_its_day_and_once(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    assert board.sent() == []
    board.carry()
    board.carry()
    assert [one.channel for one in board.sent()] == ["email"]
    board.carry(1)
    board.carry(2)
    assert [one.channel for one in board.sent()] == ["email", "sms", "fax"]
    assert states(board, notice, user) == {
        "board": "queued", "email": "queued", "sms": "queued", "fax": "queued", "task": "planned",
    }  # fmt: skip
    mail, text, fax = board.sent()
    assert "10월부터 적용합니다." in board.body(mail)
    assert "필수 공지" in board.body(mail)
    link = f"https://help.shop.example/n/{notice}-1-{user}-"
    assert all(link in board.body(one) for one in (mail, text, fax))
    assert len({one.conversation_id for one in (mail, text, fax)}) == 1
    assert board.state(mail.conversation_id) == State.RESOLVED, "nobody's work"


def test_nothing_more_goes_once_it_is_acknowledged(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    acknowledge(board, notice, user)
    board.carry(30)
    assert [one.channel for one in board.sent()] == ["email"]
    assert board.fates(notice, user)["sms"] == ("cancelled", "acknowledged")


def _withdrawn(board: Board, notice: int, user: int) -> None:
    with board.db.write() as session:
        life.withdraw(session, board.tick(), notice, "잘못 올렸습니다", None)


def _expired_unswept(board: Board, notice: int, user: int) -> None:
    with board.db.write() as session:
        life.get(session, notice).expires_at = board.now


def _ended(board: Board, notice: int, user: int) -> None:
    with board.db.write() as session:
        mine = member.of_user(session, user)
        assert mine is not None
        member.end(session, board.tick(), mine, None, last=True)


def _terminated(board: Board, notice: int, user: int) -> None:
    with board.db.write() as session:
        mine = member.of_user(session, user)
        assert mine is not None
        partner.move(session, board.tick(), mine.partner_id, Stage.TERMINATED, "계약 종료", None)


def _unread_reader(board: Board, notice: int, user: int) -> None:
    with board.db.write() as session:
        acknowledging.acknowledge(session, board.tick(), notice, user, Via.AGENT)
        session.execute(  # as if the other transaction had not seen these rows
            sa.update(NoticeAttempt).where(NoticeAttempt.channel == "sms").values(state="planned", reason="")
        )


@pytest.mark.parametrize(("happens", "why"), [
    (_withdrawn, "withdrawn"), (_expired_unswept, "expired"), (_ended, "left"), (_terminated, "left"),
    (_unread_reader, "acknowledged"),
])  # fmt: skip
def test_each_step_is_looked_at_again_before_it_goes(small: Board, happens: Any, why: str) -> None:
    user = kim(small)
    notice = small.publish()
    small.carry()
    happens(small, notice, user)
    small.carry(1)
    assert [one.channel for one in small.sent()] == ["email"]
    assert small.fates(notice, user)["sms"] == ("cancelled", why)


def test_what_waits_in_the_outbox_is_taken_back(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    acknowledge(board, notice, user)
    with board.db.write() as session:
        assert carrying.lingers(session)
        assert carrying.recall(session, board.tick(), board.service) == 1
        assert not carrying.lingers(session)
    board.read()
    assert board.sent()[0].state == DeliveryState.CANCELLED
    assert board.fates(notice, user)["email"] == ("cancelled", "acknowledged")


def test_what_cannot_go_says_why(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall, phone=False, fax=False)
    with board.db.write() as session:
        address = session.scalars(sa.select(Address).where(Address.value == KIM)).one()
        record(session, board.tick(), address, Wish(False, "agent", "그만"), channel="email")
    notice = board.publish()
    board.carry(3)
    fates = board.fates(notice, user)
    assert fates["email"] == ("suppressed", "The owner of this address does not want to be written to.")
    assert fates["sms"] == ("suppressed", way.NO_PHONE)
    assert fates["paper"] == ("suppressed", way.NO_PAPER)
    assert board.sent() == []


def test_a_house_without_an_inbox_says_so(small: Board) -> None:
    user = kim(small)
    with small.db.write() as session:
        for box in session.scalars(sa.select(inbox.Inbox).where(inbox.Inbox.channel.in_(("sms", "fax")))):
            inbox.pause(box, "broken")
    notice = small.publish()
    for days in (0, 1, 2):
        small.carry(days)
    fates = small.fates(notice, user)
    assert fates["sms"] == ("suppressed", way.NO_INBOX)
    assert fates["paper"] == ("suppressed", way.NO_INBOX)


def test_paper_is_a_fax_else_a_letter_and_the_firms_where_the_person_has_none(small: Board) -> None:
    user = kim(small, fax=False)
    with small.db.write() as session:
        mine = member.of_user(session, user)
        assert mine is not None
        firm = partner.get(session, mine.partner_id).contact_id
        session.add(Address(contact_id=firm, kind="post", value=POST, created_at=small.now))
    paper = [{"channel": "paper", "days": 0}]
    notice = small.publish(ladder=paper)
    small.carry()
    assert small.fates(notice, user)["post"][0] == "queued"
    with small.db.write() as session:
        session.add(Address(contact_id=firm, kind="fax", value=FAX, created_at=small.now))
    other = small.publish(ladder=paper)
    small.carry()
    assert small.fates(other, user)["fax"][0] == "queued"


def test_a_house_that_stood_still_does_not_say_all_at_once(small: Board) -> None:
    user = kim(small)
    notice = small.publish()
    small.carry(10)
    assert [one.channel for one in small.sent()] == ["email"]
    small.carry(1)
    assert [one.channel for one in small.sent()] == ["email", "sms"]
    small.carry(2)
    assert states(small, notice, user)["fax"] == "queued"


def test_a_reminder_says_by_when(small: Board) -> None:
    kim(small)
    small.publish(ladder=[{"channel": "email", "days": 0}, {"channel": "email", "days": 2}])
    small.carry()
    small.carry(2)
    first, second = (small.body(one) for one in small.sent("email"))
    assert "아직 확인하지 않으셨습니다" in second
    assert "아직" not in first
    assert "2026년 3월 9일까지" in first
    assert "2026년 3월 9일까지" in second


def test_what_must_not_be_acknowledged_stops_when_it_was_read(small: Board) -> None:
    user = kim(small)
    notice = small.publish(needs_ack=False)
    small.carry()
    assert "확인해 주세요" not in small.body(small.sent()[0])
    with small.db.write() as session:
        acknowledging.read(session, small.tick(), notice, user)
    small.carry(9)
    assert len(small.sent()) == 1


def test_each_person_reads_it_in_their_language(small: Board) -> None:
    user = kim(small)
    with small.db.write() as session:
        users.get(session, user).language = "en"
    small.publish()
    small.carry()
    assert "Please acknowledge it by March 9, 2026" in small.body(small.sent()[0])


def test_the_owner_gets_a_task_that_closes_by_itself(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    with board.db.write() as session:
        boss = users.create(session, board.now, email="boss@shop.example", name="Boss", role=Role.AGENT).id
        mine = member.of_user(session, user)
        assert mine is not None
        partner.get(session, mine.partner_id).owner_id = boss
    notice = board.publish()
    for days in (0, 1, 2, 2):
        board.carry(days)
    number = board.sent()[0].conversation_id
    with board.db.read() as session:
        talk = session.get_one(Conversation, number)
        assert (talk.state, talk.assignee_id) == (State.OPEN, boss)
        (note,) = session.scalars(sa.select(Interaction).where(Interaction.name == Name.NOTE_ADDED.value))
        assert note.body is not None
        assert "김철수(대한상사)" in note.body
        assert "메일 (보내는 중), 문자 (보내는 중), 팩스 (보내는 중)" in note.body
        assert note.data["mentions"] == [boss]
    assert states(board, notice, user)["task"] == "delivered"
    acknowledge(board, notice, user, Via.AGENT)
    assert board.state(number) == State.RESOLVED


def test_a_task_for_whom_nothing_could_be_sent(small: Board) -> None:
    """Without an owner it is work for whoever takes it."""
    user = kim(small)
    notice = small.publish(ladder=[{"channel": "task", "days": 5}])
    small.carry(5)
    assert states(small, notice, user)["task"] == "delivered"
    assert small.sent() == []
    assert len(small.rows(Name.NOTE_ADDED)) == 1


@pytest.mark.parametrize(("said_so", "state"), [
    (DeliveryState.WIRED, "delivered"), (DeliveryState.DELIVERED, "delivered"), (DeliveryState.BOUNCED, "failed"),
    (DeliveryState.FAILED, "failed"),
])  # fmt: skip
def test_what_became_of_a_delivery_became_of_the_step(board_hall: Board, said_so: DeliveryState, state: str) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    board.told(board.sent()[0], said_so, "550 no such user" if state == "failed" else "")
    got, reason = board.fates(notice, user)["email"]
    assert got == state
    assert ("550 no such user" in reason) == (state == "failed")


def test_everybody_is_counted_once_and_says_why(board_hall: Board) -> None:
    """Delivered, failed and suppressed are the audience, once everything was taken."""
    board, firm = board_hall, board_hall.firm()
    people = [board.person(firm, f"p{number}@daehan.example") for number in range(6)]
    notice = board.publish(ladder=[{"channel": "email", "days": 0}])
    with board.db.write() as session:
        gone = session.scalars(sa.select(Address).where(Address.value == "p5@daehan.example")).one()
        record(session, board.tick(), gone, Wish(False, "agent", "그만"), channel="email")
    board.carry()
    for number, delivery in enumerate(board.sent()):
        board.told(delivery, DeliveryState.FAILED if number % 2 else DeliveryState.DELIVERED, "no route")
    found = [board.fates(notice, user)["email"] for user in people]
    ends = {Fate.DELIVERED.value, Fate.FAILED.value, Fate.SUPPRESSED.value}
    assert all(state in ends for state, _ in found)
    assert all(reason for state, reason in found if state != "delivered")
    assert len(found) == len(people)


def test_two_workers_send_nothing_twice(board_hall: Board) -> None:
    board, firm = board_hall, board_hall.firm()
    for number in range(30):
        board.person(firm, f"p{number}@daehan.example")
    board.publish()
    board.tick()
    troubles: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                with board.db.write() as session:
                    if not carrying.carry(session, board.now, board.service, most=7):
                        return
        except BaseException as error:  # noqa: BLE001 - told by the test
            troubles.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert troubles == []
    assert len(board.sent()) == 30
    assert len({one.address_id for one in board.sent()}) == 30


def test_a_transaction_that_dies_leaves_nothing_half_done(board_hall: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.tick()

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(carrying, "_move_those_behind", die)  # right behind the outbox
        with board.db.write() as session:
            carrying.carry(session, board.now, board.service)
    assert board.sent() == []
    assert states(board, notice, user)["email"] == "planned"
    board.carry()
    assert len(board.sent()) == 1


# -- answers by mail ----------------------------------------------------------------------------


def test_a_clear_word_by_mail_acknowledges(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    taken = board.answer(board.sent()[0].id, KIM, "네, 확인했습니다.\n\n김철수", quoted="> 확인해 주세요")
    assert acks(board) == [(notice, 1, "mail")]
    assert board.receipt(notice, user).acked_via == "mail"
    assert board.state(taken.conversation_id) == State.RESOLVED
    with board.db.read() as session:
        (row,) = session.scalars(sa.select(NoticeAcknowledgement))
        assert row.evidence == {"interaction": taken.interaction_id}
    board.answer(board.sent()[0].id, KIM, "확인")
    assert len(acks(board)) == 1
    board.carry(9)
    assert len(board.sent()) == 1


@pytest.mark.parametrize(("text", "more"), [
    ("언제까지인가요?", {}), ("확인했습니다. 그런데 저희는 언제부터인가요?", {}), ("이건 뭔가요?",
    {"quoted": "> 확인했습니다"}),
    ("확인", {"nature": Nature.BULK}),
])  # fmt: skip
def test_anything_else_is_work_for_people_here(small: Board, text: str, more: dict[str, Any]) -> None:
    kim(small)
    small.publish()
    small.carry()
    taken = small.answer(small.sent()[0].id, KIM, text, **more)
    assert acks(small) == []
    assert small.state(taken.conversation_id) == State.OPEN


def test_a_stranger_and_a_colleague_acknowledge_nothing(small: Board) -> None:
    user = kim(small)
    with small.db.read() as session:
        mine = member.of_user(session, user)
        assert mine is not None
    small.person(mine.partner_id, LEE)
    notice = small.publish()
    small.carry()
    for sender in ("stranger@evil.example", LEE):
        taken = small.answer(small.sent()[0].id, sender, "확인했습니다")
        assert small.state(taken.conversation_id) == State.OPEN
    assert acks(small) == []
    assert small.receipt(notice, user).acked_at is None


def test_out_of_office_acknowledges_nothing(small: Board) -> None:
    kim(small)
    small.publish()
    small.carry()
    small.answer(small.sent()[0].id, KIM, "확인했습니다", nature=Nature.AUTO_REPLY)
    assert acks(small) == []


def test_an_answer_to_an_older_round_is_none(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    with board.db.write() as session:
        life.correct(session, board.tick(), notice, said("새 가격", note="금액이 다릅니다"), True, None, seen=1)
    board.carry()
    old, new = board.sent("email")
    assert old.conversation_id != new.conversation_id
    assert "달라진 점: 금액이 다릅니다" in board.body(new)
    taken = board.answer(old.id, KIM, "확인")
    assert acks(board) == []
    assert board.state(taken.conversation_id) == State.OPEN
    board.answer(new.id, KIM, "확인")
    assert acks(board) == [(notice, 2, "mail")]
    assert board.receipt(notice, user).acked_version == 2


def test_an_answer_to_what_has_ended_changes_nothing(small: Board) -> None:
    user = kim(small)
    notice = small.publish()
    small.carry()
    _withdrawn(small, notice, user)
    taken = small.answer(small.sent()[0].id, KIM, "확인")
    assert acks(small) == []
    assert small.state(taken.conversation_id) == State.RESOLVED, "there is nothing left to do"


def test_whoever_only_reads_acknowledges_nothing(small: Board) -> None:
    small.person(small.firm(), KIM, MemberRole.VIEWER)
    small.publish()
    small.carry()
    taken = small.answer(small.sent()[0].id, KIM, "확인")
    assert acks(small) == []
    assert small.state(taken.conversation_id) == State.OPEN


# -- answers by text message --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1", "확인", " 확인했습니다 ", "ack"])
def test_a_text_message_acknowledges_the_one_that_is_open(board_hall: Board, text: str) -> None:
    board, user = board_hall, kim(board_hall)
    notice = board.publish()
    board.carry()
    board.carry(1)
    taken = board.sms_in(text)
    assert acks(board) == [(notice, 1, "sms")]
    assert board.receipt(notice, user).acked_via == "sms"
    assert board.state(taken.conversation_id) == State.RESOLVED
    assert board.sent("sms")[1:] == [], "nothing is asked"


def test_with_several_open_we_ask_which(board_hall: Board) -> None:
    board, user = board_hall, kim(board_hall)
    first, second = board.publish(), board.publish()
    board.carry()
    board.carry(1)
    taken = board.sms_in("1")
    assert acks(board) == []
    asked = board.body(board.sent("sms")[-1])
    assert f"{100 + first}: 가격 인상" in asked
    assert f"{100 + second}: 가격 인상" in asked
    assert board.state(taken.conversation_id) == State.RESOLVED
    board.sms_in(str(100 + second))
    assert acks(board) == [(second, 1, "sms")]
    board.sms_in("확인")
    assert acks(board) == [(second, 1, "sms"), (first, 1, "sms")]
    assert board.receipt(first, user).acked_via == "sms"


@pytest.mark.parametrize("text", ["2", "101010", "언제부터인가요?", "확인 부탁드립니다"])
def test_other_text_messages_are_work(small: Board, text: str) -> None:
    kim(small)
    small.publish()
    small.carry()
    small.carry(1)
    taken = small.sms_in(text)
    assert acks(small) == []
    assert small.state(taken.conversation_id) == State.OPEN


def test_another_number_and_one_never_written_to_acknowledge_nothing(small: Board) -> None:
    kim(small)
    small.publish()
    small.carry()
    assert small.state(small.sms_in("1").conversation_id) == State.OPEN, "no text message was sent yet"
    small.carry(1)
    small.sms_in("1", "+821099998888")
    assert acks(small) == []


def test_we_do_not_ask_for_ever(small: Board) -> None:
    kim(small)
    small.publish()
    small.publish()
    small.carry()
    small.carry(1)
    before = len(small.sent("sms"))
    for _ in range(5):
        small.sms_in("1")
    assert len(small.sent("sms")) - before == heard.MOST_ASKED
