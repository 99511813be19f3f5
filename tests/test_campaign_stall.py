"""A campaign that stands still rings, with its reason; the page says how far it is and who waits until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from campaign_kit import Shop
from real import wait_for
from sqlalchemy import update
from test_campaign_evidence import ended, same
from test_campaigns import frozen

from campaigns import campaign as campaigns
from campaigns import evidence, progress, recipient, stall
from campaigns.campaign import Campaign
from campaigns.pipe import claim
from campaigns.recipient import Fate, Recipient
from contact import alarms, pulse
from contact.db import utcnow
from contact.errors import Conflict
from contact.inbox import Inbox, pause
from contact.pulse import Beat

Make = Callable[..., Shop]
LATER = timedelta(minutes=7)
KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def rings(shop: Shop, now: datetime, state: str = "running", error: str = "") -> list[tuple[str, str]]:
    """What rings at that moment; a worker is there unless `state` is empty."""
    with shop.office.service.db.write() as session:
        pulse.forget(session, pulse.process_name())
        if state:
            pulse.beat(session, now, pulse.process_name(), [Beat(stall.PART, state, now, 0, error)])
        stall.look(session, now)
    with shop.office.service.db.read() as session:
        return [(one.facts["sentence"], one.facts["detail"]) for one in alarms.ringing(session, stall.NAME)]


def put(shop: Shop, number: int, **values: Any) -> None:
    with shop.office.service.db.write() as session:
        session.execute(update(Campaign).where(Campaign.id == number).values(values))


@KINDS
def test_a_stall_rings_with_its_reason_and_ends_by_itself(make_shop: Make, kind: str) -> None:
    shop = make_shop(3, kind)
    number = frozen(shop)
    now = utcnow()
    assert rings(shop, now) == []
    late = now + LATER
    assert rings(shop, late) == [(stall.NOBODY_KNOWS, "")]
    assert rings(shop, late, state="") == [(stall.NO_WORKER, "")]
    assert rings(shop, late, "waiting", "OSError: No space left on device") == [
        (stall.BROKEN, "OSError: No space left on device")
    ]
    with shop.office.service.db.write() as session:
        campaigns.note(session, now, {number: (False, "The relay cannot be reached.")})
    assert rings(shop, late) == [(stall.TROUBLE, "The relay cannot be reached.")]
    with shop.office.service.db.write() as session:
        campaigns.note(session, late, {number: (True, "")})
    assert rings(shop, late) == [], "it moves"


@KINDS
def test_who_waits_for_a_good_reason_does_not_ring(make_shop: Make, kind: str) -> None:
    shop = make_shop(2, kind)
    number = frozen(shop)
    now = utcnow()
    late = now + LATER
    with shop.office.service.db.write() as session:
        session.execute(update(Recipient).values(next_at=late + timedelta(hours=9)))
    assert rings(shop, late) == [], "their night"
    assert rings(shop, late + timedelta(hours=8)) == []
    assert rings(shop, late + timedelta(hours=9, minutes=6)) == [(stall.NOBODY_KNOWS, "")], "and it is over"
    shop.do(campaigns.pause, number)
    assert rings(shop, late + timedelta(hours=10)) == [], "a person paused it"
    shop.do(campaigns.resume, number)
    with shop.office.service.db.write() as session:
        campaigns.pause(session, utcnow(), number, None, "The relay said: 535 wrong password")
    assert rings(shop, late) == [(stall.STOPPED, "The relay said: 535 wrong password")]
    shop.do(campaigns.cancel, number)
    assert rings(shop, late) == []


def test_an_inbox_that_sends_nothing_and_one_that_has_sent_its_share(make_shop: Make) -> None:
    shop = make_shop(2)
    frozen(shop)
    late = utcnow() + LATER
    with shop.office.service.db.write() as session:
        box = session.get_one(Inbox, 1)
        box.settings = {"pace": [[1, 86400]]}
    from contact.outbox import pace

    with shop.office.service.db.write() as session:
        limits = pace.pace_of({"pace": [[1, 86400]]}, ())
        pace.spend(session, 1, limits, pace.room(session, late, 1, limits, 1), 1)
    assert rings(shop, late) == [], "it has sent its share of the day"
    with shop.office.service.db.write() as session:
        pause(session.get_one(Inbox, 1), "535 wrong password")
    assert rings(shop, late) == [(stall.PAUSED, "535 wrong password")]


def test_a_clock_that_was_put_back_makes_no_stall_that_lasts(make_shop: Make) -> None:
    shop = make_shop(2)
    number = frozen(shop)
    now = utcnow()
    put(shop, number, moved_at=now + timedelta(days=1))
    assert rings(shop, now) == []
    assert rings(shop, now + LATER) == [(stall.NOBODY_KNOWS, "")], "what moved tomorrow moved a moment ago"


@pytest.mark.heavy
def test_a_relay_that_is_away_rings_and_falls_silent_when_it_is_back(make_shop: Make) -> None:
    """A real worker: its own words are the reason, and the alarm ends when mail leaves."""
    shop = make_shop(40, relay_connections=2)
    shop.sink.moods = ["greet:drop"] * 400
    number = shop.launch()
    shop.worker().start()

    def trouble() -> str:
        return str(shop.office.one(lambda session: session.get_one(Campaign, number).trouble))

    wait_for(trouble, 60, lambda: shop.told(number))
    with shop.office.service.db.write() as session:
        stall.look(session, utcnow(), timedelta(0))
        ((ringing),) = alarms.ringing(session, stall.NAME)
        assert ringing.facts["sentence"] == stall.TROUBLE
        assert "cannot be reached" in ringing.facts["detail"]
    shop.sink.moods.clear()
    shop.finished(number, 90)
    with shop.office.service.db.write() as session:
        stall.look(session, utcnow(), timedelta(0))
        assert alarms.ringing(session, stall.NAME) == []
    assert shop.sound(number) == {"accepted": 40}


def test_progress_is_honest_about_who_waits(make_shop: Make) -> None:
    shop = make_shop(10)
    number = frozen(shop)
    ended(shop, number, *[Fate.ACCEPTED] * 4)

    def far() -> progress.Progress:
        with shop.office.service.db.read() as session:
            kept = session.get_one(Campaign, number)
            return progress.progress(session, utcnow(), kept, recipient.counts(session, number))

    first = far()
    assert first.rate > 0
    assert first.seconds is not None
    assert not first.later
    morning = utcnow() + timedelta(hours=9)
    with shop.office.service.db.write() as session:
        session.execute(update(Recipient).where(Recipient.state == "planned").values(next_at=morning))
    held = far()
    assert (held.held, held.until, held.later, held.seconds) == (6, morning, True, None)


# -- by hand -----------------------------------------------------------------------------------------


@KINDS
def test_a_person_decides_about_an_unknown(make_shop: Make, kind: str) -> None:
    shop = make_shop(2, kind)
    number = frozen(shop)
    one, two = ended(shop, number, Fate.UNKNOWN, Fate.UNKNOWN)
    db, now = shop.office.service.db, utcnow()
    with db.write() as session:
        assert campaigns.finish(session, now, number)
    with db.write() as session:
        assert evidence.resolve(session, now, session.get_one(Recipient, one), Fate.ACCEPTED, "hand", 1)
        assert not evidence.resolve(session, now, session.get_one(Recipient, one), Fate.ACCEPTED, "hand", 1)
        with pytest.raises(Conflict):
            evidence.again(session, now, session.get_one(Recipient, one), 1)
    assert same(shop, number) == {"accepted": 1, "unknown": 1}
    with db.write() as session:
        evidence.again(session, now, session.get_one(Recipient, two), 1)
    assert shop.state(number) == "running"
    assert shop.counts(number)["planned"] == 1
    assert same(shop, number) == {"accepted": 1}
    ended(shop, number, Fate.ACCEPTED)
    assert same(shop, number) == {"accepted": 2}
    with db.read() as session:
        assert claim.next_at(session, number) is None
