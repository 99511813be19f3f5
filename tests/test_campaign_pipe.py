"""A campaign is said once to each: real workers as processes, a real relay that counts."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from campaign_kit import Shop, anything
from real import ALL, wait_for
from sqlalchemy import func, select, text

from campaigns import campaign as campaigns
from contact.db import utcnow
from contact.log import Interaction

pytestmark = pytest.mark.heavy
Make = Callable[..., Shop]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_is_written_to_once_and_the_log_says_so(make_shop: Make, kind: str) -> None:
    shop = make_shop(700, kind)
    shop.refuse(7)
    number = shop.launch()
    worker = shop.worker().start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 699, "suppressed": 1}
    worker.stop()
    assert shop.journals() == []


SHORT, LONG = (5, 3_000), (20, 100_000)
"""Kills, and recipients."""


@pytest.mark.timeout(1800 if ALL else 240)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_kill_9_at_random_points(make_shop: Make, kind: str) -> None:
    """Each exactly once, save those that are said to be unknown: at most one for each connection and kill."""
    kills, many = LONG if ALL and kind == "sqlite" else SHORT
    shop = make_shop(many, kind, relay_connections=4)
    shop.sink.delay = 0.002
    number = shop.launch()
    worker = shop.worker().start()
    for done in range(kills):
        goal = many * (done + 0.5) / (kills + 1)
        wait_for(lambda: len(shop.sink.caught) >= goal, 300, lambda: shop.told(number))  # noqa: B023
        time.sleep(random.uniform(0, 0.3))  # a random point is what is wanted
        worker.kill()
        worker.start()
    shop.finished(number, 900)
    ends = shop.sound(number)
    print(f"{kills} kills on {kind}: {dict(ends)}, {len(shop.sink.caught)} arrived")
    assert ends.keys() <= {"accepted", "unknown"}
    assert ends.total() == many
    assert ends["unknown"] <= 4 * kills
    arrived = set(shop.sink.ids())
    assert {name for name, state in shop.ids(number).items() if name not in arrived} <= {
        name for name, state in shop.ids(number).items() if state == "unknown"
    }
    worker.stop()
    assert shop.journals() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_four_workers_and_two_schedulers_say_it_once(make_shop: Make, kind: str) -> None:
    shop = make_shop(2_000, kind)
    number = shop.draft()
    workers = [shop.worker().start() for _ in range(4)]  # each has a clock, too
    with shop.office.service.db.write() as session:
        campaigns.schedule(session, utcnow(), number, utcnow() + timedelta(milliseconds=100), None, check=anything)
    shop.finished(number, 120)
    assert shop.sound(number) == {"accepted": 2_000}
    launched = select(func.count()).select_from(Interaction).where(Interaction.name == "campaign.launched")
    assert shop.office.one(lambda session: session.scalar(launched)) == 1
    for worker in workers:
        worker.stop()


def test_two_that_start_what_is_due_start_it_once(make_shop: Make) -> None:
    shop = make_shop(1)
    number = shop.draft()
    later = utcnow() + timedelta(hours=1)
    with shop.office.service.db.write() as session:
        campaigns.schedule(session, utcnow(), number, later, None, check=anything)
    with shop.office.service.db.write() as session:
        assert campaigns.start_due(session, later - timedelta(seconds=1), check=anything) == []
        assert campaigns.start_due(session, later, check=anything) == [number]
        assert campaigns.start_due(session, later, check=anything) == []


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
def test_a_worker_frozen_past_its_lease_says_nothing_twice(make_shop: Make, stage: str) -> None:
    shop = make_shop(60, relay_connections=1)  # the first one is held, so nothing else happens
    shop.sink.moods = [f"{stage}:hold"]
    number = shop.launch()
    frozen = shop.worker(lease=3).start()
    word = {"rcpt": "RCPT", "data": "DATA", "dot": "DATA"}[stage]
    wait_for(lambda: any(said.startswith(word) for said in shop.sink.said), what="the worker in the middle")
    wait_for(lambda: not shop.sink.moods, what="somebody to be held")
    frozen.freeze(shop.office.service.db)
    other = shop.worker(lease=3).start()
    shop.finished(number)
    shop.sink.go.set()
    frozen.send(signal.SIGCONT)
    wait_for(lambda: "taken by another" in frozen.output.read_text() or "part failed" in frozen.output.read_text(),
             what="the frozen worker to notice")  # fmt: skip
    assert shop.sound(number) == {"accepted": 59, "unknown": 1} if stage == "dot" else {"accepted": 60}
    other.stop()


def test_a_relay_that_takes_it_and_hangs_up_leaves_it_unknown(make_shop: Make) -> None:
    shop = make_shop(20, relay_connections=2)
    shop.sink.moods = ["dot:drop"] * 3
    number = shop.launch()
    shop.worker().start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 17, "unknown": 3}
    assert len(shop.sink.caught) == 20, "all have arrived, three of them nobody knows of"


@pytest.mark.parametrize("stage", ["greet", "mail", "rcpt", "data"])
def test_a_relay_that_hangs_up_before_the_dot_loses_and_doubles_nothing(make_shop: Make, stage: str) -> None:
    shop = make_shop(20, relay_connections=2)
    shop.sink.moods = [f"{stage}:drop"] * 3
    number = shop.launch()
    shop.worker().start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 20}


def test_a_relay_that_says_421_is_asked_again(make_shop: Make) -> None:
    shop = make_shop(20, relay_connections=2)
    shop.sink.moods = ["mail:421 4.3.2 too busy", "greet:421 4.3.2 too busy"]
    number = shop.launch()
    shop.worker().start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 20}


def test_a_no_is_the_recipients_own(make_shop: Make) -> None:
    """5xx is failed with its code, 4xx waits for its next try, and the connection goes on."""
    shop = make_shop(20, relay_connections=1)
    shop.sink.moods = ["rcpt:550 5.1.1 no such user", "rcpt:450 4.2.1 later", "dot:554 5.7.1 spam"]
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: shop.counts(number)["accepted"] == 17, what=lambda: shop.told(number))
    wait_for(lambda: shop.counts(number)["sending"] == 0, what=lambda: shop.told(number))
    assert shop.counts(number)["failed"] == 2
    assert shop.counts(number)["planned"] == 1
    assert shop.state(number) == "running", "not finished while somebody waits"
    with shop.office.service.db.write() as session:
        session.execute(
            text("update recipient set next_at = :now where state = 'planned'"), {"now": "2026-01-01 00:00:00.000000"}
        )
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 18, "failed": 2}
    codes = {row.reason for row in shop.rows(number) if row.state == "failed"}
    assert any("no such user" in one for one in codes)


def test_sigterm_drains(make_shop: Make) -> None:
    shop = make_shop(2_000)
    shop.sink.delay = 0.01
    number = shop.launch()
    worker = shop.worker().start()
    wait_for(lambda: len(shop.sink.caught) > 50)
    worker.stop()
    counts = shop.counts(number)
    assert counts["sending"] == counts["unknown"] == 0
    assert counts["accepted"] == len(shop.sink.caught)
    assert counts["planned"] == 2_000 - counts["accepted"] > 0
    assert shop.journals() == []
    shop.sink.delay = 0
    worker.start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 2_000}


def test_pause_resume_and_cancel(make_shop: Make) -> None:
    shop = make_shop(3_000)
    shop.sink.delay = 0.01
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: len(shop.sink.caught) > 50)
    shop.do(campaigns.pause, number)
    wait_for(lambda: shop.counts(number)["sending"] == 0, 10, "what was in hand to be given back")
    before = len(shop.sink.caught)
    assert shop.counts(number)["accepted"] == before < 3_000
    shop.do(campaigns.resume, number)
    wait_for(lambda: len(shop.sink.caught) > before + 50)
    shop.do(campaigns.cancel, number)
    wait_for(lambda: not shop.counts(number)["sending"] and not shop.counts(number)["planned"], 30)
    ends = shop.sound(number)
    assert ends["cancelled"] == 3_000 - ends["accepted"] > 0
    assert shop.state(number) == "cancelled"


def test_a_refusal_acts_while_it_runs(make_shop: Make) -> None:
    """Who refuses is not written to any more, although the window they are in has been claimed."""
    shop = make_shop(400, relay_connections=1)
    shop.sink.delay = 0.01
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: len(shop.sink.caught) > 5)
    said = time.monotonic()
    for address in range(380, 401):
        shop.refuse(address)
    seen = len(shop.sink.caught)
    wait_for(lambda: shop.counts(number)["suppressed"] == 21, 30, lambda: shop.told(number))
    assert seen < 370, (seen, time.monotonic() - said)
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 379, "suppressed": 21}


def test_a_pause_stops_who_is_on_the_way(make_shop: Make) -> None:
    """Their envelopes are with a relay that takes its time: what has not left when it is paused does not leave."""
    shop = make_shop(40, relay_connections=4)
    shop.sink.moods = ["rcpt:hold"] * 4
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: not shop.sink.moods)
    shop.do(campaigns.pause, number)
    wait_for(lambda: shop.counts(number)["sending"] == 4, what="the rest to be given back")
    shop.sink.go.set()
    wait_for(lambda: shop.counts(number)["sending"] == 0, what="those on the way to be given back")
    assert shop.counts(number)["planned"] == 40
    assert shop.sink.caught == []
    shop.do(campaigns.resume, number)
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 40}


def test_a_refusal_stops_who_is_on_the_way(make_shop: Make) -> None:
    shop = make_shop(40, relay_connections=4)
    shop.sink.moods = ["rcpt:hold"] * 4
    number = shop.launch()
    shop.worker().start()
    wait_for(lambda: not shop.sink.moods)
    for address in (1, 2, 3, 4, 40):
        shop.refuse(address)
    wait_for(lambda: shop.counts(number)["suppressed"] == 1, what="the look that finds the last one in the line")
    shop.sink.go.set()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 35, "suppressed": 5}


def test_without_its_journal_what_was_in_hand_is_unknown(make_shop: Make) -> None:
    shop = make_shop(300, relay_connections=2)
    shop.sink.delay = 0.01
    number = shop.launch()
    worker = shop.worker().start()
    wait_for(lambda: len(shop.sink.caught) > 20)
    worker.kill()
    for path in shop.journals():
        path.unlink()
    held = shop.counts(number)["sending"]
    assert held > 0
    worker.start()
    shop.finished(number)
    assert shop.sound(number)["unknown"] == held
