"""The console with any channel: settings, health, the exchange log, one composer, pages, the sandbox, consent.

Everything runs against a channel made for these tests (`demo_channel.py`), which the console knows by its data alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from demo_channel import Pigeon
from desk_kit import Shop
from people_kit import Browser, House, house

import wsgi
from contact import caught, consent, conversation, directory, hooks, inbox, intake, log, outbox
from contact.channel import Capabilities, Channels, Preview, Provider, Setting
from contact.db import utcnow
from contact.desk import carrying, counted, doors, exchanges, speech, weighing
from contact.desk.uploads import Uploads
from contact.errors import Invalid
from contact.files import Item, keep
from contact.log import Interaction
from contact.messages import AddressKind, Catch, DeliveryState, File, Inbound, Party, Progress, Receipt, Wish
from contact.outbox import Delivery
from contact.settings import Settings
from contact.users import Role, User, audit
from contact.vault import Vault

BIRD = "+821055550000"
OURS = "+8225550100"
FORM = {
    "name": "비둘기", "address": "02-555-0100", "language": "ko", "provider": "loft", "loft-host": "loft.example",
    "loft-feed": "corn-and-wheat", "loft-perches": "12", "loft-breed": "white", "loft-routes": "north\r\n\r\nsouth",
    "loft-night": "on", "pace_1": "2", "pace_86400": "500", "price": "9.9", "currency": "KRW",
}  # fmt: skip


class Loft:
    """A house with pigeon post, a mailbox, and somebody who wrote by both."""

    def __init__(self, home: House, pigeon: Pigeon) -> None:
        self.home, self.pigeon, self.db = home, pigeon, home.db
        self.shop = Shop(home.service)
        self.boss, self.user = home.signed_in("boss@shop.example", Role.ADMIN)
        self.boss.get("/me")
        self.mailbox = self.shop.inbox("email", "help@shop.example", "상점")
        self.box = self.shop.inbox("pigeon", OURS, "비둘기", provider="sandbox")

    def wrote(self, text: str = "안녕하세요, 비둘기로 씁니다.", number: str = BIRD, **more: Any) -> int:
        inbound = Inbound("pigeon", f"p{number}{text}", text, Party(AddressKind.TEL, number, "새아저씨"), text, **more)
        with self.db.write() as session:
            kept = keep(self.home.service.store, inbound.files)
            return intake.take(
                session, self.shop.later(), inbound, inbox.get(session, self.box.id), kept
            ).conversation_id

    def address(self, value: str = BIRD) -> directory.Address:
        with self.db.read() as session:
            return session.scalars(sa.select(directory.Address).where(directory.Address.value == value)).one()

    def mail_address(self, value: str = "bird@customers.example") -> int:
        with self.db.write() as session:
            contact = directory.get(session, self.address().contact_id)
            return directory.add_address(session, utcnow(), contact, AddressKind.EMAIL, value, None).id

    def json(self, path: str, body: dict[str, Any] | None = None, who: Browser | None = None) -> Any:
        browser = who or self.boss
        headers = {"X-CSRF": browser.csrf, "Accept": "application/json"}
        if body is None:
            return browser.client.get(path, headers=headers)
        return browser.client.post(path, json=body, headers=headers)

    def weigh(self, text: str, **more: Any) -> Any:
        way = f"{self.box.id}:{self.address().id}"
        return self.json("/desk/api/preview", {"way": way, "text": text, **more}).json

    def send(self, number: int, text: str, **more: Any) -> Any:
        way = f"{self.box.id}:{self.address().id}"
        return self.json(f"/desk/api/conversations/{number}/messages", {"way": way, "text": text, "key": text, **more})

    def settle(self, delivery: int, state: DeliveryState, **more: Any) -> None:
        with self.db.write() as session:
            outbox.settle(session, self.shop.later(), Receipt(state, delivery_id=delivery, **more))

    def wired(self, number: int, text: str = "잘 받았습니다.", **more: Any) -> int:
        """A message the provider has, as the dispatcher leaves it."""
        told = self.send(number, text)
        assert told.status_code == 200, told.text
        delivery = int(told.json["delivery"])
        exchange = {
            "request": {"url": "https://loft.example", "token": "•••", "body": {"strips": [{"n": 1}, "둘"]}},
            "ms": 12,
        }
        self.settle(delivery, DeliveryState.WIRED, provider_ref=f"bird-{delivery}", exchange=exchange, **more)
        return delivery

    def file(self, name: str, kind: str, content: bytes = b"x" * 100) -> str:
        """The token of an uploaded file."""
        (item,) = keep(self.home.service.store, [File(name, kind, content)])
        return Uploads(self.home.service.settings.secret()).token(item)


@pytest.fixture
def loft(tmp_path: Path, _template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loft]:
    pigeon, usual = Pigeon(), wsgi.channels

    def channels(settings: Settings) -> Channels:
        return Channels(*usual(settings), pigeon)

    monkeypatch.setattr(wsgi, "channels", channels)
    made = house(tmp_path / "data", _template)
    yield Loft(made, pigeon)
    made.close()


def counts(units: int, unit: str, encoding: str, used: int, segments: int, left: int, **more: Any) -> Preview:
    """As a channel tells that knows only how much there is and what is left."""
    return Preview(units, unit, facts={"encoding": encoding, "units": used, "segments": segments, "left": left, **more})


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))


def number_of(answer: Any) -> int:
    assert answer.status_code == 303, answer.text
    return int(answer.headers["Location"].split("/")[3].split("?")[0])


class TestSettings:
    def test_an_inbox_is_made_from_the_data_of_its_provider(self, loft: Loft) -> None:
        page = loft.boss.get("/desk/inboxes/new/pigeon")
        for word in ("The loft", "Where the pigeons live.", "Breed", "Flies at night", "Sandbox", "Telephone number"):
            assert word in text_of(page), word
        with loft.db.write() as session:
            session.delete(inbox.get(session, loft.box.id))
        number = number_of(loft.boss.post("/desk/inboxes/new/pigeon", FORM))
        with loft.db.read() as session:
            box = inbox.get(session, number)
        assert (box.channel, box.provider, box.address, box.name) == ("pigeon", "loft", OURS, "비둘기")
        assert box.settings == {
            "host": "loft.example", "perches": 12, "breed": "white", "routes": ["north", "south"], "night": True,
            "pace": [[2, 1], [500, 86400]], "price": "9.9", "currency": "KRW",
        }  # fmt: skip
        assert Vault.of(loft.home.service.settings).open_all(box.secrets or "") == {"feed": "corn-and-wheat"}
        shown = loft.boss.get(f"/desk/inboxes/{number}")
        assert "corn-and-wheat" not in shown.text
        assert 'placeholder="kept"' in shown.text
        assert re.search(r'id="f-loft-perches"[^>]* value="12"', shown.text)
        assert re.search(r'name="loft-night" value="on" checked', shown.text)
        assert "north\nsouth" in shown.text

    def test_secrets_stay_until_their_place_changes(self, loft: Loft) -> None:
        path = f"/desk/inboxes/{loft.box.id}"
        assert loft.boss.post(path, FORM).status_code == 303
        kept = FORM | {"loft-feed": "", "loft-perches": "5"}
        assert loft.boss.post(path, kept).status_code == 303
        moved = loft.boss.post(path, kept | {"loft-host": "thief.example"})
        assert moved.status_code == 400
        assert "Enter it again: Loft has changed." in text_of(moved)
        with loft.db.read() as session:
            box = inbox.get(session, loft.box.id)
            rows = [row for row in audit.page(session) if row.subject == f"inbox:{box.id}"]
        assert (box.settings["perches"], box.settings["host"]) == (5, "loft.example")
        assert Vault.of(loft.home.service.settings).open_all(box.secrets or "") == {"feed": "corn-and-wheat"}
        assert "corn" not in str([(row.before, row.after) for row in rows])
        assert (rows[1].after or {})["loft-feed"] == "new"
        assert loft.boss.post(path, {**FORM, "provider": "sandbox"}).status_code == 303
        with loft.db.read() as session:
            box = inbox.get(session, loft.box.id)
        assert (box.secrets, "host" in box.settings) == (None, False), "nothing of another provider lingers"

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("address", "", "Enter the address."),
            ("address", "not a number", "not a number is not a telephone number."),
            ("provider", "nobody", "Choose who carries it."),
            ("loft-host", "", "Loft is needed."),
            ("loft-host", "a" * 600, "Up to 500 characters on one line."),
            ("loft-feed", "", "Password is needed."),
            ("loft-perches", "many", "From 1 to 99."),
            ("loft-perches", "0", "From 1 to 99."),
            ("loft-breed", "blue", "Choose one of these."),
            ("loft-routes", "x\n" * 200, "Up to 100 lines"),
            ("pace_60", "0", "A whole number from 1."),
            ("pace_1", "1.5", "A whole number from 1."),
            ("price", "cheap", "A price is a number like 9.9."),
            ("price", "NaN", "A price is a number like 9.9."),
            ("currency", "XXX", "Choose one of these."),
            ("name", "", "Give the inbox a name"),
        ],
    )
    def test_a_sentence_for_each_field_and_what_was_entered_stays(
        self, loft: Loft, field: str, value: str, sentence: str
    ) -> None:
        answer = loft.boss.post(f"/desk/inboxes/{loft.box.id}", FORM | {field: value})
        assert answer.status_code == 400
        assert sentence in re.findall(rf'class="error" id="h-{field}">([^<]*)<', unescape(answer.text))[0]
        assert "corn-and-wheat" not in answer.text
        if field != "loft-host":
            assert 'value="loft.example"' in answer.text

    def test_the_same_address_twice_is_refused(self, loft: Loft) -> None:
        answer = loft.boss.post("/desk/inboxes/new/pigeon", FORM | {"name": "Other"})
        assert answer.status_code == 400
        assert "비둘기 has this address already." in text_of(answer)

    def test_the_webhook_s_address_and_whether_anybody_can_call_it(self, loft: Loft) -> None:
        loft.boss.post(f"/desk/inboxes/{loft.box.id}", FORM)
        page = loft.boss.get(f"/desk/inboxes/{loft.box.id}")
        assert f"/hooks/pigeon/{loft.box.id}" in page.text
        assert "Nobody on the internet can call this address" in text_of(page)
        for url, good in (
            ("https://desk.shop.example", True), ("http://desk.shop.example", False), ("https://localhost", False),
            ("https://10.0.0.7", False), ("https://desk.internal", False), ("https://8.8.8.8", True),
        ):  # fmt: skip
            assert doors.is_public(url) is good, url

    def test_forms_are_harmless(self, loft: Loft) -> None:
        evil = '"><script>alert(1)</script>'
        answer = loft.boss.post(f"/desk/inboxes/{loft.box.id}", dict.fromkeys(FORM, evil) | {"provider": "loft"})
        assert answer.status_code == 400
        assert "<script>alert" not in answer.text

    def test_a_channel_nobody_knows(self, loft: Loft) -> None:
        assert loft.boss.get("/desk/inboxes/new/smoke").status_code == 404
        assert loft.boss.post("/desk/inboxes/new/smoke", FORM).status_code == 404


class TestHealth:
    def test_the_list_groups_by_channel_and_says_how_each_is(self, loft: Loft) -> None:
        number = loft.wrote()
        loft.wired(number)
        with loft.db.write() as session:
            hooks.taken(session, utcnow(), loft.box.id, again=False)
            hooks.taken(session, utcnow(), loft.box.id, again=True)
            hooks.refused(session, utcnow(), loft.box.id, "The feather does not fit.")
        told = text_of(loft.boss.get("/desk/inboxes"))
        assert "Webhooks: 1 taken, 1 again, 1 refused (The feather does not fit.)" in told
        assert "02-555-0100 · Sandbox" in told
        assert "Channels without an inbox" in told
        loft.boss.post(f"/desk/inboxes/{loft.box.id}", FORM)
        page = text_of(loft.boss.get(f"/desk/inboxes/{loft.box.id}"))
        assert "1 taken, 1 of them again, 1 refused" in page
        assert "The provider said last: Sent" in page

    def test_a_test_takes_the_way_of_every_answer_and_its_state_comes_alone(self, loft: Loft) -> None:
        path = f"/desk/inboxes/{loft.box.id}"
        answer = loft.boss.post(f"{path}/test", {"to": "010-1234-5678"})
        page = loft.boss.get(answer.headers["Location"])
        poll = unescape(re.search(r'id="tested"[^>]*data-poll="([^"]+)"', page.text)[1])  # type: ignore[index]
        first = loft.boss.get(poll)
        assert "Queued" in first.text
        assert "<nav" not in first.text
        assert loft.boss.get(poll, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
        with loft.db.read() as session:
            sent = session.scalars(sa.select(Delivery)).one()
            body = session.get_one(Interaction, sent.interaction_id).body
        assert sent.channel == "pigeon"
        assert body == "A test by 김민아."
        loft.settle(sent.id, DeliveryState.WIRED, progress=Progress(2, 5))
        assert "page 2 of 5" in loft.boss.get(poll, headers={"If-None-Match": first.headers["ETag"]}).text

    def test_what_a_channel_can_is_a_table(self, loft: Loft) -> None:
        told = text_of(loft.boss.get(f"/desk/inboxes/{loft.box.id}"))
        for word in ("up to 2, 98 KB each · pictures", "we ask the provider", "ascii, cp949", "1 in 1 second"):
            assert word in told, word


class TestExchanges:
    def test_each_try_is_told_nested_and_what_came_late(self, loft: Loft) -> None:
        delivery = loft.wired(loft.wrote())
        loft.settle(delivery, DeliveryState.DELIVERED, reason="It is there.")
        loft.settle(delivery, DeliveryState.WIRED, reason="On the wing.", key="late")
        page = loft.boss.get(f"/desk/deliveries/{delivery}")
        told = text_of(page)
        assert "12 ms" in told
        assert "Provider's number bird-" in told
        assert re.search(r"<dt>Request</dt><dd>\s*<dl class=\"facts told\">", page.text)
        assert "{" not in re.sub(
            r"<script.*?</script>", "", page.text.split('id="tries"')[1].split("</ol>")[0], flags=re.S
        )
        tries = page.text.split('class="tries"')[1]
        assert tries.count("changed nothing") == 1
        assert "changed nothing" in tries.split("On the wing.")[0].rsplit("<li", 1)[1]
        assert loft.boss.get("/desk/deliveries/9999").status_code == 404
        assert loft.boss.get(f"/desk/failed/messages/{delivery}").status_code == 200, "the old address leads there, too"

    def test_hostile_exchanges_are_text(self, loft: Loft) -> None:
        number = loft.wrote()
        delivery = int(loft.send(number, "hello").json["delivery"])
        evil = {
            "<script>alert(1)</script>": {"a": ["<img src=x>", None, True, {"deep": {"er": {"and": {"more": 1}}}}]},
            "b": {},
        }
        loft.settle(delivery, DeliveryState.WIRED, exchange=evil, reason="%(x)s <b>")
        page = loft.boss.get(f"/desk/deliveries/{delivery}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text

    def test_lines_are_bounded(self) -> None:
        deep: dict[str, Any] = {"end": 1}
        for _ in range(50):
            deep = {"in": deep}
        (line,) = exchanges.lines(deep)
        depth = 0
        while line.inside:
            line, depth = line.inside[0], depth + 1
        assert depth <= exchanges.DEEPEST
        assert len(exchanges.lines({str(n): n for n in range(500)})) == exchanges.MOST
        assert len(exchanges.lines({"a": "x" * 99_999})[0].text) == exchanges.LONGEST

    def test_progress_is_a_small_answer(self, loft: Loft) -> None:
        delivery = loft.wired(loft.wrote())
        loft.settle(delivery, DeliveryState.WIRED, progress=Progress(2, 5))
        told = loft.json(f"/desk/api/deliveries/progress?ids={delivery},x,99999").json
        assert told == {str(delivery): {"state": "wired", "text": "page 2 of 5"}}
        with loft.db.read() as session:
            number = session.get_one(Delivery, delivery).conversation_id
        page = loft.boss.get(f"/desk/conversations/{number}")
        assert re.search(rf'data-watch="{delivery}" data-state="wired">page 2 of 5<', page.text)
        loft.settle(delivery, DeliveryState.DELIVERED)
        assert "data-watch" not in loft.boss.get(f"/desk/conversations/{number}").text

    def test_what_keeps_it_is_told_in_the_readers_language(self, loft: Loft) -> None:
        number = loft.wrote()
        delivery = loft.wired(number)
        loft.settle(delivery, DeliveryState.WIRED, progress=Progress(1, 3, note="The printer is out of paper."))
        for language, line in (
            ("en", "page 1 of 3 · The printer is out of paper."),
            ("ko", "3쪽 중 1쪽 · 프린터에 종이가 없습니다."),
        ):
            with loft.db.write() as session:
                session.get_one(User, loft.user.id).language = language
            told = loft.json(f"/desk/api/deliveries/progress?ids={delivery}").json
            assert told == {str(delivery): {"state": "wired", "text": line}}
            thread = loft.boss.get(f"/desk/conversations/{number}").text
            assert f'data-watch="{delivery}" data-state="wired">{line}<' in thread
            page = loft.boss.get(f"/desk/deliveries/{delivery}").text
            assert f"<span>{line}</span>" in page
            assert f'aria-label="{line}"' in page

    def test_a_note_alone_and_one_nobody_knows(self, loft: Loft) -> None:
        number = loft.wrote()
        delivery = loft.wired(number)
        loft.settle(delivery, DeliveryState.WIRED, progress=Progress(0, 0, note="<b>%(x)s</b> Bird asleep"))
        told = loft.json(f"/desk/api/deliveries/progress?ids={delivery}").json[str(delivery)]
        assert told["text"] == "<b>%(x)s</b> Bird asleep"
        for path in (f"/desk/conversations/{number}", f"/desk/deliveries/{delivery}"):
            assert "&lt;b&gt;%(x)s&lt;/b&gt; Bird asleep" in loft.boss.get(path).text, path


class TestRecall:
    def test_the_provider_is_asked_with_its_secrets(self, loft: Loft) -> None:
        loft.boss.post(f"/desk/inboxes/{loft.box.id}", FORM)
        delivery = loft.wired(loft.wrote())
        assert loft.boss.get(f"/desk/deliveries/{delivery}").text.count("Call it back") == 1
        assert loft.boss.post(f"/desk/deliveries/{delivery}/recall").status_code == 303
        assert ("recall", f"bird-{delivery}", {"feed": "corn-and-wheat"}) in loft.pigeon.said
        with loft.db.read() as session:
            assert session.get_one(Delivery, delivery).state == "wired", "only its receipt tells what came of it"
            assert audit.page(session)[0].what == "delivery.recalled"

    def test_what_the_provider_will_not_is_told(self, loft: Loft) -> None:
        number = loft.wrote(number="+821055550009")
        way = f"{loft.box.id}:{loft.address('+821055550009').id}"
        told = loft.json(f"/desk/api/conversations/{number}/messages", {"way": way, "text": "x", "key": "x"})
        delivery = int(told.json["delivery"])
        loft.settle(delivery, DeliveryState.WIRED, provider_ref="far")
        answer = loft.boss.post(f"/desk/deliveries/{delivery}/recall")
        assert answer.status_code == 409
        assert "The provider did not stop it: The bird is over the hills." in text_of(answer)
        answer = loft.json(f"/desk/api/deliveries/{delivery}/recall", {})
        assert (answer.status_code, answer.json["error"]) == (409, "not_stopped")

    def test_nobody_calls_back_what_is_not_theirs_or_not_on_its_way(self, loft: Loft) -> None:
        delivery = loft.wired(loft.wrote())
        mina, _user = loft.home.signed_in("mina@shop.example")
        mina.get("/me")
        assert mina.post(f"/desk/deliveries/{delivery}/recall").status_code == 403
        loft.settle(delivery, DeliveryState.DELIVERED)
        assert loft.boss.post(f"/desk/deliveries/{delivery}/recall").status_code == 409
        assert [one for one in loft.pigeon.said if one[0] == "recall"] == []  # type: ignore[index]


class TestWeighing:
    def test_parts_room_and_cost(self, loft: Loft) -> None:
        loft.wrote()
        with loft.db.write() as session:
            inbox.get(session, loft.box.id).settings = {"price": "9.9", "currency": "KRW"}
        told = loft.weigh("가" * 21)
        assert told["line"] == "2 parts · 2/40 bytes · EUC-KR · about ₩19.8"
        assert told["problems"] == []

    def test_what_cannot_be_sent_stands_at_its_place(self, loft: Loft) -> None:
        loft.wrote()
        told = loft.weigh("안녕\n커피 😀 ☕ 두 잔 😀")
        face, cup = told["problems"]
        assert (face["char"], face["code"], face["count"], face["instead"]) == ("😀", "U+1F600", 2, None)
        assert face["places"] == [
            {"line": 2, "column": 4, "at": 6, "length": 2}, {"line": 2, "column": 12, "at": 15, "length": 2},
        ]  # fmt: skip
        assert (cup["char"], cup["instead"], cup["places"][0]["at"]) == ("☕", "커피", 9)
        text = "안녕\n커피 😀 ☕ 두 잔 😀".encode("utf-16-le")
        for place in (*face["places"], *cup["places"]):
            assert text[2 * place["at"] : 2 * (place["at"] + place["length"])].decode("utf-16-le") in "😀☕"

    def test_nothing_that_cannot_be_sent_is_promised(self, loft: Loft) -> None:
        number = loft.wrote()
        answer = loft.send(number, "안녕 😀")
        assert (answer.status_code, answer.json["error"]) == (400, "unsendable")
        assert answer.json["message"].startswith("“😀” in line 1, character 4 cannot be sent")
        begun = {"way": f"{loft.box.id}:", "to": "010-2222-3333", "text": "😀", "key": "b"}
        assert loft.json("/desk/api/conversations", begun).json["error"] == "unsendable"
        with loft.db.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 0

    def test_a_channel_that_carries_everything_is_not_weighed(self, loft: Loft) -> None:
        number = loft.wrote()
        way = f"{loft.mailbox.id}:{loft.mail_address()}"
        answer = loft.json(
            f"/desk/api/conversations/{number}/messages", {"way": way, "text": "😀", "subject": "Hi", "key": "m"}
        )
        assert answer.status_code == 200, answer.text

    def test_it_needs_an_agent_and_a_token(self, loft: Loft) -> None:
        loft.wrote()
        body = {"way": f"{loft.box.id}:1", "text": "x"}
        assert loft.home.browser().client.post("/desk/api/preview", json=body).status_code in (401, 403)
        assert loft.boss.client.post("/desk/api/preview", json=body).status_code == 403
        for odd in ({}, {"way": "x"}, {"way": "999:1"}, {"way": f"{loft.box.id}:99", "text": "x" * 5000}):
            assert loft.json("/desk/api/preview", odd).status_code in (200, 400, 404), odd

    @pytest.mark.parametrize(
        ("preview", "told"),
        [
            (counts(1, "segment", "ucs2", 66, 1, 4), "1 part · 66/70 · UCS-2"),
            (counts(2, "segment", "ucs2", 131, 2, 3), "2 parts · 64/67 · UCS-2"),
            (counts(34, "byte", "cp949", 34, 1, 56, form="sms"), "SMS · 34/90 bytes · EUC-KR"),
            (Preview(3, "pages", facts={"about": True, "minutes": 2}), "about 3 pages · 2 minutes"),
            (Preview(1, "flag"), "1 flag"),
        ],
    )  # fmt: skip
    def test_other_channels_tell_their_numbers_in_their_own_way(self, loft: Loft, preview: Preview, told: str) -> None:
        with loft.home.app.test_request_context("/"):
            assert counted.line(preview, None) == told

    def test_a_channel_with_prices_of_its_own_is_not_second_guessed(self, loft: Loft) -> None:
        """176 bytes are not 176 parts."""
        price = Setting("price", "Price of a part")
        own = Pigeon(providers=(Provider("sandbox", "Sandbox", (price,)),))
        told = Preview(176, "byte")
        assert weighing.cost_of(own, told, {"price": "9.9"}) is None
        assert weighing.cost_of(loft.pigeon, replace(told, units=2), {"price": "9.9"}) == (Decimal("19.8"), "KRW")

    def test_money(self, loft: Loft) -> None:
        with loft.home.app.test_request_context("/"):
            for amount, currency, told in (
                ("66", "KRW", "₩66"),
                ("19.84", "KRW", "₩19.8"),
                ("0.0079", "USD", "$0.0079"),
            ):
                assert counted.money(Decimal(amount), currency) == told
        with loft.home.app.test_request_context("/", headers={"Accept-Language": "ko"}):
            assert counted.money(Decimal("1200"), "KRW") == "1,200원"

    def test_a_problem_of_the_whole_names_no_character(self, loft: Loft) -> None:
        number = loft.wrote()
        with loft.db.read() as session:
            letter = weighing.Letter("", "Hello 안녕", loft.box.id, loft.address().id)
            weighed = weighing.gather(session, loft.home.service, letter, loft.user)
        assert number
        wide = replace(weighed, channel=Wide())
        with loft.home.app.test_request_context("/"):
            told = weighing.told(
                wide, Preview(0, "page", ((0, "letter.pdf is broken."), (6, "The character 안 cannot be set.")))
            )
            whole, sign = told["problems"]
            assert (whole["char"], whole["places"]) == ("", [])
            assert (sign["char"], sign["places"][0]["at"]) == ("안", 6)


class Wide(Pigeon):
    """Carries every character."""

    def __init__(self) -> None:
        super().__init__(capabilities=Capabilities(AddressKind.TEL))


class TestComposer:
    def ways(self, loft: Loft, number: int) -> dict[str, str]:
        page = loft.boss.get(f"/desk/conversations/{number}").text
        return {key: unescape(line) for key, line in re.findall(r'<option value="([\d:]+)"([^\n]*?)</option>', page)}

    def test_all_ways_out_and_the_one_the_customer_came_by(self, loft: Loft) -> None:
        number = loft.wrote()
        mail = f"{loft.mailbox.id}:{loft.mail_address()}"
        bird = f"{loft.box.id}:{loft.address().id}"
        ways = self.ways(loft, number)
        assert set(ways) == {mail, bird}
        assert " selected" in ways[bird]
        assert " selected" not in ways[mail]
        assert 'data-measured="1" data-pages="1"' in ways[bird]
        assert 'data-measured="0" data-pages="0"' in ways[mail]
        assert 'data-types="image/*"' in ways[bird]
        loft.shop.mail(loft.mailbox, "bird@customers.example", "새아저씨", "Hi", "now by mail", thread=None)
        with loft.db.write() as session:
            newest = session.scalars(
                sa.select(conversation.Conversation).order_by(conversation.Conversation.id.desc())
            ).first()
            assert newest is not None
            conversation.merge(session, utcnow(), newest, conversation.get(session, number), loft.user.id)
        assert " selected" in self.ways(loft, number)[mail], "the customer's last words came by mail"

    def test_a_conversation_changes_its_channel(self, loft: Loft) -> None:
        number = loft.wrote()
        way = f"{loft.mailbox.id}:{loft.mail_address()}"
        told = loft.json(
            f"/desk/api/conversations/{number}/messages",
            {"way": way, "text": "Now by mail.", "subject": "Your bird", "key": "m"},
        )
        assert told.status_code == 200, told.text
        assert told.json["conversation"] == number
        apart = {"inbox": loft.box.id, "address": loft.address().id, "text": "And by bird.", "key": "p"}
        assert loft.json(f"/desk/api/conversations/{number}/messages", apart).status_code == 200
        with loft.db.read() as session:
            sent = session.scalars(sa.select(Delivery).order_by(Delivery.id)).all()
        assert [(one.channel, one.conversation_id) for one in sent] == [("email", number), ("pigeon", number)]

    def test_who_refused_can_be_seen_and_not_chosen(self, loft: Loft) -> None:
        number = loft.wrote()
        loft.mail_address()
        with loft.db.write() as session:
            address = session.get_one(directory.Address, loft.address().id)
            consent.record(session, utcnow(), address, Wish(False, "keyword", "STOP"), channel="pigeon")
        bird, mail = f"{loft.box.id}:{loft.address().id}", f"{loft.mailbox.id}"
        ways = self.ways(loft, number)
        assert " disabled" in ways[bird]
        assert "does not want messages" in ways[bird]
        assert " selected" in next(line for key, line in ways.items() if key.startswith(mail))
        answer = loft.send(number, "once more")
        assert (answer.status_code, answer.json["error"]) == (409, "suppressed")

    @pytest.mark.parametrize(
        ("more", "sentence"),
        [
            ({"cc": "x@y.example"}, "carries no copies"),
            ({"bcc": "x@y.example"}, "carries no copies"),
            ({"files": [("a.pdf", "application/pdf", 10)]}, "does not carry files like a.pdf"),
            (
                {"files": [("a.png", "image/png", 200_000)]},
                "a.png is too large: this channel carries files of up to 97 KB",
            ),
            ({"files": [(f"{n}.png", "image/png", 9) for n in range(3)]}, "up to 2 files"),
        ],
    )
    def test_what_a_way_cannot_carry_is_refused_and_never_left_behind(
        self, loft: Loft, more: dict[str, Any], sentence: str
    ) -> None:
        number = loft.wrote()
        if "files" in more:
            more = {"files": [loft.file(name, kind, bytes(size)) for name, kind, size in more["files"]]}
        answer = loft.send(number, "words", **more)
        assert answer.status_code == 400
        assert sentence in answer.json["message"]

    def test_types_of_files(self) -> None:
        some = Capabilities(AddressKind.TEL, attachment_types=("image/*", "application/pdf"))
        for kind, good in (
            ("image/png", True),
            ("IMAGE/PNG; x=1", True),
            ("application/pdf", True),
            ("text/html", False),
        ):
            assert carrying.fits_type(some, kind) is good
        assert carrying.fits_type(Capabilities(AddressKind.TEL), "x/y")
        with pytest.raises(Invalid, match="carries no files"):
            carrying.check(Capabilities(AddressKind.TEL, attachments=False), [Item("0" * 64, 1, "a", "x/y")], False)

    def test_a_new_message_begins_where_it_can(self, loft: Loft) -> None:
        loft.wrote()
        contact = loft.address().contact_id
        page = loft.boss.get(f"/desk/new?contact={contact}&to={BIRD.replace('+', '%2B')}").text
        assert re.search(rf'<option value="{loft.box.id}:" selected', page)
        pane = loft.boss.get(f"/desk/contacts/{contact}").text
        assert f"/desk/new?contact={contact}&amp;to=%2B" in pane
        found = loft.json("/desk/api/contacts?q=새아저씨").json["contacts"]
        assert found[0]["reached"] == [{"kind": "tel", "value": BIRD, "shown": "010-5555-0000"}]


class TestPages:
    def test_of_what_is_being_written(self, loft: Loft) -> None:
        loft.wrote()
        body = {"way": f"{loft.box.id}:{loft.address().id}", "text": "one\ftwo\fthree"}
        first = loft.json("/desk/api/preview/pages", body | {"from": 0, "limit": 1}).json
        assert (len(first["pages"]), first["more"]) == (1, True)
        assert first["pages"][0].startswith("data:image/png;base64,iVBOR")
        rest = loft.json("/desk/api/preview/pages", body | {"from": 1, "limit": 10}).json
        assert (len(rest["pages"]), rest["more"]) == (2, False)
        mail = {"way": f"{loft.mailbox.id}:{loft.mail_address()}", "text": "x", "limit": 4}
        assert loft.json("/desk/api/preview/pages", mail).json == {"pages": [], "more": False}

    def test_of_a_message_and_of_a_file_that_came(self, loft: Loft) -> None:
        files = (
            File("fax.tif", "image/tiff", b"II*"),
            File("broken.pdf", "application/pdf", b"broken"),
            File("x.zip", "application/zip", b"PK"),
        )
        number = loft.wrote(files=files)
        delivery = loft.wired(number, "page\fpage")
        assert len(loft.json(f"/desk/pages/deliveries/{delivery}?limit=5").json["pages"]) == 2
        page = loft.boss.get(f"/desk/conversations/{number}").text
        places = re.findall(r'data-sheets="(/desk/pages/files/\d+)"', page)
        assert len(places) == 2, "the TIFF and the PDF, not the archive"
        assert len(loft.json(f"{places[0]}?from=1&limit=3").json["pages"]) == 2
        broken = loft.json(f"{places[1]}?limit=1")
        assert (broken.status_code, broken.json["message"]) == (422, "The pages cannot be shown: This file is broken.")
        assert loft.json("/desk/pages/files/999").status_code == 404
        assert loft.json("/desk/pages/deliveries/999").status_code == 404

    def test_nobody_asks_for_more_than_a_screen(self, loft: Loft) -> None:
        delivery = loft.wired(loft.wrote(), "x" + "\f" * 50 + "x")
        told = loft.json(f"/desk/pages/deliveries/{delivery}?limit=9999").json
        assert (len(told["pages"]), told["more"]) == (20, False)
        assert loft.json(f"/desk/pages/deliveries/{delivery}?from=-5&limit=x").status_code == 200


class TestSandbox:
    def catch(self, loft: Loft, raw: bytes, kind: str, message_id: str = "") -> int:
        with loft.db.write() as session:
            one = Catch(OURS, (BIRD,), "Words", message_id, raw, "pigeon", kind)
            return caught.keep(session, utcnow(), one).id

    def test_words_stand_in_a_telephone_with_their_parts(self, loft: Loft) -> None:
        delivery = loft.wired(loft.wrote(), "가나다")
        with loft.db.read() as session:
            message_id = session.get_one(Delivery, delivery).message_id
        number = self.catch(loft, "가나다 <b>".encode(), "text/plain; charset=utf-8", message_id)
        page = loft.boss.get(f"/desk/sandbox/{number}")
        assert '<p class="phone-bubble">가나다 &lt;b&gt;</p>' in page.text
        assert "1 part · 6/40 bytes · EUC-KR" in text_of(page)
        assert "010-5555-0000" in text_of(page)
        assert f"/desk/deliveries/{delivery}" in page.text
        assert "The sandbox took it" in text_of(loft.boss.get(f"/desk/deliveries/{delivery}"))

    def test_fields_stand_in_a_table(self, loft: Loft) -> None:
        number = self.catch(loft, b'{"To": "+82", "Body": "hello", "more": {"a": [1]}}', "application/json")
        page = loft.boss.get(f"/desk/sandbox/{number}")
        assert '<p class="phone-bubble">hello</p>' in page.text
        assert "<dt>more</dt>" in page.text

    def test_pages_are_shown_and_the_bytes_are_a_download(self, loft: Loft) -> None:
        number = self.catch(loft, b"%PDF-1.4 <script>", "application/pdf")
        page = loft.boss.get(f"/desk/sandbox/{number}")
        assert f'data-sheets="/desk/pages/caught/{number}"' in page.text
        assert len(loft.json(f"/desk/pages/caught/{number}?limit=3").json["pages"]) == 3
        source = loft.boss.client.get(f"/desk/sandbox/{number}/source")
        assert (source.data, source.headers["Content-Type"]) == (b"%PDF-1.4 <script>", "application/octet-stream")
        assert f"caught-{number}.pdf" in source.headers["Content-Disposition"]
        assert (
            loft.boss.client.get(f"/desk/sandbox/{number}/picture").headers["Content-Type"]
            == "application/octet-stream"
        )

    def test_the_list_knows_channels(self, loft: Loft) -> None:
        self.catch(loft, b"a bird", "text/plain")
        with loft.db.write() as session:
            caught.keep(
                session, utcnow(), Catch("a@b.example", ("c@d.example",), "A mail", "", b"Subject: A mail\r\n\r\nx")
            )
        everything = text_of(loft.boss.get("/desk/sandbox"))
        assert "Words" in everything
        assert "A mail" in everything
        birds = text_of(loft.boss.get("/desk/sandbox?channel=pigeon"))
        assert "A mail" not in birds
        assert "Words" in birds
        assert "A mail" in text_of(loft.boss.get("/desk/sandbox?channel=<script>"))

    @pytest.mark.parametrize(
        ("kind", "raw", "text"),
        [
            ("text/plain; charset=euc-kr", "안녕".encode("euc-kr"), "안녕"),
            ("text/plain; charset=no-such", b"hi", "hi"),
            ("application/json", b"not json", "not json"),
            ("application/json", b"[1]", "[1]"),
            ("application/x-www-form-urlencoded", b"Body=a%20b&To=%2B82", "a b"),
            ("application/octet-stream", b"\0\xff", ""),
            ("", b"x", "x"),
        ],
    )
    def test_odd_catches_are_read_without_a_fall(self, kind: str, raw: bytes, text: str) -> None:
        assert speech.read(kind, raw).text == text


class TestConsent:
    def test_an_agent_was_told_and_it_can_be_seen(self, loft: Loft) -> None:
        number = loft.wrote()
        mina, user = loft.home.signed_in("mina@shop.example")
        mina.get("/me")
        path = f"/desk/api/addresses/{loft.address().id}/consent"
        assert loft.json(path, {"given": False, "words": "전화로: 그만 보내세요"}, mina).json == {"changed": True}
        assert loft.json(path, {"given": False, "words": "again"}, mina).json == {"changed": False}
        pane = text_of(mina.get(f"/desk/conversations/{number}/customer"))
        assert "does not want messages" in pane
        assert "told an agent · “전화로: 그만 보내세요”" in pane
        with loft.db.read() as session:
            said = consent.latest(session, loft.address().id)
            assert said is not None
            row = session.get_one(Interaction, said.interaction_id)
        assert (said.how, said.channel, row.user_id, row.name) == (
            "agent",
            "phone",
            user.id,
            log.Name.CONSENT_WITHDRAWN.value,
        )
        assert loft.json(path, {"given": True, "words": "doch"}, mina).json == {"changed": True}
        assert (
            "does not want messages"
            not in text_of(mina.get(f"/desk/conversations/{number}/customer")).split("Timeline")[0].split("Merge")[0]
        )
        assert loft.json("/desk/api/addresses/999/consent", {"given": True}, mina).status_code == 404


class TestStrictness:
    def test_nothing_stands_inline(self, loft: Loft) -> None:
        number = loft.wrote(files=(File("fax.tif", "image/tiff", b"II*"),))
        delivery = loft.wired(number)
        loft.boss.post(f"/desk/inboxes/{loft.box.id}", FORM)
        for path in (
            "/desk/inboxes", "/desk/inboxes/new/pigeon", f"/desk/inboxes/{loft.box.id}", f"/desk/deliveries/{delivery}",
            f"/desk/conversations/{number}", "/desk/new", "/desk/sandbox",
        ):  # fmt: skip
            page = loft.boss.get(path)
            assert page.status_code == 200, path
            assert not re.search(r"<style|\sstyle=|\son\w+=\"|<script(?![^>]*(src=|application/json))", page.text), path
            assert "unsafe" not in page.headers["Content-Security-Policy"]

    def test_the_console_asks_for_no_channel_by_name(self) -> None:
        """But for the two forms older than all others, and the words and icons of channels."""
        root = Path(__file__).parents[1]
        named = re.compile(r"""(?:==|!=|\bin)\s*\(?\s*["'](?:email|chat|sms|fax|post)["']""")
        allowed = {"contact/desk/trouble.py", "contact/desk/inbox_form.py"}
        found = [
            f"{path.relative_to(root)}: {line.strip()}"
            for path in sorted((root / "contact/desk").rglob("*.py"))
            if str(path.relative_to(root)) not in allowed
            for line in path.read_text().splitlines()
            if named.search(line)
        ]
        assert not [line for line in found if "own ==" not in line], found
