"""Automatic answers: to whom, when, how often, in which words; and what two machines make of each other."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hall_kit import Hall, hall, lite  # noqa: F401 - fixtures
from post_office import PostOffice, letter, make_office  # noqa: F401 - fixtures
from real import RAN, free_port, wait_for
from sqlalchemy import select

import wsgi
from contact import consent, floods, following, inbox, log, outbox
from contact import conversation as conversations
from contact.conversation import Conversation
from contact.db import utcnow
from contact.directory import Address
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.messages import Nature, Thread, Wish
from contact.outbox import Delivery
from contact.readers import Readers
from contact.response import hours
from contact.response.answers import acting, automatic, first
from contact.response.answers.acting import Answering
from contact.response.answers.automatic import Kind
from contact.settings import Settings

OPEN = [[["09:00", "18:00"]]] * 5 + [[], []]


@dataclass
class Desk:
    """A hall with its reader "answers" and the hall's own clock."""

    hall: Hall
    reader: following.Reader = field(init=False)
    service: Any = field(init=False)

    def __post_init__(self) -> None:
        url = self.hall.db.engine.url.render_as_string(hide_password=False)
        settings = Settings(_env_file=None, data_dir=self.hall.folder / "data", database_url=url, secret_key="k" * 40)  # type: ignore[call-arg]
        self.service = wsgi.compose(settings)
        self.reader = following.Reader("answers", Answering(self.service, lambda: self.hall.now).read)
        self.switch(Kind.RECEIVED)

    def switch(self, kind: Kind, *, on: bool = True, box: int = 0, texts: dict[str, str] | None = None) -> None:
        with self.hall.db.write() as session:
            words = texts or dict(automatic.standard(kind, subject=True))
            automatic.keep(session, self.hall.now, box or self.hall.mail, kind, on=on, texts=words)

    def calendar(self) -> None:
        with self.hall.db.write() as session:
            hours.add(session, self.hall.now, "shop", "Asia/Seoul", week=OPEN)

    def read(self) -> list[Interaction]:
        """Let the reader read, twice; what has been sent by itself so far."""
        for _turn in range(2):
            with self.hall.db.write() as session:
                while following.advance(session, self.reader):
                    pass
            with self.hall.db.write() as session:  # the same rows once more change nothing
                state = session.get_one(following.ReaderState, "answers")
                state.position = max(0, state.position - 5)
        return self.sent()

    def sent(self) -> list[Interaction]:
        with self.hall.db.read() as session:
            query = select(Interaction).where(Interaction.name == Name.MESSAGE_QUEUED.value).order_by(Interaction.id)
            return [row for row in session.scalars(query) if (row.data or {}).get("automatic")]

    def talk(self, number: int) -> Conversation:
        with self.hall.db.read() as session:
            return conversations.get(session, number)


@pytest.fixture
def desk(hall: Hall) -> Iterator[Desk]:
    made = Desk(hall)
    yield made
    made.service.close()


@pytest.fixture
def lone(lite: Hall) -> Iterator[Desk]:
    made = Desk(lite)
    yield made
    made.service.close()


def test_the_first_words_are_confirmed_once_and_that_is_no_answer(desk: Desk) -> None:
    talk = desk.hall.mail_in(name="박하나", subject="배송").conversation_id
    waiting = desk.talk(talk).waiting_since
    (row,) = desk.read()
    assert row.data["purpose"] == "received"
    assert row.user_id is None
    assert row.body is not None
    assert (
        f"박하나님, 안녕하세요.\n\n보내 주신 메시지를 잘 받았습니다. 상담번호는 #{talk}입니다.\n\n이 메일은" in row.body
    )
    assert (row.content or {})["subject"] == "자동응답: 배송"
    now = desk.talk(talk)
    assert (now.state, now.waiting_since) == ("open", waiting), "it stops no clock"
    desk.hall.tick(7200)
    desk.hall.mail_in(text="덧붙입니다", thread=Thread(token=talk))
    assert len(desk.read()) == 1, "one for each opening"
    desk.hall.reply(talk)
    with desk.hall.db.write() as session:
        conversations.resolve(session, desk.hall.tick(), conversations.get(session, talk), 7)
    desk.hall.mail_in(text="또 문의합니다", thread=Thread(token=talk))
    assert len(desk.read()) == 2, "it was resolved: a new opening"


def test_english_is_answered_in_english(lone: Desk) -> None:
    lone.hall.mail_in("tom@b.example", "Where is my order?", subject="Order", name="Tom")
    (row,) = lone.read()
    assert (row.body or "").startswith("Hello Tom,")
    assert (row.content or {})["subject"] == "Automatic reply: Order"


@pytest.mark.parametrize(
    "more",
    [
        {"nature": Nature.BULK},
        {"nature": Nature.AUTO_REPLY},
        {"nature": Nature.BOUNCE},
        {"nature": Nature.COMPLAINT},
        {"facts": {"no_automatic_answer": "sender no-reply@a.example is a role address"}},
        {"wish": Wish(False, "keyword", "STOP")},
    ],
)
def test_machines_and_those_who_refused_are_not_answered(lone: Desk, more: dict[str, Any]) -> None:
    lone.hall.mail_in(**more)
    assert not lone.read()


def test_what_is_gathered_as_a_flood_is_not_answered(lone: Desk) -> None:
    for letter_ in "abcdefghijklmnopqrstuvwxyz"[: floods.MOST + 3]:
        lone.hall.now -= timedelta(seconds=59.9)
        taken = lone.hall.mail_in("loop@a.example", "one more", subject=letter_)
    with lone.hall.db.read() as session:
        row = session.get_one(log.Interaction, taken.interaction_id)
        assert floods.marked(row)
        assert not acting.says_a_person(row)


def test_neither_are_we_nor_whoever_cannot_be_reached(lone: Desk) -> None:
    lone.hall.mail_in("help+loop@shop.example", "hello")
    gone = lone.hall.mail_in("gone@a.example", "hello")
    with lone.hall.db.write() as session:
        session.get_one(Address, gone.address_id).unreachable_at = lone.hall.now
    assert not lone.read()


def test_whoever_refused_before_is_left_in_peace(lone: Desk) -> None:
    taken = lone.hall.mail_in()
    lone.read()
    with lone.hall.db.write() as session:
        address = session.get_one(Address, taken.address_id)
        consent.record(session, lone.hall.tick(), address, Wish(False, "agent", "no"), channel="phone")
    lone.hall.tick(2 * 86400)
    lone.hall.mail_in(text="noch etwas")
    assert len(lone.read()) == 1


def test_a_word_that_asks_for_messages_again_is_no_question(lone: Desk) -> None:
    lone.hall.mail_in(wish=Wish(False, "keyword", "STOP"))
    lone.hall.mail_in(text="START", wish=Wish(True, "keyword", "START"))
    assert not lone.read()
    lone.hall.mail_in(text="계신가요?")
    assert len(lone.read()) == 1, "a question is one again"


def test_old_rows_and_those_before_the_switch_are_left_alone(lone: Desk) -> None:
    lone.switch(Kind.RECEIVED, on=False)
    lone.hall.mail_in("a@a.example")
    lone.hall.tick(1)
    lone.switch(Kind.RECEIVED)
    assert not lone.read(), "it came before somebody switched it on"
    lone.hall.mail_in("b@a.example")
    lone.hall.tick(700)
    assert not lone.read(), "the worker was away for too long"


def test_what_a_person_answered_meanwhile_is_not_confirmed(lone: Desk) -> None:
    talk = lone.hall.mail_in().conversation_id
    lone.hall.reply(talk)
    assert not lone.read()


def test_a_flood_from_one_sender_is_answered_twice_a_day_at_most(lone: Desk) -> None:
    for _n in range(200):
        lone.hall.now -= timedelta(seconds=59.9)  # the kit's clock moves a minute with each mail
        lone.hall.mail_in("flood@a.example", "one more")
    assert len(lone.read()) == 1
    for _n in range(30):
        lone.hall.tick(1800)
        lone.hall.mail_in("flood@a.example", "and another")
        lone.read()
    assert len(lone.sent()) == outbox.put.__globals__["AUTOMATIC_CAP"] == 2


def test_out_of_hours_says_when_we_are_back_once_a_night(desk: Desk) -> None:
    desk.calendar()
    desk.switch(Kind.CLOSED)
    desk.hall.now = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)  # a Friday, nine in the evening in Seoul
    talk = desk.hall.mail_in(name="박하나").conversation_id
    (row,) = desk.read()
    assert row.data["purpose"] == "closed"
    assert "3월 9일 월요일 오전 9:00부터 순서대로" in (row.body or "")
    desk.hall.tick(3 * 3600)
    desk.hall.mail_in(text="계세요?", thread=Thread(token=talk))
    desk.hall.mail_in(text="다른 문의")
    assert len(desk.read()) == 1, "once until we open again"
    desk.hall.now = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
    desk.hall.mail_in(text="아직입니다", thread=Thread(token=talk))
    rows = desk.read()
    assert [one.data["purpose"] for one in rows] == ["closed", "closed"]
    assert "3월 10일 화요일" in (rows[1].body or "")


def test_nobody_is_told_that_we_are_closed_by_somebody_who_just_answered(lone: Desk) -> None:
    lone.calendar()
    lone.switch(Kind.CLOSED)
    lone.switch(Kind.RECEIVED, on=False)
    lone.hall.now = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    lone.hall.now -= timedelta(hours=4)
    talk = lone.hall.mail_in().conversation_id
    lone.hall.now += timedelta(hours=4)
    lone.hall.reply(talk)
    lone.hall.mail_in(text="감사합니다", thread=Thread(token=talk))
    assert not lone.read()


def test_the_time_is_a_real_figure_and_the_chat_says_nothing_without_one(lone: Desk) -> None:
    lone.switch(Kind.RECEIVED, box=lone.hall.chat, texts=dict(automatic.standard(Kind.RECEIVED, subject=False)))
    lone.hall.chat_in("visitor-0000000009", "계세요?")
    assert not lone.read(), "the widget has greeted already"
    with lone.hall.db.write() as session:
        for n in range(first.LEAST):
            at = lone.hall.now - timedelta(days=2)
            for box in (lone.hall.chat, lone.hall.mail):
                took = timedelta(minutes=n)
                session.add(
                    first.FirstAnswer(
                        conversation_id=9000 + n + box * 100, interaction_id=9000 + n + box * 100, inbox_id=box,
                        asked_at=at, answered_at=at + took,
                    )
                )  # fmt: skip
    lone.hall.tick(1000)
    lone.hall.chat_in("visitor-0000000010", "계세요?")
    lone.hall.mail_in()
    chat, mail = lone.read()
    assert chat.body == "[자동응답] 메시지를 잘 받았습니다.\n최근 4주 동안 문의 5건 중 4건에 15분 안에 답변드렸습니다."
    assert "15분 안에 답변드렸습니다" in (mail.body or "")
    with lone.hall.db.read() as session:
        assert session.get_one(Delivery, chat.delivery_id).state == "wired"


def test_a_paused_inbox_and_one_without_it_say_nothing(lone: Desk) -> None:
    with lone.hall.db.write() as session:
        inbox.pause(inbox.get(session, lone.hall.mail), "by hand")
    lone.hall.mail_in()
    lone.hall.chat_in()
    assert not lone.read()


# -- machines facing each other, over real SMTP -----------------------------------------------------


def automatic_mails(office: PostOffice) -> list[Delivery]:
    return [one for one in office.deliveries() if one.automatic]


def furnish(office: PostOffice, address: str) -> None:
    """Everything automatic is on, and the house is closed: both kinds could be sent."""
    with office.service.db.write() as session:
        box = session.scalars(select(Inbox)).one()
        box.address = address
        week: list[list[list[str]]] = [[] for _ in range(7)]
        week[(utcnow().weekday() + 3) % 7] = [["09:00", "18:00"]]
        hours.add(session, utcnow(), "shop", "Asia/Seoul", week=week)
        for kind in Kind:
            automatic.keep(session, utcnow(), box.id, kind, on=True, texts=automatic.standard(kind, subject=True))


def opened(office: PostOffice) -> PostOffice:
    readers = Readers([following.Reader("answers", Answering(office.service).read)])
    return office.open(*office.everything, readers.run)


def quiet(*offices: PostOffice) -> None:
    """Everything that came is read, everything that goes has gone, and the readers stand at the end of the log."""

    def still() -> bool:
        for office in offices:
            if office.tally().get("kept"):
                return False
            if any(one.state in ("queued", "sending") for one in office.deliveries()):
                return False
            state, head = office.one(lambda s: (s.get(following.ReaderState, "answers"), log.head(s)))
            if state is None or state.position < head:
                return False
        return True

    marks: list[tuple[Any, ...]] = []

    def same() -> bool:
        """Still, and the same a good while later: nothing is on its way between the two."""
        marks.append((still(), *(office.one(log.head) for office in offices)))
        return len(marks) > 12 and marks[-1][0] and len(set(marks[-12:])) == 1

    wait_for(same, 60, "two machines to leave each other alone")


@pytest.mark.parametrize("machine", [True, False])
def test_two_houses_leave_each_other_alone(make_office: Callable[..., PostOffice], machine: bool) -> None:
    """Our usual return path (`bounces+…@`) says that a machine reads there; with another one mail looks like any."""
    ports = free_port(), free_port()
    ours, theirs = (
        make_office(
            smtp_listen=("127.0.0.1", mine), relay_url=f"smtp://127.0.0.1:{other}", relay_tls="none", mail_domain=domain
        )
        for mine, other, domain in ((ports[0], ports[1], "shop.example"), (ports[1], ports[0], "firm.example"))
    )
    furnish(ours, "help@shop.example")
    furnish(theirs, "care@firm.example")
    if not machine:
        with ours.service.db.write() as session:
            session.scalars(select(Inbox)).one().settings = {"return_address": "help@shop.example"}
    opened(ours)
    opened(theirs)
    RAN.add("smtp")
    ours.write_to("care@firm.example", "Could you send us an offer?")
    wait_for(theirs.received, what="our letter")
    quiet(ours, theirs)
    assert (len(automatic_mails(theirs)), len(automatic_mails(ours))) == (0 if machine else 1, 0)
    came = ours.one(lambda s: s.scalars(select(Interaction).where(Interaction.name == "auto_reply.received")).all())
    assert len(came) == (0 if machine else 1)
    assert [one.state for one in ours.conversations()] == ["open"]


@dataclass
class Naive:
    """Answers every mail at once, with nothing that says that it is a machine; on its own thread, by real SMTP."""

    to_port: int
    threads: bool
    got: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.got.append(mail)
        threading.Thread(target=self.answer, args=(mail,)).start()
        return "250 OK"

    def answer(self, mail: EmailMessage) -> None:
        back = letter("Thanks, I read this soon!", sender="kim@customer.example", Subject=f"Hi {len(self.got)}")
        if self.threads:
            back["In-Reply-To"] = mail["Message-ID"]
        with smtplib.SMTP("127.0.0.1", self.to_port, timeout=60) as smtp:
            smtp.sendmail("kim@customer.example", ["help@shop.example"], back.as_bytes())

    @contextmanager
    def running(self, port: int) -> Iterator[Naive]:
        controller = Controller(self, hostname="127.0.0.1", port=port)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


@pytest.mark.parametrize("threads", [True, False])
def test_a_responder_that_hides_what_it_is_gets_one_mail(make_office: Callable[..., PostOffice], threads: bool) -> None:
    ports = free_port(), free_port()
    office = make_office(
        smtp_listen=("127.0.0.1", ports[0]), relay_url=f"smtp://127.0.0.1:{ports[1]}", relay_tls="none"
    )
    furnish(office, "help@shop.example")
    with Naive(ports[0], threads).running(ports[1]) as naive:
        opened(office)
        RAN.add("smtp")
        office.post(letter("Where is my order?"))
        wait_for(lambda: len(office.received()) >= 2, what="the machine's own answer")
        quiet(office)
        assert len(naive.got) == 1, "our one and its one: two mails"
        assert len(office.received()) == 2
        mail = naive.got[0]
        assert mail["Auto-Submitted"] == "auto-replied"
        assert mail["X-Auto-Response-Suppress"] == "All"
        assert mail["Precedence"] == "auto_reply"
        assert str(mail["Subject"]) == "Automatic reply: Order"
        assert "at the moment and will be back" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
