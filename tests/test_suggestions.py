"""Suggestions: how they come in, who sees them, what is decided, who is told, and what erasing takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import partner_kit
import pytest
import sqlalchemy as sa
from forum_kit import look
from hall_kit import NOON, Hall
from partner_kit import firm, staff
from sqlalchemy.exc import DBAPIError

from board import scope
from board.notifying.event import Event
from board.notifying.notification import Notification
from board.partner import member, word
from board.partner.member import MemberRole
from board.partner.partner import Partner
from board.partner.word import Of
from board.scope import Viewer
from board.suggestion import (
    change,
    chores,
    doing,
    entering,
    hearing,
    letter,
    listing,
    setting,
    similar,
    suggestion,
    voting,
)
from board.suggestion.entering import Asked
from board.suggestion.suggestion import Status, Suggestion, SuggestionComment, Visibility
from contact import alarms, conversation, erasure, following, log, users
from contact.channel import Channels
from contact.conversation import State
from contact.db import Database
from contact.errors import Conflict, Forbidden, Invalid, NotFound
from contact.log import Interaction, Name
from contact.nudge import Nudges
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings

ZONE = "Asia/Seoul"


@contextlib.contextmanager
def service(hall: Hall) -> Iterator[Service]:
    from channels.email.adapter import Email

    made = Settings(_env_file=None, data_dir=hall.folder, secret_key="test " * 8, language="en")  # type: ignore[call-arg]
    nudges = Nudges.of(made)
    try:
        yield Service(made, hall.db, Channels(Email(made)), hall.store, nudges)
    finally:
        nudges.close()


def person(hall: Hall, firm_id: int, email: str, role: MemberRole = MemberRole.OWNER) -> Viewer:
    number = partner_kit.person(hall, firm_id, email, role)
    with hall.db.read() as session:
        return look(session, number)


def suggest(hall: Hall, who: Viewer, title: str = "주말에도 배송해 주세요", text: str = "", **more: str) -> int:
    once = more.pop("once", title)
    seen = Visibility(more.pop("visibility", "partners"))
    with hall.db.write() as session:
        user = users.get(session, who.user_id)
        return entering.by_form(session, hall.tick(), who, user, Asked(title, text, None, seen), once).id


def heard(hall: Hall) -> None:
    """Let the reader of mails read everything."""
    with hall.db.write() as session:
        while following.advance(session, hearing.reader):
            pass


def move(hall: Hall, number: int, status: Status, answer: str, by: int) -> bool:
    with service(hall) as house, hall.db.write() as session:
        return doing.move(session, hall.tick(), house, number, status, answer, by)


def one(db: Database, number: int) -> Suggestion:
    with db.read() as session:
        return suggestion.get(session, number)


def told(hall: Hall, event: Event) -> list[int]:
    with hall.db.read() as session:
        query = sa.select(Notification.user_id).where(Notification.event == event.value)
        return list(session.scalars(query.order_by(Notification.id)))


class TestComingIn:
    def test_the_form_passes_intake_and_leaves_no_work_in_the_inbox(self, hall: Hall) -> None:
        kim = person(hall, firm(hall), "kim@daehan.example")
        number = suggest(hall, kim, text="토요일 오전이면 충분합니다")
        made = one(hall.db, number)
        assert made.number == f"S-{number}"
        with hall.db.read() as session:
            row = session.get_one(Interaction, made.interaction_id)
            assert (row.name, row.contact_id, row.body) == (
                Name.MESSAGE_RECEIVED, kim.contact_id, "토요일 오전이면 충분합니다",
            )  # fmt: skip
            assert (row.content or {})["facts"] == {"form": "suggestion"}
            assert conversation.get(session, made.conversation_id or 0).state == State.RESOLVED
            names = set(session.scalars(sa.select(Interaction.name).where(Interaction.contact_id == kim.contact_id)))
        assert Name.SUGGESTION_MADE in names

    def test_one_page_sent_twice_is_one_suggestion(self, hall: Hall) -> None:
        kim = person(hall, firm(hall), "kim@daehan.example")
        assert suggest(hall, kim, once="a") == suggest(hall, kim, once="a")
        assert suggest(hall, kim, once="b") != suggest(hall, kim, once="a")

    def test_who_only_reads_suggests_nothing(self, hall: Hall) -> None:
        with pytest.raises(Forbidden):
            suggest(hall, person(hall, firm(hall), "kim@daehan.example", MemberRole.VIEWER))

    @pytest.mark.parametrize(("title", "text"), [("", "x"), (" \n ", "x"), ("x" * 201, ""), ("x", "y" * 20_001)])
    def test_what_is_too_little_or_too_much_changes_nothing(self, lite: Hall, title: str, text: str) -> None:
        kim = person(lite, firm(lite), "kim@daehan.example")
        with lite.db.read() as session:
            before = log.head(session)
        with pytest.raises(Invalid):
            suggest(lite, kim, title, text)
        with lite.db.read() as session:
            assert log.head(session) == before
            assert not session.scalars(sa.select(Suggestion)).all()

    def test_mail_to_the_address_becomes_private_ones_of_members_and_strangers(self, hall: Hall) -> None:
        one_firm = firm(hall)
        kim = person(hall, one_firm, "kim@daehan.example")
        with hall.db.write() as session:
            setting.put(session, inbox_id=hall.mail, ownerless_days=3, due_days=14, public=False)
        hall.mail_in("kim@daehan.example", "포장을 줄여 주세요.", subject="포장")
        hall.mail_in("who@else.example", "more colours please", subject="Colours")
        hall.mail_in("news@else.example", "", subject="")
        heard(hall)
        heard(hall)
        with hall.db.read() as session:
            mine, theirs = session.scalars(sa.select(Suggestion).order_by(Suggestion.id)).all()
            assert (mine.title, mine.user_id, mine.partner_id) == ("포장", kim.user_id, one_firm)
            assert (theirs.title, theirs.user_id, theirs.partner_id) == ("Colours", None, None)
            assert {mine.visibility, theirs.visibility} == {"private"}, "the address of a mail is no proof"
            assert theirs.contact_id is not None
            assert conversation.get(session, mine.conversation_id or 0).state == State.RESOLVED

    def test_what_its_author_writes_after_it_joins_and_what_others_write_does_not(self, lite: Hall) -> None:
        with lite.db.write() as session:
            setting.put(session, inbox_id=lite.mail, ownerless_days=3, due_days=14, public=False)
        from contact.messages import Thread

        first = lite.mail_in("who@else.example", "more colours please", subject="Colours")
        with lite.db.read() as session:
            sent = str((session.get_one(Interaction, first.interaction_id).content or {})["message_id"])
        for sender in ("who@else.example", "stranger@else.example"):
            lite.mail_in(sender, f"{sender} says red", subject="Re: Colours", thread=Thread(in_reply_to=(sent,)))
        heard(lite)
        with lite.db.read() as session:
            assert session.scalars(sa.select(Suggestion.title)).all() == ["Colours"]
            assert session.scalars(sa.select(SuggestionComment.text)).all() == ["who@else.example says red"]

    def test_mail_to_another_inbox_stays_mail(self, lite: Hall) -> None:
        lite.mail_in("who@else.example", "hello", subject="Hello")
        heard(lite)
        with lite.db.read() as session:
            assert not session.scalars(sa.select(Suggestion)).all()

    def test_a_chat_is_promoted_once(self, hall: Hall) -> None:
        by = staff(hall)
        taken = hall.chat_in(text="야간 배송은 안 되나요")
        with hall.db.write() as session:
            talk = conversation.get(session, taken.conversation_id)
            said = entering.last_said(session, talk)
            assert said is not None
            asked = Asked("야간 배송", said.body or "", visibility=Visibility.PRIVATE)
            made = entering.promote(session, hall.tick(), talk.id, asked, said.id, by)
            assert (made.contact_id, made.interaction_id) == (talk.contact_id, taken.interaction_id)
            assert entering.last_said(session, talk) is None
        with hall.db.write() as session, pytest.raises(Conflict):
            entering.promote(session, hall.tick(), taken.conversation_id, asked, taken.interaction_id, by)


class TestSeeing:
    def test_private_ones_are_their_authors_alone(self, hall: Hall) -> None:
        here, there = firm(hall), firm(hall, "다른상사")
        kim, lee = person(hall, here, "kim@daehan.example"), person(hall, there, "lee@other.example")
        mine, shared = suggest(hall, kim, "혼자", visibility="private"), suggest(hall, kim, "모두")
        ours = Viewer(staff(hall))
        with hall.db.read() as session:
            for who, sees in ((kim, {mine, shared}), (lee, {shared}), (ours, {mine, shared})):
                found = listing.listed(session, who, listing.Wanted())
                assert {each.id for each in found.suggestions} == sees
            with pytest.raises(NotFound):
                scope.one(session, lee, Suggestion, mine)
            assert not listing.listed(session, lee, listing.Wanted(words="혼자")).suggestions
            assert [near.id for near in similar.near(session, lee, "혼자")] == []
            assert [near.id for near in similar.near(session, kim, "혼자")] == [mine]

    def test_similar_titles_are_found_while_typing(self, hall: Hall) -> None:
        kim = person(hall, firm(hall), "kim@daehan.example")
        weekend = suggest(hall, kim, "주말에도 배송해 주세요")
        suggest(hall, kim, "포장재를 줄여 주세요")
        suggest(hall, kim, "English manuals")
        with hall.db.read() as session:
            assert [near.id for near in similar.near(session, kim, "주말 배송")][:1] == [weekend]
            assert similar.near(session, kim, "") == []
            assert similar.near(session, kim, "ㅋ") == []
            assert [near.title for near in similar.near(session, kim, "english MANUAL")] == ["English manuals"]

    def test_words_and_numbers_find(self, lite: Hall) -> None:
        kim = person(lite, firm(lite), "kim@daehan.example")
        number = suggest(lite, kim, "주말에도 배송해 주세요", "토요일 오전")
        suggest(lite, kim, "포장")
        with lite.db.read() as session:
            for words in ("주말 토요일", "배송", f"S-{number}"):
                found = listing.listed(session, kim, listing.Wanted(words=words))
                assert [each.id for each in found.suggestions] == [number], words


class TestVotes:
    def test_a_hundred_clicks_are_one_and_it_is_taken_back(self, hall: Hall) -> None:
        kim = person(hall, firm(hall), "kim@daehan.example")
        number = suggest(hall, kim)
        with hall.db.write() as session:
            assert [voting.place(session, NOON, number, kim.user_id) for _ in range(100)].count(True) == 1
        with hall.db.write() as session:
            assert voting.counts(session, [number]) == {number: 1}
            assert voting.voted(session, kim.user_id, [number]) == {number}
            assert voting.take_back(session, number, kim.user_id)
            assert not voting.take_back(session, number, kim.user_id)
            assert voting.counts(session, [number]) == {}

    def test_a_hundred_at_the_same_moment_are_one(self, hall: Hall) -> None:
        kim = person(hall, firm(hall), "kim@daehan.example")
        number = suggest(hall, kim)

        def click(_n: int) -> bool:
            with hall.db.write() as session:
                return voting.place(session, NOON, number, kim.user_id)

        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(click, range(100))).count(True) == 1
        with hall.db.read() as session:
            assert voting.counts(session, [number]) == {number: 1}

    def test_the_author_has_not_voted(self, lite: Hall) -> None:
        number = suggest(lite, person(lite, firm(lite), "kim@daehan.example"))
        with lite.db.read() as session:
            assert voting.counts(session, [number]) == {}


class TestDeciding:
    def test_an_end_needs_a_public_answer(self, hall: Hall) -> None:
        by, number = staff(hall), suggest(hall, person(hall, firm(hall), "kim@daehan.example"))
        for status in (Status.DONE, Status.DECLINED):
            with pytest.raises(Invalid):
                move(hall, number, status, " ", by)
        assert one(hall.db, number).status == "received"
        assert move(hall, number, Status.CONSIDERING, "", by)
        assert not move(hall, number, Status.CONSIDERING, "", by)
        assert move(hall, number, Status.DECLINED, "물류 센터가 쉽니다.", by)
        assert one(hall.db, number).answer == "물류 센터가 쉽니다."

    def test_author_and_voters_are_told_once_each(self, hall: Hall) -> None:
        by, here, there = staff(hall), firm(hall), firm(hall, "다른상사")
        kim, lee = person(hall, here, "kim@daehan.example"), person(hall, there, "lee@other.example")
        gone = person(hall, there, "gone@other.example", MemberRole.MEMBER)
        number = suggest(hall, kim)
        with hall.db.write() as session:
            for who in (kim, lee, gone):
                voting.place(session, NOON, number, who.user_id)
            member.end(session, NOON, member.get(session, gone.member_id), None)
        move(hall, number, Status.PLANNED, "", by)
        assert (told(hall, Event.SUGGESTION), told(hall, Event.DONE)) == ([kim.user_id], [])
        move(hall, number, Status.DONE, "다음 달부터 합니다.", by)
        assert (told(hall, Event.SUGGESTION), told(hall, Event.DONE)) == ([kim.user_id] * 2, [lee.user_id])
        move(hall, number, Status.DONE, "이번 주부터 합니다.", by)
        assert told(hall, Event.DONE) == [lee.user_id], "another answer is no second end"

    def test_voters_who_may_not_see_it_any_more_are_not_told(self, lite: Hall) -> None:
        by, here, there = staff(lite), firm(lite), firm(lite, "다른상사")
        kim, lee = person(lite, here, "kim@daehan.example"), person(lite, there, "lee@other.example")
        number = suggest(lite, kim)
        with lite.db.write() as session:
            voting.place(session, NOON, number, lee.user_id)
            doing.sort(session, NOON, number, None, Visibility.PRIVATE, by)
        move(lite, number, Status.DONE, "했습니다", by)
        assert told(lite, Event.DONE) == []

    def test_a_stranger_is_told_by_mail(self, hall: Hall) -> None:
        with hall.db.write() as session:
            setting.put(session, inbox_id=hall.mail, ownerless_days=3, due_days=14, public=False)
        by = staff(hall)
        hall.mail_in("who@else.example", "more colours please {answer} %(x)s", subject="Colours {0}")
        heard(hall)
        with hall.db.read() as session:
            number = session.scalars(sa.select(Suggestion.id)).one()
        move(hall, number, Status.DONE, "In spring.", by)
        with hall.db.read() as session:
            said = sa.select(Interaction.body).join(Delivery, Delivery.interaction_id == Interaction.id)
            assert ["In spring." in (body or "") for body in session.scalars(said)] == [True]

    def test_nobodys_are_brought_before_supervisors_once(self, hall: Hall) -> None:
        by, number = staff(hall), suggest(hall, person(hall, firm(hall), "kim@daehan.example"))
        with hall.db.write() as session:
            assert chores.escalate(session, hall.now + timedelta(days=2)) == 0
            assert chores.escalate(session, hall.now + timedelta(days=4)) == 1
            assert chores.escalate(session, hall.now + timedelta(days=9)) == 0
            assert [alarm.name for alarm in alarms.ringing(session)] == [f"suggestion:{number}"]
            doing.entrust(session, hall.tick(), number, by, ZONE, by)
            assert not alarms.ringing(session)
            assert suggestion.get(session, number).due_on == doing.today(hall.now, ZONE) + timedelta(days=14)

    def test_overdue_ones_stand_in_their_queue(self, lite: Hall) -> None:
        by, number = staff(lite), suggest(lite, person(lite, firm(lite), "kim@daehan.example"))
        day = doing.today(lite.now, ZONE)
        with lite.db.write() as session:
            doing.due(session, lite.now, number, day - timedelta(days=1), by)
            counts = listing.counts(session, by, day)
        assert (counts[listing.Show.DUE], counts[listing.Show.OWNERLESS], counts[listing.Show.MINE]) == (1, 1, 0)

    def test_history_is_not_changed(self, hall: Hall) -> None:
        suggest(hall, person(hall, firm(hall), "kim@daehan.example"))
        for statement in (sa.delete(change.SuggestionChange), sa.update(change.SuggestionChange).values(text="x")):
            with pytest.raises(DBAPIError, match="append-only"), hall.db.write() as session:
                session.execute(statement)

    def test_a_button_pressed_twice_says_it_once(self, hall: Hall) -> None:
        here = firm(hall)
        kim, lee = person(hall, here, "kim@daehan.example"), person(hall, here, "lee@daehan.example")
        number = suggest(hall, kim)
        said = [(lee, "좋습니다"), (lee, "좋습니다 "), (kim, "좋습니다"), (lee, "좋습니다"), (lee, "아주 좋습니다")]
        for who, words in said:
            with hall.db.write() as session:
                one = suggestion.get(session, number)
                doing.remark(session, hall.tick(), one, words, who.user_id, who.contact_id)
        with hall.db.read() as session:
            kept = session.scalars(sa.select(SuggestionComment.text).order_by(SuggestionComment.id)).all()
        assert kept == ["좋습니다", "좋습니다", "좋습니다", "아주 좋습니다"]

    def test_a_category_is_a_word_of_the_house(self, lite: Hall) -> None:
        by, number = staff(lite), suggest(lite, person(lite, firm(lite), "kim@daehan.example"))
        with lite.db.write() as session:
            tier, category = word.add(session, Of.TIER, "골드").id, word.add(session, Of.SUGGESTION, "배송").id
            with pytest.raises(Invalid):
                doing.sort(session, NOON, number, tier, Visibility.PARTNERS, by)
            doing.sort(session, NOON, number, category, Visibility.PARTNERS, by)
            assert suggestion.get(session, number).category_id == category


class TestTellingThoseWhoWorkHere:
    """On their page, each once, never who did it themselves."""

    def test_whoever_is_to_look_after_one_is_told_and_whoever_it_goes_to_next(self, hall: Hall) -> None:
        boss, park, choi = (staff(hall, f"{name}@shop.example") for name in ("boss", "park", "choi"))
        number = suggest(hall, person(hall, firm(hall), "kim@daehan.example"))
        for owner in (park, park, choi, None, boss):
            with hall.db.write() as session:
                doing.entrust(session, hall.tick(), number, owner, ZONE, boss)
        assert told(hall, Event.ENTRUSTED) == [park, choi], "boss took it up"
        with hall.db.read() as session:
            line = session.scalars(sa.select(Notification).where(Notification.user_id == park)).one()
        assert (line.title, line.link) == (f"S-{number} 주말에도 배송해 주세요", f"/desk/suggestions/{number}")
        assert (line.mail, line.sms, line.shown) == ("off", "off", True)

    def test_whoever_looks_after_the_partner_is_told_of_a_new_one_once(self, hall: Hall) -> None:
        park, here, there = staff(hall, "park@shop.example"), firm(hall), firm(hall, "다른상사")
        with hall.db.write() as session:
            session.get_one(Partner, here).owner_id = park
        kim, lee = person(hall, here, "kim@daehan.example"), person(hall, there, "lee@other.example")
        for who in (kim, kim, lee):
            suggest(hall, who)
        assert told(hall, Event.SUGGESTED) == [park]

    def test_who_does_not_work_here_any_more_is_not_told(self, lite: Hall) -> None:
        park, here = staff(lite, "park@shop.example"), firm(lite)
        with lite.db.write() as session:
            session.get_one(Partner, here).owner_id = park
            session.get_one(users.User, park).deactivated_at = NOON
        suggest(lite, person(lite, here, "kim@daehan.example"))
        assert told(lite, Event.SUGGESTED) == []

    def test_of_an_anonymous_one_nothing_leads_to_its_author(self, hall: Hall) -> None:
        boss, park, here = staff(hall), staff(hall, "park@shop.example"), firm(hall)
        with hall.db.write() as session:
            session.get_one(Partner, here).owner_id = park
            letter.drop(session, Asked("익명입니다", "내용", None, Visibility.PARTNERS))
        with hall.db.write() as session:
            assert letter.take_over(session, hall.tick()) == 1
            number = session.scalars(sa.select(Suggestion.id)).one()
        assert told(hall, Event.SUGGESTED) == []
        with hall.db.write() as session:
            doing.entrust(session, hall.tick(), number, park, ZONE, boss)
        with hall.db.read() as session:
            line = session.scalars(sa.select(Notification)).one()
        assert (line.user_id, line.by_id, line.contact_id, line.text) == (park, boss, None, "")

    def test_erasing_the_author_empties_what_they_were_told(self, hall: Hall) -> None:
        boss, park = staff(hall), staff(hall, "park@shop.example")
        kim = person(hall, firm(hall), "kim@daehan.example")
        number = suggest(hall, kim)
        with hall.db.write() as session:
            doing.entrust(session, hall.tick(), number, park, ZONE, boss)
        with hall.db.write() as session:
            erasure.erase(session, hall.tick(), kim.contact_id, None)
        with hall.db.read() as session:
            assert ["주말" in title for title in session.scalars(sa.select(Notification.title))] == [False]


def test_erasing_a_person_takes_their_words_and_what_they_were_found_by(hall: Hall) -> None:
    kim = person(hall, firm(hall), "kim@daehan.example")
    number = suggest(hall, kim, "비밀스러운 제안", "비밀 이야기")
    with hall.db.write() as session:
        doing.remark(session, hall.tick(), suggestion.get(session, number), "비밀 덧말", kim.user_id, kim.contact_id)
        erasure.erase(session, hall.tick(), kim.contact_id, None)
    heard(hall)
    with hall.db.read() as session:
        made = suggestion.get(session, number)
        assert (made.title, made.text, made.words) == (f"erased-{number}", "", "")
        assert "비밀" not in "".join(session.scalars(sa.select(SuggestionComment.text)))
        assert not session.scalars(sa.select(similar.SuggestionGram)).all()


def test_an_answer_to_a_mail_about_it_is_a_word_of_its_reader(hall: Hall) -> None:
    here, there = firm(hall), firm(hall, "다른상사")
    kim, lee = person(hall, here, "kim@daehan.example"), person(hall, there, "lee@other.example")
    number = suggest(hall, kim, visibility="private")
    row = hall.mail_in("kim@daehan.example", "고맙습니다").interaction_id
    with hall.db.write() as session:
        assert hearing.answer(session, hall.tick(), kim, number, "고맙습니다", row)
        with pytest.raises(NotFound):
            hearing.answer(session, hall.tick(), lee, number, "저도요", row)
        assert session.scalars(sa.select(SuggestionComment.text)).all() == ["고맙습니다"]
