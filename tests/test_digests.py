"""Digests and mails at once: never empty, never twice, never of what is read or hidden, at the reader's own hour."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import wsgi
from board.notifying import less, preference, sending, sight
from board.notifying.digest import NotificationDigest
from board.notifying.event import Channel, Event, Mode
from board.notifying.period import period
from board.notifying.tell import read, tell
from board.partner import member, partner
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Partner, Stage
from contact import inbox
from contact.directory import Address
from contact.log import Interaction
from contact.messages import AddressKind
from contact.nudge import Nudges
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings
from contact.users import User

SEOUL = ZoneInfo("Asia/Seoul")
MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=SEOUL)
BEFORE = MORNING - timedelta(hours=3)


@pytest.fixture
def service(hall: Hall) -> Iterator[Service]:
    """The house around the hall's database."""
    public = "https://h.example"
    settings = Settings(_env_file=None, data_dir=hall.folder, secret_key="test " * 8, public_url=public)  # type: ignore[call-arg]
    nudges = Nudges.of(settings)
    yield Service(settings, hall.db, wsgi.channels(settings), hall.store, nudges)
    nudges.close()


def people(session: Session, count: int = 1, **user: str) -> list[int]:
    firm = partner.add(session, BEFORE, Facts("대한상사"), None, stage=Stage.ACTIVE)
    numbers = []
    for n in range(count):
        made, _ = member.invite(session, BEFORE, firm, f"p{n}@daehan.example", f"사람 {n}", MemberRole.OWNER, None)
        numbers.append(made.user_id)
    if user:
        session.execute(sa.update(User).where(User.id.in_(numbers)).values(user))
    return numbers


def say(
    session: Session, users: list[int], n: int, now: datetime = BEFORE, event: Event = Event.COMMENT, **more: Any
) -> None:
    given = {"title": f"글 {n}", "link": f"/board/posts/{n}", "key": f"{event}:{n}:{now.isoformat()}", "text": "안녕"}
    tell(session, now, event, users, **(given | more))


def go(service: Service, now: datetime) -> int:
    """What the job does; how many went."""
    count = 0
    for channel, mode in sending.KINDS:
        with service.db.read() as session:
            found = sending.due(session, now, service, channel, mode)
        for one in found:
            with service.db.write() as session:
                count += len(sending.send(session, now, service, one))
    return count


def bodies(service: Service) -> list[str]:
    with service.db.read() as session:
        query = sa.select(Interaction.body).join(Delivery, Delivery.interaction_id == Interaction.id)
        return [body or "" for body in session.scalars(query.order_by(Interaction.id))]


def test_a_day_is_one_mail_at_the_hour_and_says_why(service: Service) -> None:
    with service.db.write() as session:
        (a,) = people(session)
        for n in (1, 2):
            say(session, [a], n, BEFORE + timedelta(minutes=n))
        say(session, [a], 1, BEFORE + timedelta(minutes=3))
        say(session, [a], 1, BEFORE, Event.OFFICIAL_ANSWER, key="official", text="네, 됩니다.")
    assert go(service, MORNING - timedelta(minutes=1)) == 1, "official answers go at once"
    assert go(service, MORNING) == 1
    assert go(service, MORNING) == 0
    at_once, day = bodies(service)
    assert "네, 됩니다." in at_once
    assert day.count("■ 글 1") == day.count("■ 글 2") == 1, "gathered by thing"
    assert "https://h.example/board/posts/1" in day
    for body in (at_once, day):
        assert "이 메일을 받는 이유" in body or "받는 이유" in body
        assert "https://h.example/board/me/notifications" in body
    code = day.partition("/partners/fewer/")[2].split()[0]
    assert less.read(code, service.settings.secret()) == (a, Mode.DAILY)
    assert less.read(at_once.partition("/partners/fewer/")[2].split()[0], service.settings.secret()) == (
        a,
        Event.OFFICIAL_ANSWER,
    )


def test_never_empty_and_never_of_what_is_read(service: Service) -> None:
    with service.db.write() as session:
        a, b = people(session, 2)
        say(session, [a, b], 1)
        read(session, BEFORE, a, "/board/posts/1")
    assert go(service, MORNING) == 1
    with service.db.read() as session:
        assert session.scalars(sa.select(NotificationDigest.user_id)).all() == [b]
    assert go(service, MORNING + timedelta(days=1)) == 0, "nothing new: no mail, no claim"


def test_never_of_what_is_hidden_meanwhile(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of the thing's own table is asked right before sending."""
    monkeypatch.setitem(sight._NOUNS, "firm", Partner)
    with service.db.write() as session:
        (a,) = people(session)
        other = partner.add(session, BEFORE, Facts("다른상사"), None, stage=Stage.ACTIVE)
        own = session.scalars(sa.select(PartnerMember.partner_id)).one()
        say(session, [a], 1, about="firm", about_id=other.id, link="/board/x/1")
        say(session, [a], 2, about="firm", about_id=own, link="/board/x/2", key="own")
    assert go(service, MORNING) == 1
    (body,) = bodies(service)
    assert "글 2" in body
    assert "글 1" not in body


@pytest.mark.parametrize("how", ["ended", "suspended", "terminated"])
def test_who_comes_in_no_more_gets_nothing(service: Service, how: str) -> None:
    with service.db.write() as session:
        a, b = people(session, 2)
        say(session, [a, b], 1)
        one = session.scalars(sa.select(PartnerMember).where(PartnerMember.user_id == a)).one()
        if how == "ended":
            member.end(session, BEFORE, one, None)
        else:
            partner.move(session, BEFORE, one.partner_id, Stage(how), "사유", None)
    assert go(service, MORNING) == {"ended": 1, "suspended": 2, "terminated": 0}[how]
    assert go(service, MORNING + timedelta(days=1)) == 0


def test_many_things_at_once_share_a_mail(service: Service) -> None:
    with service.db.write() as session:
        (a,) = people(session)
        for n in range(3):
            say(session, [a], n, event=Event.MENTION)
    assert go(service, BEFORE) == 3
    with service.db.write() as session:
        for n in range(1, 5):
            say(session, [a], n, BEFORE + timedelta(seconds=n), Event.MENTION)
    assert go(service, BEFORE + timedelta(minutes=1)) == 1
    assert bodies(service)[-1].count("■") == 4


def test_a_text_message_goes_to_a_number_by_day(service: Service) -> None:
    with service.db.write() as session:
        inbox.add(session, BEFORE, "sms", "+82215880000", "SMS")
        (a, b) = people(session, 2, language="en")
        for user in (a, b):
            preference.choose(session, user, Event.MENTION, Channel.SMS, Mode.NOW)
            preference.choose(session, user, Event.MENTION, Channel.MAIL, Mode.OFF)
        contact_id = session.get_one(User, a).contact_id
        session.add(
            Address(contact_id=contact_id, kind=AddressKind.TEL.value, value="+821012345678", created_at=BEFORE)
        )
        say(session, [a, b], 1, event=Event.MENTION)
    assert go(service, BEFORE) == 0, "at five nobody's phone rings"
    assert go(service, MORNING) == 1, "b has no number"
    assert bodies(service) == ["[한마루] You were mentioned: 글 1 https://h.example/board/posts/1"]
    assert go(service, MORNING + timedelta(days=1)) == 0


def test_a_worker_that_dies_before_the_end_has_done_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with service.db.write() as session:
        (a,) = people(session)
        say(session, [a], 1)
    real = sending._settle

    def dies(*given: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(sending, "_settle", dies)
    with pytest.raises(SystemExit):
        go(service, MORNING)
    assert bodies(service) == []
    monkeypatch.setattr(sending, "_settle", real)
    assert go(service, MORNING) == 1


def test_two_workers_send_once(service: Service) -> None:
    with service.db.write() as session:
        users = people(session, 6)
        for n in range(3):
            say(session, users, n)
            say(session, users, n, event=Event.MENTION)
    with ThreadPoolExecutor(3) as pool:
        went = sum(pool.map(lambda _: go(service, MORNING), range(3)))
    assert went == len(bodies(service)) == 6 * (3 + 1)


ZONES = st.sampled_from(
    ["Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
)
TIMES = st.integers(1_300_000_000, 1_950_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(TIMES, ZONES, st.integers(0, 23), st.sampled_from([Mode.DAILY, Mode.WEEKLY]), st.integers(0, 20 * 86400))
def test_periods_go_on_with_the_clock(now: datetime, zone: str, hour: int, mode: Mode, later: int) -> None:
    """Whatever the clocks do: it has begun, it is not older than its length, and never goes back."""
    place = ZoneInfo(zone)
    first, second = period(now, place, hour, mode), period(now + timedelta(seconds=later), place, hour, mode)
    assert first.since <= now
    longest = timedelta(days=7 if mode is Mode.WEEKLY else 1, hours=26)
    assert now - first.since < longest
    assert second.since >= first.since
    assert (first.name == second.name) == (first.since == second.since)


@given(
    told=st.lists(st.integers(0, 96), max_size=12),
    looks=st.lists(st.integers(0, 120), min_size=1, max_size=40),
    zone=ZONES, hour=st.integers(0, 23), start=TIMES, weekly=st.booleans(),
)  # fmt: skip
def test_each_line_goes_once_and_no_period_twice(
    told: list[int], looks: list[int], zone: str, hour: int, start: datetime, weekly: bool
) -> None:
    """The rule of `due` and `send` on a clock that jumps as it likes: forwards, back, again."""
    mode, place = (Mode.WEEKLY if weekly else Mode.DAILY), ZoneInfo(zone)
    waiting = {n: start + timedelta(hours=at * (7 if weekly else 1)) for n, at in enumerate(told)}
    claimed: set[str] = set()
    for look in looks:
        now = start + timedelta(hours=look * (7 if weekly else 1))
        when = period(now, place, hour, mode)
        taken = [n for n, at in waiting.items() if at <= when.since and at <= now]
        if taken and when.name not in claimed:
            claimed.add(when.name)
            assert all(waiting.pop(n) <= now for n in taken), "nothing is told before it happened"
    end = start + timedelta(days=400)
    left = period(end, place, hour, mode)
    assert all(at <= left.since for at in waiting.values()), "what waits has a digest to come"
