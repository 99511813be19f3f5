"""How fast campaigns leave: doors of domains, the pace of the inbox, hours and clocks; with real workers and relays."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from campaign_kit import Shop, Words
from hypothesis import given, settings
from hypothesis import strategies as st
from real import wait_for
from sqlalchemy import select, text, update
from test_campaigns import frozen

from campaigns.campaign import Campaign
from campaigns.lawful import Lawful
from campaigns.pipe import claim
from campaigns.pipe.answers import FRESH, Answers
from campaigns.pipe.claim import Row
from campaigns.pipe.doors import ANY, LIMITS, Door, Doors, door_of
from campaigns.pipe.line import Line
from campaigns.recipient import Recipient
from contact import inbox as inboxes
from contact.db import utcnow
from contact.directory import Contact
from contact.outbox.pace import Paced

Make = Callable[..., Shop]


def moved(shop: Shop, first: int, last: int, domain: str) -> None:
    """Customers `first` to `last` have their mail there."""
    with shop.office.service.db.write() as session:
        session.execute(
            text("update address set value = 'c' || id || :domain where id between :first and :last"),
            {"domain": f"@{domain}", "first": first, "last": last},
        )


# -- doors ---------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_busy_domain_rests_and_the_others_go_on(make_shop: Make, kind: str) -> None:
    """421 at RCPT, the connection closed: the domain alone is left alone, and each still gets it once."""
    shop = make_shop(300, kind, relay_connections=4)
    moved(shop, 1, 150, "busy.example")
    shop.sink.busy["busy.example"] = "421 4.7.0 Try again later"
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: shop.counts(number)["accepted"] == 150, 60, lambda: shop.told(number))
    asked = sum("busy.example" in said for said in shop.sink.said if said.startswith("RCPT"))
    assert asked < 60, f"{asked} of 150 were tried at a door that was closed"
    trouble = "select trouble from campaign where id = :id"
    wait_for(
        lambda: "busy.example" in shop.office.one(lambda s: s.scalar(text(trouble), {"id": number})),
        what="the page to know why",
    )
    shop.sink.busy.clear()
    shop.finished(number, 90)
    assert shop.sound(number) == {"accepted": 300}


@pytest.mark.heavy
def test_a_slow_domain_holds_up_nobody(make_shop: Make) -> None:
    """Most are at a domain that answers slowly, and first in line; those behind do not wait for them."""
    shop = make_shop(1_300, relay_connections=8)
    moved(shop, 1, 900, "slow.example")
    shop.sink.slow["slow.example"] = 1.0
    number = shop.launch()
    shop.worker().start()
    quick = "select count(*) from recipient where state = 'accepted' and value like '%@customer.example'"
    wait_for(lambda: shop.office.one(lambda s: s.scalar(text(quick))) == 400, 90, lambda: shop.told(number))
    assert shop.counts(number)["planned"] + shop.counts(number)["sending"] > 300, "the slow ones are still waiting"
    shop.sink.slow.clear()
    wait_for(lambda: hurried(shop, number) == 1_300, 90, lambda: shop.told(number))
    shop.finished(number, 90)
    assert shop.sound(number) == {"accepted": 1_300}


def hurried(shop: Shop, number: int) -> int:
    """Nobody waits for a time that was said while the domain was slow, also who is put aside just now."""
    with shop.office.service.db.write() as session:
        session.execute(update(Recipient).where(Recipient.state == "planned").values(next_at=utcnow()))
    return int(shop.counts(number)["accepted"])


def test_every_limit_says_where_it_is_from() -> None:
    domains = [domain for limit in LIMITS for domain in limit.domains]
    assert len(domains) == len(set(domains))
    assert all(limit.why and limit.at_once > 0 for limit in (ANY, *LIMITS))
    assert door_of("kim@hanmail.net") == door_of("lee@Daum.net") == "kakao"
    assert door_of("kim@shop.example") == "shop.example"


def row(number: int, value: str) -> Row:
    return Row(number, 1, number, number, value, 1, {})


STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "next", "taken", "busy", "time", "aside", "refuse"]), st.integers(0, 5)),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_a_line_loses_and_doubles_nobody(steps: list[tuple[str, int]]) -> None:
    """Whatever doors do: each who came is in the line, under way, landed or put aside, once; no door is overrun."""
    places = ["a@naver.com", "b@x.example", "c@y.example", "d@gmail.com", "e@hanmail.net", "f@daum.net"]
    line, now, came = Line(door_of), 0.0, 0
    way: list[Row] = []
    gone: list[int] = []
    for what, n in steps:
        match what:
            case "come":
                line.extend([row(came + k, places[(came + k * n) % 6]) for k in range(n)])
                came += n
            case "next" if (one := line.next(now)) is not None:
                door = line.doors[line.door(one)]
                assert now >= door.rests_until
                way.append(one)
            case "taken" | "busy" if way:
                landed = way.pop(n % len(way))
                line.done(landed)
                gone.append(landed.number)
                if what == "taken":
                    line.doors.taken(line.door(landed))
                else:
                    line.doors.close(line.door(landed), now, "421")
            case "time":
                now += n * 1.5
            case "aside":
                for late, wait in line.aside(now, full=bool(n % 2)):
                    assert 0 < wait <= 600
                    gone.append(late.number)
            case "refuse":
                gone += [one.number for one in line.remove({n, n + 7})]
        for door in line.doors.known.values():
            assert 0 <= door.busy <= door.limit.at_once
        assert sorted([*(one.number for one in line), *(one.number for one in way), *gone]) == list(range(came))
        assert len(line) == len(list(line))


def test_a_door_opens_for_one_and_then_for_more() -> None:
    door, doors = Door(), Doors()
    door.close(0.0, "421")
    until = door.rests_until
    assert 1.6 <= until <= 2.4
    door.close(1.0, "421")
    assert door.rests_until == until, "what failed together is one refusal"
    assert not door.is_open(until - 0.01)
    door.begin(until)
    assert not door.is_open(until + 1), "one finds out"
    door.busy = 0
    door.close(until + 1, "421")
    assert door.rests_until > until + 1 + 3.9, "longer each time"
    for _ in range(5):
        door.taken()
    assert door.most == ANY.at_once
    assert all(doors.close(f"{n}.example", 0.0, "421") for n in range(4))
    assert not doors.close("5.example", 0.0, "421"), "five doors and nobody gets in: it is the relay"


# -- pace ----------------------------------------------------------------------------------------


def paced(shop: Shop, pace: list[list[int]]) -> None:
    with shop.office.service.db.write() as session:
        inbox = inboxes.find(session, "email", "help@shop.example")
        assert inbox
        inbox.settings = {**(inbox.settings or {}), "pace": pace}


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_campaign_keeps_the_pace_of_its_inbox(make_shop: Make, kind: str) -> None:
    """Two workers together: no more than four in any second, as for single answers."""
    shop = make_shop(20, kind)
    paced(shop, [[4, 1]])
    number = shop.launch()
    for _ in range(2):
        shop.worker().start()
    seen: dict[int, datetime] = {}

    def look() -> bool:
        rows = shop.office.one(lambda s: s.execute(select(Paced.number, Paced.at)).all())
        seen.update({n: at for n, at in rows})  # noqa: C416
        return shop.state(number) == "finished"

    wait_for(look, 60, lambda: shop.told(number))
    assert shop.sound(number) == {"accepted": 20}
    times = [seen[n] for n in sorted(seen)]
    assert len(times) >= 20
    assert all(later - early >= timedelta(seconds=1) for early, later in zip(times, times[4:], strict=False))


def test_answers_go_before_a_campaign(make_shop: Make) -> None:
    """While an answer of the inbox is due the campaign begins nothing; the answer finds the pace unspent."""
    import asyncio

    from campaigns.pipe.gate import Gate
    from contact.outbox.rest import lane_of

    shop = make_shop(1)
    paced(shop, [[1, 60]])
    number = shop.office.write_to("kim@customer.example")

    async def enter() -> bool:
        from contact.worker import Context

        context = Context(shop.office.service)
        gate = Gate(context, 1, lane_of("email", "email"), ((1, timedelta(seconds=60)),))
        try:
            async with asyncio.timeout(0.7):
                await gate.enter()
        except TimeoutError:
            return False
        finally:
            context.close()
        return True

    assert not asyncio.run(enter())
    assert shop.office.one(lambda s: s.scalar(select(Paced.number))) is None, "nothing was taken from the answer"
    with shop.office.service.db.write() as session:
        session.execute(text("update delivery set state = 'cancelled' where id = :id"), {"id": number})
    assert asyncio.run(enter())


@settings(max_examples=50, deadline=None)
@given(per_minute=st.integers(1, 600), looks=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 40)), max_size=60))
def test_its_own_rate_is_kept_over_any_minute(per_minute: int, looks: list[tuple[float, int]]) -> None:
    campaign = Campaign(per_minute=per_minute, paced_at=None)
    now, taken = datetime(2026, 1, 1, tzinfo=UTC), list[tuple[datetime, int]]()
    for wait, most in looks:
        now += timedelta(seconds=wait)
        many, again = claim.room(campaign, now, most)
        assert many or (again is not None and again > now)
        claim.spend(campaign, now, many)
        taken.append((now, many))
    for start, _ in taken:
        within = sum(many for at, many in taken if start <= at < start + timedelta(minutes=1))
        assert within <= per_minute + max(per_minute / 60, 1) + 1, "a minute, and what may leave ahead"


# -- hours and clocks ------------------------------------------------------------------------------


def clock(shop: Shop, number: int, now: datetime) -> int:
    """Claim what may leave at that moment; how many."""
    with shop.office.service.db.write() as session:
        many = 0
        while (claimed := claim.claim(session, now, number, "me", 100, Words(), ())).more or claimed.rows:
            many += len(claimed.rows)
        return many


def in_zone(shop: Shop, zones: dict[int, str]) -> None:
    with shop.office.service.db.write() as session:
        for number, zone in zones.items():
            session.get_one(Contact, number).zone = zone


HOURS = {"from": "09:00", "to": "18:00", "days": [0, 1, 2, 3, 4]}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_is_written_to_in_the_hours_of_their_own_zone(make_shop: Make, kind: str) -> None:
    shop = make_shop(4, kind)
    in_zone(shop, {1: "America/New_York", 2: "Australia/Lord_Howe"})  # the others: the house's, Seoul
    number = frozen(shop, hours=HOURS)
    start = utcnow().replace(hour=0, minute=30, second=0, microsecond=0)  # 09:30 in Seoul
    monday = start + timedelta(days=7 - start.weekday())
    assert clock(shop, number, monday) == 3, "Seoul and Lord Howe; in New York it is Sunday"
    left = shop.office.one(lambda s: s.scalar(select(Recipient.next_at).where(Recipient.state == "planned")))
    assert left > monday + timedelta(hours=12)
    assert clock(shop, number, left - timedelta(seconds=1)) == 0
    assert clock(shop, number, left) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_clock_that_jumps_sends_nothing_outside_of_the_hours(make_shop: Make, kind: str) -> None:
    """Forward by a day, back by more: nobody outside of the window of the clock, nobody lost, nobody twice."""
    shop = make_shop(6, kind)
    number = frozen(shop, hours=HOURS)
    start = utcnow().replace(hour=15, minute=0, second=0, microsecond=0)
    night = start + timedelta(days=7 - start.weekday())  # Tuesday 00:00 in Seoul
    assert clock(shop, number, night) == 0
    assert clock(shop, number, night + timedelta(days=1)) == 0, "the same hour, a day on"
    back = night - timedelta(hours=8)  # Monday 16:00: the clock was put right again
    assert clock(shop, number, back) == 0, "they wait for the morning that the wrong clock said"
    with shop.office.service.db.write() as session:
        claim.ask_again(session, back)
    assert clock(shop, number, back) == 6
    assert shop.counts(number)["sending"] == 6


def test_a_part_notices_that_the_clock_was_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.pipe import part

    work: Any = part._Work.__new__(part._Work)
    work._drift = time.time() - time.monotonic()
    assert not part._Work._was_put_back(work)
    wall = time.time
    monkeypatch.setattr(part.time, "time", lambda: wall() - 3600)
    assert part._Work._was_put_back(work)
    assert not part._Work._was_put_back(work), "once"
    monkeypatch.setattr(part.time, "time", lambda: wall() + 86400)
    assert not part._Work._was_put_back(work)


@pytest.mark.parametrize(
    ("hours", "purpose", "channel", "forbidden"),
    [
        ({"from": "21:30", "to": "07:30"}, "advertising", "sms", True),
        ({"from": "21:00", "to": "08:00"}, "advertising", "fax", True),
        ({"from": "21:30", "to": "08:01"}, "advertising", "sms", False),
        ({"from": "21:30", "to": "07:30"}, "informational", "sms", False),
        ({"from": "21:30", "to": "07:30"}, "advertising", "email", False),
        (None, "advertising", "sms", False),
    ],
)
def test_hours_the_law_leaves_nothing_of_cannot_start(
    make_shop: Make, hours: Any, purpose: str, channel: str, forbidden: bool
) -> None:
    from hall_kit import MAIL

    from campaigns.content import content as contents
    from campaigns.content.wording import Draft

    shop = make_shop(1)
    with shop.office.service.db.write() as session:
        version = contents.add(session, utcnow(), contents.Wording("봄", Draft("봄", "글")), "email", MAIL, None).id
    number = shop.draft(hours=hours, purpose=purpose, version_id=version)
    with shop.office.service.db.read() as session:
        campaign = session.get_one(Campaign, number)
        session.expunge(campaign)
        campaign.channel = channel
        found = list(Lawful(shop.office.service.settings)(session, utcnow(), campaign))
    told = [one for one in found if one.rule == "kr.night"]
    assert bool(told) is forbidden
    assert all(one.mend and one.values["begins"] for one in told)


@given(
    gaps=st.lists(st.floats(0.3, 0.7), min_size=1, max_size=12),
    claims=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 5)), max_size=12),
)
def test_nobody_in_hand_was_asked_about_longer_ago_than_a_look_and_a_bit(
    gaps: list[float], claims: list[tuple[int, int]]
) -> None:
    """After a look every answer is younger than `FRESH`: none leaves on one older than that and the next look."""
    one, now, number = Answers(), 0.0, 0
    rows: list[Row] = []
    asked: dict[int, float] = {}
    for look, gap in enumerate(gaps):
        for window, (when, many) in enumerate(claims):
            if when == look:
                at = now + gap / 2  # a window comes between two looks
                one.claimed({window}, at)
                new = [Row(number + n, window, number + n, number + n, "", 1, {}) for n in range(many)]
                number += many
                rows += new
                asked |= {row.address_id: at for row in new}
        now += gap
        found = one.stale(rows, now)
        assert found == {row.address_id for row in rows if now - asked[row.address_id] >= FRESH}
        asked |= dict.fromkeys(found, now)
        rows = rows[1:]  # somebody leaves
    assert one.stale([], now + 10) == set()
