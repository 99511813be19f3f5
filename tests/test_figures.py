"""Figures of waiting work: true, and read along indexes whatever the size; and a house that is ready takes work."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from hall_kit import Hall
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from real import House

from channels.email.position import MailboxPosition
from contact import outbox, pulse, raw
from contact.db import utcnow
from contact.messages import DeliveryState, Envelope, Fault, Receipt
from contact.outbox import Delivery
from contact.raw import Raw
from contact.web import figures


def lines(hall: Hall) -> str:
    class All(Collector):
        def collect(self):  # type: ignore[no-untyped-def]
            with hall.db.read() as session:
                yield from figures.waiting(session, hall.now)

    registry = CollectorRegistry()
    registry.register(All())
    return generate_latest(registry).decode()


def test_each_state_is_counted_and_the_most_overdue_is_known(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    assert talk
    assert 'hanmaru_outbox_deliveries{state="queued"} 0.0' in lines(hall)
    assert "hanmaru_outbox_overdue_seconds 0.0" in lines(hall)
    numbers = [hall.reply(talk, f"답 {n}") for n in range(6)]
    hall.reply(talk, "나중에", not_before=hall.now + timedelta(days=3))
    with hall.db.write() as session:
        outbox.claim(session, hall.now, "w", ["email"], limit=3)
        session.execute(sa.update(Delivery).where(Delivery.id == numbers[5]).values(priority=5))
        for number, state in zip(
            numbers[:3], (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.WIRED), strict=True
        ):
            assert outbox.begin(session, hall.now, number, "w")
            outbox.settle(session, hall.now, Receipt(state, delivery_id=number, fault=Fault.OTHER))
        first = session.get_one(Delivery, numbers[3]).next_at
        last = session.get_one(Delivery, numbers[5]).next_at
        assert figures.counts(session) == {
            "queued": 4, "sending": 0, "held": 0, "failed": 1, "bounced": 1, "expired": 0, "unknown": 0,
        }  # fmt: skip
        assert figures.oldest_due(session) == first
        session.execute(
            sa.update(Delivery).where(Delivery.id.in_(numbers[3:5])).values(next_at=hall.now + timedelta(days=9))
        )
        assert figures.oldest_due(session) == last  # of another priority
    late = (hall.tick(600) - last).total_seconds()
    assert f"hanmaru_outbox_overdue_seconds {late}" in lines(hall)


def test_mailboxes_and_raw_messages(hall: Hall) -> None:
    with hall.db.write() as session:
        envelope = Envelope("email", hall.mail, "help@shop.example", "imap")
        made = [raw.keep(session, hall.now, envelope, b"x%d" % n) for n in range(5)]
        raw.parsed(session.get_one(Raw, made[0]), None)
        raw.failed(session.get_one(Raw, made[1]), "no")
        session.add(
            MailboxPosition(
                inbox_id=hall.mail, folder="INBOX", uidvalidity=1, fetched_at=hall.now, present=40, missing=2
            )
        )
    hall.tick(30)
    told = lines(hall)
    for line in (
        'hanmaru_raw_messages{state="kept"} 3.0',
        'hanmaru_raw_messages{state="failed"} 1.0',
        f'hanmaru_raw_messages{{state="stored"}} {float(made[-1])}',
        f'hanmaru_mailbox_fetched{{folder="INBOX",inbox="{hall.mail}"}} 40.0',
        f'hanmaru_mailbox_missing{{folder="INBOX",inbox="{hall.mail}"}} 2.0',
        f'hanmaru_mailbox_age_seconds{{folder="INBOX",inbox="{hall.mail}"}} 30.0',
        f'hanmaru_mailbox_broken{{folder="INBOX",inbox="{hall.mail}"}} 0.0',
    ):
        assert line in told


def test_no_figure_scans_a_table(lite: Hall) -> None:
    said: list[tuple[str, Any]] = []
    engine = lite.db.engine
    sa.event.listen(engine, "before_cursor_execute", lambda c, u, statement, given, *_: said.append((statement, given)))
    lines(lite)
    with engine.connect() as connection:
        for statement, given in said:
            if not statement.startswith("SELECT"):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            for step in (row[-1] for row in plan):
                if step.startswith("SCAN delivery") or step.startswith("SCAN raw"):
                    assert "USING" in step, f"{statement}: {step}"


def test_a_door_that_is_not_open_is_not_ready(lite: Hall) -> None:
    from contact.web import health

    with lite.db.write() as session:
        pulse.beat(session, utcnow(), "a:1", [pulse.Beat("smtp listener", "starting", utcnow())])
    with lite.db.read() as session:
        assert health.open_parts(session) is False
    with lite.db.write() as session:  # another worker has its door open: mail is taken
        pulse.beat(session, utcnow(), "b:2", [pulse.Beat("smtp listener", "running", utcnow())])
    with lite.db.read() as session:
        assert health.open_parts(session) is True


def test_ready_means_that_mail_is_taken(make_house: Callable[..., House]) -> None:
    """Three starts of the real thing: at the first true answer the port is tried at once."""
    house = make_house()
    for _ in range(3):
        house.start(ready=False)
        while not house.is_ready():
            pass
        with smtplib.SMTP("127.0.0.1", house.smtp_port, timeout=45) as smtp:
            assert smtp.noop()[0] == 250
        house.kill9_all()
