"""SMS through the real house, web process and worker, with Twilio's double behind Twilio's own OpenAPI."""

from __future__ import annotations

import random
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from real import House, wait_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from twilio_double import JPEG, OURS, SID, THEIRS, TOKEN, Prism, Twilio, incoming, post, say, say_json

import wsgi
from contact import consent, directory, files, hooks, inbox, log, outbox
from contact import conversation as conversations
from contact.conversation import Conversation
from contact.db import utcnow
from contact.directory import Address
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Party
from contact.outbox import Delivery, Words
from contact.raw import Raw
from contact.remotes import RemoteFile
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

RECEIVED = select(Interaction).where(Interaction.name == Name.MESSAGE_RECEIVED.value).order_by(Interaction.id)


@dataclass
class Phone:
    """A running house with an SMS inbox, and its database from outside."""

    house: House
    service: Service
    box: int
    double: Twilio

    @property
    def hook(self) -> str:
        return f"{self.house.url}/hooks/sms/{self.box}"

    def one(self, question: Callable[[Session], Any]) -> Any:
        with self.service.db.read() as session:
            return question(session)

    def rows(self, query: Any) -> list[Any]:
        return list(self.one(lambda session: session.scalars(query).all()))

    def settled(self) -> None:
        waiting = select(Raw.id).where(Raw.state == "kept")
        wait_for(lambda: not self.rows(waiting), what="all webhooks to be read")

    def text(self, text: str = "Hello", **more: str) -> Interaction:
        """Somebody writes to us; the row it became."""
        before = len(self.rows(RECEIVED))
        assert say(self.hook, incoming(text, **more)) == (200, "<Response/>")
        wait_for(lambda: len(self.rows(RECEIVED)) > before, what="the message")
        return self.rows(RECEIVED)[-1]  # type: ignore[no-any-return]

    def write(self, text: str, to: str = THEIRS, items: tuple[files.Item, ...] = ()) -> int:
        with self.service.db.write() as session:
            log.lock(session)
            contact, address = directory.find_or_create(session, utcnow(), Party(AddressKind.TEL, to))
            ours = inbox.get(session, self.box)
            talk = conversations.open_for(
                session, utcnow(), contact_id=contact.id, inbox_id=ours.id, channel="sms", subject=""
            )
            return outbox.put(
                session, utcnow(), conversation=talk, inbox=ours, address=address, words=Words(text, items=items),
                can=self.service.channels["sms"].capabilities, user_id=None, domain="shop.example",
            ).id  # fmt: skip

    def delivery(self, number: int) -> Delivery:
        return self.one(lambda session: session.get_one(Delivery, number))  # type: ignore[no-any-return]

    def in_state(self, number: int, state: DeliveryState) -> Delivery:
        wait_for(
            lambda: self.delivery(number).state == state,
            what=lambda: f"{state}: it is {self.delivery(number).state} ({self.delivery(number).reason})",
        )
        return self.delivery(number)

    def sid_of(self, number: int) -> str:
        return next(sid for sid, url in self.double.callbacks.items() if url.endswith(f"delivery={number}"))

    def withdrawn(self, value: str = THEIRS) -> bool:
        def ask(session: Session) -> bool:
            address = session.scalar(select(Address).where(Address.value == value))
            return address is not None and consent.withdrawn(session, address.id)

        return bool(self.one(ask))


@pytest.fixture(scope="module")
def _house() -> Iterator[House]:
    from real import folder

    with folder("house") as home:
        house = House(home)
        try:
            yield house.start()
        finally:
            house.end()


def phone(house: House, double: Twilio, base_url: str) -> Phone:
    """The house with an inbox at `base_url`; one number of ours at a time."""
    settings = Settings(_env_file=None, data_dir=house.data, listen=("127.0.0.1", house.port))  # type: ignore[call-arg]
    service = Service.of(settings, wsgi.channels(settings))
    with service.db.write() as session:
        box = inbox.find(session, "sms", OURS) or inbox.add(session, utcnow(), "sms", OURS, "Text", provider="twilio")
        box.settings = {"account_sid": SID, "base_url": base_url}
        box.secrets = Vault.of(settings).seal_all({"auth_token": TOKEN})
        inbox.resume(session, box)
    return Phone(house, service, box.id, double)


@pytest.fixture
def shop(_house: House, prism: Prism) -> Iterator[Phone]:
    one = phone(_house, prism.double, prism.url)
    yield one
    one.service.close()


def number() -> str:
    """A telephone nobody else has: the house is shared."""
    return f"+8210{random.randrange(10**7, 10**8):08d}"


def test_a_message_leaves_and_its_states_come_back(shop: Phone) -> None:
    sent = shop.write("안녕하세요, 주문하신 상품이 도착했습니다.", number())
    sid = shop.in_state(sent, DeliveryState.WIRED).provider_ref
    assert sid == shop.sid_of(sent)
    assert shop.double.call_back(sid, "delivered") == 200
    shop.in_state(sent, DeliveryState.DELIVERED)
    for late in ("sent", "queued", "undelivered"):
        assert shop.double.call_back(sid, late) == 200
    shop.settled()
    assert shop.delivery(sent).state == DeliveryState.DELIVERED
    exchanges = shop.rows(select(outbox.Exchange).where(outbox.Exchange.delivery_id == sent))
    assert len(exchanges) == 5, "what came late is kept, too"


def test_a_callback_that_overtakes_our_own_answer_lands(shop: Phone) -> None:
    """Twilio's answer is lost, its callback is not: our own number stands in its address."""
    to = number()
    shop.double.moods[to] = "drop"
    direct = phone(shop.house, shop.double, shop.double.url)  # Prism makes an answer of a broken line
    sent = direct.write("Hello", to)
    direct.in_state(sent, DeliveryState.UNKNOWN)
    assert len(shop.double.asked) == 1
    assert shop.double.call_back(direct.sid_of(sent), "delivered") == 200
    assert direct.in_state(sent, DeliveryState.DELIVERED).provider_ref == direct.sid_of(sent)
    direct.service.close()


def test_who_sent_stop_to_twilio_is_not_written_to_again(shop: Phone) -> None:
    to = number()
    shop.double.moods[to] = "21610"
    failed = shop.in_state(shop.write("Hello", to), DeliveryState.FAILED)
    assert (failed.fault, failed.who, failed.code) == ("opted_out", "contact", "21610")
    assert shop.withdrawn(to)
    with pytest.raises(Exception, match="does not want"):
        shop.write("Hello again", to)
    assert len(shop.double.asked) == 1


def test_stop_and_start_are_wishes(shop: Phone) -> None:
    to = number()
    shop.text("Where is my order?", From=to)
    shop.text("수신거부", From=to)
    assert shop.withdrawn(to)
    shop.text("수신동의", From=to)
    assert not shop.withdrawn(to)


def test_a_conversation_goes_on(shop: Phone) -> None:
    to = number()
    first, second = shop.text("One", From=to), shop.text("Two", From=to)
    assert first.conversation_id == second.conversation_id
    assert shop.text("Three", From=number()).conversation_id != first.conversation_id


def test_ten_times_the_same_webhook_is_one_message(shop: Phone) -> None:
    fields = incoming("ten times", number())
    before = len(shop.rows(RECEIVED))
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: say(shop.hook, fields), range(10)))
    assert answers == [(200, "<Response/>")] * 10
    again = {**fields, "ApiVersion": "2008-08-01"}  # other bytes, the same message
    assert say(shop.hook, again)[0] == 200
    shop.settled()
    assert len(shop.rows(RECEIVED)) == before + 1


def test_callbacks_in_any_order_come_to_the_same_end(shop: Phone) -> None:
    states = ["queued", "sending", "sent", "delivered"]
    numbers = [shop.write(f"Hello {n}", number()) for n in range(4)]
    for one in numbers:
        shop.in_state(one, DeliveryState.WIRED)
    words = [(shop.sid_of(one), state) for one in numbers for state in states * 2]
    random.Random(4).shuffle(words)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda word: shop.double.call_back(*word), words)) == {200}
    shop.settled()
    assert Counter(shop.delivery(one).state for one in numbers) == {"delivered": 4}


def test_what_is_forged_changes_nothing_and_is_counted(shop: Phone) -> None:
    before = shop.rows(select(Raw.id)), len(shop.rows(RECEIVED))
    refused = shop.one(lambda session: (tally := hooks.of(session, shop.box)) and tally.refused) or 0
    fields = incoming("forged", number())
    assert say(shop.hook, fields, key="wrong")[0] == 403
    assert say(shop.hook, fields, over={**fields, "Body": "other"})[0] == 403
    assert post(shop.hook, urlencode(fields).encode(), {})[0] == 403
    url, _, headers = say_json(shop.hook, fields)
    assert post(url, b'{"Body": "evil"}', headers)[0] == 403
    tally = shop.one(lambda session: hooks.of(session, shop.box))
    assert tally.refused == refused + 4
    assert tally.refused_why
    assert (shop.rows(select(Raw.id)), len(shop.rows(RECEIVED))) == before


def test_garbage_another_number_and_a_stranger_s_receipt_are_visible(shop: Phone) -> None:
    cases = [
        (shop.hook, {"Nonsense": "1"}, "MessageSid"),
        (shop.hook, incoming("x", To="+15005550006"), "no number of this inbox"),
        (shop.hook + "/status", {"MessageSid": "SM" + "0" * 32, "MessageStatus": "sent"}, "never sent"),
    ]
    before, texts = len(shop.rows(select(Raw).where(Raw.state == "failed"))), len(shop.rows(RECEIVED))
    for url, fields, _ in cases:
        assert say(url, fields)[0] == 200, "what Twilio said is kept before anybody understands it"
    shop.settled()
    failed = shop.rows(select(Raw).where(Raw.state == "failed").order_by(Raw.id))[before:]
    assert [said in row.error for row, (*_, said) in zip(failed, cases, strict=True)] == [True] * 3
    assert len(shop.rows(RECEIVED)) == texts
    assert say(f"{shop.house.url}/hooks/sms/999", incoming())[0] == 404


def test_json_webhooks_come_in(shop: Phone) -> None:
    before = len(shop.rows(RECEIVED))
    assert post(*say_json(shop.hook, incoming("JSON", number()))) == (200, "<Response/>")
    wait_for(lambda: len(shop.rows(RECEIVED)) == before + 1)


def test_a_picture_of_ours_is_fetched_by_its_signed_address(shop: Phone) -> None:
    kept = shop.service.store.put([JPEG])
    sent = shop.write("", number(), (files.Item(kept.sha256, kept.size, "사진.jpg", "image/jpeg"),))
    shop.in_state(sent, DeliveryState.WIRED)
    ((url, content),) = shop.double.pictures.items()
    assert content == JPEG
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url.replace("/sms/files/", "/sms/files/x"), timeout=20)


def test_a_picture_to_us_comes_after_the_words(shop: Phone) -> None:
    direct = phone(shop.house, shop.double, shop.double.url)
    place = shop.double.media_url("ME1")
    row = direct.text("Look", From=number(), NumMedia="1", MediaUrl0=place, MediaContentType0="image/png")
    fetched = select(Interaction).where(Interaction.about_id == row.id)
    wait_for(lambda: [one.name for one in direct.rows(fetched)] == ["file.fetched"], what="the picture")
    (attached,) = direct.one(lambda session: files.of(session, [row.id]))[row.id]
    assert (attached.name, attached.content_type, attached.size) == ("mms-1.png", "image/jpeg", len(JPEG))
    assert shop.double.trouble == []
    assert shop.double.fetched == ["ME1"]
    direct.service.close()


def test_a_picture_that_leads_into_our_own_network_is_given_up_visibly(shop: Phone) -> None:
    direct = phone(shop.house, shop.double, shop.double.url)
    place = shop.double.media_url("ME2")
    shop.double.moods["ME2"] = f"{shop.house.url}/health/live"
    row = direct.text("Look", From=number(), NumMedia="1", MediaUrl0=place, MediaContentType0="image/png")
    told = select(Interaction).where(Interaction.about_id == row.id)
    wait_for(lambda: [one.name for one in direct.rows(told)] == ["file.missing"], what="the end of it")
    (file,) = direct.rows(select(RemoteFile).where(RemoteFile.interaction_id == row.id))
    assert (file.state, "public" in file.reason) == ("missing", True)
    direct.service.close()


def test_a_hundred_messages_are_sent_once_each(shop: Phone) -> None:
    numbers = [shop.write(f"Number {n}", number()) for n in range(100)]
    wait_for(lambda: all(shop.delivery(one).state == DeliveryState.WIRED for one in numbers), 90, "all to leave")
    assert Counter(one["body"] for one in shop.double.messages) == {f"Number {n}": 1 for n in range(100)}


def test_nothing_of_the_token_is_kept_or_logged(shop: Phone) -> None:
    details = [str(one.detail) for one in shop.rows(select(outbox.Exchange))]
    assert not [one for one in details if TOKEN in one]
    assert TOKEN not in shop.house.output
    assert not shop.rows(select(Conversation.id).where(Conversation.preview.contains(TOKEN)))
