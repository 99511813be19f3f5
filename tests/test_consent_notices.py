"""Notices the law wants: due on the very day, told once, never to who has refused since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from consent_kit import People
from hall_kit import Hall

import wsgi
from contact import inbox
from contact.consent import notices, setting
from contact.consent.notice import CONFIRM, RESULT, ConsentNotice
from contact.conversation import Conversation
from contact.log import Interaction
from contact.messages import AddressKind
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings


def seoul(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC) - timedelta(hours=9)


@pytest.fixture
def people(hall: Hall) -> People:
    return People(hall)


@pytest.fixture
def service(people: People, settings: Settings) -> Iterator[Service]:
    made = wsgi.compose(settings)
    yield replace(made, db=people.hall.db)
    made.db.close()
    made.nudges.close()


def on(people: People) -> None:
    with people.hall.db.write() as session:
        setting.switch(session, seoul("2020-01-01"), True)


def due(people: People, day: str, hour: int = 12) -> list[tuple[str, int, date]]:
    with people.hall.db.read() as session:
        return [(one.kind, one.round, one.due_on) for one in notices.due(session, seoul(day, hour))]


def send(people: People, service: Service, day: str) -> list[ConsentNotice]:
    now = seoul(day)
    with people.hall.db.read() as session:
        found = notices.due(session, now)
    for one in [*found, *found]:  # two workers had the same list
        with people.hall.db.write() as session:
            notices.send(session, now, service, one)
    with people.hall.db.read() as session:
        return list(session.scalars(sa.select(ConsentNotice).order_by(ConsentNotice.id)))


def sent(people: People) -> list[str]:
    with people.hall.db.read() as session:
        query = sa.select(Interaction.body).join(Delivery, Delivery.interaction_id == Interaction.id)
        return [body or "" for body in session.scalars(query.order_by(Delivery.id))]


def test_nothing_is_due_while_it_is_off(people: People) -> None:
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul("2026-03-02"))
    assert due(people, "2026-03-03") == []
    on(people)
    assert due(people, "2026-03-03") == [(RESULT, 0, date(2026, 3, 16))]


@pytest.mark.parametrize(
    ("said", "last"), [("2026-03-02", "2026-03-16"), ("2024-02-15", "2024-02-29"), ("2023-02-15", "2023-03-01")]
)
def test_what_became_of_a_wish_is_told_within_fourteen_days(people: People, said: str, last: str) -> None:
    on(people)
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul(said, 23))
    assert due(people, last, 23) == [(RESULT, 0, date.fromisoformat(last))]
    after = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    assert due(people, after, 0) == [], "too late to be in time"


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ("2024-02-29", "2026-02-28"),
        ("2024-02-28", "2026-02-28"),
        ("2024-03-01", "2026-03-01"),
        ("2026-02-28", "2028-02-28"),
    ],
)
def test_two_years_end_on_the_very_day(people: People, service: Service, said: str, then: str) -> None:
    on(people)
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul(said))
    day = date.fromisoformat(then)
    before, after = ((day + timedelta(days=step)).isoformat() for step in (-1, 1))
    assert due(people, before, 23) == []
    assert due(people, then, 0) == [(CONFIRM, 1, day)]
    assert people.ask(kim, now=seoul(then, 23)) == {}
    assert people.rule(kim, now=seoul(after, 0)) == "kr.confirm"
    (row,) = send(people, service, then)
    assert (row.kind, row.round, row.why) == (CONFIRM, 1, "")
    assert people.ask(kim, now=seoul(after, 0)) == {}, "confirmed for two years more"
    assert due(people, after) == []


def test_four_years_of_a_leap_day(people: People, service: Service) -> None:
    on(people)
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul("2024-02-29"))
    send(people, service, "2026-02-28")
    assert due(people, "2028-02-28") == []
    assert due(people, "2028-02-29") == [(CONFIRM, 2, date(2028, 2, 29))]
    assert people.ask(kim, now=seoul("2028-02-29", 23)) == {}
    assert people.rule(kim, now=seoul("2028-03-01", 0)) == "kr.confirm"


def test_what_was_missed_is_made_up_once(people: People, service: Service) -> None:
    on(people)
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul("2020-05-01"))
    assert due(people, "2025-01-01") == [(CONFIRM, 2, date(2024, 5, 1))]
    assert people.rule(kim, now=seoul("2025-01-01")) == "kr.confirm"
    send(people, service, "2025-01-01")
    assert people.ask(kim, now=seoul("2025-01-01")) == {}
    assert due(people, "2026-04-30") == []
    assert due(people, "2026-05-01") == [(CONFIRM, 3, date(2026, 5, 1))]


def test_each_goes_out_once_as_an_automatic_message_of_nobody(people: People, service: Service) -> None:
    on(people)
    kim = people.add("kim@a.example")
    people.says(kim, True, now=seoul("2026-03-02"))
    (row,) = send(people, service, "2026-03-03")
    assert row.delivery_id is not None
    with people.hall.db.read() as session:
        delivery = session.get_one(Delivery, row.delivery_id)
        said = session.get_one(Interaction, delivery.interaction_id)
        talk = session.get_one(Conversation, delivery.conversation_id)
        assert (delivery.automatic, delivery.state, talk.assignee_id) == (True, "queued", None)
        assert talk.state == "resolved"
        assert (said.data["purpose"], said.key) == ("consent", f"consent-notice:{row.consent_id}:result:0")
    (words,) = sent(people)
    assert "2026년 3월 2일" in words
    assert "/u/" in words
    assert due(people, "2026-03-04") == []


def test_the_newest_of_several_wishes_is_told(people: People, service: Service) -> None:
    on(people)
    kim = people.add("kim@a.example")
    for given, hour in ((True, 9), (False, 10), (True, 11), (False, 12)):
        people.says(kim, given, now=seoul("2026-03-02", hour))
    assert len(due(people, "2026-03-03")) == 1
    send(people, service, "2026-03-03")
    (words,) = sent(people)
    assert "거부" in words


def test_who_refused_since_is_not_asked_to_confirm(people: People, service: Service) -> None:
    on(people)
    kim, lee, park = (people.add(f"{name}@a.example") for name in ("kim", "lee", "park"))
    for one in (kim, lee, park):
        people.says(one, True, now=seoul("2024-03-02"))
    people.says(kim, False, now=seoul("2025-03-02"))
    people.says(lee, False, None, now=seoul("2025-03-02"))
    assert len(due(people, "2026-03-02")) == 1
    with people.hall.db.read() as session:
        (listed,) = notices.due(session, seoul("2026-03-02"))
    people.says(park, False, now=seoul("2026-03-02"))
    with people.hall.db.write() as session:
        notices.send(session, seoul("2026-03-02"), service, listed)
    with people.hall.db.read() as session:
        (row,) = session.scalars(sa.select(ConsentNotice)).all()
        assert (row.delivery_id, row.why) == (None, "refused")


def test_what_cannot_be_sent_says_why(people: People, service: Service) -> None:
    on(people)
    phone = people.add("+821012345678", AddressKind.TEL)
    people.says(phone, True, channel="sms", now=seoul("2026-03-02"))
    (row,) = send(people, service, "2026-03-03")
    assert (row.delivery_id, row.why) == (None, "no_inbox")
    with people.hall.db.write() as session:
        inbox.add(session, seoul("2026-03-03"), "sms", "+8221234567", "문자")
    other = people.add("+821012345679", AddressKind.TEL)
    people.says(other, True, channel="sms", now=seoul("2026-03-03"))
    assert send(people, service, "2026-03-04")[-1].why == ""
