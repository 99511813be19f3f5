"""Pace, rests and real processes: several workers, killed and started again, keep one limit together."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from mail_doubles import Sink
from post_office import PostOffice
from real import wait_for
from sqlalchemy import func, select
from worker_kit import WorkerProcess

from contact import inbox as inboxes
from contact.db import utcnow
from contact.inbox import Inbox
from contact.outbox import Delivery, rest
from contact.outbox.pace import Paced

pytestmark = pytest.mark.heavy
PACE = [[4, 1.0], [8, 2.5], [1000, 0.001]]
"""The last one forbids nothing; for its sake every send is remembered."""


def set_pace(office: PostOffice, pace: list[list[float]]) -> None:
    with office.service.db.write() as session:
        session.get_one(Inbox, 1).settings = {"pace": pace}


def begun(office: PostOffice) -> list[datetime]:
    return list(office.one(lambda session: session.scalars(select(Paced.at).order_by(Paced.number)).all()))


def states(office: PostOffice) -> dict[str, int]:
    rows = select(Delivery.state, func.count()).group_by(Delivery.state)
    return {state: n for state, n in office.one(lambda session: session.execute(rows).all())}  # noqa: C416


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_keep_one_pace_and_a_killed_one_changes_nothing(
    kind: str, make_worker: Callable[..., WorkerProcess], sink: Sink
) -> None:
    one, two = make_worker(kind), make_worker(kind)
    office = one.office
    set_pace(office, PACE)
    for number in range(22):
        office.write_to(f"c{number}@customer.example")
    one.start(), two.start()
    wait_for(lambda: len(begun(office)) >= 6, what="a few sends")
    one.kill()
    one.start()
    wait_for(lambda: len(begun(office)) >= 14, what="more of them")
    two.stop()
    two.start()
    wait_for(lambda: set(states(office)) <= {"wired", "unknown"}, 90, lambda: f"the rest: {states(office)}")
    times = begun(office)
    for most, seconds in PACE:
        for first, beyond in zip(times, times[int(most) :], strict=False):
            assert beyond - first >= timedelta(seconds=seconds), (most, seconds)
    tries = office.one(lambda session: session.scalar(select(func.sum(Delivery.attempts))))
    assert len(times) == tries
    assert sorted(set(sink.ids())) == sorted(sink.ids())
    assert len(sink.ids()) >= states(office)["wired"]


def test_sigterm_drains_while_a_pace_and_a_rest_are_in_place(
    make_worker: Callable[..., WorkerProcess], sink: Sink
) -> None:
    worker = make_worker()
    office = worker.office
    with office.service.db.write() as session:
        rests = inboxes.add(session, utcnow(), "email", "two@shop.example", "Two", provider="elsewhere").id
        rest.start(session, utcnow(), ("email", "elsewhere", 0), "down", after=3600)
    set_pace(office, [[1, 3600]])
    numbers = [office.write_to(f"c{n}@customer.example") for n in range(3)]
    resting = office.write_to("d@customer.example")
    with office.service.db.write() as session:
        session.get_one(Delivery, resting).inbox_id = rests
    sink.moods = ["dot:hold"]
    worker.start().wait_open()
    wait_for(lambda: sink.caught, what="the one that may leave")
    worker.send(signal.SIGTERM)
    sink.go.set()
    worker.stop()
    assert [office.delivery(number).state for number in (*numbers, resting)] == ["wired", "queued", "queued", "queued"]
    assert [office.delivery(number).attempts for number in (*numbers, resting)] == [1, 0, 0, 0]
    assert not any(one.lease_owner for one in office.deliveries())

    worker.start().wait_open()  # what was begun an hour ago is remembered, and so is who rests
    free = inboxes_free(office)
    office.in_state(free, "wired")
    assert states(office) == {"wired": 2, "queued": 3}
    worker.stop()


def inboxes_free(office: PostOffice) -> int:
    """A message of an inbox that neither rests nor waits: by it one sees that the worker looks."""
    with office.service.db.write() as session:
        third = inboxes.add(session, utcnow(), "email", "three@shop.example", "Three").id
    number = office.write_to("e@customer.example")
    with office.service.db.write() as session:
        session.get_one(Delivery, number).inbox_id = third
    return number
