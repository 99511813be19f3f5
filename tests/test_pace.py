"""Pace: a limit holds in every sliding window, and nobody waits longer than it takes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contact import inbox
from contact.messages import DeliveryState as S
from contact.messages import Receipt
from contact.outbox import Delivery, Hands, begin_due, settle
from contact.outbox.pace import Pace, Paced, pace_of

MS = timedelta(milliseconds=1)


class Model:
    """The rule in its plainest form: all sends ever, counted for each window."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.sends: list[datetime] = []

    def free_at(self, now: datetime) -> datetime:
        """The first moment from `now` at which one more may begin."""
        edges = [self.sends[-most] + window for most, window in self.pace if len(self.sends) >= most]
        return max([now, *edges])

    def check(self) -> None:
        for most, window in self.pace:
            for first, beyond in zip(self.sends, self.sends[most:], strict=False):
                assert beyond - first >= window, (most, window, first, beyond)


class World:
    """A house with its own clock, workers that come and go, and messages that are sent in no time."""

    def __init__(self, hall: Hall, pace: Pace, chance: random.Random) -> None:
        self.hall, self.chance, self.now = hall, chance, NOON
        self.model = Model(pace)
        self.names = (f"w{n}" for n in count())
        self.workers = [next(self.names) for _ in range(3)]
        with hall.db.write() as session:
            session.execute(sa.delete(Paced))
            session.execute(sa.delete(Delivery))
            box = session.get_one(inbox.Inbox, hall.mail)
            box.settings = {"pace": [[most, window.total_seconds()] for most, window in pace]}

    def promise(self, due: datetime) -> None:
        with self.hall.db.write() as session:
            session.execute(sa.insert(Delivery).values(waiting(self.hall, due, f"{next(self.hall.numbers)}@d")))

    def look(self) -> tuple[list[int], datetime | None]:
        """One look of some worker, now and then of one that was just started."""
        if self.chance.random() < 0.2:
            self.workers[self.chance.randrange(3)] = next(self.names)
        hands = Hands(most={"email": self.chance.choice([1, 2, 4])})
        with self.hall.db.write() as session:
            taken = begin_due(session, lambda: self.now, self.chance.choice(self.workers), hands)
        return [one.number for one in taken.begun], taken.plan.look_at

    def land(self, number: int) -> None:
        """Mostly taken; now and then tried again later, which is one more send."""
        self.model.sends.append(self.now)
        again = self.chance.random() < 0.15
        values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "state": "wired"}
        if again:
            values |= {"state": "queued", "next_at": self.now + self.chance.randint(0, 900) * MS}
        with self.hall.db.write() as session:
            session.execute(sa.update(Delivery).where(Delivery.id == number).values(values))

    def queue(self) -> list[datetime]:
        with self.hall.db.read() as session:
            return sorted(session.scalars(sa.select(Delivery.next_at).where(Delivery.state == "queued")))

    def run(self) -> None:
        """Until nothing waits: each look brings what may leave, and the time of the next look is the right one."""
        for _ in range(2000):
            begun, look_at = self.look()
            for number in begun:
                self.land(number)
            self.model.check()
            if begun:
                continue
            if not (waiting := self.queue()):
                return
            assert look_at is not None
            assert look_at > self.now, "it would look and look"
            free_at = self.model.free_at(max(self.now, waiting[0]))
            assert look_at == free_at or (look_at < free_at and look_at in waiting)
            self.now = look_at
        raise AssertionError("it never ends")


def waiting(hall: Hall, due: datetime, name: str, **more: Any) -> dict[str, Any]:
    """A row as `put` makes it, in the hall's one conversation."""
    return {
        "interaction_id": 1, "conversation_id": 1, "inbox_id": hall.mail, "address_id": 1, "channel": "email",
        "state": "queued", "message_id": name, "message": {}, "created_at": due, "next_at": due,
        "expires_at": due + timedelta(days=3), "automatic": False, "priority": 0, "attempts": 0, "code": "",
        "reason": "", **more,
    }  # fmt: skip


LIMITS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 1500).map(lambda n: n * MS)), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LIMITS.map(tuple), st.lists(st.integers(0, 3000), min_size=1, max_size=25), st.integers(0, 2**16))
@example(((1, 1 * MS),), [0, 0, 0], 0)
@example(((3, 1000 * MS), (1, 10 * MS)), [0] * 12, 1)
def test_every_window_holds_and_nobody_waits_longer(lite: Hall, pace: Pace, arrivals: list[int], seed: int) -> None:
    if lite.now == NOON:
        lite.mail_in()
    world = World(lite, pace, random.Random(seed))
    for at in arrivals:
        world.promise(NOON + at * MS)
    world.run()
    assert len(world.model.sends) >= len(arrivals)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_on_both_databases(hall: Hall, seed: int) -> None:
    hall.mail_in()
    world = World(hall, ((3, 700 * MS), (5, 2500 * MS)), random.Random(seed))
    for at in range(0, 2000, 150):
        world.promise(NOON + at * MS)
    world.run()


def test_a_clock_that_goes_back_opens_no_window(hall: Hall) -> None:
    """Two machines whose clocks differ: the later one counts."""
    hall.mail_in()
    world = World(hall, ((1, 1000 * MS),), random.Random(0))
    world.promise(NOON - 10000 * MS)
    world.promise(NOON - 10000 * MS)
    assert len(world.look()[0]) == 1
    world.now -= 900 * MS
    begun, look_at = world.look()
    assert (begun, look_at) == ([], NOON + 1000 * MS)


def test_an_inbox_that_must_wait_holds_up_no_other(hall: Hall) -> None:
    hall.mail_in()
    with hall.db.write() as session:
        other = inbox.add(session, hall.now, "email", "two@shop.example", "Two").id
        session.get_one(inbox.Inbox, hall.mail).settings = {"pace": [[1, 3600]]}
        rows = [waiting(hall, NOON, f"a{n}@d") for n in range(50)]
        session.execute(sa.insert(Delivery), [*rows, waiting(hall, NOON, "b@d", inbox_id=other)])
    with hall.db.write() as session:
        taken = begin_due(session, lambda: NOON, "w", Hands(most={"email": 4}))
    assert [one.inbox_id for one in taken.begun] == [hall.mail, other]
    assert taken.plan.look_at == NOON + timedelta(hours=1)


def test_what_is_forgotten_is_out_of_reach(hall: Hall) -> None:
    hall.mail_in()
    world = World(hall, ((2, 1 * MS), (4, 50 * MS)), random.Random(0))
    for _ in range(40):
        world.promise(NOON)
    world.run()
    with hall.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Paced)) == 4
        assert session.scalar(sa.select(sa.func.max(Paced.number))) == len(world.model.sends)


SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (None, ((7, HOUR),)), ({}, ((7, HOUR),)), ({"pace": []}, ()), ({"pace": [[1, 1]]}, ((1, SECOND),)),
        ({"pace": [[10, 0.5], [100, 3600]]}, ((10, SECOND / 2), (100, HOUR))),
        *[({"pace": wrong}, ((7, HOUR),)) for wrong in (
            "x", 3, [3], [[0, 1]], [[1, 0]], [[1, -1]], [[True, 1]], [[1.5, 1]], [["1", 1]], [[1, 1, 1]], [[1, None]],
            [[1, float("nan")]], [[1, float("inf")]], {"1": 1},
        )],
    ],
)  # fmt: skip
def test_an_inbox_says_its_own_pace(given: Any, counts: Pace) -> None:
    assert pace_of(given, ((7, HOUR),)) == counts


def test_the_pace_of_the_channel_counts_where_the_inbox_says_nothing(lite: Hall) -> None:
    lite.mail_in()
    with lite.db.write() as session:
        session.execute(sa.insert(Delivery), [waiting(lite, NOON, f"a{n}@d") for n in range(5)])
        hands = Hands(most={"email": 4}, paces={"email": ((2, HOUR),)})
        assert len(begin_due(session, lambda: NOON, "w", hands).begun) == 2


def test_settling_gives_no_send_back(lite: Hall) -> None:
    lite.mail_in()
    with lite.db.write() as session:
        session.get_one(inbox.Inbox, lite.mail).settings = {"pace": [[1, 60]]}
        session.execute(sa.insert(Delivery), [waiting(lite, NOON, f"a{n}@d") for n in range(2)])

    def begin(at: datetime) -> list[int]:
        with lite.db.write() as session:
            return [one.number for one in begin_due(session, lambda: at, "w", Hands(most={"email": 4})).begun]

    (first,) = begin(NOON)
    with lite.db.write() as session:
        settle(session, NOON, Receipt(S.WIRED, delivery_id=first))
    assert begin(NOON + 59.9 * SECOND) == []
    assert len(begin(NOON + 60 * SECOND)) == 1
