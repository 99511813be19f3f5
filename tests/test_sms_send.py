"""Messages out: a table of cases, each handed to Twilio's double behind Twilio's own OpenAPI."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from real import free_port
from twilio_double import JPEG, OURS, SID, THEIRS, TOKEN, Prism, Twilio

from channels.sms import adapter as module
from channels.sms.adapter import Sms
from channels.sms.pictures import Pictures, reachable
from contact.channel import ChannelError, Looks, Unsure
from contact.messages import AddressKind, DeliveryState, Fault, File, InboxFacts, Outbound, Party, Receipt, Who

KEY = b"only-for-tests"
PUBLIC = "http://127.0.0.1:1"


def box(url: str, **settings: Any) -> InboxFacts:
    given = {"account_sid": SID, "base_url": url, **settings}
    return InboxFacts(3, "sms", "twilio", OURS, "Shop", settings=given, secrets={"auth_token": TOKEN})


def message(text: str = "안녕하세요", to: str = THEIRS, number: int = 17, files: tuple[File, ...] = ()) -> Outbound:
    return Outbound(number, 5, f"m{number}@shop.example", Party(AddressKind.TEL, to), text, files=files)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def sent(adapter: Sms, what: Outbound, inbox: InboxFacts) -> Receipt:
    try:
        return await adapter.send(what, inbox)
    finally:
        await adapter.close()


@dataclass(frozen=True)
class Case:
    """What the double does, and what must come of it."""

    mood: str = ""
    error: type[Exception] | None = None
    fault: Fault | None = None
    who: Who | None = None
    retryable: bool = False
    code: str = ""
    after: float | None = None
    made: int = 0
    """Messages Twilio has then: a try that is repeated must not find one there."""


CASES = {
    "taken": Case(made=1),
    "opted out": Case("21610", ChannelError, Fault.OPTED_OUT, Who.CONTACT, code="21610"),
    "no such number": Case("21211", ChannelError, Fault.ADDRESS_INVALID, Who.CONTACT, code="21211"),
    "our sender is wrong": Case("21606", ChannelError, Fault.CONFIG, Who.US, code="21606"),
    "a country is closed": Case("21408", ChannelError, Fault.OTHER, Who.US, code="21408"),
    "too fast": Case("20429", ChannelError, Fault.RATE_LIMITED, Who.PROVIDER, True, "20429", 7.0),
    "out of service": Case("20503", ChannelError, Fault.PROVIDER_DOWN, Who.PROVIDER, True, "20503"),
    "broken down": Case("20500", Unsure),
    "a gateway's page": Case("502", Unsure),
}


@pytest.mark.parametrize("name", CASES)
def test_out(prism: Prism, name: str) -> None:
    case, adapter = CASES[name], Sms(PUBLIC, KEY)
    prism.double.moods[THEIRS] = case.mood
    if case.error is None:
        receipt = run(sent(adapter, message(), box(prism.url)))
        (made,) = prism.double.messages
        assert (receipt.state, receipt.provider_ref, receipt.delivery_id) == (DeliveryState.WIRED, made["sid"], 17)
        exchange = receipt.exchange
    else:
        with pytest.raises(case.error) as raised:
            run(sent(adapter, message(), box(prism.url)))
        error: Any = raised.value
        exchange = error.exchange
        if isinstance(error, ChannelError):
            told = (error.fault, error.who, error.retryable, error.code, error.retry_after)
            assert told == (case.fault, case.who, case.retryable, case.code, case.after)
            assert bool(error.wish) == (name == "opted out")
            assert not error.wish or not error.wish.given
    assert len(prism.double.asked) == 1, "nothing is ever sent twice"
    assert len(prism.double.messages) == case.made
    assert TOKEN not in str(exchange)
    assert "안녕" not in str(exchange)
    assert exchange["answer"]["status"]
    assert exchange["request"]["to"] == THEIRS


def test_what_twilio_is_asked(prism: Prism) -> None:
    run(sent(Sms(PUBLIC, KEY), message(), box(prism.url)))
    (asked,) = prism.double.asked
    assert asked == {
        "To": [THEIRS], "From": [OURS], "Body": ["안녕하세요"], "ValidityPeriod": ["14400"],
        "StatusCallback": [f"{PUBLIC}/hooks/sms/3/status?delivery=17"],
    }  # fmt: skip


def test_a_messaging_service_and_no_public_address(prism: Prism) -> None:
    service = "MG" + "0" * 32
    inbox = box(prism.url, messaging_service_sid=service, validity="60")
    run(sent(Sms(PUBLIC, KEY), message(), inbox))
    (asked,) = prism.double.asked
    assert asked["MessagingServiceSid"] == [service]
    assert "From" not in asked
    assert asked["ValidityPeriod"] == ["60"]


def test_prism_holds_us_to_the_spec(prism: Prism) -> None:
    """The counterpart is awake: what breaks Twilio's OpenAPI does not pass."""
    wrong = box(prism.url, messaging_service_sid="nonsense")
    with pytest.raises((ChannelError, Unsure)):
        run(sent(Sms(PUBLIC, KEY), message(), wrong))
    assert prism.double.asked == []


def test_pictures_are_fetched_from_signed_addresses(prism: Prism) -> None:
    adapter, picture = Sms(PUBLIC, KEY), File("사진 1.jpg", "image/jpeg", JPEG)
    asked = adapter._asked(message(files=(picture, picture)), box(prism.url))
    read = [Pictures(PUBLIC, KEY).read(url.split("/")[-2]) for url in asked["media_url"]]
    assert read == [(17, 0), (17, 1)]
    token = asked["media_url"][0].split("/")[-2]
    assert Pictures(PUBLIC, b"another").read(token) is None
    assert Pictures(PUBLIC, KEY).read(token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert Pictures(PUBLIC, KEY).read("") is None


def test_pictures_without_a_public_address_are_refused_with_the_reason() -> None:
    inbox, picture = box(""), File("a.jpg", "image/jpeg", JPEG)
    shown = Sms("http://localhost:8000", KEY).preview(message(files=(picture,)), inbox)
    assert ["public address" in reason for _, reason in shown.problems] == [True]
    with pytest.raises(ChannelError, match="public address") as refused:
        run(sent(Sms("http://localhost:8000", KEY), message(files=(picture,)), inbox))
    assert refused.value.fault is not Fault.CONFIG, "the inbox itself is all right and must not be paused"
    assert Sms("https://desk.shop.example", KEY).preview(message(files=(picture,)), inbox).problems == ()


@pytest.mark.parametrize(
    ("public", "base", "can"),
    [
        ("https://desk.shop.example", "", True),
        ("http://desk.shop.example", "", True),
        ("http://127.0.0.1:8000", "", False),
        ("http://192.168.0.4", "", False),
        ("http://desk", "", False),
        ("http://desk.local", "", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9", True),
        ("http://127.0.0.1:8000", "https://proxy.example", False),
    ],
)
def test_who_can_call_us(public: str, base: str, can: bool) -> None:
    assert reachable(public, base) is can


@pytest.mark.parametrize("mood", ["drop", "drop-before", "slow", "garbage"])
def test_silence_after_it_left_is_not_known(twilio: Twilio, mood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 1.0)
    twilio.moods[THEIRS] = mood
    with pytest.raises(Unsure) as raised:
        run(sent(Sms(PUBLIC, KEY), message(), box(twilio.url)))
    assert raised.value.exchange["left"] is True
    assert len(twilio.asked) == 1, "never by itself again"


def test_nobody_there_is_a_passing_failure() -> None:
    with pytest.raises(ChannelError) as raised:
        run(sent(Sms(PUBLIC, KEY), message(), box(f"http://127.0.0.1:{free_port()}")))
    assert (raised.value.fault, raised.value.retryable) == (Fault.PROVIDER_DOWN, True)
    assert raised.value.exchange["left"] is False


def test_a_line_that_is_never_taken_up_is_a_passing_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that hangs: nothing has left, whatever our patience."""
    import socket

    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(3)]
        for one in others:  # the queue of the listener is full: the next SYN is not answered
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(ChannelError) as raised:
            run(sent(Sms(PUBLIC, KEY), message(), box(f"http://127.0.0.1:{port}")))
        for one in others:
            one.close()
    assert raised.value.retryable


def test_a_wrong_token_is_our_fault(prism: Prism) -> None:
    inbox = replace(box(prism.url), secrets={"auth_token": "wrong"})
    with pytest.raises(ChannelError) as raised:
        run(sent(Sms(PUBLIC, KEY), message(), inbox))
    assert (raised.value.fault, raised.value.who, raised.value.retryable) == (Fault.AUTH, Who.US, False)


def test_a_hundred_at_once(prism: Prism) -> None:
    async def all_() -> list[Receipt]:
        adapter = Sms(PUBLIC, KEY)
        try:
            return await asyncio.gather(*(adapter.send(message(number=n), box(prism.url)) for n in range(100)))
        finally:
            await adapter.close()

    receipts = run(all_())
    by_sid = {one["sid"]: prism.double.callbacks[one["sid"]] for one in prism.double.messages}
    assert len(by_sid) == 100
    assert all(by_sid[one.provider_ref].endswith(f"delivery={one.delivery_id}") for one in receipts)


# -- looking up what is not known ----------------------------------------------------------------


def test_what_is_not_known_is_found_at_twilio(prism: Prism) -> None:
    adapter, begun = Sms(PUBLIC, KEY), datetime.now(UTC)
    assert isinstance(adapter, Looks)

    async def look(what: Outbound, inbox: InboxFacts) -> Receipt | None:
        try:
            return await adapter.look_up(what, begun, inbox)
        finally:
            await adapter.close()

    inbox = box(prism.url)
    assert run(look(message(), inbox)) is None, "nothing there proves nothing"
    run(sent(adapter, message(), inbox))
    run(sent(adapter, message("Other words"), inbox))
    found = run(look(message(), inbox))
    assert found is not None
    assert found.provider_ref == prism.double.messages[0]["sid"]
    assert run(look(message(to="+821099999999"), inbox)) is None
    run(sent(adapter, message(number=18), inbox))
    assert run(look(message(), inbox)) is None, "two alike are not one"


# -- what is refused before it leaves -------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "settings", "said"),
    [
        (message("a" * 1601), {}, "1600 characters"),
        (message("  "), {}, "empty"),
        (message(files=(File("a.exe", "application/octet-stream", b"MZ"),)), {}, "no picture"),
        (message(files=(File("a.jpg", "image/jpeg", b"x" * (6 << 20)),)), {}, "5 MB"),
        (message("가😀"), {"counting": "korean"}, "😀"),
        (message("가" * 1001), {"counting": "korean"}, "2000 bytes"),
        (message(to="SHOP"), {}, "cannot be answered"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_said(what: Outbound, settings: dict[str, str], said: str) -> None:
    adapter = Sms(PUBLIC, KEY)
    inbox = InboxFacts(4, "sms", "sandbox", OURS, "Shop", settings=settings)
    with pytest.raises(ChannelError, match=said) as raised:
        run(adapter.send(what, inbox))
    assert not raised.value.retryable
    if what.to.value.startswith("+"):
        assert any(said in reason for _, reason in adapter.preview(what, inbox).problems)


def test_the_sandbox_shows_what_would_leave() -> None:
    from email import message_from_bytes, policy

    picture = File("a.jpg", "image/jpeg", JPEG)
    receipt = run(Sms(PUBLIC).send(message(files=(picture,)), InboxFacts(4, "sms", "sandbox", OURS, "Shop")))
    assert receipt.state is DeliveryState.WIRED
    assert receipt.caught is not None
    assert (receipt.caught.sender, receipt.caught.recipients, receipt.caught.channel) == (OURS, (THEIRS,), "sms")
    paper = message_from_bytes(receipt.caught.raw, policy=policy.default)
    assert paper.get_body().get_content().strip() == "안녕하세요"
    assert [one.get_content() for one in paper.iter_attachments()] == [JPEG]


def test_preview_counts_and_estimates() -> None:
    adapter = Sms(PUBLIC, KEY)
    shown = adapter.preview(message("가" * 71), box("", price="0.05", currency="USD"))
    assert (shown.units, shown.unit, shown.problems) == (2, "segment", ())
    assert shown.facts == {"encoding": "ucs2", "units": 71, "segments": 2, "left": 63, "form": "sms", "doubtful": []}
    assert [str(part) for part in shown.cost or ()] == ["0.10", "USD"]
    inbox = InboxFacts(4, "sms", "sandbox", OURS, "Shop",
                       settings={"counting": "korean", "price": "9", "price_lms": "27", "currency": "KRW"})  # fmt: skip
    shown = adapter.preview(message("똠" + "가" * 45 + "–"), inbox)
    assert (shown.units, shown.unit, shown.facts["form"], shown.facts["left"]) == (92, "byte", "lms", 1908)
    assert [str(part) for part in shown.cost or ()] == ["27", "KRW"]
    assert shown.facts["doubtful"] == [{"at": 0, "character": "똠", "doubtful": True}]
    assert [at for at, _ in shown.problems] == [46]
    assert shown.facts["tidy"].endswith("-")
    assert adapter.preview(message(), box("")).cost is None
    assert adapter.preview(message(), box("", price="free")).cost is None
