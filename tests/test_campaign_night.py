"""Advertising and the night: nothing leaves then, and what a provider still holds is given up before it begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from channel_campaigns import Crier, numbers
from hypothesis import given
from hypothesis import strategies as some
from real import wait_for
from sqlalchemy import select
from twilio_double import OURS, SID, TOKEN, Prism

from channels.fax.client import _last
from contact import consent
from contact.consent import Purpose
from contact.consent.law import hours
from contact.db import utcnow
from contact.directory import Address, Contact
from contact.messages import Wish

NIGHT = (time(21), time(8))
ZONES = ("Asia/Seoul", "America/New_York", "Europe/London", "Asia/Kolkata", "Pacific/Apia")


@given(
    some.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=some.just(UTC)),  # noqa: DTZ001
    some.lists(some.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
)
def test_the_night_begins_when_it_says(now: datetime, names: list[str]) -> None:
    """Where it is day, it stays so until then; at that moment it is night somewhere. Also when clocks change."""
    zones = [ZoneInfo(name) for name in names]
    closes = hours.closes_at(now, zones, NIGHT)
    assert closes is not None
    assert now < closes <= now + timedelta(hours=25)
    assert hours.open_at(closes, zones, NIGHT) is not None
    if hours.open_at(now, zones, NIGHT) is None:
        assert hours.open_at(closes - timedelta(seconds=1), zones, NIGHT) is None


def test_a_fax_server_is_told_how_long() -> None:
    now = datetime.now(UTC)
    assert _last(3, None) == "000300"
    assert _last(30, None) == "010600"
    assert _last(3, now + timedelta(minutes=20, seconds=30)) == "000020"
    assert _last(3, now + timedelta(days=1)) == "000300"
    assert _last(3, now - timedelta(minutes=5)) == "000001"


def somewhere(hour: int) -> str:
    """A zone in which it is this hour now."""
    offset = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


@pytest.mark.heavy
def test_by_the_recipients_own_clock(make_crier: Callable[..., Crier], prism: Prism) -> None:
    crier, people = make_crier("sms"), numbers(4)
    crier.knows(*people)
    late = datetime.now(UTC).minute >= 55  # the hour must not turn in the middle
    noon, evening, night = somewhere(12), somewhere(19 if late else 20), somewhere(23)
    with crier.service.db.write() as session:
        for value, zone in zip(people, (noon, evening, night, night), strict=True):
            address = session.scalars(select(Address).where(Address.value == value)).one()
            session.get_one(Contact, address.contact_id).zone = zone
            wish = Wish(True, "form", "동의합니다")
            consent.record(session, utcnow(), address, wish, channel="sms", purpose=Purpose.ADVERTISING)
            if value == people[3]:
                consent.record(session, utcnow(), address, wish, channel="sms", purpose=Purpose.ADVERTISING, night=True)
    box = crier.inbox(OURS, "twilio", {"account_sid": SID, "base_url": prism.url}, auth_token=TOKEN)
    number = crier.launch(box, "(광고)한마루 봄 소식\n무료수신거부 080-555-0100", purpose="advertising")
    wait_for(lambda: len(prism.double.messages) == 3, 60, lambda: crier.told(number))
    crier.until(number, {"accepted": 3, "planned": 1})
    assert crier.rows(number)[people[2]].state == "planned"
    assert crier.rows(number)[people[2]].next_at > utcnow() + timedelta(hours=7)
    worth = {asked["To"][0]: int(asked["ValidityPeriod"][0]) for asked in prism.double.asked}
    assert worth[people[0]] == 14_400, "as the inbox says"
    assert 1 <= worth[people[1]] <= 2 * 3600, "only until nine"
    assert worth[people[3]] == 14_400, "who agreed to the night gets it at night"
