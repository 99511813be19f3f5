"""What every channel promises, tried on each one of `wsgi.channels()`: a new channel brings one `Case`."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from hylafax_double import Server as FaxServer
from PIL import Image
from printer_double import PASSWORD, USER, PrinterDouble
from real import SmtpSink, free_port, missing
from sqlalchemy import select
from twilio_double import OURS, SID, THEIRS, TOKEN, Twilio, incoming, signed

import wsgi
from channels.chat.visitor import Visitors
from channels.fax import cover, ghostscript, signing, tiff
from channels.post import ipp
from channels.sms import adapter as sms
from contact import cutoff
from contact import inbox as inboxes
from contact.channel import (
    Asks,
    Channel,
    ChannelError,
    Channels,
    Fetches,
    Forged,
    Looks,
    Plays,
    Receipts,
    Unreadable,
    Unsure,
)
from contact.db import utcnow
from contact.messages import AddressKind, DeliveryState, Envelope, Inbound, InboxFacts, Outbound, Party, Played, Receipt
from contact.raw import Raw
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

PUBLIC = "http://127.0.0.1:1"
KEY = "only-for-tests-" * 3
Said = tuple[bytes, Envelope]


@dataclass
class World:
    """The counterparts, started when somebody asks for one."""

    request: pytest.FixtureRequest

    @property
    def twilio(self) -> Twilio:
        return self.request.getfixturevalue("twilio")  # type: ignore[no-any-return]

    @property
    def smtp(self) -> SmtpSink:
        return self.request.getfixturevalue("smtp_sink")  # type: ignore[no-any-return]

    @property
    def fax(self) -> FaxServer:
        return self.request.getfixturevalue("fax_server")  # type: ignore[no-any-return]

    @property
    def printer(self) -> PrinterDouble:
        return self.request.getfixturevalue("printer_double")  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Case:
    """How one channel is tried.

    `mood` brings its counterpart to refuse for good (`permanent`), for now (`passing`) or to fall silent after it
    took a message (`silent`), and `handed` is what it was given; None = nobody else carries it. `said` is a message
    to us, as signed; None = nothing comes in this way. `forged` is the same by somebody else; None = anybody may
    speak. `garbage` must be unreadable. `sandbox`: it has one, so it comes first among the providers. `needs` skips
    where what messages are made with is not here.
    """

    to: Party
    box: Callable[[World], InboxFacts]
    too_long: int
    said: Callable[[], Said] | None
    garbage: Sequence[bytes]
    forged: Callable[[], Said] | None = None
    mood: Callable[[World, str], None] | None = None
    handed: Callable[[World], Sequence[object]] = lambda _world: ()
    sandbox: bool = True
    needs: Callable[[], None] = lambda: None

    @property
    def word(self) -> Said:
        """Something said to us, by whomever."""
        speaks = self.said or self.forged
        assert speaks is not None
        return speaks()


# -- chat -----------------------------------------------------------------------------------------


def _chat_said(token: str = "") -> Said:
    token = token or Visitors(KEY.encode()).token("visitor-0000000001", 7)
    raw = b'{"token": "%s", "id": "m-0000000001", "text": "hello"}' % token.encode()
    return raw, Envelope("chat", 7, "widget", "socket")


CHAT = Case(
    to=Party(AddressKind.VISITOR, "visitor-0000000001"),
    box=lambda _world: InboxFacts(7, "chat", "chat", "widget", "Chat"),
    too_long=100_000,
    said=_chat_said,
    forged=lambda: _chat_said("nobody.signed.this"),
    garbage=[b"", b"{", b"[]", b'{"token": 1}', b"\xff\x00"],
    sandbox=False,
)


# -- e-mail ---------------------------------------------------------------------------------------


def _mail_box(world: World) -> InboxFacts:
    relay = {"host": "127.0.0.1", "port": world.smtp.port, "tls": "none"}
    return InboxFacts(1, "email", "email", "help@shop.example", "Help", settings={"relay": relay})


def _mail_mood(world: World, what: str) -> None:
    moods = {"permanent": "rcpt:550 5.1.1 no such user", "passing": "data:451 4.3.0 later", "silent": "drop"}
    world.smtp.moods.append(moods[what])


EMAIL = Case(
    to=Party(AddressKind.EMAIL, "kim@customer.example"),
    box=_mail_box,
    too_long=1_700_000,
    said=lambda: (
        b"From: kim@customer.example\r\nMessage-ID: <1@customer.example>\r\nSubject: Hi\r\n\r\nHello\r\n",
        Envelope("email", 1, "help@shop.example", "smtp", "kim@customer.example", ("help@shop.example",)),
    ),
    garbage=[b""],
    mood=_mail_mood,
    handed=lambda world: world.smtp.caught,
    sandbox=False,
)


# -- sms ------------------------------------------------------------------------------------------


def _sms_box(world: World) -> InboxFacts:
    given = {"account_sid": SID, "base_url": world.twilio.url}
    return InboxFacts(3, "sms", "twilio", OURS, "Text", settings=given, secrets={"auth_token": TOKEN})


def _sms_said(key: str = TOKEN) -> Said:
    url, fields = f"{PUBLIC}/hooks/sms/3", incoming(MessageSid="SM" + "0" * 32)
    headers = {"url": url, "what": "", "content-type": "application/x-www-form-urlencoded",
               "x-twilio-signature": signed(url, fields, key)}  # fmt: skip
    return urlencode(fields).encode(), Envelope("sms", 3, OURS, "webhook", headers=headers)


def _sms_mood(world: World, what: str) -> None:
    world.twilio.moods[THEIRS] = {"permanent": "21211", "passing": "20429", "silent": "drop"}[what]


SMS = Case(
    to=Party(AddressKind.TEL, THEIRS),
    box=_sms_box,
    too_long=1601,
    said=_sms_said,
    forged=lambda: _sms_said("wrong"),
    garbage=[b"", b"\xff\xfe", b"{}", b"a=1", b"MessageSid=", b"[" * 5000],
    mood=_sms_mood,
    handed=lambda world: world.twilio.asked,
)


# -- fax ------------------------------------------------------------------------------------------

FAX_SECRET, FAX_PASSWORD, FAX_OURS = "hook-secret", "fax-password", "+82210001000"


def _fax_needs() -> None:
    if ghostscript.found() is None or not cover.installed():
        missing("Ghostscript with a Korean font", "apt-get install ghostscript fonts-nanum")


def _fax_box(world: World) -> InboxFacts:
    server = world.fax
    server.moods["USER"] = ["331 Password required."]
    secrets = {"hook_secret": FAX_SECRET, "password": FAX_PASSWORD}
    given = {"host": "127.0.0.1", "port": server.port}
    return InboxFacts(3, "fax", "hylafax", FAX_OURS, "Fax", settings=given, secrets=secrets)


def _fax_said(key: str = FAX_SECRET) -> Said:
    page = tiff.one(Image.new("1", (tiff.WIDTH, tiff.HEIGHT), 1))
    raw = b"file: recvq/fax000000007.tif\nnumber: 021234567\ncommid: 000000012\n\n" + page
    url = f"{PUBLIC}/hooks/fax/3/received"
    headers = {"url": url, "what": "received", signing.HEADER.lower(): signing.sign(key, int(time.time()), url, raw)}
    return raw, Envelope("fax", 3, FAX_OURS, "webhook", headers=headers)


def _fax_mood(world: World, what: str) -> None:
    moods = {
        "permanent": {"JPARM DIALSTRING": ["504 Bad number."]},
        "passing": {"JNEW": ["500 Cannot create job."]},
        "silent": {"JSUBM": ["drop"]},
    }
    world.fax.moods |= moods[what]


FAX = Case(
    to=Party(AddressKind.FAX, "+8221234567"),
    box=_fax_box,
    too_long=300_000,  # more than its 100 pages
    said=_fax_said,
    forged=lambda: _fax_said("wrong"),
    garbage=[b"", b"\xff\xfe", b"number: 1", b"\n\nII*\0", b"number: 1\n\n", b"a: b\n" * 5000 + b"\nII*\0"],
    mood=_fax_mood,
    handed=lambda world: [line for line in world.fax.heard if line.startswith("JSUBM")],
    needs=_fax_needs,
)


# -- post -----------------------------------------------------------------------------------------

OFFICE = "04524 서울특별시 중구 세종대로 110"


def _post_box(world: World) -> InboxFacts:
    given = {"printer_uri": world.printer.uri, "printer_user": USER}
    return InboxFacts(3, "post", "ipp", OFFICE, "Post", settings=given, secrets={"printer_password": PASSWORD})


def _post_mood(world: World, what: str) -> None:
    # client-error-document-format-not-supported, server-error-busy
    moods: dict[str, int | str] = {"permanent": 0x040A, "passing": 0x0507, "silent": "drop"}
    world.printer.moods.append(moods[what])


POST = Case(
    to=Party(AddressKind.POST, "06236 서울특별시 강남구 테헤란로 152 (역삼동) | 김하나"),
    box=_post_box,
    too_long=30_001,
    said=None,
    forged=lambda: (b"hello", Envelope("post", 3, OFFICE, "webhook", headers={"url": f"{PUBLIC}/hooks/post/3"})),
    garbage=[b"", b"\xff\xfe", b"hello", b"%PDF-1.7"],
    mood=_post_mood,
    handed=lambda world: world.printer.printed,
)

CASES = {"chat": CHAT, "email": EMAIL, "sms": SMS, "fax": FAX, "post": POST}

# -------------------------------------------------------------------------------------------------


def settings_of(home: Path) -> Settings:
    return Settings(  # type: ignore[call-arg]
        _env_file=None, data_dir=home, secret_key=KEY, files_limit_mb=1, listen=("127.0.0.1", 1),
        sandbox_listen=("127.0.0.1", 0),
    )  # fmt: skip


def registered() -> Channels:
    return wsgi.channels(settings_of(Path("/nowhere")))


def only(fits: Callable[[Case], bool]) -> pytest.MarkDecorator:
    """For the channels whose case is so."""
    return pytest.mark.parametrize("name", [one.name for one in registered() if fits(CASES[one.name])])


@pytest.fixture(params=[channel.name for channel in registered()])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def channel(name: str) -> Channel:
    return registered()[name]


@pytest.fixture
def case(name: str) -> Case:
    assert name in CASES, "a channel without a case: add one above"
    return CASES[name]


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    return World(request)


@pytest.fixture
def fax_server() -> Iterator[FaxServer]:
    with FaxServer().running() as one:
        yield one


@pytest.fixture
def printer_double() -> Iterator[PrinterDouble]:
    with PrinterDouble().running() as one:
        yield one


def outbound(case: Case, text: str = "안녕하세요", **more: Any) -> Outbound:
    return Outbound(17, 5, "m17@shop.example", case.to, text, **{"subject": "Hello", "created_at": utcnow(), **more})


def send(channel: Channel, case: Case, box: InboxFacts) -> Receipt:
    case.needs()

    async def run() -> Receipt:
        try:
            return await channel.send(outbound(case), box)
        finally:
            await channel.close()

    return asyncio.run(run())


def without_secrets(box: InboxFacts) -> InboxFacts:
    return replace(box, secrets={})


def test_capabilities_are_sane(channel: Channel, case: Case) -> None:
    can = channel.capabilities
    assert can.address is case.to.kind
    assert can.max_text > 0
    assert can.max_attachment_bytes > 0
    assert can.encodings
    assert can.batch >= 1
    assert all(count > 0 and window.total_seconds() > 0 for count, window in can.pace)
    assert isinstance(channel, Asks) == (can.receipts is Receipts.ASKED)
    assert can.hook is None or (can.hook.limit > 0 and case.forged is not None), "who hears the world checks who speaks"
    assert inspect.iscoroutinefunction(channel.send)


def test_providers_are_named_and_the_sandbox_comes_first(channel: Channel, case: Case) -> None:
    names = [one.name for one in channel.providers]
    assert names
    assert len(set(names)) == len(names)
    assert (names[0] == "sandbox") is case.sandbox
    for provider in channel.providers:
        fields = [one.name for one in provider.settings]
        assert len(set(fields)) == len(fields)
        assert all(one.label for one in provider.settings)
        assert all(bool(one.choices) == (one.kind == "choice") for one in provider.settings)


def test_secrets_know_their_place(channel: Channel) -> None:
    """Whoever moves it enters them anew. A sandbox sends them nowhere."""
    for provider in channel.providers:
        if provider.name != "sandbox" and any(one.kind == "secret" for one in provider.settings):
            assert any(one.where for one in provider.settings)


@only(lambda case: case.sandbox)  # mail's sandbox is a server of its own; a chat leaves by our own sockets
def test_the_sandbox_takes_everything_and_shows_it(channel: Channel, case: Case, world: World) -> None:
    box = replace(case.box(world), provider="sandbox", secrets={})
    receipt = send(channel, case, box)
    assert receipt.delivery_id == 17
    assert receipt.state is DeliveryState.WIRED
    assert receipt.caught is not None
    assert receipt.caught.channel == channel.name
    assert receipt.caught.message_id == "m17@shop.example"


def test_a_message_is_handed_over(channel: Channel, case: Case, world: World) -> None:
    receipt = send(channel, case, case.box(world))
    assert receipt.delivery_id == 17
    assert receipt.state is DeliveryState.WIRED


@pytest.mark.parametrize("what", ["permanent", "passing"])
@only(lambda case: case.mood is not None)  # somebody else carries it
def test_a_refusal_says_whether_trying_again_can_help(channel: Channel, case: Case, world: World, what: str) -> None:
    assert case.mood is not None
    box = case.box(world)
    case.mood(world, what)
    with pytest.raises(ChannelError) as raised:
        send(channel, case, box)
    assert raised.value.retryable is (what == "passing")
    assert raised.value.reason
    assert raised.value.exchange
    assert not [one for one in box.secrets.values() if one in str(raised.value.exchange)]


@only(lambda case: case.mood is not None)  # somebody else carries it
def test_silence_after_it_was_handed_over_is_not_known(channel: Channel, case: Case, world: World) -> None:
    assert case.mood is not None
    box = case.box(world)
    case.mood(world, "silent")
    with pytest.raises(Unsure) as raised:
        send(channel, case, box)
    assert raised.value.reason


@only(lambda case: case.mood is not None)  # somebody else carries it
def test_who_is_cut_off_at_the_last_moment_hands_nothing_over(
    channel: Channel, case: Case, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = case.box(world)
    monkeypatch.setattr(cutoff, "check", Mock(side_effect=cutoff.TooLate))
    with pytest.raises(cutoff.TooLate):
        send(channel, case, box)
    assert not case.handed(world)
    monkeypatch.undo()
    send(channel, case, box)
    assert len(case.handed(world)) == 1


@only(lambda case: case.mood is not None)  # somebody else carries it
def test_nobody_there_is_a_passing_failure(channel: Channel, case: Case, world: World) -> None:
    box, nobody = case.box(world), free_port()
    given = dict(box.settings)
    given |= {"base_url": f"http://127.0.0.1:{nobody}", "relay": {"host": "127.0.0.1", "port": nobody, "tls": "none"}}
    given |= {"port": nobody, "printer_uri": f"ipp://127.0.0.1:{nobody}/ipp/print"}
    with pytest.raises(ChannelError) as raised:
        send(channel, case, replace(box, settings=given))
    assert raised.value.retryable


@only(lambda case: case.said is not None)  # something comes in this way
def test_a_message_is_read_the_same_however_often(channel: Channel, case: Case, world: World) -> None:
    assert case.said is not None
    raw, envelope = case.said()
    box = case.box(world)
    channel.verify(raw, envelope, box)
    (first,) = channel.parse(raw, envelope, without_secrets(box))
    (second,) = channel.parse(raw, replace(envelope, received_at=utcnow()), without_secrets(box))
    assert isinstance(first, Inbound)
    assert isinstance(second, Inbound)
    assert first.channel == channel.name
    assert first.key
    assert (first.key, first.fingerprint) == (second.key, second.fingerprint)
    assert len(first.key) <= 120
    assert len(first.fingerprint) <= 64
    assert first.sender.kind is case.to.kind


@only(lambda case: case.forged is not None)  # not anybody may speak
def test_what_is_forged_is_forged(channel: Channel, case: Case, world: World) -> None:
    assert case.forged is not None
    raw, envelope = case.forged()
    with pytest.raises(Forged) as raised:
        channel.verify(raw, envelope, case.box(world))
    assert str(raised.value)
    with pytest.raises(Forged):
        channel.verify(b"", replace(envelope, headers={}), case.box(world))


def test_garbage_is_unreadable_and_nothing_else(channel: Channel, case: Case, world: World) -> None:
    _, envelope = case.word
    for raw in case.garbage:
        with pytest.raises(Unreadable) as raised:
            channel.parse(raw, envelope, without_secrets(case.box(world)))
        assert str(raised.value), raw[:40]


@pytest.mark.parametrize("name", [one.name for one in registered() if isinstance(one, Plays)])
def test_a_played_customer_comes_in_like_a_real_one(channel: Channel, case: Case, world: World) -> None:
    case.needs()
    box = replace(case.box(world), provider=channel.providers[0].name, settings={}, secrets={})
    assert isinstance(channel, Plays)
    assert channel.plays(box)
    said = Played(case.to, "언제 도착하나요?")
    keys = set()
    for _ in range(2):
        (inbound,) = channel.parse(*channel.play(said, box), box)
        assert isinstance(inbound, Inbound)
        assert (inbound.sender.kind, inbound.sender.value) == (case.to.kind, case.to.value)
        assert inbound.text == said.text or inbound.files
        keys.add(inbound.key)
    assert len(keys) == 2, "each is a message of its own"


@only(lambda case: case.mood is not None)
def test_who_speaks_to_the_world_is_not_played(channel: Channel, case: Case, world: World) -> None:
    assert not isinstance(channel, Plays) or not channel.plays(case.box(world))


def test_what_is_too_long_is_refused_before_it_leaves(channel: Channel, case: Case, world: World) -> None:
    box = case.box(world)
    assert channel.preview(outbound(case), box).problems == ()
    shown = channel.preview(outbound(case, "a" * case.too_long), box)
    assert shown.problems
    assert all(at >= 0 and reason for at, reason in shown.problems)


def test_optional_deeds_are_coroutines(channel: Channel) -> None:
    for kind, deed in ((Asks, "ask"), (Looks, "look_up"), (Fetches, "fetch")):
        if isinstance(channel, kind):
            assert inspect.iscoroutinefunction(getattr(channel, deed))


# -- over the door ---------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path, _template: Path) -> Iterator[Service]:
    shutil.copy(_template, tmp_path / "hanmaru.db")
    one = Service.of(settings_of(tmp_path), wsgi.channels(settings_of(tmp_path)))
    yield one
    one.close()


def test_an_unknown_inbox_hears_nothing(name: str, channel: Channel, case: Case, service: Service) -> None:
    """Not there, or another channel's: nothing is kept either way."""
    app = wsgi.create_app(service=service)
    other = next(one for one in ("email", "sms") if one != name)
    with service.db.write() as session:
        box = inboxes.add(session, utcnow(), other, "+8225551234" if other == "sms" else "other@shop.example", "Other")
    raw, _ = case.word
    for number in (999, box.id):
        assert app.test_client().post(f"/hooks/{name}/{number}", data=raw).status_code == 404


@pytest.mark.parametrize("name", [one.name for one in registered() if one.capabilities.hook])
def test_what_is_forged_is_not_kept(name: str, channel: Channel, case: Case, service: Service, world: World) -> None:
    hook = channel.capabilities.hook
    assert hook is not None
    app = wsgi.create_app(service=service)
    facts = case.box(world)
    with service.db.write() as session:
        box = inboxes.add(session, utcnow(), name, facts.address, "Ours", provider=facts.provider)
        box.settings, box.secrets = dict(facts.settings), Vault.of(service.settings).seal_all(dict(facts.secrets))
    assert case.forged is not None
    raw, envelope = case.forged()
    kept = {one: envelope.headers[one.lower()] for one in hook.headers if one.lower() in envelope.headers}
    headers = {"Content-Type": envelope.headers.get("content-type", ""), **kept}
    answer = app.test_client().post(f"/hooks/{name}/{box.id}", data=raw, headers=headers)
    assert answer.status_code == 403
    with service.db.read() as session:
        assert session.scalars(select(Raw.id)).all() == []


@pytest.mark.parametrize("patience", [sms.TIMEOUT, ipp.ANSWER], ids=["sms", "post"])
def test_our_patience_is_shorter_than_a_lease(patience: float) -> None:
    """Else a slow answer becomes `unknown` by the dispatcher, without the exchange that says why."""
    from contact.outbox.delivery import LEASE

    assert LEASE.total_seconds() * 0.9 > patience
