"""Threads of the board: who is told about what, and whose answers count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session
from told_kit import Board

from board import answered, thread
from board.partner import member
from board.scope import Viewer
from contact import directory, log, users
from contact.conversation import State
from contact.errors import Forbidden
from contact.messages import AddressKind, Nature, Party

TEXTS = {"ko": ("{name}님께", "{what}이 있습니다"), "en": ("To {name}", "There is {what}")}
KIM, LEE = "kim@daehan.example", "lee@daehan.example"


class Ear:
    """Hears answers, and says what the test wants it to say."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, str, int]] = []
        self.says: bool | Exception = True

    def __call__(self, session: Session, now: datetime, viewer: Viewer, about_id: int, text: str, number: int) -> bool:
        self.heard.append((viewer.user_id, about_id, text, number))
        if isinstance(self.says, Exception):
            log.append(session, now, log.Name.PARTNER_CHANGED)  # must be taken back
            raise self.says
        return self.says


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    made = Ear()
    monkeypatch.setattr(answered, "_HANDLERS", {"test": made})
    monkeypatch.setattr("board.readers", lambda _service: [answered.READER])
    return made


def told(board: Board, user: int, number: int = 5, key: str = "k") -> int:
    with board.db.write() as session:
        made = thread.write(
            session, board.tick(), board.service, user, TEXTS, about="test", about_id=number, key=key, what="소식"
        )
        assert made is not None
        return made.id


def talk_of(board: Board, delivery_id: int) -> int:
    from contact.outbox import Delivery

    with board.db.read() as session:
        return session.get_one(Delivery, delivery_id).conversation_id


def test_each_person_has_one_thread_about_a_thing_and_it_is_nobodys_work(board_hall: Board) -> None:
    firm = board_hall.firm()
    kim, lee = board_hall.person(firm, KIM), board_hall.person(firm, LEE)
    first = told(board_hall, kim)
    assert told(board_hall, kim) == first  # the same key
    talks = {talk_of(board_hall, one) for one in (first, told(board_hall, kim, key="again"))}
    assert len(talks) == 1
    assert board_hall.state(talks.copy().pop()) == State.RESOLVED
    assert board_hall.about(talks.copy().pop()) == ("test", 5, kim)
    others = {talk_of(board_hall, told(board_hall, lee, key="l")), talk_of(board_hall, told(board_hall, kim, 6, "o"))}
    assert len(others | talks) == 3


def test_an_answer_goes_to_whoever_knows_what_it_means(board_hall: Board, ear: Ear) -> None:
    kim = board_hall.person(board_hall.firm(), KIM)
    sent = told(board_hall, kim)
    taken = board_hall.answer(sent, KIM, "  확인했습니다. ", quoted="> 소식이 있습니다")
    assert ear.heard == [(kim, 5, "확인했습니다.", taken.interaction_id)]
    assert taken.conversation_id == talk_of(board_hall, sent)
    assert board_hall.state(taken.conversation_id) == State.RESOLVED
    board_hall.read()
    assert len(ear.heard) == 1


@pytest.mark.parametrize("says", [False, Forbidden("closed")])
def test_what_nobody_can_deal_with_is_work_of_people_here(board_hall: Board, ear: Ear, says: Any) -> None:
    sent = told(board_hall, board_hall.person(board_hall.firm(), KIM))
    ear.says = says
    taken = board_hall.answer(sent, KIM, "언제까지인가요?")
    assert len(ear.heard) == 1
    assert board_hall.state(taken.conversation_id) == State.OPEN
    assert not board_hall.rows(log.Name.PARTNER_CHANGED)


def test_a_question_that_waits_is_not_closed_by_the_next_mail(board_hall: Board, ear: Ear) -> None:
    sent = told(board_hall, board_hall.person(board_hall.firm(), KIM))
    ear.says = False
    asked = board_hall.answer(sent, KIM, "언제까지인가요?")
    ear.says = True
    board_hall.answer(sent, KIM, "확인")
    assert len(ear.heard) == 2
    assert board_hall.state(asked.conversation_id) == State.OPEN


def test_a_question_right_behind_an_answer_is_not_closed_with_it(small: Board, ear: Ear) -> None:
    sent = told(small, small.person(small.firm(), KIM))
    reader, small.read = small.read, lambda: None  # type: ignore[method-assign]
    small.answer(sent, KIM, "확인")
    asked = small.answer(sent, KIM, "그런데 언제까지인가요?")
    reader()
    assert len(ear.heard) == 2
    assert small.state(asked.conversation_id) == State.OPEN


@pytest.mark.parametrize("sender", ["stranger@evil.example", LEE])
def test_somebody_else_answers_nothing(board_hall: Board, ear: Ear, sender: str) -> None:
    """Not even a colleague whom the mail was forwarded to."""
    firm = board_hall.firm()
    kim = board_hall.person(firm, KIM)
    board_hall.person(firm, LEE)
    taken = board_hall.answer(told(board_hall, kim), sender, "확인")
    assert ear.heard == []
    assert board_hall.state(taken.conversation_id) == State.OPEN


@pytest.mark.parametrize("nature", [Nature.AUTO_REPLY, Nature.BOUNCE, Nature.COMPLAINT, Nature.BULK])
def test_machines_answer_nothing(board_hall: Board, ear: Ear, nature: Nature) -> None:
    board_hall.answer(told(board_hall, board_hall.person(board_hall.firm(), KIM)), KIM, "확인", nature=nature)
    assert ear.heard == []


def test_an_empty_answer_is_none(small: Board, ear: Ear) -> None:
    small.answer(told(small, small.person(small.firm(), KIM)), KIM, " \n ")
    assert ear.heard == []


def test_whoever_left_answers_nothing(small: Board, ear: Ear) -> None:
    firm = small.firm()
    small.person(firm, LEE)
    kim = small.person(firm, KIM)
    sent = told(small, kim)
    with small.db.write() as session:
        mine = member.of_user(session, kim)
        assert mine is not None
        member.end(session, small.tick(), mine, None)
    taken = small.answer(sent, KIM, "확인")
    assert ear.heard == []
    assert small.state(taken.conversation_id) == State.OPEN


def test_another_address_of_the_same_person_is_theirs(small: Board, ear: Ear) -> None:
    kim = small.person(small.firm(), KIM)
    sent = told(small, kim)
    private = small.mail_in("kim@home.example", "hello")
    with small.db.write() as session:
        mine = users.get(session, kim).contact_id or 0
        row = session.get_one(log.Interaction, private.interaction_id)
        directory.merge(
            session, small.tick(), directory.get(session, row.contact_id or 0), directory.get(session, mine), None
        )
    small.answer(sent, "kim@home.example", "확인")
    assert [one[0] for one in ear.heard] == [kim]


def test_a_mail_outside_the_thread_is_no_answer(small: Board, ear: Ear) -> None:
    told(small, small.person(small.firm(), KIM))
    small.mail_in(KIM, "확인")
    small.read()
    assert ear.heard == []


def test_nobody_without_an_address_is_written_to(small: Board) -> None:
    kim = small.person(small.firm(), KIM)
    with small.db.write() as session:
        assert thread.place(session, kim, AddressKind.FAX) is None
        assert thread.place(session, 999, AddressKind.EMAIL) is None
        more = directory.find_or_create(session, small.tick(), Party(AddressKind.EMAIL, "x@y.example"))[1]
        assert not thread.owns(session, users.get(session, kim), more.id)
        mine = thread.place(session, kim, AddressKind.EMAIL)
        assert mine is not None
        assert thread.owns(session, users.get(session, kim), mine.id)
