"""Providers that must be asked: what they say is settled once, and one that does not answer is left alone and shown."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from real import ROOT, wait_for
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from channels import asking
from channels.asking import Asking, next_look, pause
from contact import asked, directory, inbox, lease, outbox
from contact import conversation as conversations
from contact.channel import Capabilities, ChannelError, Channels, Preview, Provider, Receipts
from contact.db import Database, utcnow
from contact.files import DiskStore
from contact.log import Interaction
from contact.messages import (
    AddressKind,
    DeliveryState,
    Envelope,
    Fault,
    Inbound,
    InboxFacts,
    Outbound,
    Party,
    Progress,
    Receipt,
    Waiting,
    Who,
)
from contact.nudge import Nudges
from contact.outbox import Delivery, Exchange, Words
from contact.service import Service
from contact.settings import Settings
from contact.worker import Context

Answer = Receipt | Exception


@dataclass
class Telex:
    """A medium whose provider must be asked; `answers` by delivery, `mood` for all of it."""

    name: str = "telex"
    answers: dict[int, list[Answer]] = field(default_factory=dict)
    found: dict[int, Receipt | None] = field(default_factory=dict)
    mood: Exception | None = None
    hangs: bool = False
    questions: list[list[int]] = field(default_factory=list)
    looked: list[int] = field(default_factory=list)
    secrets: list[Any] = field(default_factory=list)
    capabilities = Capabilities(AddressKind.TEL, receipts=Receipts.ASKED)
    providers = (Provider("telex", "Telex"),)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id)

    async def ask(self, waiting: Sequence[Waiting], inbox: InboxFacts) -> Sequence[Receipt]:
        self.questions.append([one.delivery_id for one in waiting])
        self.secrets.append(inbox.secrets)
        if self.hangs:
            await asyncio.sleep(3600)
        if self.mood:
            raise self.mood
        told = [(one, self.answers.get(one.delivery_id, [])) for one in waiting]
        return [self._say(one, said) for one, said in told if said]

    def _say(self, one: Waiting, said: list[Answer]) -> Receipt:
        answer = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def look_up(self, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
        self.looked.append(message.delivery_id)
        return self.found.get(message.delivery_id)

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None: ...

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        return []

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        return Preview(0, "line")

    async def close(self) -> None: ...


@dataclass
class Office:
    """A house with two telex inboxes; `begin` starts a worker that asks, `end` stops it in good order."""

    service: Service
    telex: Telex
    boxes: list[int]
    people: int = 0
    running: list[tuple[threading.Thread, asyncio.AbstractEventLoop, Context]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def begin(self, answer: float = 20.0) -> None:
        ready = threading.Event()
        known: list[Any] = []

        async def run() -> None:
            context = Context(self.service)
            known[:] = [asyncio.get_running_loop(), context]
            ready.set()
            try:
                await Asking(answer).run(context)
            except BaseException as error:
                self.errors.append(error)
                raise
            finally:
                context.close()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert ready.wait(30)
        self.running.append((thread, *known))

    def end(self) -> None:
        for thread, loop, context in self.running:
            loop.call_soon_threadsafe(context.end)
            thread.join(60)
            assert not thread.is_alive()
        self.running.clear()
        assert not self.errors

    def sent(self, box: int = 0, state: str = "wired", age: float = 0.0, **more: Any) -> int:
        """A message the provider has; the delivery."""
        with self.service.db.write() as session:
            self.people += 1
            party = Party(AddressKind.TEL, f"+8221000{self.people:04}")
            contact, address = directory.find_or_create(session, utcnow(), party)
            talk = conversations.begin(
                session, utcnow(), contact_id=contact.id, root_id=contact.id, inbox_id=self.boxes[box], channel="telex",
                subject="",
            )  # fmt: skip
            delivery = outbox.put(
                session, utcnow(), conversation=conversations.get(session, talk.id),
                inbox=inbox.get(session, self.boxes[box]), address=address, words=Words("hello"),
                can=self.telex.capabilities, user_id=None, domain="shop.example",
            )  # fmt: skip
            reached = Receipt(DeliveryState.WIRED, delivery_id=delivery.id, provider_ref=f"ref-{delivery.id}")
            outbox.settle(session, utcnow(), reached)
            values: dict[str, Any] = {"settled_at": utcnow() - timedelta(seconds=age), "state": state, **more}
            session.flush()
            session.execute(update(Delivery).where(Delivery.id == delivery.id).values(values))
            return delivery.id

    def get(self, number: int) -> Delivery:
        return self.read(lambda session: session.get_one(Delivery, number))  # type: ignore[no-any-return]

    def read(self, question: Callable[[Session], Any]) -> Any:
        with self.service.db.read() as session:
            return question(session)

    def told(self, number: int) -> list[str]:
        rows = select(Exchange.outcome).where(Exchange.delivery_id == number).order_by(Exchange.id)
        return list(self.read(lambda session: session.scalars(rows).all()))

    def health(self, box: int = 0) -> asked.Asked | None:
        return self.read(lambda session: asked.of(session, self.boxes[box]))  # type: ignore[no-any-return]


@pytest.fixture(params=["sqlite", "postgresql"])
def office(
    request: pytest.FixtureRequest, new_db: Callable[[str], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    monkeypatch.setattr(asking, "LOOK", 0.02)
    monkeypatch.setattr(asking, "QUICKEST", 0.02)
    settings = Settings(_env_file=None, data_dir=tmp_path, secret_key="test " * 8)  # type: ignore[call-arg]
    db, telex = new_db(request.param), Telex()
    service = Service(settings, db, Channels(telex), DiskStore(tmp_path / "files"), Nudges.of(settings))  # type: ignore[arg-type]
    with db.write() as session:
        boxes = [inbox.add(session, utcnow(), "telex", f"+821{number}", "Telex").id for number in (1, 2)]
    office = Office(service, telex, boxes)
    yield office
    office.end()
    service.nudges.close()


def page(number: int, done: int) -> Receipt:
    return Receipt(DeliveryState.WIRED, delivery_id=number, progress=Progress(done, 3))


def arrived(number: int, **more: Any) -> Receipt:
    return Receipt(DeliveryState.DELIVERED, delivery_id=number, **more)


def test_pages_show_while_it_is_sent_and_the_last_word_is_settled_once(office: Office) -> None:
    number = office.sent()
    office.telex.answers[number] = [page(number, 1), page(number, 2), page(number, 2), arrived(number)]
    seen: list[Any] = []
    office.begin()

    def done() -> bool:
        delivery = office.get(number)
        seen.append((delivery.progress or {}).get("done"))
        return delivery.state == "delivered"

    wait_for(done)
    assert set(seen) & {1, 2}, "progress was there to be seen before the end"
    assert office.told(number) == ["wired", "delivered"], "a page further is no line of the exchange log"
    rows = select(Interaction.name).where(Interaction.delivery_id == number).order_by(Interaction.id)
    names = office.read(lambda session: session.scalars(rows).all())
    assert names == ["message.queued", "delivery.wired", "delivery.delivered"]
    health = office.health()
    assert health
    assert (health.failures, health.error) == (0, "")
    assert health.answered_at


def test_a_failure_says_why_and_who_can_act(office: Office) -> None:
    number = office.sent()
    busy = Receipt(
        DeliveryState.FAILED, delivery_id=number, fault=Fault.ADDRESS_UNREACHABLE, who=Who.CONTACT, code="E001",
        reason="Busy signal detected",
    )  # fmt: skip
    office.telex.answers[number] = [busy]
    office.begin()
    wait_for(lambda: office.get(number).state == "failed")
    delivery = office.get(number)
    assert (delivery.fault, delivery.who, delivery.code, delivery.reason) == (
        "address_unreachable", "contact", "E001", "Busy signal detected",
    )  # fmt: skip


def test_what_the_provider_says_of_other_messages_changes_nothing(office: Office) -> None:
    mine, other = office.sent(), office.sent(box=1, provider_ref=None)
    office.telex.answers[mine] = [arrived(other), arrived(mine)]
    office.begin()
    wait_for(lambda: office.get(mine).state == "delivered")
    assert office.get(other).state == "wired"


def test_a_provider_that_cannot_be_asked_is_shown_and_left_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, fine = office.sent(), office.sent(box=1)
    office.telex.answers[fine] = [page(fine, 1)]
    office.telex.answers[number] = [ChannelError("The line is dead.", retry_after=3600)]
    office.begin()
    wait_for(lambda: office.get(fine).progress)
    wait_for(lambda: office.health())
    health = office.health()
    assert health
    assert (health.failures, health.error) == (1, "The line is dead.")
    assert [row.inbox_id for row in office.read(asked.silent)] == [office.boxes[0]]
    before = len(office.telex.questions)
    wait_for(lambda: len(office.telex.questions) > before + 5, what="the other inbox to be asked on and on")
    assert sum(number in each for each in office.telex.questions) == 1, "it is left alone for as long as it wished"
    assert office.get(number).state == "wired"


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        (RuntimeError("no such thing"), "RuntimeError: no such thing"),
        (ChannelError("Away.", retryable=True), "Away."),
        ("hang", "No answer within 0 seconds."),
    ],
)
def test_whatever_goes_wrong_is_one_sentence_and_ends(
    office: Office, mood: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SLOWEST", 0.05)
    number = office.sent()
    office.telex.hangs, office.telex.mood = mood == "hang", None if mood == "hang" else mood
    office.telex.answers[number] = [arrived(number)]
    office.begin(answer=0.3)
    wait_for(lambda: (health := office.health()) and health.failures >= 2)
    health = office.health()
    assert health
    assert health.error == words
    office.telex.mood, office.telex.hangs = None, False
    wait_for(lambda: office.get(number).state == "delivered")
    wait_for(lambda: (health := office.health()) and health.failures == 0)


def test_only_a_certain_answer_settles_an_unknown_message(office: Office) -> None:
    sure, unsure, old = office.sent(state="unknown"), office.sent(state="unknown"), office.sent(state="unknown")
    with office.service.db.write() as session:
        for number, age in ((sure, 10), (unsure, 10), (old, 3 * 86_400)):
            values = {"settled_at": utcnow() - timedelta(seconds=age)}
            session.execute(update(Delivery).where(Delivery.id == number).values(values))
    office.telex.found[sure] = Receipt(DeliveryState.WIRED, delivery_id=sure, provider_ref="found")
    office.begin()
    wait_for(lambda: office.get(sure).state == "wired")
    wait_for(lambda: {unsure, old} <= set(office.telex.looked))
    seen = len(office.telex.questions)
    wait_for(lambda: len(office.telex.questions) > seen + 5)
    assert office.get(sure).provider_ref == "found"
    assert office.get(unsure).state == office.get(old).state == "unknown"
    assert sorted(office.telex.looked) == sorted([sure, unsure, old]), "looked up once, and not again at once"


def test_a_worker_that_ends_in_good_order_leaves_the_inbox_to_the_next(office: Office) -> None:
    number = office.sent()
    office.telex.answers[number] = [page(number, 1)]
    office.begin()
    wait_for(lambda: len(office.telex.questions) > 3)
    name = f"asking:{office.boxes[0]}"
    assert office.read(lambda session: lease.holder(session, name, utcnow()))
    office.end()
    assert office.read(lambda session: lease.holder(session, name, utcnow())) is None


def test_one_worker_asks_and_when_it_is_killed_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9: nothing is kept but the lease, and whoever holds it is known to be dead."""
    monkeypatch.setattr(asking, "ELSEWHERE", 0.02)
    number, free = office.sent(), office.sent(box=1)
    office.telex.answers[free] = [page(free, 1)]
    office.telex.answers[number] = [arrived(number)]
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from datetime import timedelta\n"
        "from contact import lease, owner\n"
        "from contact.db import Database, utcnow\n"
        "db = Database(sys.argv[2])\n"
        "with db.write() as session:\n"
        "    assert lease.hold(session, sys.argv[3], owner.make(), utcnow(), timedelta(hours=1))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    url = office.service.db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    arguments = [sys.executable, "-c", script, str(ROOT), url, f"asking:{office.boxes[0]}"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        office.begin()
        wait_for(lambda: len(office.telex.questions) > 10)
        assert all(number not in each for each in office.telex.questions), "that inbox is in another's hand"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    wait_for(lambda: office.get(number).state == "delivered", 30)


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, 1), (5, 1), (60, 6), (600, 60), (7200, 60), (86_401, 3600), (10**7, 3600)]
)
def test_the_older_the_more_patient(age: float, seconds: float) -> None:
    assert pause(age) == seconds


@pytest.mark.parametrize(
    ("age", "wait"), [(0, 5), (5, 55), (61, 239), (7201, 35_999), (43_200, float("inf")), (10**6, float("inf"))]
)
def test_an_unknown_message_is_looked_up_a_few_times(age: float, wait: float) -> None:
    assert next_look(age) == wait
