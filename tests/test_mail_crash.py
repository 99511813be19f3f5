"""kill -9 and SIGSTOP of the real worker while mail comes in and goes out: nothing lost, nothing doubled.

The quick run kills a few times; HANMARU_REAL=all kills at 55 random points.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from mail_doubles import Sink
from post_office import HELP, PostOffice, letter
from real import ALL, Dovecot, wait_for
from sqlalchemy import func, select
from worker_kit import WorkerProcess

from contact.outbox import Delivery

KILLS = 55 if ALL else 4
pytestmark = pytest.mark.heavy
BACKLOG = 60
"""Messages that may wait for the worker: more would only make the end of the test long."""


@dataclass
class Traffic:
    """Customers who write by SMTP and into a mailbox, and agents who answer, until `stop`."""

    worker: WorkerProcess
    dovecot: Dovecot
    user: str
    accepted: set[str] = field(default_factory=set)
    laid: set[str] = field(default_factory=set)
    promised: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    troubles: list[str] = field(default_factory=list)

    def run(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._guard, args=(work,)) for work in (self._smtp, self._imap, self._out)]
        for thread in threads:
            thread.start()
        return threads

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the test
            self.troubles.append(f"{work.__name__}: {error!r}")

    def _smtp(self) -> None:
        """As a mail server does: what was not accepted is sent again until it is."""
        number = 0
        while not self.stop.is_set():
            name = f"smtp-{number}"
            mail = letter(name, sender=f"c{number % 9}@customer.example").as_bytes()
            while not self.stop.is_set():
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    with smtplib.SMTP("127.0.0.1", self.worker.smtp_port, timeout=10) as smtp:
                        smtp.sendmail("c@customer.example", [HELP], mail)
                    self.accepted.add(name)
                    break
                time.sleep(0.01)
            number += 1
            time.sleep(random.uniform(0, 0.02))

    def _imap(self) -> None:
        number = 0
        while not self.stop.is_set():
            if number - sum((row.body or "").startswith("imap-") for row in self.worker.office.received()) > BACKLOG:
                time.sleep(0.05)
                continue
            name = f"imap-{number}"
            self.dovecot.deliver(self.user, letter(name, sender=f"d{number % 9}@customer.example").as_bytes())
            self.laid.add(name)
            number += 1
            time.sleep(random.uniform(0.02, 0.1))

    def _out(self) -> None:
        while not self.stop.is_set():
            if _states(self.worker.office)["queued"] > BACKLOG:  # on a busy machine a worker mostly starts
                time.sleep(0.05)
                continue
            number = len(self.promised)
            self.promised.append(self.worker.office.write_to(f"e{number % 9}@customer.example", f"out-{number}"))
            time.sleep(random.uniform(0, 0.04))


@pytest.mark.timeout(900 if ALL else 240)
def test_kill_9_at_random_points(make_worker: Callable[..., WorkerProcess], sink: Sink, dovecot: Dovecot) -> None:
    worker = make_worker()
    office, user = worker.office, f"u{secrets.token_hex(5)}"
    office.fetch_from(dovecot, user, idle=2)
    sink.delay = 0.004
    worker.start().wait_open()
    traffic = Traffic(worker, dovecot, user)
    threads = traffic.run()
    for _ in range(KILLS):
        time.sleep(random.uniform(0.0, 1.2))  # a random point is what is wanted
        worker.kill()
        worker.start()
        if random.random() < 0.7:  # else: killed again while it starts
            worker.wait_open()
    worker.wait_open()
    traffic.stop.set()
    for thread in threads:
        thread.join(120)
    assert not traffic.troubles
    _arrived(office, traffic)
    _left(office, traffic, sink)
    worker.stop()
    print(
        f"{KILLS} kills, {len(traffic.accepted)} mails by SMTP, {len(traffic.laid)} by IMAP, "
        f"{len(traffic.promised)} out: {Counter(one.state for one in office.deliveries())}"
    )


def _arrived(office: PostOffice, traffic: Traffic) -> None:
    """Each mail we said 250 to, and each that lies in the mailbox, is exactly one row."""
    wanted = traffic.accepted | traffic.laid
    wait_for(lambda: wanted <= {row.body for row in office.received()}, 120, "all mail to be read")
    office.settled()
    bodies = Counter(row.body for row in office.received())
    assert {body: n for body, n in bodies.items() if n != 1} == {}
    extra = set(bodies) - wanted  # stored, but the worker died before it said 250, and the sender gave up at the end
    assert len(extra) <= 1
    assert office.failures() == []


def _left(office: PostOffice, traffic: Traffic, sink: Sink) -> None:
    """Each promise left at most once; what nobody knows is said so."""
    ends = {"wired", "unknown"}
    with contextlib.suppress(pytest.fail.Exception):
        wait_for(lambda: set(_states(office)) <= ends, 120)
    assert set(_states(office)) <= ends, _states(office)
    copies = Counter(sink.ids())
    for delivery in office.deliveries():
        n = copies.pop(delivery.message_id, 0)
        assert n == 1 if delivery.state == "wired" else n <= 1, (delivery.id, delivery.state, n)
    assert not copies
    assert len(office.deliveries()) == len(traffic.promised)


def _states(office: PostOffice) -> Counter[str]:
    rows = select(Delivery.state, func.count()).group_by(Delivery.state)
    return Counter(office.one(lambda session: {state: n for state, n in session.execute(rows)}))  # noqa: C416


@pytest.mark.parametrize(("stage", "never"), [("rcpt", "DATA"), ("data", ".")])
def test_a_worker_frozen_past_its_lease_hands_nothing_over(
    make_worker: Callable[..., WorkerProcess], sink: Sink, stage: str, never: str
) -> None:
    """It wakes with the answer it waited for in its hands: the turn that reads it is the turn that ends its time."""
    sink.moods = [f"{stage}:hold"]
    frozen, other = make_worker(lease=2), make_worker(lease=60)
    office = frozen.office
    frozen.start().wait_open()
    number = office.write_to("kim@customer.example")
    wait_for(lambda: any(word.upper().startswith(stage.upper()) for word in sink.said), what="the worker in the middle")
    frozen.freeze()
    other.start().wait_open()
    office.in_state(number, "unknown")
    before = len(sink.answered)
    sink.go.set()
    wait_for(lambda: len(sink.answered) > before, what="the answer to lie with the frozen worker")
    frozen.send(signal.SIGCONT)
    wait_for(lambda: sink._open == 0, what="the frozen worker to let go of the relay")
    assert not any(word.startswith(never) for word in sink.said)
    assert sink.caught == []
    frozen.stop()  # on a busy machine its short lease would run out on honest work, too
    after = office.write_to("lee@customer.example")
    office.in_state(after, "wired")
    assert office.delivery(number).state == "unknown"
    assert sink.ids() == [office.delivery(after).message_id]


def test_a_worker_frozen_for_a_moment_goes_on(make_worker: Callable[..., WorkerProcess], sink: Sink) -> None:
    sink.moods = ["rcpt:hold"]
    worker = make_worker(lease=30).start().wait_open()
    number = worker.office.write_to("kim@customer.example")
    wait_for(lambda: any(word.startswith("RCPT") for word in sink.said))
    worker.freeze()
    sink.go.set()
    worker.send(signal.SIGCONT)
    worker.office.in_state(number, "wired")
    assert len(sink.caught) == 1


def test_sigterm_in_the_middle_loses_nothing(make_worker: Callable[..., WorkerProcess], sink: Sink) -> None:
    worker = make_worker().start().wait_open()
    sink.delay = 0.05
    numbers = [worker.office.write_to(f"c{n}@customer.example") for n in range(30)]
    wait_for(lambda: sink.caught)
    worker.stop()
    states = _states(worker.office)
    assert set(states) == {"wired", "queued"}
    assert states["wired"] == len(sink.caught)
    worker.start()
    for number in numbers:
        worker.office.in_state(number, "wired")
    assert Counter(sink.ids()).most_common(1)[0][1] == 1
