"""The composer with any channel in a real Chromium: ways out, live counting, what cannot be sent, pages, recall."""

# ruff: noqa: E501 - scripts in one line

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import demo_house
import pytest
import real
import sqlalchemy as sa
from desk_kit import Town, furnish, sign_in
from real import until

from contact import directory, inbox, intake, migrations, outbox
from contact.db import utcnow
from contact.files import keep
from contact.messages import AddressKind, DeliveryState, File, Inbound, Party, Progress, Receipt
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ROOT = Path(__file__).parents[1]
BIRD = "+821055550000"


@dataclass
class Place:
    """A running house with pigeon post, and the service beside it."""

    house: real.House
    town: Town
    service: Service
    box: int
    talk: int
    numbers: dict[str, int] = field(default_factory=dict)

    def way(self, kind: str) -> str:
        """The value of a way out of the bird's conversation."""
        with self.service.db.read() as session:
            address = session.scalars(sa.select(directory.Address).where(directory.Address.value == kind)).one()
        return f"{self.box if address.kind == 'tel' else self.town.mailbox.id}:{address.id}"

    def settle(self, delivery: int, state: DeliveryState, **more: Any) -> None:
        with self.service.db.write() as session:
            outbox.settle(session, utcnow(), Receipt(state, delivery_id=delivery, **more))

    def newest(self) -> Delivery:
        with self.service.db.read() as session:
            return session.scalars(sa.select(Delivery).order_by(Delivery.id.desc())).first()  # type: ignore[return-value]


class DemoHouse(real.House):
    """The same server with one more channel; without a worker, so that deliveries stand where a test puts them."""

    def start(self, role: str = "web", ready: bool = True) -> real.House:
        import os

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANMARU_", "PYTEST"))}
        with (self.home / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, demo_house.__file__, role], cwd=self.home, env=kept | self.variables,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        real.wait_for(self.is_live, 120, "the web process")
        real.RAN.add("server")
        return self

    def is_live(self) -> bool:
        """Ready it never is: that takes a worker."""
        try:
            return bool(self.get("/health/live"))
        except (OSError, ValueError):
            return False


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        house = DemoHouse(stack.enter_context(real.folder("channels")))
        settings = Settings(_env_file=None, data_dir=house.data)  # type: ignore[call-arg]
        service = Service.of(settings, demo_house.channels(settings))
        stack.callback(service.close)
        stack.callback(house.end)
        migrations.upgrade(service.db.engine)
        town = furnish(service)
        box, talk = _bird(town, service)
        house.start()
        yield Place(house, town, service, box, talk)


def _bird(town: Town, service: Service) -> tuple[int, int]:
    """Somebody who wrote by pigeon, with a picture of paper, and can be reached by mail as well."""
    with service.db.write() as session:
        box = inbox.add(session, utcnow(), "pigeon", "+8225550100", "비둘기", provider="loft")
        box.settings = {"price": "9.9", "currency": "KRW"}
    files = (File("fax.tif", "image/tiff", b"II*"),)
    said = Inbound("pigeon", "k", "f", Party(AddressKind.TEL, BIRD, "새아저씨"), "안녕하세요", files=files)
    kept = keep(service.store, files)
    with service.db.write() as session:
        taken = intake.take(session, town.shop.later(), said, inbox.get(session, box.id), kept)
        holder = session.scalars(sa.select(directory.Address).where(directory.Address.value == BIRD)).one()
        contact = directory.get(session, holder.contact_id)
        directory.add_address(session, utcnow(), contact, AddressKind.EMAIL, "bird@customers.example", None)
    return box.id, taken.conversation_id


@pytest.fixture
def open_(place: Place, chromium: Any) -> Iterator[Callable[..., Any]]:
    contexts, errors = [], list[str]()

    def make(path: str = "", who: str = "jun", **options: Any) -> Any:
        given = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "timezone_id": "Asia/Seoul", **options}
        context = chromium.new_context(**given)
        contexts.append(context)
        page = sign_in(context, place.house, who)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
        page.goto(f"{place.house.url}{path or f'/desk/conversations/{place.talk}?list=all'}")
        until(page, "document.documentElement.dataset.line === 'on'")
        return page

    yield make
    assert not errors, errors
    for context in contexts:
        context.close()


def empty(page: Any) -> None:
    page.fill("#text", "")
    until(page, "!document.querySelector('#draft-state').textContent")


def test_counting_while_one_writes_and_what_cannot_be_sent(place: Place, open_: Callable[..., Any]) -> None:
    page = open_()
    assert page.input_value("#way") == place.way(BIRD), "the way the customer came"
    page.fill("#text", "가" * 21)
    until(page, "document.querySelector('#weight').textContent === '2 parts · 2/40 bytes · EUC-KR · about ₩19.8'")
    page.fill("#text", "안녕\n커피 😀 ☕ 두 잔")
    page.wait_for_selector("#problems li >> nth=1")
    page.click("#problems li:has-text('😀') .link")
    assert (
        page.evaluate("const f = document.querySelector('#text'); f.value.slice(f.selectionStart, f.selectionEnd)")
        == "😀"
    )
    page.press("#text", "Control+Enter")
    page.wait_for_selector(".toast:has-text('This cannot be sent as it stands.')")
    assert "😀" in page.input_value("#text")
    assert page.locator("#rows .reply").count() == 0
    page.click("#problems li:has-text('☕') button.small")
    until(page, "document.querySelector('#text').value === '안녕\\n커피 😀 커피 두 잔'")
    page.fill("#text", "안녕\n커피 두 잔")
    page.wait_for_selector("#problems", state="hidden")
    page.press("#text", "Control+Enter")
    page.wait_for_selector("#rows .reply:has-text('커피 두 잔')")
    assert place.newest().channel == "pigeon"
    until(page, "document.querySelector('#weight').hidden")


def test_a_quick_hand_cannot_overtake_the_scales(place: Place, open_: Callable[..., Any]) -> None:
    page = open_()
    before = place.newest().id
    page.fill("#text", "fine")
    page.wait_for_selector("#weight:not([hidden])")
    page.evaluate(
        "() => { const f = document.querySelector('#text'); f.value = 'not fine 😀'; f.dispatchEvent(new InputEvent('input', {bubbles: true})); f.form.requestSubmit(); }"
    )
    page.wait_for_selector("#problems li:has-text('😀')")
    assert place.newest().id == before
    empty(page)


def test_the_channel_is_changed_and_what_stays_behind_is_said(place: Place, open_: Callable[..., Any]) -> None:
    page = open_()
    mail, bird = place.way("bird@customers.example"), place.way(BIRD)
    page.select_option("#way", mail)
    assert page.is_hidden("#weight")
    page.fill("#subject", "About your bird")
    page.fill("#text", "bold words")
    page.press("#text", "Control+a")
    page.press("#text", "Control+b")
    page.wait_for_selector(".ProseMirror strong")
    page.set_input_files("#file", {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"})
    page.wait_for_selector("#uploads li:has-text('offer.pdf'):not(:has(progress))")
    page.select_option("#way", bird)
    said = page.wait_for_selector("#losses:not([hidden])").inner_text()
    assert "Pigeon does not carry the subject, formatting and pictures in the text. It stays in the draft." in said
    assert "offer.pdf cannot go along: this way does not carry files of that type." in said
    before = place.newest().id
    page.press("#text", "Control+Enter")
    page.wait_for_selector(".toast.bad:has-text('offer.pdf')")
    assert place.newest().id == before
    page.wait_for_selector("#draft-state[data-state=saved]")
    page.reload()
    until(page, "document.querySelector('#text').value === 'bold words'")
    assert page.input_value("#way") == bird
    page.select_option("#way", mail)
    page.wait_for_selector(".ProseMirror strong:has-text('bold words')")
    assert page.input_value("#subject") == "About your bird"
    page.wait_for_selector("#losses", state="hidden")
    page.click("#send")
    page.wait_for_selector("#rows .reply .formatted strong:has-text('bold words')")
    sent = place.newest()
    assert (sent.channel, sent.conversation_id) == ("email", place.talk)


def test_pages_in_the_drawer_and_of_a_file_that_came(place: Place, open_: Callable[..., Any]) -> None:
    for viewport in ({"width": 1440, "height": 900}, {"width": 390, "height": 844}):
        page = open_(viewport=viewport)
        page.select_option("#way", place.way(BIRD))
        page.evaluate("document.querySelector('.sheets.small').scrollIntoView()")
        until(page, "document.querySelectorAll('#rows .sheets img').length === 3")
        page.evaluate(
            "() => { const f = document.querySelector('#text'); f.value = 'one\\ftwo'; f.dispatchEvent(new InputEvent('input', {bubbles: true})); }"
        )
        page.click("[data-act=pages]")
        until(page, "[...document.querySelectorAll('#drawer-sheets img')].filter(one => one.naturalWidth).length === 2")
        assert page.get_attribute("#drawer-sheets img >> nth=1", "alt") == "Page 2"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Escape")
        page.wait_for_selector("#drawer", state="hidden")
        empty(page)


def test_progress_comes_by_itself_and_a_message_is_called_back(place: Place, open_: Callable[..., Any]) -> None:
    page = open_()
    page.select_option("#way", place.way(BIRD))
    page.fill("#text", "Five pages")
    page.press("#text", "Control+Enter")
    page.wait_for_selector("#rows .reply:has-text('Five pages')")
    number = place.newest().id
    place.settle(number, DeliveryState.WIRED, provider_ref=f"bird-{number}")
    page.wait_for_selector(f"[data-watch='{number}']", state="attached")
    place.settle(number, DeliveryState.WIRED, progress=Progress(2, 5))
    page.wait_for_selector(f"[data-watch='{number}']:has-text('page 2 of 5')")
    page.click(f"[data-delivery='{number}'] [data-decide=recall]")
    page.wait_for_selector(".toast:has-text('The provider was asked to stop it.')")
    place.settle(number, DeliveryState.DELIVERED)
    page.wait_for_selector(f"[data-delivery='{number}'] .state:has-text('Delivered')")
    asked = "performance.getEntriesByType('resource').filter(one => one.name.includes('/progress')).length"
    count = page.evaluate(asked)
    assert count >= 1
    page.wait_for_timeout(2500)
    assert page.evaluate(asked) <= count + 1, "nothing is on its way, so nobody asks"


def test_a_wish_told_by_telephone(place: Place, open_: Callable[..., Any]) -> None:
    page = open_()
    page.locator("#customer .wish").first.click()
    page.fill("dialog[open] textarea", "그만 보내 주세요")
    page.click("dialog[open] .primary")
    page.wait_for_selector("#customer .refusal:has-text('그만 보내 주세요')")
    page.reload()
    assert page.evaluate(f"document.querySelector('#way option[value=\"{place.way(BIRD)}\"]').disabled")
    assert page.input_value("#way") == place.way("bird@customers.example")
    page.locator("#customer .wish").first.click()
    page.fill("dialog[open] textarea", "다시 보내도 됩니다")
    page.click("dialog[open] .primary")
    page.wait_for_selector("#customer .refusal", state="detached")


def test_a_new_message_to_a_number(place: Place, open_: Callable[..., Any]) -> None:
    page = open_("/desk/new")
    page.select_option("#way", f"{place.box}:")
    page.fill("#to", "")
    page.type("#to", "새아저")
    page.wait_for_selector("#people li:has-text('010-5555-0000')")
    page.keyboard.press("Enter")
    assert page.input_value("#to") == BIRD
    page.fill("#text", "Hello")
    page.wait_for_selector("#weight:has-text('1 part')")
    page.press("#text", "Control+Enter")
    page.wait_for_url(re.compile(r"/desk/conversations/\d+"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(place: Place, open_: Callable[..., Any], scheme: str) -> None:
    """axe on every page of this, in both colours; and nothing is wider than a telephone."""
    with place.service.db.write() as session:
        boss = session.get_one(type(place.town.boss), place.town.boss.id)
        boss.language = "en"
    number = place.newest().id
    page = open_("/desk/inboxes", who="boss", color_scheme=scheme, bypass_csp=True)
    for path in (
        "/desk/inboxes", "/desk/inboxes/new/pigeon", f"/desk/inboxes/{place.box}", f"/desk/deliveries/{number}",
        f"/desk/conversations/{place.talk}?list=all", "/desk/sandbox",
    ):  # fmt: skip
        page.goto(f"{place.house.url}{path}")
        if "conversations" in path:
            page.select_option("#way", place.way(BIRD))
            page.fill("#text", "안녕 😀")
            page.wait_for_selector("#problems li")
        page.add_script_tag(path=str(ROOT / "node_modules/axe-core/axe.min.js"))
        found = page.evaluate("() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})")
        wrong = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]]
        assert not wrong, (path, wrong)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.set_viewport_size({"width": 1440, "height": 900})
        if "conversations" in path:
            empty(page)
