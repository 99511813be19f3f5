"""The relay: one mail over real SMTP, and the exact moment from which nobody can know."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mail_doubles import Sink, certificate

from channels.email.compose import Mailing
from channels.email.handover import Handed
from channels.email.relay import Relay, Target
from channels.email.status import meaning
from contact.channel import ChannelError, Unsure
from contact.messages import Fault, Who

RAW = b"From: help@shop.example\r\nMessage-ID: <1@shop.example>\r\n\r\nhello\r\n.dot\r\n"
LARGE = b"Message-ID: <big@x>\r\n\r\n" + (b"." + b"x" * 74 + b"\r\n") * 200_000
TO = Mailing("bounces+d1@shop.example", ("kim@customer.example",), False)
CC = Mailing("bounces+d1@shop.example", ("kim@customer.example", "cc@customer.example"), False)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink().running() as sink:
        yield sink


def send(sink: Sink, *mailings: Mailing, raw: bytes = RAW, **target: Any) -> list[Handed | Exception]:
    """Mails one after the other over one relay."""

    async def run() -> list[Handed | Exception]:
        relay = Relay(Target(**{"host": "127.0.0.1", "port": sink.port, "tls": "none", "connections": 1, **target}))
        told: list[Handed | Exception] = []
        for mailing in mailings:
            try:
                told.append(await relay.send(mailing, raw))
            except (ChannelError, Unsure) as error:
                told.append(error)
        await relay.close()
        return told

    return asyncio.run(run())


def test_bytes_and_envelope_arrive_as_they_are(sink: Sink) -> None:
    (handed,) = send(sink, CC)
    assert isinstance(handed, Handed)
    assert sink.caught[0].raw == RAW
    assert sink.caught[0].sender == TO.sender
    assert sink.caught[0].recipients == CC.recipients
    assert f"SIZE={len(RAW)}" in sink.caught[0].options
    assert handed.exchange["answers"][-1] == ". 250 2.0.0 queued"
    assert "hello" not in str(handed.exchange)


def test_one_connection_for_many_mails(sink: Sink) -> None:
    told = send(sink, *[TO] * 12)
    assert all(isinstance(one, Handed) for one in told)
    assert (sink.connections, len(sink.caught)) == (1, 12)


def test_never_more_connections_than_allowed(sink: Sink) -> None:
    sink.delay = 0.02

    async def run() -> None:
        relay = Relay(Target("127.0.0.1", sink.port, tls="none", connections=3))
        await asyncio.gather(*(relay.send(TO, RAW) for _ in range(15)))
        await relay.close()

    asyncio.run(run())
    assert sink.most == 3
    assert len(sink.caught) == 15


@pytest.mark.parametrize("stage", ["greet", "helo", "mail", "rcpt", "data", "text"])
def test_lost_before_the_dot_is_not_sent_and_can_be_tried_again(sink: Sink, stage: str) -> None:
    sink.moods = [f"{stage}:drop"]
    (error,) = send(sink, TO, raw=LARGE if stage == "text" else RAW)
    assert isinstance(error, ChannelError)
    assert error.retryable
    assert error.fault in (Fault.PROVIDER_DOWN, Fault.TIMEOUT)
    assert sink.caught == []


def test_lost_after_the_dot_nobody_knows(sink: Sink) -> None:
    sink.moods = ["dot:drop"]
    (error,) = send(sink, TO)
    assert isinstance(error, Unsure)
    assert len(sink.caught) == 1  # it had been taken: sending it again would have doubled it


def test_no_answer_to_the_dot_in_time_nobody_knows(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    from channels.email import handover

    monkeypatch.setattr(handover, "ANSWER_WAIT", 0.3)
    sink.moods = ["dot:hold"]
    (error,) = send(sink, TO)
    assert isinstance(error, Unsure)


def test_a_stale_connection_is_replaced_and_the_mail_sent_once(sink: Sink) -> None:
    told = []

    async def run() -> None:
        relay = Relay(Target("127.0.0.1", sink.port, tls="none", connections=1))
        told.append(await relay.send(TO, RAW))
        sink.moods = ["mail:drop"]  # as a server does that has closed an idle connection
        told.append(await relay.send(TO, RAW))
        await relay.close()

    asyncio.run(run())
    assert len(told) == len(sink.caught) == 2
    assert sink.connections == 2


def test_a_connection_that_rested_is_asked_first(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    from channels.email import relay

    monkeypatch.setattr(relay, "FRESH", 0.0)
    send(sink, TO, TO)
    assert "NOOP" in sink.said
    assert sink.connections == 1
    sink.moods = ["noop:drop"]
    assert all(isinstance(one, Handed) for one in send(sink, TO, TO))
    assert sink.connections == 3
    monkeypatch.setattr(relay, "REST", 0.0)
    send(sink, TO, TO)
    assert sink.connections == 5


@pytest.mark.parametrize(
    ("mood", "fault", "who", "again", "code"),
    [
        ("greet:421 4.3.2 too busy", Fault.PROVIDER_DOWN, Who.PROVIDER, True, "421 4.3.2"),
        ("greet:554 5.7.1 go away", Fault.CONFIG, Who.US, False, "554 5.7.1"),
        ("mail:451 4.7.1 greylisted", Fault.RATE_LIMITED, Who.PROVIDER, True, "451 4.7.1"),
        ("mail:550 5.1.8 bad sender", Fault.CONFIG, Who.US, False, "550 5.1.8"),
        ("mail:553 sender refused", Fault.CONFIG, Who.US, False, "553"),
        ("mail:530 5.7.0 sign in first", Fault.AUTH, Who.US, False, "530 5.7.0"),
        ("rcpt:550 5.1.1 no such user", Fault.ADDRESS_INVALID, Who.CONTACT, False, "550 5.1.1"),
        ("rcpt:450 4.2.0 later", Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True, "450 4.2.0"),
        ("rcpt:452 4.2.2 mailbox full", Fault.QUOTA, Who.CONTACT, True, "452 4.2.2"),
        ("rcpt:550 mailbox is full", Fault.QUOTA, Who.CONTACT, False, "550"),
        ("rcpt:550 5.7.26 DMARC", Fault.CONTENT_REJECTED, Who.US, False, "550 5.7.26"),
        ("rcpt:421 shutting down", Fault.PROVIDER_DOWN, Who.PROVIDER, True, "421"),
        ("data:451 4.3.0 disk", Fault.PROVIDER_DOWN, Who.PROVIDER, True, "451 4.3.0"),
        ("dot:554 5.7.1 spam", Fault.CONTENT_REJECTED, Who.US, False, "554 5.7.1"),
        ("dot:452 4.3.1 no space", Fault.PROVIDER_DOWN, Who.PROVIDER, True, "452 4.3.1"),
        ("dot:552 5.3.4 too big", Fault.TOO_LONG, Who.US, False, "552 5.3.4"),
    ],
)
def test_every_no_says_who_can_act(sink: Sink, mood: str, fault: Fault, who: Who, again: bool, code: str) -> None:
    sink.moods = [mood]
    error, after = send(sink, TO, TO)
    assert isinstance(error, ChannelError)
    assert (error.fault, error.who, error.retryable, error.code) == (fault, who, again, code)
    assert mood.partition(":")[2] in error.reason
    assert isinstance(after, Handed)  # the next mail is not harmed
    assert len(sink.caught) == 1


def test_a_refused_cc_is_told_and_the_rest_is_sent(sink: Sink) -> None:
    sink.moods = ["rcpt:250 ok", "rcpt:550 5.1.1 unknown"]
    (handed,) = send(sink, CC)
    assert isinstance(handed, Handed)
    assert handed.refused == (("cc@customer.example", "550 5.1.1 unknown"),)
    assert sink.caught[0].recipients == ("kim@customer.example",)


def test_the_one_it_is_for_refused_means_nothing_is_sent(sink: Sink) -> None:
    sink.moods = ["rcpt:550 5.1.1 unknown"]
    error, after = send(sink, CC, TO)
    assert isinstance(error, ChannelError)
    assert isinstance(after, Handed)
    assert [copy.recipients for copy in sink.caught] == [TO.recipients]


def test_no_server_at_all(sink: Sink) -> None:
    async def run() -> None:
        await Relay(Target("127.0.0.1", 1, tls="none")).send(TO, RAW)

    with pytest.raises(ChannelError) as told:
        asyncio.run(run())
    assert told.value.retryable


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sink]]:
    """Sinks that offer STARTTLS with a certificate for localhost; `trusted` puts it among the system's."""
    running = []

    def make(trusted: bool) -> Sink:
        cert, key = certificate(tmp_path, "localhost")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        manager = Sink(tls=context).running()
        running.append(manager)
        return manager.__enter__()

    yield make
    for manager in running:
        manager.__exit__(None, None, None)


def test_tls_policies(secure: Callable[..., Sink], sink: Sink) -> None:
    trusted = secure(True)
    for policy, version in (("required", "TLSv1.3"), ("opportunistic", "TLSv1.3"), ("none", "none")):
        (handed,) = send(trusted, TO, tls=policy, host="localhost")
        assert isinstance(handed, Handed)
        assert handed.exchange["tls"] == version
    (refused,) = send(sink, TO, tls="required")
    assert isinstance(refused, ChannelError)
    assert refused.fault is Fault.CONFIG
    assert not refused.retryable
    (clear,) = send(sink, TO, tls="opportunistic")
    assert isinstance(clear, Handed)
    assert clear.exchange["tls"] == "none"


def test_required_tls_trusts_no_stranger(secure: Callable[..., Sink]) -> None:
    sink = secure(False)
    (refused,) = send(sink, TO, tls="required", host="localhost")
    assert isinstance(refused, ChannelError)
    assert "certificate" in refused.reason
    assert sink.caught == []
    (handed,) = send(sink, TO, tls="opportunistic")  # encrypted to a stranger beats clear text
    assert isinstance(handed, Handed)


def test_sign_in(secure: Callable[..., Sink], sink: Sink) -> None:
    locked = secure(True)
    locked.login = ("user", "right")
    (handed,) = send(locked, TO, tls="opportunistic", user="user", password="right")
    assert isinstance(handed, Handed)
    (refused,) = send(locked, TO, tls="opportunistic", user="user", password="wrong-secret")
    assert isinstance(refused, ChannelError)
    assert (refused.fault, refused.who, refused.retryable) == (Fault.AUTH, Who.US, False)
    assert "wrong-secret" not in refused.reason + str(refused.exchange)
    locked.moods = ["auth:454 4.7.0 try later"]
    (later,) = send(locked, TO, tls="opportunistic", user="user", password="right")
    assert isinstance(later, ChannelError)
    assert later.retryable
    sink.login = ("user", "right")
    (clear,) = send(sink, TO, tls="opportunistic", user="user", password="right")
    assert isinstance(clear, ChannelError)
    assert "in the clear" in clear.reason
    assert not any(word.startswith("AUTH") for word in sink.said)


def test_what_the_server_cannot_carry_is_refused_here(sink: Sink) -> None:
    sink.extensions = ["SIZE 40"]
    (large,) = send(sink, TO)
    assert isinstance(large, ChannelError)
    assert large.fault is Fault.TOO_LONG
    sink.extensions = []
    (foreign,) = send(sink, Mailing(TO.sender, ("김@customer.example",), True))
    assert isinstance(foreign, ChannelError)
    assert foreign.code == "5.6.7"
    sink.extensions = ["SMTPUTF8", "8BITMIME"]
    (handed,) = send(
        sink, Mailing(TO.sender, ("김@customer.example",), True), raw="Subject: 안녕\r\n\r\nx\r\n".encode()
    )
    assert isinstance(handed, Handed)
    assert sink.caught[0].options == "BODY=8BITMIME SMTPUTF8"


def test_large_mail_leaves_in_blocks(sink: Sink) -> None:
    (handed,) = send(sink, TO, raw=LARGE)
    assert isinstance(handed, Handed)
    assert sink.caught[0].raw == LARGE


def test_meanings_are_total() -> None:
    """Every code a server may invent means something."""
    for reply in range(200, 600):
        for words in ("", "5.9.9 odd", "4.999.999 x", "9.1.1 x", "ok"):
            told = meaning(reply, words)
            assert told.passing is (400 <= reply < 500)
            assert isinstance(told.fault, Fault)
