"""Satisfaction: when a question is put aside, asked, dropped; how it is answered; who hears of a low score."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from flask.testing import FlaskClient
from hall_kit import Hall, hall, lite, print_of  # noqa: F401 - fixtures
from hypothesis import given
from hypothesis import strategies as st
from post_office import PostOffice, letter, make_office  # noqa: F401 - fixtures
from real import RAN, both, wait_for
from sqlalchemy import func, select

import wsgi
from contact import conversation as conversations
from contact import erasure, following, inbox, intake, outbox, verify
from contact.conversation import Conversation, Mention
from contact.db import Database, utcnow
from contact.directory import Address
from contact.jobs import Clock
from contact.log import Interaction, Name
from contact.messages import AddressKind, Inbound, Nature, Party, Thread
from contact.outbox import Delivery, Words
from contact.readers import Readers
from contact.response import hours
from contact.response.satisfaction import ask as asks
from contact.response.satisfaction import asking, setting, token
from contact.response.satisfaction.ask import SatisfactionAsk, number_in
from contact.response.satisfaction.rating import Rating
from contact.response.satisfaction.reader import Listening
from contact.response.satisfaction.setting import Chosen
from contact.settings import Settings
from contact.users import Role, create

KEY = b"k" * 40
THEIRS = "+821012345678"


@dataclass
class Desk:
    """A hall with its reader and its job "satisfaction", on the hall's own clock."""

    hall: Hall
    service: Any = field(init=False)
    reader: following.Reader = field(init=False)
    boss: int = 0
    agent: int = 0
    sms: int = 0

    def __post_init__(self) -> None:
        url = self.hall.db.engine.url.render_as_string(hide_password=False)
        settings = Settings(
            _env_file=None, data_dir=self.hall.folder / "data", database_url=url, secret_key=KEY.decode()
        )  # type: ignore[call-arg]
        self.service = wsgi.compose(settings)
        self.reader = following.Reader("satisfaction", Listening(lambda: self.hall.now).read)
        with self.hall.db.write() as session:
            self.boss = create(session, self.hall.now, email="boss@shop.example", name="서지원", role=Role.ADMIN).id
            self.agent = create(session, self.hall.now, email="mina@shop.example", name="김민아", role=Role.AGENT).id
            self.sms = inbox.add(session, self.hall.now, "sms", "+82215880000", "Text", provider="sandbox").id
            setting.keep(session, self.hall.now, True, Chosen())

    def read(self) -> None:
        for _turn in range(2):
            with self.hall.db.write() as session:
                while following.advance(session, self.reader):
                    pass
            with self.hall.db.write() as session:  # the same rows once more change nothing
                state = session.get_one(following.ReaderState, "satisfaction")
                state.position = max(0, state.position - 5)

    def later(self, **span: float) -> None:
        """The time goes by, and the clock asks what is due."""
        self.hall.now += timedelta(**span)
        with self.hall.db.read() as session:
            numbers = asking.due(session, self.hall.now)
        for number in numbers:
            with self.hall.db.write() as session:
                asking.ask_one(session, self.hall.now, self.service, number)

    def done(self, talk: int, *, answered: bool = True) -> None:
        if answered:
            self.hall.reply(talk, user_id=self.agent)
        with self.hall.db.write() as session:
            conversations.resolve(session, self.hall.tick(), conversations.get(session, talk), self.agent)
        self.read()

    def text(self, words: str, sender: str = THEIRS) -> intake.Taken:
        number = next(self.hall.numbers)
        inbound = Inbound("sms", f"s{number}", print_of(words), Party(AddressKind.TEL, sender), words)
        with self.hall.db.write() as session:
            taken = intake.take(session, self.hall.tick(), inbound, inbox.get(session, self.sms))
        self.read()
        return taken

    def text_back(self, talk: int, words: str) -> None:
        with self.hall.db.write() as session:
            one = conversations.get(session, talk)
            address = self.hall.address(session, one.contact_id, AddressKind.TEL)
            outbox.put(
                session, self.hall.tick(), conversation=one, inbox=inbox.get(session, self.sms), address=address,
                words=Words(words), can=self.service.channels["sms"].capabilities, user_id=self.agent, domain="x.org",
            )  # fmt: skip

    def asks(self) -> list[SatisfactionAsk]:
        with self.hall.db.read() as session:
            return list(session.scalars(select(SatisfactionAsk).order_by(SatisfactionAsk.id)))

    def rows(self, name: Name) -> list[Interaction]:
        with self.hall.db.read() as session:
            return list(session.scalars(select(Interaction).where(Interaction.name == name).order_by(Interaction.id)))

    def questions(self) -> list[Interaction]:
        return [row for row in self.rows(Name.MESSAGE_QUEUED) if row.data.get("purpose") == "satisfaction"]

    def talk(self, number: int) -> Conversation:
        with self.hall.db.read() as session:
            return conversations.get(session, number)

    def client(self) -> FlaskClient:
        return wsgi.create_app(service=self.service).test_client()


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


# -- whether and when -------------------------------------------------------------------------------


def test_one_question_some_minutes_after_the_end(desk: Desk) -> None:
    talk = desk.hall.mail_in("kim@a.example", "도와주세요", subject="주문").conversation_id
    desk.done(talk)
    desk.later(minutes=5)
    assert not desk.questions()
    desk.later(minutes=6)
    (row,) = desk.questions()
    assert row.body is not None
    assert len(re.findall(r"http://\S+/s/\S+", row.body)) == 5
    assert row.body.index("매우 만족") < row.body.index("매우 불만족")
    assert (desk.talk(talk).state, desk.talk(talk).waiting_since) == ("resolved", None)
    (said,) = desk.rows(Name.SATISFACTION_ASKED)
    assert (said.about_id, said.data["agent"]) == (row.id, desk.agent)
    desk.later(days=1)
    assert len(desk.questions()) == 1


def test_what_is_opened_again_before_is_not_asked_about(desk: Desk) -> None:
    talk = desk.hall.mail_in().conversation_id
    desk.done(talk)
    desk.hall.mail_in(text="Moment", thread=Thread(token=talk))
    desk.later(minutes=11)
    assert [(one.state, one.why) for one in desk.asks()] == [("dropped", "reopened")]
    desk.done(talk)
    desk.later(minutes=11)
    assert [one.state for one in desk.asks()] == ["dropped", "asked"]


def test_an_end_that_was_taken_back_with_its_message_is_none(lone: Desk) -> None:
    talk = lone.hall.mail_in().conversation_id
    with lone.hall.db.write() as session:
        sent = lone.hall.put(
            session, talk, "Antwort", user_id=lone.agent, not_before=lone.hall.now + timedelta(hours=1)
        )
        one = conversations.get(session, talk)
        conversations.resolve(session, lone.hall.tick(), one, lone.agent, sent.interaction_id)
    lone.read()
    with lone.hall.db.write() as session:
        outbox.cancel(session, lone.hall.tick(), sent.id, lone.agent)
    lone.later(minutes=30)
    assert not lone.questions()


def test_a_contact_is_asked_once_in_so_many_days(lone: Desk) -> None:
    for days, asked in ((0, 1), (10, 1), (25, 2)):
        lone.hall.now += timedelta(days=days)
        lone.done(lone.hall.mail_in().conversation_id)
        lone.later(minutes=11)
        assert len(lone.questions()) == asked
    assert [one.why for one in lone.asks()] == ["", "lately", ""]


@pytest.mark.parametrize("how", ["bulk", "bounce", "unanswered", "spam", "off", "old", "chat"])
def test_what_no_person_asked_or_answered_is_not_asked_about(lone: Desk, how: str) -> None:
    nature = {"bulk": Nature.BULK, "bounce": Nature.BOUNCE}.get(how, Nature.HUMAN)
    taken = lone.hall.chat_in() if how == "chat" else lone.hall.mail_in(nature=nature)
    if how == "spam":
        with lone.hall.db.write() as session:
            conversations.tag(session, lone.hall.now, conversations.get(session, taken.conversation_id), "스팸", 1)
    if how == "off":
        with lone.hall.db.write() as session:
            setting.keep(session, lone.hall.now, False, Chosen())
    if how == "old":
        lone.hall.reply(taken.conversation_id, user_id=lone.agent)
        with lone.hall.db.write() as session:
            conversations.resolve(session, lone.hall.now, conversations.get(session, taken.conversation_id), 1)
        lone.hall.now += timedelta(hours=1)
        lone.read()
    else:
        lone.done(taken.conversation_id, answered=how != "unanswered")
    lone.later(minutes=11)
    assert not lone.questions()


def test_nobodys_phone_rings_at_night_for_it(lone: Desk) -> None:
    with lone.hall.db.write() as session:
        hours.add(session, lone.hall.now, "shop", "Asia/Seoul", week=[[["09:00", "18:00"]]] * 5 + [[], []])
    lone.hall.now = datetime(2026, 3, 6, 11, 0, tzinfo=UTC)  # Friday evening
    talk = lone.text("도와주세요").conversation_id
    lone.text_back(talk, "네")
    lone.done(talk, answered=False)
    lone.later(hours=3)
    assert not lone.questions()
    lone.hall.now = datetime(2026, 3, 9, 0, 1, tzinfo=UTC)
    lone.later(seconds=1)
    assert len(lone.questions()) == 1


# -- by number --------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["1", " 5 ", "３", "4점", "2.", "5/5"])
def test_a_number_is_understood(said: str) -> None:
    assert number_in(said) in range(1, 6)


@given(st.text())
def test_only_a_bare_number_from_one_to_five_is_one(text: str) -> None:
    found = number_in(text)
    assert found is None or (1 <= found <= 5 and len(text.strip()) <= 6)
    for bad in ("0", "6", "12", "1 2", "네", "5번 문의", ""):
        assert number_in(bad) is None


def asked_by_text(desk: Desk) -> int:
    desk.hall.now = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
    talk = desk.text("주문이 안 왔어요").conversation_id
    desk.text_back(talk, "내일 도착합니다")
    desk.done(talk, answered=False)
    desk.later(minutes=11)
    assert len(desk.questions()) == 1
    assert "숫자 하나로" in (desk.questions()[0].body or "")
    return talk


def test_a_number_by_text_counts_and_opens_nothing_again(desk: Desk) -> None:
    talk = asked_by_text(desk)
    before = len(desk.rows(Name.MESSAGE_RECEIVED))
    taken = desk.text("5")
    (row,) = desk.rows(Name.SATISFACTION_RATED)
    assert (row.id, row.data["score"], row.conversation_id) == (taken.interaction_id, 5, talk)
    assert len(desk.rows(Name.MESSAGE_RECEIVED)) == before
    assert (desk.talk(talk).state, desk.talk(talk).waiting_since) == ("resolved", None)
    desk.text("3")
    assert len(desk.rows(Name.SATISFACTION_RATED)) == 1, "a second number is a message"
    with desk.hall.db.read() as session:
        assert not list(verify.verify(session))


def test_the_same_text_twice_is_one_answer(lone: Desk) -> None:
    asked_by_text(lone)
    inbound = Inbound("sms", "twice", print_of("4"), Party(AddressKind.TEL, THEIRS), "4")
    for new in (True, False):
        with lone.hall.db.write() as session:
            taken = intake.take(session, lone.hall.tick(), inbound, inbox.get(session, lone.sms))
        assert taken.new == new
    assert len(lone.rows(Name.SATISFACTION_RATED)) == 1


@pytest.mark.parametrize("how", ["late", "words first", "another number", "another score"])
def test_other_numbers_are_messages(lone: Desk, how: str) -> None:
    talk = asked_by_text(lone)
    if how == "late":
        lone.hall.now += timedelta(days=4)
    if how == "words first":
        lone.text("잠시만요")
    sender = "+821099998888" if how == "another number" else THEIRS
    lone.text("9" if how == "another score" else "4", sender)
    assert not lone.rows(Name.SATISFACTION_RATED)
    assert lone.talk(talk).state == ("resolved" if how == "another number" else "open")


# -- low scores -------------------------------------------------------------------------------------


def mentions(desk: Desk) -> list[int]:
    with desk.hall.db.read() as session:
        return list(session.scalars(select(Mention.user_id)))


def test_a_low_score_comes_back_to_the_supervisors(desk: Desk) -> None:
    talk = asked_by_text(desk)
    desk.text("2")
    assert desk.talk(talk).tags == ["불만족"]
    assert mentions(desk) == [desk.boss]
    assert desk.talk(talk).state == "resolved"


def test_a_good_one_and_an_old_low_one_trouble_nobody(lone: Desk) -> None:
    talk = lone.hall.chat_in().conversation_id
    with lone.hall.db.write() as session:
        rate = {"channel": "chat", "data": {"score": 1}}
        conversations.record(session, lone.hall.now, conversations.get(session, talk), Name.CHAT_RATED, **rate)
    lone.hall.now += timedelta(days=3)
    lone.read()
    assert not mentions(lone)
    with lone.hall.db.read() as session:
        assert [(one.score, one.channel) for one in session.scalars(select(Rating))] == [(1, "chat")]
    with lone.hall.db.write() as session:
        conversations.record(session, lone.hall.now, conversations.get(session, talk), Name.CHAT_RATED, **rate)
    lone.read()
    assert mentions(lone) == [lone.boss], "the chat's stars, too"


def test_ratings_can_be_made_again_from_the_log(desk: Desk) -> None:
    talk = asked_by_text(desk)
    desk.text("2")
    ask = desk.asks()[0]
    with desk.hall.db.write() as session:
        again = session.get_one(SatisfactionAsk, ask.id)
        for score in (4, 1, 5):
            asks.rate(session, desk.hall.tick(), again, score)
        place = conversations.get(session, talk)
        conversations.record(session, desk.hall.tick(), place, Name.CHAT_RATED, channel="chat", data={"score": 3})
    desk.read()

    def ratings() -> list[tuple[int, ...]]:
        with desk.hall.db.read() as session:
            return [(one.interaction_id, one.score) for one in session.scalars(select(Rating).order_by(Rating.at))]

    before = ratings()
    assert [score for _, score in before] == [5, 3]
    with desk.hall.db.write() as session:
        session.query(Rating).delete()
        session.get_one(following.ReaderState, "satisfaction").position = 0
    desk.hall.now += timedelta(days=1)
    desk.read()
    assert ratings() == before


# -- the page behind the link -----------------------------------------------------------------------


def linked(desk: Desk) -> tuple[int, dict[int, str]]:
    talk = desk.hall.mail_in("kim@a.example", "도와주세요", subject="주문", name="김비밀").conversation_id
    desk.hall.now = max(desk.hall.now, utcnow() - timedelta(minutes=30))  # the page looks at the real clock
    desk.done(talk)
    desk.later(minutes=11)
    ask = desk.asks()[-1]
    return ask.id, {score: f"/s/{token.make(ask.id, score, KEY)}" for score in range(1, 6)}


def test_a_link_shows_and_a_form_records(lone: Desk) -> None:
    _, paths = linked(lone)
    client = lone.client()
    for _scanner in range(3):
        for path in paths.values():
            assert client.get(path).status_code == 200
            assert client.head(path).status_code == 200
    assert not lone.rows(Name.SATISFACTION_RATED), "a mail scanner followed them all"
    page = client.get(paths[2]).get_data(as_text=True)
    assert 'value="2" required checked' in page
    assert "보내기" in page
    assert "Send my answer" in client.get(f"{paths[2]}?language=en").get_data(as_text=True)
    assert client.post(paths[2], data={"score": "2", "comment": "너무 느려요"}).status_code == 200
    (row,) = lone.rows(Name.SATISFACTION_RATED)
    assert (row.data["score"], row.body, row.channel) == (2, "너무 느려요", "email")
    client.post(paths[2], data={"score": "4"})
    client.post(paths[4], data={"score": "4"})
    lone.read()
    assert [one.data["score"] for one in lone.rows(Name.SATISFACTION_RATED)] == [2, 4], "changed, then the same again"
    with lone.hall.db.read() as session:
        assert [one.score for one in session.scalars(select(Rating))] == [4], "the one that stands counts"


def test_after_a_day_it_stands_and_after_two_weeks_it_is_over(lone: Desk) -> None:
    number, paths = linked(lone)
    client = lone.client()
    client.post(paths[5], data={"score": "5"})
    with lone.hall.db.write() as session:
        session.get_one(SatisfactionAsk, number).rated_at = utcnow() - timedelta(days=2)
    answer = client.post(paths[1], data={"score": "1"})
    assert answer.status_code == 410
    assert [one.data["score"] for one in lone.rows(Name.SATISFACTION_RATED)] == [5]
    with lone.hall.db.write() as session:
        ask = session.get_one(SatisfactionAsk, number)
        ask.rated_at, ask.asked_at, ask.state = None, utcnow() - timedelta(days=15), "asked"
    answer = client.get(paths[1])
    assert answer.status_code == 410
    assert "만료" in answer.get_data(as_text=True)
    assert client.post(paths[1], data={"score": "1"}).status_code == 410
    assert len(lone.rows(Name.SATISFACTION_RATED)) == 1


def test_what_we_did_not_sign_changes_nothing(lone: Desk) -> None:
    number, paths = linked(lone)
    client, good = lone.client(), paths[3].removeprefix("/s/")
    wrong = [
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        good.replace(f"{number}-3", f"{number}-5"),
        "x",
        "1-1-",
        f"0{good}",
    ]
    wrong += [token.make(number, 3, b"another key"), token.make(999, 3, KEY)]
    for one in wrong:
        for answer in (client.get(f"/s/{one}"), client.post(f"/s/{one}", data={"score": "1"})):
            assert answer.status_code == 404
            assert "링크" in answer.get_data(as_text=True) or "link" in answer.get_data(as_text=True)
    for score in ("0", "6", "", "x", "-1", "5" * 9):
        client.post(paths[3], data={"score": score})
    assert not lone.rows(Name.SATISFACTION_RATED)


@given(st.text(max_size=60), st.integers(0, 10**15), st.integers(1, 5))
def test_a_token_is_read_back_and_nothing_else_is(noise: str, number: int, score: int) -> None:
    assert token.read(token.make(number, score, KEY), KEY) == (number, score)
    assert token.read(token.make(number, score, KEY), b"other") is None
    assert token.read(noise, KEY) is None


def test_an_erased_persons_link_leads_nowhere(lone: Desk) -> None:
    _, paths = linked(lone)
    client = lone.client()
    client.post(paths[1], data={"score": "1", "comment": "제 이름은 김비밀"})
    with lone.hall.db.write() as session:
        contact = session.scalars(select(Conversation.contact_id)).first()
        assert contact is not None
        erasure.erase(session, utcnow(), contact, lone.boss)
    assert not lone.asks()
    assert client.get(paths[1]).status_code == 404
    assert client.post(paths[1], data={"score": "5"}).status_code == 404
    (row,) = lone.rows(Name.SATISFACTION_RATED)
    assert (row.body, row.data["score"]) == (None, 1), "the number stays countable"
    with lone.hall.db.read() as session:
        assert not list(verify.verify(session))


# -- the whole way ----------------------------------------------------------------------------------


@both
def test_a_question_leaves_by_real_mail_and_its_links_work(
    make_office: Callable[..., PostOffice], db: Database
) -> None:
    kind = "sqlite" if db.is_sqlite else "postgresql"
    office = make_office(kind)
    with office.service.db.write() as session:
        agent = create(session, utcnow(), email="mina@shop.example", name="김민아", role=Role.AGENT).id
        setting.keep(session, utcnow() - timedelta(minutes=1), True, Chosen(delay=0))
    readers = Readers([following.Reader("satisfaction", Listening().read)])
    office.open(*office.everything, readers.run, Clock([asking.JOB]).run)
    RAN.add("smtp")
    talk = office.post_and_take(letter("도와주세요")).conversation_id
    assert talk is not None
    with office.service.db.write() as session:
        one = conversations.get(session, talk)
        reach = session.scalars(select(Address).where(Address.value == "kim@customer.example")).one()
        outbox.put(
            session, utcnow(), conversation=one, inbox=inbox.get(session, one.inbox_id), address=reach,
            words=Words("내일 도착합니다", subject="Re"), can=office.service.channels["email"].capabilities,
            user_id=agent, domain="shop.example",
        )  # fmt: skip
        conversations.resolve(session, utcnow(), one, agent)

    def asked() -> Delivery | None:
        return next((one for one in office.deliveries() if one.automatic and one.state == "wired"), None)

    wait_for(lambda: asked() is not None, 90, "the question")
    delivery = asked()
    assert delivery is not None
    mail = message_from_bytes(office.caught(delivery.message_id)[0], policy=default)
    assert mail["Auto-Submitted"] is not None
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    links = re.findall(r'href="http://127.0.0.1:8000(/s/[^"]+)"', html)
    assert len(links) == 5
    client = wsgi.create_app(service=office.service).test_client()
    assert client.get(links[0]).status_code == 200
    assert client.post(links[0], data={"score": "5"}).status_code == 200
    assert office.one(lambda s: s.scalar(select(func.count()).select_from(SatisfactionAsk))) == 1
    assert office.conversations()[0].state == "resolved"
