"""What is due leaves once: the dispatcher with real SMTP, from promise to word of the relay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from mail_doubles import Copy, Sink
from post_office import HELP, PostOffice, letter
from real import both, wait_for
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from channels.dispatcher import Dispatcher
from channels.email import sandbox
from contact import caught, files, outbox
from contact import inbox as inboxes
from contact.channel import Channels
from contact.db import utcnow
from contact.inbox import Inbox
from contact.log import Interaction
from contact.messages import AddressKind, File, InboxFacts, Outbound, Party, Receipt
from contact.outbox import Delivery, Exchange
from contact.outbox import delivery as rules


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink().running() as sink:
        yield sink


@pytest.fixture
def out(make_office: Callable[..., PostOffice], sink: Sink) -> PostOffice:
    """A dispatcher with a relay that has moods."""
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    return office.open(Dispatcher({"email": 4}).run)


def exchanges(office: PostOffice, number: int) -> list[Exchange]:
    rows = select(Exchange).where(Exchange.delivery_id == number).order_by(Exchange.id)
    return list(office.one(lambda session: session.scalars(rows).all()))


def names(office: PostOffice, number: int) -> list[str]:
    rows = select(Interaction.name).where(Interaction.delivery_id == number).order_by(Interaction.id)
    return list(office.one(lambda session: session.scalars(rows).all()))


def now_again(office: PostOffice, number: int) -> None:
    """As if the time of the next try had come."""
    with office.service.db.write() as session:
        session.execute(update(Delivery).where(Delivery.id == number).values(next_at=utcnow()))
        from contact.db import wake

        wake(session, "outbox")


def test_a_promised_mail_leaves_at_once(out: PostOffice, sink: Sink) -> None:
    number = out.write_to("kim@customer.example", "안녕하세요", cc=(Party(AddressKind.EMAIL, "cc@customer.example"),))
    delivery = out.in_state(number, "wired")
    copy = sink.caught[0]
    mail = message_from_bytes(copy.raw, policy=default)
    assert copy.recipients == ("kim@customer.example", "cc@customer.example")
    assert mail["Message-ID"] == f"<{delivery.message_id}>"
    assert mail.get_body().get_content().strip() == "안녕하세요"  # type: ignore[union-attr]
    assert names(out, number) == ["message.queued", "delivery.wired"]
    assert exchanges(out, number)[0].outcome == "wired"
    assert "안녕" not in str(exchanges(out, number)[0].detail)


def test_nothing_leaves_before_its_time_and_it_can_be_taken_back(
    make_office: Callable[..., PostOffice], sink: Sink
) -> None:
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    first, second = office.write_to("a@customer.example"), office.write_to("b@customer.example")
    with office.service.db.write() as session:
        soon = utcnow() + timedelta(seconds=1.2)
        for number, due in ((first, soon), (second, soon + timedelta(hours=1))):
            session.execute(update(Delivery).where(Delivery.id == number).values(next_at=due))
    office.open(Dispatcher().run)
    office.in_state(first, "wired")
    assert utcnow() >= soon  # not before its time
    with office.service.db.write() as session:
        outbox.cancel(session, utcnow(), second, None)
    now_again(office, second)
    assert office.delivery(second).state == "cancelled"
    assert len(sink.caught) == 1


def test_every_try_sends_the_same_bytes(out: PostOffice, sink: Sink) -> None:
    sink.moods = ["dot:drop"]  # kept, but we cannot know
    items = files.keep(out.service.store, [File("파일.bin", "application/octet-stream", bytes(range(256)) * 40)])
    number = out.write_to("kim@customer.example", html="<p>hello</p>", text="hello", items=items)
    out.in_state(number, "unknown")
    with out.service.db.write() as session:
        outbox.retry(session, utcnow(), number, None)
    out.in_state(number, "wired")
    one, two = sink.caught
    assert one.raw == two.raw
    assert one.message_id == out.delivery(number).message_id


def test_unknown_is_never_sent_again_by_itself(out: PostOffice, sink: Sink) -> None:
    sink.moods = ["dot:drop"]
    number = out.write_to("kim@customer.example")
    delivery = out.in_state(number, "unknown")
    assert delivery.who == "us"
    assert "before the answer" in delivery.reason
    later = out.write_to("b@customer.example")
    out.in_state(later, "wired")
    now_again(out, number)
    last = out.write_to("c@customer.example")
    out.in_state(last, "wired")
    assert sink.ids().count(delivery.message_id) == 1


def test_a_passing_failure_is_tried_again_and_a_permanent_one_is_not(out: PostOffice, sink: Sink) -> None:
    sink.moods = ["rcpt:450 4.2.1 later", "rcpt:550 5.1.1 no such user"]
    number = out.write_to("kim@customer.example")
    wait_for(lambda: out.delivery(number).attempts == 1 and out.delivery(number).reason, what="the first try")
    delivery = out.delivery(number)
    assert (delivery.state, delivery.code) == ("queued", "450 4.2.1")
    tried = out.one(lambda session: session.scalar(select(Interaction.at).where(Interaction.delivery_id == number,
                                                   Interaction.name == "delivery.retried")))  # fmt: skip
    assert 50 < (delivery.next_at - tried).total_seconds() <= 60
    now_again(out, number)
    delivery = out.in_state(number, "failed")
    assert (delivery.fault, delivery.who, delivery.attempts) == ("address_invalid", "contact", 2)
    assert sink.caught == []
    assert names(out, number) == ["message.queued", "delivery.retried", "delivery.failed"]


def test_it_expires_after_its_time(out: PostOffice, sink: Sink) -> None:
    sink.moods = ["mail:451 4.3.0 later"]
    number = out.write_to("kim@customer.example")
    with out.service.db.write() as session:
        session.execute(update(Delivery).where(Delivery.id == number).values(expires_at=utcnow(), next_at=utcnow()))
    out.in_state(number, "expired")


def test_a_refused_cc_is_shown(out: PostOffice, sink: Sink) -> None:
    sink.moods = ["rcpt:250 ok", "rcpt:550 5.1.1 unknown"]
    number = out.write_to("kim@customer.example", cc=(Party(AddressKind.EMAIL, "cc@customer.example"),))
    delivery = out.in_state(number, "wired")
    assert "cc@customer.example (550 5.1.1 unknown)" in delivery.reason


def test_a_refused_sign_in_pauses_the_inbox_and_loses_nothing(
    make_office: Callable[..., PostOffice], sink: Sink
) -> None:
    sink.login = ("user", "right")
    office = make_office(relay_url=f"smtp://user:wr%40ng@127.0.0.1:{sink.port}", relay_tls="none")
    office.open(Dispatcher().run)
    number = office.write_to("kim@customer.example")
    wait_for(lambda: office.one(lambda session: session.get_one(Inbox, 1).state) == "paused", what="the pause")
    inbox = office.one(lambda session: session.get_one(Inbox, 1))
    assert "535" in inbox.paused_reason
    assert "wr@ng" not in inbox.paused_reason
    office.in_state(number, "queued")
    sink.login = ("user", "wr@ng")  # somebody has acted
    with office.service.db.write() as session:
        inboxes.resume(session, session.get_one(Inbox, 1))
    now_again(office, number)
    office.in_state(number, "wired")


def test_no_more_at_once_than_there_are_hands(make_office: Callable[..., PostOffice], sink: Sink) -> None:
    sink.delay = 0.03
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none", relay_connections=50)
    numbers = [office.write_to(f"c{n}@customer.example") for n in range(12)]
    office.open(Dispatcher({"email": 3}).run)
    for number in numbers:
        office.in_state(number, "wired")
    assert sink.most == 3
    assert sorted(sink.ids()) == sorted(office.delivery(number).message_id for number in numbers)


def test_drain_finishes_what_is_in_the_air_and_leaves_the_rest(
    make_office: Callable[..., PostOffice], sink: Sink
) -> None:
    sink.moods = ["dot:hold"]
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    first = office.write_to("a@customer.example")
    office.open(Dispatcher({"email": 1}).run)
    wait_for(lambda: sink.caught, what="the mail to be handed over")
    second = office.write_to("b@customer.example")
    assert office._loop
    assert office._context
    office._loop.call_soon_threadsafe(office._context.end)
    sink.go.set()
    office.shut()
    assert office.delivery(first).state == "wired"
    assert office.delivery(second).state == "queued"
    assert office.delivery(second).lease_owner is None


class Rude:
    """A channel whose adapter breaks the contract."""

    name = "email"

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.capabilities = inner.capabilities

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        raise ZeroDivisionError("a bug")

    async def close(self) -> None:
        await self._inner.close()


def test_an_adapter_that_breaks_the_contract_leaves_an_unknown(make_office: Callable[..., PostOffice]) -> None:
    office = make_office()
    object.__setattr__(office.service, "channels", Channels(Rude(office.service.channels["email"])))  # type: ignore[arg-type]
    number = office.write_to("kim@customer.example")
    office.open(Dispatcher().run)
    assert "ZeroDivisionError" in office.in_state(number, "unknown").reason


def test_a_database_that_fails_for_a_moment_loses_no_outcome(
    make_office: Callable[..., PostOffice], sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay has said yes while the database was away: it is written down when it is back."""
    sink.moods = ["dot:hold"]
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    number = office.write_to("kim@customer.example")
    office.open(Dispatcher().run)
    wait_for(lambda: sink.caught)
    failures = iter([OperationalError("x", {}, Exception("disk I/O error"))] * 3)
    real_settle = outbox.settle

    def settle(*args: Any) -> bool:
        if (failure := next(failures, None)) is not None:
            raise failure
        return real_settle(*args)

    monkeypatch.setattr(outbox, "settle", settle)
    sink.go.set()
    office.in_state(number, "wired")
    assert next(failures, None) is None
    assert len(sink.caught) == 1


def test_a_slow_relay_keeps_its_lease(
    make_office: Callable[..., PostOffice], sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handing over takes longer than a lease; another worker looks on and leaves it alone."""
    monkeypatch.setattr(rules, "LEASE", timedelta(seconds=5))
    sink.moods = ["dot:hold"]
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    number = office.write_to("kim@customer.example")
    office.open(Dispatcher().run)
    wait_for(lambda: sink.caught)
    first = office.delivery(number).lease_until
    assert first is not None
    while utcnow() < first + timedelta(seconds=1):
        with office.service.db.write() as session:  # what another worker does with leases that ran out
            assert outbox.recover(session, utcnow()) == 0
        assert office.delivery(number).state == "sending"
        time.sleep(0.05)
    sink.go.set()
    office.in_state(number, "wired")
    assert len(sink.caught) == 1


def test_a_loop_that_stood_still_past_the_cut_off_sends_once(
    make_office: Callable[..., PostOffice], sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the answer to RCPT in the turn that also ends its time: nothing has left, so the mail may go later."""
    monkeypatch.setattr(rules, "LEASE", timedelta(seconds=1))
    sink.moods = ["rcpt:hold"]
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    number = office.write_to("kim@customer.example")
    office.open(Dispatcher().run)
    wait_for(lambda: any(word.startswith("RCPT") for word in sink.said))
    thaw = office.freeze()
    until, answers = office.delivery(number).lease_until, len(sink.answered)
    assert until is not None
    sink.go.set()
    wait_for(lambda: len(sink.answered) > answers and utcnow() > until)
    thaw()
    office.in_state(number, "wired")
    assert office.delivery(number).attempts == 2
    assert [word for word in sink.said if word.startswith(("RCPT", "DATA"))] == [
        "RCPT TO:<kim@customer.example>"
    ] * 2 + ["DATA"]
    assert len(sink.caught) == 1


def test_dead_workers_leases_are_taken_over_at_once(make_office: Callable[..., PostOffice], sink: Sink) -> None:
    """Begun by a killed one: unknown. Claimed by a killed one: sent now, not when the lease ends."""
    import subprocess
    import sys

    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from contact import owner; print(owner.make())"
    root = str(Path(__file__).parents[1])
    dead = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=True).stdout.strip()
    begun, claimed = office.write_to("a@customer.example"), office.write_to("b@customer.example")
    with office.service.db.write() as session:
        assert sorted(outbox.claim(session, utcnow(), dead, ["email"])) == [begun, claimed]
        outbox.begin(session, utcnow(), begun, dead)
    office.open(Dispatcher().run)
    office.in_state(claimed, "wired")
    assert "stopped while" in office.in_state(begun, "unknown").reason
    assert len(sink.caught) == 1


@both
def test_two_workers_send_each_once(
    request: pytest.FixtureRequest, make_office: Callable[..., PostOffice], sink: Sink, db: object
) -> None:
    kind = "postgresql" if "postgresql" in request.node.name else "sqlite"
    office = make_office(kind, relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none", relay_connections=8)
    numbers = [office.write_to(f"c{n}@customer.example") for n in range(40)]
    office.open(Dispatcher().run, Dispatcher().run)
    for number in numbers:
        office.in_state(number, "wired")
    assert sorted(sink.ids()) == sorted(office.delivery(number).message_id for number in numbers)


def test_the_sandbox_catches_what_would_leave(office: PostOffice) -> None:
    number = office.write_to("kim@customer.example", bcc=(Party(AddressKind.EMAIL, "secret@customer.example"),))
    delivery = office.in_state(number, "wired")
    (mail,) = office.one(lambda session: caught.of_message(session, delivery.message_id))
    assert mail.recipients == ["kim@customer.example", "secret@customer.example"]
    assert mail.subject == "Hello"
    assert b"secret" not in office.caught(delivery.message_id)[0]
    with office.service.db.write() as session:
        caught.remove(session, mail.id)
    assert office.one(caught.count) == 0


def test_a_mail_to_ourselves_stays_in_the_sandbox(office: PostOffice) -> None:
    number = office.write_to(HELP)
    delivery = office.in_state(number, "wired")
    assert len(office.caught(delivery.message_id)) == 1
    office.post(letter("something else"))
    office.settled()
    assert len(office.received()) == 1


def test_no_sandbox_beside_a_relay(out: PostOffice) -> None:
    context: Any = out._context
    asyncio.run(asyncio.wait_for(sandbox.run(context), 5))  # returns at once


def test_dkim_signs_what_leaves(make_office: Callable[..., PostOffice], sink: Sink, tmp_path: Path) -> None:
    import dkim
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (tmp_path / "dkim.pem").write_bytes(pem)
    office = make_office(
        relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none",
        dkim_domain="shop.example", dkim_selector="s1", dkim_key=tmp_path / "dkim.pem",
    )  # fmt: skip
    number = office.write_to("kim@customer.example")
    office.open(Dispatcher().run)
    office.in_state(number, "wired")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    import base64

    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    assert dkim.verify(sink.caught[0].raw, dnsfunc=lambda *_args, **_more: record)


def test_bounce_of_ours_settles_the_delivery(make_office: Callable[..., PostOffice], sink: Sink) -> None:
    """The DSN comes to the signed return path, through the listener, and says which message failed."""
    office = make_office(relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none").open()
    number = office.write_to("gone@customer.example")
    office.in_state(number, "wired")
    office.post(dsn(sink.caught[0]), sender="", to=sink.caught[0].sender)
    office.settled()
    delivery = office.in_state(number, "bounced")
    assert (delivery.fault, delivery.code) == ("address_invalid", "5.1.1")
    assert office.received() == []  # never a customer's words
    office.post(dsn(sink.caught[0]), sender="", to=sink.caught[0].sender)
    office.settled()
    assert names(office, number).count("delivery.bounced") == 1


def dsn(copy: Copy) -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.customer.example\r\nTo: {copy.sender}\r\nSubject: Undelivered Mail\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user here.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.customer.example\r\n\r\n"
        "Final-Recipient: rfc822; gone@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"
    ).encode()
