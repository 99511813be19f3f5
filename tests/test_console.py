"""The console in a real Chromium: agent and visitor, keys, Korean syllables, undo, two devices, a killed server."""

from __future__ import annotations

import re
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import real
from desk_kit import Town, running, sign_in
from real import until

from contact import users

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ROOT = Path(__file__).parents[1]
AXE = ROOT / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[real.House, Town]]:
    """A furnished, running house for the tests of this file."""

    def prepare(town: Town) -> None:
        with town.shop.service.db.write() as session:
            users.prefer(session.get_one(users.User, town.boss.id), undo_seconds=2)

    with running("console", prepare, HANMARU_UNDO_SECONDS="40") as made:  # far more than a test may take
        yield made


class Agent:
    """Somebody at the console, on one device."""

    def __init__(self, context: Any, house: real.House, who: str) -> None:
        self.context, self.house, self.page = context, house, sign_in(context, house, who)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if "Content Security" in line.text else None)

    def go(self, path: str) -> Any:
        self.page.goto(f"{self.house.url}{path}")
        until(self.page, "document.documentElement.dataset.line === 'on'")
        return self.page

    def rows(self) -> str:
        return str(self.page.inner_text("#rows"))


@pytest.fixture
def agent(house: tuple[real.House, Town], chromium: Any) -> Iterator[Callable[..., Agent]]:
    contexts = []
    agents: list[Agent] = []

    def make(who: str = "mina", **options: Any) -> Agent:
        given = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "timezone_id": "Asia/Seoul", **options}
        context = chromium.new_context(**given)
        contexts.append(context)
        agents.append(Agent(context, house[0], who))
        return agents[-1]

    yield make
    for one in agents:
        assert not one.errors, one.errors
    for context in contexts:
        context.close()


def mail(house: real.House, subject: str, text: str, sender: str = "new@customers.example", **headers: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "help@shop.example", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", house.smtp_port, timeout=45) as smtp:
        smtp.send_message(message)


def test_a_mail_appears_without_a_reload(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    page = agent().go("/desk?list=unassigned")
    page.evaluate("window.sameePage = 1")
    before = page.title()
    mail(house[0], "방금 보낸 메일", "화면에 바로 보이나요?")
    page.wait_for_selector("#cards .card-line:has-text('방금 보낸 메일')")
    until(page, "old => document.title !== old", arg=before)
    assert page.evaluate("window.sameePage") == 1
    assert int(page.evaluate("document.documentElement.dataset.rang || 0")) >= 1


def test_agent_and_visitor_talk(house: tuple[real.House, Town], agent: Callable[..., Agent], chromium: Any) -> None:
    page = agent("jun").go("/desk?list=unassigned")
    context = chromium.new_context(locale="en-US")
    shop = context.new_page()
    shop.goto(f"{house[0].url}/shop")
    shop.click("button.launch")
    words = shop.locator("section.panel textarea").first
    words.fill("Is the moon jar in stock?")
    words.press("Enter")
    page.wait_for_selector("#cards .card-line:has-text('moon jar')")
    page.click("#cards .card-line:has-text('moon jar') a")
    page.wait_for_selector("#rows .said:has-text('moon jar')")
    words.type("One more thing")
    page.wait_for_selector("#typing:not(:empty)")
    page.type("#text", "Yes, three of them.")
    until(
        shop,
        "() => [...document.querySelectorAll('*')].find(e => e.shadowRoot).shadowRoot.querySelector('.dots').innerHTML",
    )
    page.press("#text", "Control+Enter")
    shop.wait_for_selector("text=Yes, three of them.")
    page.wait_for_selector("#rows .reply:has-text('three of them') .stage")
    until(
        page,
        "() => /Delivered|Read/.test([...document.querySelectorAll('#rows .reply .stage')].at(-1).innerText)",
    )
    words.press("Enter")
    page.wait_for_selector("#rows .said:has-text('One more thing')")
    context.close()


def test_undo_puts_the_words_back(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["이소라"]
    page = agent("jun").go(f"/desk/conversations/{number}?list=all")
    page.fill("#text", "금액이 틀린 답변")
    page.press("#text", "Control+Enter")
    page.wait_for_selector(".toast .link")
    until(page, "document.querySelector('#text').value === ''")
    page.click(".toast .link")
    until(page, "document.querySelector('#text').value === '금액이 틀린 답변'")
    page.wait_for_selector("#rows .taken-back:has-text('금액이 틀린 답변')")
    assert "Taken back" in page.inner_text("#rows .taken-back .stage")
    page.fill("#text", "")
    until(page, "!document.querySelector('#draft-state').textContent")


def test_words_that_came_back_can_be_thrown_away_though_a_save_answers_late(
    house: tuple[real.House, Town], agent: Callable[..., Agent]
) -> None:
    number = house[1].talks["이소라"]
    page = agent("jun").go(f"/desk/conversations/{number}?list=all")
    late: list[tuple[Any, Any]] = []

    def hold(route: Any) -> None:
        if route.request.post_data_json["text"]:
            route.continue_()
        else:
            late.append((route, route.fetch()))

    page.route("**/desk/api/conversations/*/draft", hold)
    page.fill("#text", "다시 생각할 답변")
    page.press("#text", "Control+Enter")
    page.wait_for_selector(".toast .link")
    until(page, "document.querySelector('#text').value === ''")
    page.wait_for_timeout(600)  # longer than a draft may wait: a save that should not be would be under way
    page.unroute("**/desk/api/conversations/*/draft")
    page.click(".toast .link")
    until(page, "document.querySelector('#text').value === '다시 생각할 답변'")
    for route, answer in late:
        route.fulfill(response=answer)
    page.fill("#text", "")
    until(page, "!document.querySelector('#draft-state').textContent")
    assert page.input_value("#text") == ""


def test_words_begun_since_stay_when_a_message_is_taken_back(
    house: tuple[real.House, Town], agent: Callable[..., Agent]
) -> None:
    number = house[1].talks["이소라"]
    page = agent("jun").go(f"/desk/conversations/{number}?list=all")
    page.fill("#text", "먼저 보낸 답변")
    page.press("#text", "Control+Enter")
    page.wait_for_selector(".toast .link")
    until(page, "document.querySelector('#text').value === ''")
    page.evaluate(
        "() => { const text = document.querySelector('#text'); text.value = '새로 쓰는 말';"
        " text.dispatchEvent(new InputEvent('input', {bubbles: true}));"
        " document.querySelector('.toast .link').click(); }"
    )
    until(page, "document.querySelector('#text').value === '새로 쓰는 말\\n\\n먼저 보낸 답변'")
    page.fill("#text", "")
    until(page, "!document.querySelector('#draft-state').textContent")


def test_a_mail_leaves_after_the_undo_time(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["최민수"]
    page = agent("boss").go(f"/desk/conversations/{number}?list=all")
    page.fill("#text", "네, 교환 가능합니다.")
    page.click("#send")
    page.wait_for_selector("#rows .reply:has-text('교환 가능') .leaves", state="attached")
    page.wait_for_selector("#rows .reply:has-text('교환 가능') .stage:has-text('보냄')")


def test_enter_never_sends_half_a_syllable(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["한유나"]
    one = agent("jun")
    page = one.go(f"/desk/conversations/{number}?list=all")
    page.focus("#text")
    line = one.context.new_cdp_session(page)
    line.send("Input.imeSetComposition", {"text": "하", "selectionStart": 1, "selectionEnd": 1})
    assert page.input_value("#text") == "하"
    for keys in ({"key": "Enter", "ctrlKey": True}, {"key": "Enter"}):
        page.evaluate(
            "given => document.querySelector('#text').dispatchEvent(new KeyboardEvent('keydown',"
            " {...given, isComposing: true, bubbles: true, cancelable: true}))",
            keys,
        )
    page.keyboard.press("Control+Enter")
    assert page.input_value("#text") == "하"
    assert page.locator("#rows .reply:has-text('하')").count() == 0
    line.send("Input.insertText", {"text": "한"})
    until(page, "document.querySelector('#text').value === '한'")
    page.evaluate("document.querySelector('#text').dispatchEvent(new CompositionEvent('compositionend'))")
    page.fill("#text", "")


def test_ten_tasks_by_keyboard_alone(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    mail(house[0], "Keyboard run", "All of this without a mouse.", sender="keys@customers.example")
    page = agent("jun").go("/desk?list=unassigned")
    page.wait_for_selector("#cards .card-line:has-text('Keyboard run')")
    keys = page.keyboard
    keys.press("j")
    keys.press("k")
    until(page, "document.activeElement.closest('.card-line') !== null")
    keys.press("Enter")
    page.wait_for_selector("#thread")
    page.wait_for_selector("#thread-head h1:has-text('Keyboard run')")
    keys.press("n")
    keys.type("@mi")
    page.wait_for_selector("#names li[aria-selected=true]:has-text('@mina')")
    keys.press("Enter")
    keys.type("please look")
    keys.press("Control+Enter")
    page.wait_for_selector("#rows .note:has-text('@mina please look')")
    keys.press("Escape")
    keys.press("t")
    page.wait_for_selector("#menu-tag:popover-open")
    keys.type("keys")
    keys.press("Enter")
    page.wait_for_selector("#thread-head .badge:has-text('keys')")
    keys.press("p")
    page.wait_for_selector("#menu-priority:popover-open")
    keys.press("Enter")
    page.wait_for_selector("#thread-head .badge.danger")
    keys.press("a")
    page.wait_for_selector("#menu-assign:popover-open")
    keys.press("Enter")
    page.wait_for_selector("#thread-head .who:has-text('Jun Park')")
    keys.press("r")
    keys.type("Done with keys.")
    keys.press("Control+Enter")
    page.wait_for_selector("#rows .reply:has-text('Done with keys.')")
    keys.press("Escape")
    keys.press("e")
    page.wait_for_selector("#thread-head .state-resolved")
    keys.press("Control+k")
    keys.type("snoo")
    page.wait_for_selector("#palette-list [aria-selected=true]:has-text('Snooze')")
    keys.press("Escape")
    page.wait_for_selector("#palette", state="hidden")  # the browser closes it after the key was told
    keys.press("g")
    keys.press("a")
    until(page, "location.search.includes('list=all')")
    keys.press("?")
    page.wait_for_selector("#keys[open]")
    keys.press("Escape")


def test_palette_finds_korean_by_consonants_and_english(
    house: tuple[real.House, Town], agent: Callable[..., Agent]
) -> None:
    page = agent("boss").go("/desk?list=all")
    for typed, expected in (
        ("ㅁㅂㅈ", "미배정으로 이동"),
        ("unassigned", "미배정으로 이동"),
        ("설저", "설정으로 이동"),
    ):
        page.keyboard.press("Control+k")
        page.fill("#palette-q", typed)
        page.wait_for_selector(f"#palette-list [aria-selected=true]:has-text('{expected}')")
        page.keyboard.press("Escape")


def test_a_draft_follows_to_another_device(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["정지우"]
    desktop, phone = agent("jun"), agent("jun", viewport={"width": 390, "height": 844})
    one, other = (
        desktop.go(f"/desk/conversations/{number}?list=all"),
        phone.go(f"/desk/conversations/{number}?list=all"),
    )
    one.fill("#text", "결제 내역을 확인하고 있습니다.")
    until(other, "document.querySelector('#text').value === '결제 내역을 확인하고 있습니다.'")
    other.wait_for_selector("#draft-state[data-state=saved]")
    other.type("#text", " 잠시만요.")
    other.wait_for_selector("#draft-state[data-state=saved]")
    until(one, "document.querySelector('#text').value.endsWith('잠시만요.')")
    one.fill("#text", "")
    until(other, "document.querySelector('#text').value === ''")


def test_both_devices_at_once_lose_nothing(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["강도현"]
    first, second = agent("jun"), agent("jun")
    one, other = first.go(f"/desk/conversations/{number}?list=all"), second.go(f"/desk/conversations/{number}?list=all")
    second.context.set_offline(True)
    other.fill("#text", "두 번째 기기의 글")
    one.fill("#text", "첫 번째 기기의 글")
    one.wait_for_selector("#draft-state[data-state=saved]")
    second.context.set_offline(False)
    other.wait_for_selector("#elsewhere:not([hidden])")
    assert other.input_value("#text") == "두 번째 기기의 글"
    other.click("#elsewhere button >> nth=0")
    until(other, "document.querySelector('#text').value === '첫 번째 기기의 글'")
    other.fill("#text", "")
    until(other, "!document.querySelector('#draft-state').textContent")


def test_something_arrived_stops_before_sending(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["Anna Kowalska"]
    mina, jun = agent("mina"), agent("jun")
    one, other = mina.go(f"/desk/conversations/{number}?list=all"), jun.go(f"/desk/conversations/{number}?list=all")
    other.wait_for_selector("#viewers:has-text('김민아')")
    one.fill("#text", "민아의 답변")
    other.wait_for_selector("#viewers:has-text('writing')")
    other.fill("#text", "Jun was first")
    other.press("#text", "Control+Enter")
    other.wait_for_selector("#rows .reply:has-text('Jun was first')")
    one.wait_for_selector("#arrived:not([hidden])")
    one.wait_for_selector("#rows .reply:has-text('Jun was first')")
    one.click("#arrived button")
    one.wait_for_selector("#rows .reply:has-text('민아의 답변')")


def test_the_server_refuses_what_the_page_has_not_seen(
    house: tuple[real.House, Town], agent: Callable[..., Agent]
) -> None:
    """The stop does not depend on the live line: a page that heard nothing is stopped, too."""
    number = house[1].talks["Li Wei"]
    mina, jun = agent("mina"), agent("jun")
    one = mina.go(f"/desk/conversations/{number}?list=all")
    one.fill("#text", "written before")
    one.wait_for_selector("#draft-state[data-state=saved]")
    one.evaluate("document.documentElement.dataset.mute = 1")
    mina.context.route("**/rows?after=*", lambda route: route.abort())
    other = jun.go(f"/desk/conversations/{number}?list=all")
    other.fill("#text", "came in between")
    other.press("#text", "Control+Enter")
    other.wait_for_selector("#rows .reply:has-text('came in between')")
    with one.expect_response(re.compile("/messages$")) as answer:
        one.evaluate("document.querySelector('#arrived').hidden = true")
        one.click("#send")
    assert answer.value.status == 409
    assert answer.value.json()["error"] == "something_arrived"
    mina.context.unroute("**/rows?after=*")
    assert one.input_value("#text") == "written before"
    one.fill("#text", "")


def test_merging_contacts_and_back(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["정지우"]
    page = agent("jun").go(f"/desk/conversations/{number}?list=all")
    page.wait_for_selector(".hint-card")
    page.click(".hint-card .button.primary")
    page.wait_for_selector("#customer .fold:has-text('merged')")
    page.wait_for_selector("#customer .story-rows:has-text('쿠폰이 적용되지 않아요')")
    page.click("#customer .fold summary")
    page.click("#customer .merged .button")
    until(page, "!document.querySelector('#customer .story-rows').innerText.includes('쿠폰')")
    assert page.locator("#customer .merged").count() == 0


def test_html_mail_runs_nothing_and_loads_nothing(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    number = house[1].talks["Mike O’Neil"]
    one = agent("jun")
    asked: list[str] = []
    one.page.on("request", lambda request: asked.append(request.url))
    page = one.go(f"/desk/conversations/{number}?list=all")
    frame = page.frame_locator("#rows .html iframe")
    frame.locator("h2:has-text('Wrong colour')").wait_for()
    page.wait_for_selector("#rows .held:not([hidden])")
    assert not [url for url in asked if "tracker.example" in url]
    height = page.evaluate("document.querySelector('#rows .html iframe').clientHeight")
    inside = page.evaluate("document.querySelector('#rows .html iframe').contentDocument.documentElement.scrollHeight")
    assert height >= inside - 1


def test_phone_shows_one_pane_at_a_time(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    page = agent("mina", viewport={"width": 390, "height": 844}, has_touch=True).go("/desk?list=all")
    assert page.is_visible("#cards")
    page.click("#cards .card-line >> nth=1 >> a")
    page.wait_for_selector("#thread:visible")
    assert not page.is_visible("#cards")
    page.click(".customer-toggle")
    assert page.is_visible(".customer-in")
    page.click(".customer-back")
    page.click(".back")
    page.wait_for_selector("#cards:visible")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pages_reconnect_after_a_killed_server(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    server, town = house
    number = town.talks["박하나"]
    page = agent("mina").go(f"/desk/conversations/{number}?list=all")
    page.evaluate("window.sameePage = 1")
    page.fill("#text", "서버가 죽어도 남는 글")
    page.wait_for_selector("#draft-state[data-state=saved]")
    server.kill9()
    page.wait_for_selector("#strip:not([hidden])")
    page.type("#text", " 그리고 더")
    town.shop.mail(
        town.mailbox, "hana@customers.example", "박하나", "Re: 주문", "그 사이에 온 메일", thread=_joins(number)
    )
    server.start()
    page.wait_for_selector("#strip", state="hidden")
    page.wait_for_selector("#rows .said:has-text('그 사이에 온 메일')")
    page.wait_for_selector("#draft-state[data-state=saved]")
    assert page.evaluate("window.sameePage") == 1
    page.reload()
    assert page.input_value("#text") == "서버가 죽어도 남는 글 그리고 더"
    assert page.locator("#rows .said:has-text('그 사이에 온 메일')").count() == 1


def _joins(number: int) -> Any:
    from contact.messages import Thread

    return Thread(token=number)


PAGES = (
    "/desk?list=all",
    "/desk/conversations/1?list=all",
    "/desk/conversations/13?list=all",
    "/desk/conversations/8?list=all",
    "/desk/search?q=환불",
    "/desk/views/new",
)


@pytest.mark.parametrize("look", [("light", 1440), ("dark", 1440), ("light", 390)])
def test_accessible(house: tuple[real.House, Town], agent: Callable[..., Agent], look: tuple[str, int]) -> None:
    """WCAG 2.1 A and AA by axe-core; every page keeps its width."""
    if not AXE.exists():
        real.missing("axe-core", "npm ci")
    boss = agent("boss", color_scheme=look[0], viewport={"width": look[1], "height": 900}, bypass_csp=True)
    told: list[str] = []
    for path in PAGES:
        page = boss.go(path)
        page.add_script_tag(path=str(AXE))
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        told += [
            f"{path} {one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"):
            told.append(f"{path} is wider than the screen")
    assert not told, "\n".join(told)


def test_the_bundle_is_typed() -> None:
    subprocess.run(["npx", "--no-install", "tsc", "--noEmit"], cwd=ROOT, check=True, capture_output=True)
