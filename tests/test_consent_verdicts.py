"""May we write there, for this, now: refusals win, on every channel they cover."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from consent_kit import AD, INFO, SERVICE, People
from hall_kit import NOON, Hall
from hypothesis import given
from hypothesis import strategies as st

from contact import consent, directory, erasure, verify
from contact.consent import PERSON, Consent, chain, texts, trade, verdict
from contact.directory import Address, Contact, reach
from contact.messages import AddressKind, Wish

TEL = AddressKind.TEL


@pytest.fixture
def people(hall: Hall) -> People:
    return People(hall)


@pytest.fixture
def few(lite: Hall) -> People:
    return People(lite)


def test_advertising_needs_consent_and_nothing_else_does(people: People) -> None:
    kim = people.add("kim@a.example")
    assert people.rule(kim) == "kr.consent"
    assert people.ask(kim, purpose=INFO) == people.ask(kim, purpose=SERVICE) == {}
    assert people.says(kim, True)
    assert people.ask(kim) == {}


def test_a_refusal_of_advertising_leaves_answers_alone(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, True)
    assert people.says(kim, False)
    assert not people.says(kim, False), "the same once more is no news"
    assert people.rule(kim) == "kr.refusal"
    assert people.ask(kim, purpose=INFO) == people.ask(kim, purpose=SERVICE) == {}
    with people.hall.db.read() as session:
        assert not consent.withdrawn(session, kim)
        assert consent.latest(session, kim) is None


def test_start_lifts_a_stop_and_brings_no_consent_back(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, True)
    people.says(kim, False, None, how="keyword")
    assert {people.rule(kim, purpose=one) for one in (AD, INFO, SERVICE)} == {"kr.refusal"}
    people.says(kim, True)
    assert people.rule(kim) == "kr.refusal", "who refused everything takes that back first"
    people.says(kim, True, None, how="keyword")
    assert people.ask(kim, purpose=SERVICE) == {}
    assert people.ask(kim) == {}, "the consent is newer than the stop"
    people.says(kim, False, None, how="keyword")
    people.says(kim, True, None, how="keyword")
    assert people.rule(kim) == "kr.consent"
    assert people.says(kim, True), "the same words again are news now"
    assert people.ask(kim) == {}


def test_a_refusal_of_the_person_covers_every_channel_and_what_comes_later(people: People) -> None:
    mail = people.add("kim@a.example")
    phone = people.add("+821012345678", TEL, to=mail)
    for one in (mail, phone):
        people.says(one, True)
    people.says(mail, False, AD, scope=PERSON)
    later = people.add("kim@b.example", to=mail)
    assert [people.rule(one) for one in (mail, phone, later)] == ["kr.refusal"] * 3
    assert people.ask(mail, phone, later, purpose=SERVICE) == {}
    people.says(phone, True)
    noon = people.hall.now.replace(hour=3)
    assert people.ask(phone, channel="sms", now=noon) == {}, "newer, and said about this very number"
    assert people.rule(mail) == "kr.refusal"


def test_a_person_who_refuses_everything_is_refused_everywhere_at_once(people: People) -> None:
    mail = people.add("kim@a.example")
    phone = people.add("+821012345678", TEL, to=mail)
    people.says(mail, False, None, scope=PERSON)
    with people.hall.db.read() as session:
        assert consent.refused(session, [mail, phone]) == {mail, phone}
        assert list(chain.broken(session)) == []
    people.says(mail, True, None, scope=PERSON)
    with people.hall.db.read() as session:
        assert consent.refused(session, [mail, phone]) == set()


def test_what_one_address_refused_another_does_not_bring_back(people: People) -> None:
    mail = people.add("kim@a.example")
    phone = people.add("+821012345678", TEL, to=mail)
    people.says(mail, True)
    people.says(mail, False)
    people.says(phone, True, AD, scope=PERSON)
    assert people.rule(mail) == "kr.refusal"
    people.says(mail, False, None)
    people.says(phone, True, None)
    assert people.rule(mail, purpose=SERVICE) == "kr.refusal"


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "advertising"]), st.booleans()), max_size=12))
def test_no_order_of_wishes_brings_advertising_to_who_refused(said: list[tuple[bool, str, bool]]) -> None:
    """Rows as (whole person, purpose, given): allowed only when this address agreed after all that covers it."""
    rows = [(1, n, purpose, False, given, NOON) for n, (_whole, purpose, given) in enumerate(said, 1)]
    own = [row for row, (whole, *_rest) in zip(rows, said, strict=True) if not whole]
    whole = [row for row, (one, *_rest) in zip(rows, said, strict=True) if one]
    known = verdict._Known(verdict._fold(own), verdict._fold(whole))
    place = verdict._Place(1, "email", "a@a.example", None, 1, 1, None, None)
    agreed = max((row[1] for row in own if row[2] and row[4]), default=0)
    refused = max((row[1] for row in rows if not row[4]), default=0)
    standing = verdict._standing(place, known, AD)
    own_said, person = (found.get(1, verdict._NOTHING) for found in (known.own, known.persons))
    ended = max(own_said.stop, own_said.refused, person.stop, person.refused)
    allowed = standing is None and own_said.given > ended
    if allowed:
        assert agreed > refused
    if standing is None:
        assert not own or own[-1][4] or own[-1][2] != "advertising"


def test_a_refusal_follows_the_person_through_a_merge(people: People) -> None:
    one, other = people.add("kim@a.example"), people.add("kim@b.example")
    people.says(other, True)
    people.says(one, False, AD, scope=PERSON)
    assert people.ask(other) == {}
    with people.hall.db.write() as session:
        loser, winner = (
            directory.get(session, session.get_one(Address, number).contact_id) for number in (one, other)
        )  # fmt: skip
        directory.merge(session, people.hall.tick(), loser, winner, None)
    assert people.rule(other) == "kr.refusal"


def test_no_import_lifts_a_refusal(people: People) -> None:
    kim, lee = people.add("kim@a.example"), people.add("lee@a.example")
    people.says(kim, False)
    people.says(lee, False, None)
    for one in (kim, lee):
        assert not people.says(one, True, how="import")
        assert not people.says(one, True, None, how="import")
        assert people.rule(one) == "kr.refusal"
    fresh = people.add("park@a.example")
    assert people.says(fresh, True, how="import")
    assert people.ask(fresh) == {}
    phone = people.add("+821012345678", TEL, to=kim)
    people.says(kim, False, AD, scope=PERSON)
    assert not people.says(phone, True, how="import")


def test_an_erased_refusal_is_remembered_and_a_new_consent_counts(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, False, words="제발 그만", proof="192.0.2.7")
    with people.hall.db.write() as session:
        contact = session.get_one(Address, kim).contact_id
        erasure.erase(session, people.hall.tick(), contact, None)
    assert people.rule(kim) == "unreachable"
    again = people.add("kim@a.example")
    assert again != kim
    assert people.rule(again, purpose=INFO) == people.rule(again) == "kr.refusal"
    assert not people.says(again, True, how="import")
    assert people.ask(again, purpose=SERVICE) == {}
    people.says(again, True)
    assert people.ask(again) == {}
    with people.hall.db.read() as session:
        row = session.scalars(sa.select(Consent).order_by(Consent.id)).first()
        assert row is not None
        assert (row.words, row.proof, row.salt) == ("", "", "")
        assert list(chain.broken(session)) == []


def test_what_comes_back_is_not_written_to(people: People) -> None:
    mail, phone = people.add("kim@a.example"), people.add("+821012345678", TEL)
    for one in (mail, phone):
        people.says(one, True)
        with people.hall.db.write() as session:
            reach.lost(session, people.hall.tick(), one, reach.How.DEAD, "5.1.1 no such user")
    assert people.rule(mail) == people.rule(phone, channel="sms") == "unreachable"
    assert people.rule(mail, purpose=SERVICE) == "unreachable"
    assert people.ask(phone, purpose=SERVICE, channel="sms") == {}
    assert people.rule(999_999) == "unreachable"


def test_a_complaint_ends_everything_there(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, True)
    people.says(kim, False, None, how="complaint")
    assert people.rule(kim) == people.rule(kim, purpose=SERVICE) == "kr.refusal"


def test_the_trade_exception_ends_at_the_right_second(people: People) -> None:
    kim = people.add("kim@a.example")
    with people.hall.db.write() as session:
        contact = session.get_one(Address, kim).contact_id
        sold = people.hall.now.replace(year=2025, month=8, day=31, hour=5)
        trade.ended(session, people.hall.now, contact, "tea", sold)
    over = sold.replace(year=2026, month=2, day=28, hour=15, minute=0, second=0)  # midnight in Seoul
    assert people.rule(kim, now=over) == "kr.consent"
    second = timedelta(seconds=1)
    assert people.ask(kim, now=over - second, category="tea") == {}
    assert people.rule(kim, now=over, category="tea") == "kr.consent"
    assert people.rule(kim, now=over - second, category="coffee") == "kr.consent"
    people.says(kim, False)
    assert people.rule(kim, now=over - second, category="tea") == "kr.refusal"


def test_the_ledger_is_append_only(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, True)
    with people.hall.db.write() as session:
        texts.add(session, people.hall.now, AD, "ko", "광고를 받겠습니다.")
    for change in (
        "update consent set given = false", "update consent set words = 'x'", "delete from consent",
        "update consent set purpose = ''", "delete from consent_text", "update consent_text set body = 'x'",
        "update consent set said_at = at, words = '', proof = '', salt = '', hash = 'x'",
    ):  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), people.hall.db.write() as session:
            session.execute(sa.text(change))
    with people.hall.db.write() as session:
        session.execute(sa.text("update consent set words = '', proof = '', salt = ''"))


def test_a_changed_row_is_found(few: People) -> None:
    """Somebody with the file in hand can drop the triggers; the chain tells."""
    numbers = [few.add(f"p{n}@a.example") for n in range(6)]
    for number in numbers:
        few.says(number, True, words="좋아요")
    with few.hall.db.write() as session:
        assert list(chain.broken(session)) == []
        session.execute(sa.text("drop trigger consent_no_update"))
        session.execute(sa.text("drop trigger consent_no_delete"))
        session.execute(sa.text("update consent set words = '좋다고 함' where id = 2"))
        session.execute(sa.text("update consent set given = false where id = 4"))
        assert list(chain.broken(session)) == [2, 4]
        session.execute(sa.text("delete from consent where id = 5"))
        assert list(chain.broken(session)) == [2, 4, 6]
        session.execute(sa.text("delete from consent where id = 6"))
        found = [str(one) for one in verify.verify(session) if one.thing == "consent"]
    assert found[:2] == [f"consent {n}: row is 'not as it was written', the log says 'its chain'" for n in (2, 4)]
    assert found[2].startswith("consent the newest: "), "the end was cut off"


def test_a_text_keeps_its_versions(people: People) -> None:
    with people.hall.db.write() as session:
        first = texts.add(session, people.hall.tick(), AD, "ko", "광고를 받겠습니다.")
        assert texts.add(session, people.hall.tick(), AD, "ko", "광고를 받겠습니다.\r\n") is first
        second = texts.add(session, people.hall.tick(), AD, "ko", "광고성 정보 수신에 동의합니다.")
        night = texts.add(session, people.hall.tick(), AD, "ko", "밤에도 받겠습니다.", night=True)
        assert [one.number for one in (first, second, night)] == [1, 2, 1]
        assert [one.id for one in texts.newest(session)] == [second.id, night.id]
        agreed = second.id
    kim = people.add("kim@a.example")
    people.says(kim, True, text_id=first.id, said_at=people.hall.now)
    assert people.says(kim, True, text_id=agreed), "agreed to the new words"
    with people.hall.db.read() as session:
        said = consent.state(session, kim, AD)
        assert said is not None
        assert said.text_id == agreed


def test_many_at_once_are_answered_as_one_by_one(few: People) -> None:
    numbers = [few.add(f"p{n}@a.example") for n in range(1203)]
    with few.hall.db.write() as session:
        for n, number in enumerate(numbers):
            if n % 3:
                wish = Wish(n % 3 == 1, "form", "")
                consent.record(
                    session, few.hall.now, session.get_one(Address, number), wish, channel="email", purpose=AD
                )
    found = few.ask(*numbers)
    assert found == {number: verdict for one in numbers[:30] for number, verdict in few.ask(one).items()} | {
        number: found[number] for number in numbers[30:] if number in found
    }
    assert [number in found for number in numbers] == [n % 3 != 1 for n in range(1203)]
    with few.hall.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Contact)) == 1203
