"""The night, by the clock where the recipient is, at the moment of asking."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from consent_kit import INFO, SERVICE, People
from hall_kit import Hall
from hypothesis import given
from hypothesis import strategies as st

from contact.consent.law import hours
from contact.messages import AddressKind

NIGHT = (time(21), time(8))
SEOUL = ZoneInfo("Asia/Seoul")
ZONES = (
    "Asia/Seoul", "America/New_York", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu",
    "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns",
)  # fmt: skip
MOMENTS = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2035-01-01"), timezones=st.just(UTC)
)
TEL, FAX = AddressKind.TEL, AddressKind.FAX


@pytest.fixture
def people(lite: Hall) -> People:
    return People(lite)


def agreed(people: People, value: str, kind: AddressKind = TEL, zone: str | None = None) -> int:
    number = people.add(value, kind, zone)
    people.says(number, True)
    return number


def test_every_minute_of_a_day(people: People) -> None:
    """21:00:00 to 07:59:59 by Seoul's clock is night for text messages and faxes, never for mail."""
    phone, fax = agreed(people, "+821012345678"), agreed(people, "+8221234567", FAX)
    mail = agreed(people, "k@a.example", AddressKind.EMAIL)
    midnight = datetime(2026, 6, 1, tzinfo=SEOUL)
    for minute in range(24 * 60):
        at = midnight + timedelta(minutes=minute)
        night = at.hour >= 21 or at.hour < 8
        end = (at + timedelta(days=at.hour >= 21)).replace(hour=8, minute=0).astimezone(UTC)
        found = people.ask(phone, channel="sms", now=at.astimezone(UTC))
        assert (found[phone].rule, found[phone].until) == ("kr.night", end) if night else found == {}
        if minute % 60 in (0, 59):
            assert bool(people.ask(fax, channel="fax", now=at.astimezone(UTC))) == night
            assert people.ask(mail, now=at.astimezone(UTC)) == {}
            for other in (INFO, SERVICE):
                assert people.ask(phone, channel="sms", purpose=other, now=at.astimezone(UTC)) == {}


@pytest.mark.parametrize(
    ("clock", "night"), [("20:59:59", 0), ("21:00:00", 1), ("07:59:59", 1), ("08:00:00", 0), ("00:00:00", 1)]
)
def test_the_edges_to_the_second(people: People, clock: str, night: int) -> None:
    phone = agreed(people, "+821012345678")
    at = datetime.combine(date(2026, 6, 1), time.fromisoformat(clock), SEOUL).astimezone(UTC)
    assert bool(people.ask(phone, channel="sms", now=at)) == bool(night)


def test_a_consent_to_the_night_is_one_of_its_own(people: People) -> None:
    phone = agreed(people, "+821012345678")
    late = datetime(2026, 6, 1, 14, 30, tzinfo=UTC)  # 23:30 in Seoul
    assert people.rule(phone, channel="sms", now=late) == "kr.night"
    people.says(phone, True, night=True, now=late)
    assert people.ask(phone, channel="sms", now=late) == {}
    people.says(phone, False, night=True, now=late)
    assert people.rule(phone, channel="sms", now=late) == "kr.night"
    assert people.ask(phone, channel="sms", now=late + timedelta(hours=10)) == {}, "by day it stands"
    people.says(phone, True, night=True, now=late)
    people.says(phone, False, now=late)
    people.says(phone, True, now=late)
    assert people.rule(phone, channel="sms", now=late) == "kr.night", "a refusal ended it, too"


def test_the_zone_of_the_recipient_decides(people: People) -> None:
    abroad = agreed(people, "+821099990000", zone="America/New_York")
    noon_in_seoul = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)  # 23:00 the day before in New York
    assert people.ask(abroad, channel="sms", now=noon_in_seoul)[abroad].until == datetime(2026, 6, 1, 12, tzinfo=UTC)
    unknown = agreed(people, "+33612345678")
    assert people.rule(unknown, channel="sms", now=noon_in_seoul) == "kr.night", "05:00 in Paris"


@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-08", "2026-10-31", "2026-11-01"])
def test_an_american_number_around_the_change_of_clocks(people: People, day: str) -> None:
    """47 CFR 64.1200(c)(1): 08 to 21 where the called person is. New York changes on 8 March and 1 November 2026."""
    phone = agreed(people, "+12125551234")
    people.says(phone, True, night=True)
    zone = ZoneInfo("America/New_York")
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    for minute in range(0, 25 * 60, 10):
        at = start + timedelta(minutes=minute)
        there = at.astimezone(zone)
        found = people.ask(phone, channel="sms", now=at)
        if 8 <= there.hour < 21:
            assert found == {}
        else:
            verdict = found[phone]
            assert verdict.rule == "us.hours", "a consent of Korea's law opens no American night"
            assert verdict.until is not None
            opens = verdict.until.astimezone(zone)
            assert (opens.hour, opens.minute) == (8, 0)
            assert timedelta() < verdict.until - at <= timedelta(hours=12)


def test_a_number_of_several_zones_waits_for_the_last(people: People) -> None:
    """A toll-free number says nothing about where its owner is: it must be day from coast to coast."""
    phone = agreed(people, "+18005551234")
    at = datetime(2026, 6, 1, 13, 0, tzinfo=UTC)  # 09:00 in New York, 06:00 in Los Angeles
    found = people.ask(phone, channel="sms", now=at).get(phone)
    assert found is not None
    assert found.until is not None
    assert found.until >= datetime(2026, 6, 1, 15, 0, tzinfo=UTC)


@given(
    MOMENTS,
    st.sampled_from(ZONES),
)
def test_the_end_of_a_night_is_the_first_moment_of_day(now: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    until = hours.closed_until(now, zone, NIGHT)
    clock = now.astimezone(zone).time()
    assert (until is not None) == (clock >= NIGHT[0] or clock < NIGHT[1])
    if until is not None:
        assert now < until <= now + timedelta(hours=12)
        assert hours.closed_until(until, zone, NIGHT) is None
        assert hours.closed_until(until - timedelta(microseconds=1), zone, NIGHT) == until


@given(
    MOMENTS,
    st.lists(
        st.sampled_from(["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"]), min_size=1
    ),
)
def test_with_several_zones_it_is_day_in_all_of_them(now: datetime, names: list[str]) -> None:
    zones = [ZoneInfo(name) for name in names]
    until = hours.open_at(now, zones, NIGHT)
    assert all(hours.closed_until(until or now, zone, NIGHT) is None for zone in zones)
