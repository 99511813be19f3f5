"""Inboxes at different providers: each mail out by the relay of its own inbox, over real SMTP servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from flask import Flask
from flask_babel import Babel, force_locale
from mail_doubles import certificate
from people_kit import Browser, House, house
from post_office import PostOffice
from real import free_port, wait_for

from channels.dispatcher import Dispatcher
from channels.email import sandbox
from contact import conversation as conversations
from contact import directory, log, outbox
from contact import inbox as inboxes
from contact.db import utcnow
from contact.desk import health, relay_trial
from contact.desk.trial import Tried
from contact.inbox import Inbox
from contact.messages import AddressKind, Party
from contact.ops import doctor
from contact.ops.doctor import State
from contact.outbox import Words
from contact.relay import RelayAt
from contact.users import Role, audit
from contact.vault import Vault

HOUSE = Path(__file__).parents[1]
MAIL = {"name": "Sales", "address": "sales@north.example", "language": "ko", "receive": "listener"}


@dataclass
class Provider:
    """An SMTP server (aiosmtpd) with STARTTLS and one user, who may send from one domain alone."""

    user: str
    password: str
    domain: str
    paper: tuple[Path, Path]
    caught: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    """(sender's domain, recipients, TLS version)"""
    connections: int = 0
    port: int = 0
    lines: list[Any] = field(default_factory=list)
    """Transports of connections; aiosmtpd leaves them open when it stops."""

    def __post_init__(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.paper)
        self.port = free_port()
        self.controller = Controller(
            self, "127.0.0.1", self.port, tls_context=context, require_starttls=True,
            auth_required=True, authenticator=self.known,
        )  # fmt: skip

    def known(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert mechanism in ("PLAIN", "LOGIN")
        assert isinstance(given, LoginPassword)
        right = (given.login.decode(), given.password.decode()) == (self.user, self.password)
        return AuthResult(success=right, handled=False)

    async def handle_EHLO(self, server: Any, session: Any, _envelope: Any, name: str, answers: list[str]) -> list[str]:  # noqa: N802
        session.host_name = name
        self.connections += session.ssl is not None
        self.lines.append(server.transport)
        return answers

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, sender: str, _options: Any) -> str:  # noqa: N802
        if not sender.endswith(f"@{self.domain}"):
            return f"550 5.7.1 <{sender}> is not yours"
        envelope.mail_from = sender
        return "250 2.1.0 Ok"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        version = session.ssl["ssl_object"].version() if isinstance(session.ssl, dict) else str(session.ssl)
        self.caught.append((envelope.mail_from.partition("@")[2], tuple(envelope.rcpt_tos), version))
        return "250 2.0.0 Ok"

    async def hang_up(self) -> None:
        for line in self.lines:
            line.abort()
        await asyncio.sleep(0.01)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.hang_up(), self.controller.loop).result(10)
        self.controller.stop()

    def relay(self, **changes: Any) -> dict[str, Any]:
        return {"host": "localhost", "port": self.port, "tls": "starttls", "user": self.user, **changes}

    def form(self, **changes: Any) -> dict[str, Any]:
        given = {f"relay_{name}": str(value) for name, value in self.relay().items()}
        return MAIL | given | {"relay": "own", "relay_password": self.password, **changes}

    def at(self, **changes: Any) -> RelayAt:
        facts = {"host": "localhost", "port": self.port, "tls": "required", "user": self.user}
        return RelayAt(**(facts | {"password": self.password} | changes))


@pytest.fixture
def make_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Provider]]:
    """Providers whose certificates for localhost are trusted here."""
    paper = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(paper[0]))
    made: list[Provider] = []

    def make(user: str, password: str, domain: str) -> Provider:
        made.append(Provider(user, password, domain, paper))
        made[-1].controller.start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def north(make_provider: Callable[..., Provider]) -> Provider:
    return make_provider("sales@north.example", "비밀 north", "shop.example")


@pytest.fixture
def south(make_provider: Callable[..., Provider]) -> Provider:
    return make_provider("help@south.example", "south", "shop.example")


def give(office: PostOffice, number: int, relay: dict[str, Any] | None, password: str = "") -> None:
    """A relay of its own for an inbox, as its form does."""
    with office.service.db.write() as session:
        box = session.get_one(Inbox, number)
        box.settings = {**(box.settings or {}), "relay": relay} if relay else {}
        box.secrets = Vault.of(office.service.settings).seal_all({"relay_password": password})
        box.provider = f"{relay['host']}:{relay['port']}" if relay else "email"


def add(office: PostOffice, address: str) -> int:
    with office.service.db.write() as session:
        return inboxes.add(session, utcnow(), "email", address, address).id


def send(office: PostOffice, number: int, to: str) -> int:
    """A mail out of an inbox; the delivery's id."""
    with office.service.db.write() as session:
        log.lock(session)
        contact, address = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, to))
        box = session.get_one(Inbox, number)
        opened = conversations.open_for(
            session, utcnow(), contact_id=contact.id, inbox_id=number, channel="email", subject="Hello"
        )
        return outbox.put(
            session, utcnow(), conversation=opened, inbox=box, address=address, words=Words("Hello", subject="Hello"),
            can=office.service.channels["email"].capabilities, user_id=None, domain="shop.example",
        ).id  # fmt: skip


def test_each_inbox_by_its_own_relay_and_the_rest_by_the_house(
    make_office: Callable[..., PostOffice], make_provider: Callable[..., Provider], north: Provider, south: Provider
) -> None:
    house = make_provider("house", "house", "shop.example")
    url = f"smtp://house:house@localhost:{house.port}"
    office = make_office(relay_url=url, relay_tls="required").open(Dispatcher({"email": 4}).run)
    boxes = [1, add(office, "two@shop.example"), add(office, "three@shop.example")]
    give(office, boxes[0], north.relay(), north.password)
    give(office, boxes[1], south.relay(), south.password)
    sent = [send(office, box, f"kim{turn}-{box}@customer.example") for turn in range(3) for box in boxes]
    for number in sent:
        office.in_state(number, "wired")
    came = {box: provider.caught for box, provider in zip(boxes, (north, south, house), strict=True)}
    where = {box: sorted(recipients for _sender, recipients, _version in caught) for box, caught in came.items()}
    assert where == {box: [(f"kim{turn}-{box}@customer.example",) for turn in range(3)] for box in boxes}
    assert all(version.startswith("TLSv1") for caught in came.values() for _, _, version in caught), came
    give(office, boxes[0], None)
    office.in_state(send(office, boxes[0], "back@customer.example"), "wired")
    assert house.caught[-1][1] == ("back@customer.example",)


def test_without_any_relay_the_sandbox_catches_only_its_own(
    make_office: Callable[..., PostOffice], north: Provider
) -> None:
    office = make_office().open(Dispatcher().run, sandbox.run)
    other = add(office, "two@shop.example")
    give(office, other, north.relay(), north.password)
    ours, theirs = send(office, 1, "kim@customer.example"), send(office, other, "lee@customer.example")
    assert len(office.caught(office.in_state(ours, "wired").message_id)) == 1
    assert office.caught(office.in_state(theirs, "wired").message_id) == []
    assert [recipients for _, recipients, _ in north.caught] == [("lee@customer.example",)]


def test_a_new_password_counts_at_once_and_the_old_connections_go(
    make_office: Callable[..., PostOffice], north: Provider
) -> None:
    office = make_office().open(Dispatcher().run)
    give(office, 1, north.relay(), north.password)
    office.in_state(send(office, 1, "one@customer.example"), "wired")
    office.in_state(send(office, 1, "two@customer.example"), "wired")
    assert north.connections == 1
    north.password = "new"
    give(office, 1, north.relay(), "new")
    office.in_state(send(office, 1, "three@customer.example"), "wired")
    assert north.connections == 2
    adapter: Any = office.service.channels["email"]
    assert [target.password for target in adapter._ways._pools] == ["new"]


def test_a_relay_that_refuses_us_stops_its_own_inbox_alone(
    make_office: Callable[..., PostOffice], north: Provider, south: Provider
) -> None:
    office = make_office().open(Dispatcher().run)
    other = add(office, "two@shop.example")
    give(office, 1, north.relay(), "wrong")
    give(office, other, south.relay(), south.password)
    waits = send(office, 1, "kim@customer.example")
    wait_for(lambda: office.one(lambda session: session.get_one(Inbox, 1).state) == "paused", what="the pause")
    office.in_state(send(office, other, "lee@customer.example"), "wired")
    assert office.one(lambda session: session.get_one(Inbox, other).state) == "active"
    assert office.delivery(waits).state == "queued"
    with office.service.db.read() as session:
        first, second = health.all_(session, utcnow())
    assert first.ill
    assert "535" in first.delayed
    assert (second.relay, second.delayed, second.ill) == ("localhost", "", False)


def test_a_relay_that_says_nothing_holds_up_no_other(make_office: Callable[..., PostOffice], south: Provider) -> None:
    office = make_office()
    other = add(office, "two@shop.example")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        give(office, 1, {"host": "127.0.0.1", "port": silent.getsockname()[1], "tls": "none", "user": ""})
        give(office, other, south.relay(), south.password)
        stuck = [send(office, 1, f"kim{n}@customer.example") for n in range(12)]
        fine = [send(office, other, f"lee{n}@customer.example") for n in range(6)]
        office.open(Dispatcher({"email": 2}).run)
        for number in fine:
            office.in_state(number, "wired", 15)
        later = [send(office, other, f"han{n}@customer.example") for n in range(3)]  # while the other lane is full
        for number in later:
            office.in_state(number, "wired", 3)
        states = [office.delivery(number).state for number in stuck]
        assert sorted(states) == ["queued"] * 10 + ["sending"] * 2
    office.shut()


# -- the form ------------------------------------------------------------------------------------


@pytest.fixture
def lite(tmp_path: Path, _template: Path) -> Iterator[House]:
    made = house(tmp_path / "data", _template)
    yield made
    made.close()


@pytest.fixture
def boss(lite: House) -> Browser:
    browser, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
    browser.get("/me")
    return browser


def made(boss: Browser, given: dict[str, Any]) -> int:
    answer = boss.post("/desk/inboxes/new/email", given)
    assert answer.status_code == 303, unescape(answer.text)
    return int(answer.headers["Location"].split("/")[3].split("?")[0])


def box_of(home: House, number: int) -> Inbox:
    with home.db.read() as session:
        return inboxes.get(session, number)


def test_the_form_keeps_the_password_sealed_and_gives_it_to_no_other_server(
    lite: House, boss: Browser, south: Provider
) -> None:
    vault = Vault.of(lite.service.settings)
    secret = "s3cret south"
    number = made(boss, south.form(relay_password=secret))
    box = box_of(lite, number)
    assert box.settings["relay"] == south.relay()
    assert vault.open_all(box.secrets or "") == {"relay_password": secret}
    assert box.provider == "localhost"
    page = boss.get(f"/desk/inboxes/{number}").text
    assert secret not in page
    assert f'value="{south.port}"' in page
    with lite.db.read() as session:
        assert secret not in str([(row.before, row.after) for row in session.scalars(sa.select(audit.AuditRow))])

    assert boss.post(f"/desk/inboxes/{number}", south.form(relay_password="", name="New")).status_code == 303
    assert vault.open_all(box_of(lite, number).secrets or "") == {"relay_password": secret}
    for stolen in ({"relay_host": "evil.example"}, {"relay_user": "other"}, {"relay_port": "1"}, {"relay_tls": "none"}):
        answer = boss.post(f"/desk/inboxes/{number}", south.form(relay_password="", **stolen))
        assert answer.status_code == 400
        assert "Enter the password again" in answer.text
        tried = boss.post("/desk/inboxes/try/relay", south.form(relay_password="", inbox=number, **stolen))
        assert "Enter the password again" in tried.text
    boss.post(f"/desk/inboxes/{number}", MAIL | {"relay": "house"})
    box = box_of(lite, number)
    assert (box.secrets, box.provider, "relay" in box.settings) == (None, "email", False)
    number = made(boss, south.form(address="free@north.example", relay_user="", relay_password=""))
    assert box_of(lite, number).secrets is None


WRONG = [
    ("relay_host", "", "Enter the name of the mail server, like smtp"), ("relay_host", "a b", "Enter the name"),
    ("relay_port", "0", "A port is a number"), ("relay_port", "٣", "A port is a number"),
    ("relay_tls", "maybe", "Choose with or without TLS."), ("relay_user", "a\r\nb", "on one line"),
    ("relay_password", "", "Enter the password of this user."), ("relay_password", "a\r\nQUIT", "on one line"),
    ("relay_user", "", "belongs to the password"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "sentence"), WRONG)
def test_a_sentence_for_each_field(boss: Browser, south: Provider, field: str, value: str, sentence: str) -> None:
    answer = boss.post("/desk/inboxes/new/email", south.form(**{field: value}))
    assert answer.status_code == 400
    assert sentence in unescape(answer.text)
    told = boss.post("/desk/inboxes/try/relay", south.form(**{field: value}), headers={"Accept": "application/json"})
    assert sentence in told.json["message"]
    assert south.connections == 0


def test_trying_by_the_form(boss: Browser, south: Provider) -> None:
    asked = {"Accept": "application/json"}
    told = boss.post("/desk/inboxes/try/relay", south.form(address="sales@shop.example"), headers=asked).json
    assert told == {"good": True, "message": "It works: the server takes mail from us."}
    told = boss.post("/desk/inboxes/try/relay", south.form(), headers=asked).json
    assert not told["good"]
    assert told["message"].startswith("The server does not let us send as sales@north.example: 550 5.7.1")
    page = boss.post("/desk/inboxes/try/relay", south.form(address="sales@shop.example"))
    assert page.status_code == 200
    assert "It works" in page.text
    assert south.caught == []


def tried(at: RelayAt, language: str = "en", sender: str = "") -> Tried:
    app = Flask("trial")
    Babel(app, default_translation_directories=str(HOUSE / "templates/locale"))
    with app.test_request_context(), force_locale(language):
        return relay_trial.relay(at, sender)


def test_trying_says_what_is_wrong(north: Provider, south: Provider) -> None:
    assert tried(north.at()).good, "a password beyond ASCII"
    wrong = tried(north.at(password="wrong"))
    assert wrong.message.startswith("The server refuses the user or the password: 535")
    assert tried(south.at(password="wrong"), "ko").message.startswith("서버가 사용자나 비밀번호를 거절합니다: 535")
    assert "certificate is not trusted" in tried(south.at(host="127.0.0.1")).message
    assert "does not speak TLS" in tried(south.at(tls="implicit")).message
    assert "takes no sign-in" in tried(south.at(tls="none")).message
    port = free_port()
    assert tried(south.at(port=port)).message == f"Nobody listens on port {port} of localhost."


def test_a_server_that_offers_no_tls_gets_no_password() -> None:
    heard: list[bytes] = []

    class Plain:
        async def handle_EHLO(self, _s: Any, session: Any, _e: Any, name: str, answers: list[str]) -> list[str]:  # noqa: N802
            session.host_name = name
            heard.append(name.encode())
            return [*answers[:-1], "250-AUTH PLAIN LOGIN", answers[-1]]

    controller = Controller(Plain(), "127.0.0.1", free_port())
    controller.start()
    try:
        told = tried(RelayAt("127.0.0.1", controller.port, "required", "kim", "secret"))
        assert told.message.startswith("The server offers no STARTTLS on port")
        assert "STARTTLS를 제공하지 않습니다" in tried(RelayAt("127.0.0.1", controller.port, "required"), "ko").message
        assert tried(RelayAt("127.0.0.1", controller.port, "none")).good
    finally:
        controller.stop()
    assert heard


@pytest.mark.parametrize("said", [b"554 go away\r\n", b"HTTP/1.1 400 Bad\r\n\r\n", b"\xff\0\r\n", b""])
def test_a_server_that_is_no_relay(said: bytes) -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            line.sendall(said)
            line.close()

        thread = threading.Thread(target=answer)
        thread.start()
        told = tried(RelayAt("127.0.0.1", server.getsockname()[1], "none"))
        thread.join()
    assert not told.good
    assert told.message.isprintable()
    assert told.message


def test_the_doctor_asks_every_relay(make_office: Callable[..., PostOffice], north: Provider, south: Provider) -> None:
    office = make_office()
    two, three = add(office, "two@shop.example"), add(office, "three@shop.example")
    give(office, 1, north.relay(), north.password)
    give(office, two, south.relay(), "wrong-secret")
    give(office, three, south.relay(), "x")
    with office.service.db.write() as session:
        session.get_one(Inbox, three).secrets = "v1:of another house"
    found = {one.what: one for one in doctor.inbox_relays(office.service)}
    assert found["relay of inbox 1"] == doctor.fine("relay of inbox 1", f"localhost:{north.port} answers")
    assert found[f"relay of inbox {two}"].state is State.BAD
    assert "535" in found[f"relay of inbox {two}"].sentence
    assert "wrong-secret" not in found[f"relay of inbox {two}"].sentence
    assert "cannot be opened" in found[f"relay of inbox {three}"].sentence
