"""Canned answers in a real Chromium: the search behind /, variants, signs of empty fields; the pages around them."""

# ruff: noqa: E501, F811 - scripts in one line; fixtures of another file

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import real
from desk_kit import Town, running
from real import until
from sqlalchemy import select
from test_console import Agent, agent  # noqa: F401 - fixtures

from contact.conversation import Conversation
from contact.log import Interaction, Name
from contact.outbox import Delivery
from contact.response import hours
from contact.response.answers import automatic
from contact.response.answers.answer import Variant, Wording, add, checked
from contact.response.answers.automatic import Kind
from contact.response.answers.use import CannedUse
from contact.response.satisfaction import setting
from contact.response.satisfaction.setting import Chosen

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
Open = Callable[..., Agent]
RICH = "document.querySelector('.ProseMirror')"

ANSWERS = (
    Wording("ship", "배송 안내", "배송", ("택배",), None, (
        Variant("{{ 이름 }}님, 안녕하세요.\n주문하신 상품은 내일 도착합니다.\n{{ 상담원 }} 드림", "ko"),
        Variant("Hello {{ name }},\nyour parcel arrives tomorrow.", "en"),
        Variant("{{ 이름 | 고객 }}님, 내일 도착합니다.", "ko", "chat"),
    )),
    Wording("invoice", "세금계산서", "", (), None, (Variant("{{ 회사 }} 앞으로 세금계산서를 발행했습니다."),)),
    Wording("terms", "Formatted terms", "", (), None, (Variant("", "", "", "<div><strong>Terms</strong></div><ul><li>{{ name }}</li><li>two</li></ul>"),)),
)  # fmt: skip


def prepare(town: Town) -> None:
    service = town.shop.service
    with service.db.write() as session:
        for one in ANSWERS:
            ready = checked(one, [channel.name for channel in service.channels])
            add(session, datetime.now(UTC), ready, user_id=None, by=town.boss.id, may_share=True)
        setting.keep(session, datetime.now(UTC) - timedelta(hours=1), True, Chosen())


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[real.House, Town]]:
    with running("answers", prepare, HANMARU_UNDO_SECONDS="0") as made:
        yield made


def talk(house: tuple[real.House, Town], agent: Open, name: str, who: str = "mina", **more: Any) -> Any:
    return agent(who, **more).go(f"/desk/conversations/{house[1].talks[name]}?list=all")


def clear(page: Any) -> None:
    page.fill("#text", "")
    until(page, "!document.querySelector('#draft-state').textContent")


def test_a_slash_searches_and_enter_puts_the_words_in_the_customers_language(
    house: tuple[real.House, Town], agent: Open
) -> None:
    page = talk(house, agent, "최민수")
    page.fill("#text", "먼저 한 줄\n")
    page.focus("#text")
    page.keyboard.press("Control+End")
    page.keyboard.type("/ㅂㅅ")
    page.wait_for_selector("#answers:visible [role=option][aria-selected=true]:has-text('/ship')")
    assert page.locator("#answers [role=option]").count() == 1
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#text').value.includes('내일 도착')")
    assert (
        page.input_value("#text") == "먼저 한 줄\n최민수님, 안녕하세요.\n주문하신 상품은 내일 도착합니다.\n김민아 드림"
    )
    assert page.is_hidden("#answers")
    assert page.is_hidden("#signs")
    clear(page)
    page.keyboard.type("/ship")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#text').value.startsWith('최민수님')")  # Enter came before the list
    clear(page)
    page.keyboard.type("/")
    page.wait_for_selector("#answers:visible")
    assert page.locator("#answers [role=option]").count() == 3
    first = page.get_attribute("#text", "aria-activedescendant")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#text", "aria-activedescendant") != first
    page.keyboard.press("Escape")
    until(page, "document.querySelector('#answers').hidden")
    assert page.input_value("#text") == "/"
    page.fill("#text", "12/ship")
    page.evaluate("new Promise(done => setTimeout(done, 400))")
    assert page.is_hidden("#answers"), "only at the beginning of a line"
    clear(page)


def test_english_customers_get_english_and_the_chat_its_short_form(house: tuple[real.House, Town], agent: Open) -> None:
    page = talk(house, agent, "Li Wei")
    page.focus("#text")
    page.keyboard.type("/ship")
    page.wait_for_selector("#answers:visible [aria-selected=true]:has-text('parcel')")
    page.keyboard.press("Tab")
    until(page, "document.querySelector('#text').value === 'Hello Li Wei,\\nyour parcel arrives tomorrow.'")
    clear(page)
    chat = talk(house, agent, "chat1")
    chat.focus("#text")
    chat.keyboard.type("/ship")
    chat.wait_for_selector("#answers:visible [aria-selected=true]:has-text('오하늘님, 내일')")
    chat.click("#answers [role=option]")
    until(chat, "document.querySelector('#text').value === '오하늘님, 내일 도착합니다.'")
    clear(chat)


def test_a_letter_that_begins_a_conversation_finds_them_too(house: tuple[real.House, Town], agent: Open) -> None:
    town = house[1]
    with town.shop.service.db.read() as session:
        hana = session.scalars(select(Conversation.contact_id).where(Conversation.id == town.talks["박하나"])).one()
    page = agent("mina").go(f"/desk/new?contact={hana}")
    page.focus("#text")
    page.keyboard.type("/ship")
    page.wait_for_selector("#answers:visible [aria-selected=true]:has-text('박하나님')")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#text').value.startsWith('박하나님, 안녕하세요.')")


def test_an_empty_field_is_marked_and_stops_the_message(house: tuple[real.House, Town], agent: Open) -> None:
    house_, town = house
    page = talk(house, agent, "이소라")
    page.focus("#text")
    page.keyboard.type("/invoice")
    page.wait_for_selector("#answers:visible")
    page.keyboard.press("Enter")
    page.wait_for_selector("#signs:visible:has-text('회사')")
    assert page.input_value("#text") == "⟦회사?⟧ 앞으로 세금계산서를 발행했습니다."
    picked = "document.querySelector('#text').value.slice(document.querySelector('#text').selectionStart, document.querySelector('#text').selectionEnd)"
    assert page.evaluate(picked) == "⟦회사?⟧", "the sign is selected: the next key writes there"
    page.click("#send")
    page.wait_for_selector(".toast.bad:has-text('회사')")
    answer = page.evaluate(
        """async number => { const csrf = document.querySelector('meta[name=csrf]').content;
        const way = document.querySelector('#way').value;
        const answer = await fetch(`/desk/api/conversations/${number}/messages`, {method: 'POST', headers: {'Content-Type': 'application/json', 'X-CSRF': csrf},
            body: JSON.stringify({key: crypto.randomUUID(), way, text: 'hello ⟦회사?⟧', seen: 1e9})});
        return [answer.status, (await answer.json()).error] }""",
        town.talks["이소라"],
    )
    assert answer == [400, "empty_field"], "the server stops it, too"
    page.evaluate("document.querySelector('#signs button').click()")
    page.keyboard.type("한빛상사")
    until(page, "document.querySelector('#signs').hidden")
    page.click("#send")
    page.wait_for_selector("#rows .reply:has-text('한빛상사 앞으로')")
    service = town.shop.service

    def counted() -> Any:
        with service.db.read() as session:
            return session.scalars(select(CannedUse).where(CannedUse.changed == 1)).first()

    real.wait_for(counted, what="the worker to count it as changed before sending")
    assert house_.url


def test_formatted_words_bring_the_editor_and_work_in_it(house: tuple[real.House, Town], agent: Open) -> None:
    page = talk(house, agent, "Anna Kowalska", "jun")
    page.focus("#text")
    page.keyboard.type("/terms")
    page.wait_for_selector("#answers:visible [aria-selected=true]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".ProseMirror strong:has-text('Terms')")
    page.wait_for_selector(".ProseMirror li:has-text('Anna Kowalska')")
    assert "/terms" not in page.inner_text(".ProseMirror")
    page.evaluate(f"{RICH}.focus()")
    page.evaluate("new Promise(done => setTimeout(done, 60))")
    page.keyboard.press("Control+a")
    page.evaluate("new Promise(done => setTimeout(done, 60))")
    page.keyboard.press("Delete")
    page.keyboard.type("/invoice")
    page.wait_for_selector("#answers:visible [aria-selected=true]:has-text('/invoice')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#signs:visible")
    page.wait_for_selector(".ProseMirror:has-text('⟦')")
    assert "/invoice" not in page.inner_text(".ProseMirror")
    page.keyboard.type("Kowalska Ltd")
    until(page, "document.querySelector('#signs').hidden")
    page.wait_for_selector(".ProseMirror:has-text('Kowalska Ltd')")


def test_the_editor_shows_how_it_reads_and_keeps_it(house: tuple[real.House, Town], agent: Open) -> None:
    page = agent("boss").go("/desk/answers/new")
    page.fill("#f-name", "hello")
    page.fill("[name=v_text]", "{{ 이름 }}님, {{ 회사 }} {{ nothing }}")
    page.wait_for_selector("[data-look-wrong]:visible:has-text('nothing')")
    page.fill("[name=v_text]", "{{ 이름 }}님, {{ 회사 }}")
    page.wait_for_selector(".answer-sheet mark")
    page.click("[data-variant-add]")
    page.locator("[name=v_text]").nth(1).fill("Hello {{ name }}")
    page.locator("[name=v_language]").nth(1).select_option("en")
    page.select_option("[data-look-language]", "en")
    page.wait_for_selector(".answer-sheet:has-text('Hello ')")
    page.click("form.answer-editor button.primary")
    page.wait_for_selector("a.answer-name:has-text('/hello')")
    page.set_input_files(
        "input[type=file]",
        {
            "name": "a.csv",
            "mimeType": "text/csv",
            "buffer": "name,title,language,text\nnew,새,ko,안녕\nbad name,x,ko,y\n".encode(),
        },
    )
    page.click("section[aria-labelledby=bring] button")
    page.wait_for_selector(".answer-problems li:has-text('3')")
    page.wait_for_selector("a.answer-name:has-text('/new')")


def test_an_automatic_answer_is_switched_on_goes_out_and_shows_as_one(
    house: tuple[real.House, Town], agent: Open
) -> None:
    house_, town = house
    page = agent("boss").go("/desk/automatic")
    form = page.locator(f"form[action='/desk/automatic/{town.mailbox.id}/received']")
    form.locator("input[name=on]").check()
    form.locator("summary").click()
    form.locator("textarea[lang=ko], [lang=ko] textarea").fill("잘 받았습니다. {{ 상담번호 }}")
    page.wait_for_selector(f"#r-{town.mailbox.id}-received-ko:has-text('잘 받았습니다. #1234')")
    form.locator("button").click()
    page.wait_for_selector(".notice")
    from test_console import mail

    mail(house_, "자동응답 시험", "안녕하세요, 문의드립니다.", sender="auto@customers.example")
    service = town.shop.service

    def answered() -> Any:
        with service.db.read() as session:
            found = session.scalars(select(Delivery).where(Delivery.automatic).order_by(Delivery.id.desc())).first()
            return found if found is not None and found.state == "wired" else None

    delivery = real.wait_for(answered, what="the automatic answer")
    with service.db.read() as session:
        row = session.get_one(Interaction, delivery.interaction_id)
        assert (row.body or "").startswith("잘 받았습니다. #")
        assert row.name == Name.MESSAGE_QUEUED
    page = agent("mina").go(f"/desk/conversations/{delivery.conversation_id}?list=all")
    page.wait_for_selector(".row.reply .badge:has-text('자동 발송')")


def test_the_pages_fit_a_phone(house: tuple[real.House, Town], agent: Open) -> None:
    with house[1].shop.service.db.write() as session:
        hours.add(session, datetime.now(UTC), "상점", "Asia/Seoul", week=[[["09:00", "18:00"]]] * 5 + [[], []])
        automatic.keep(
            session,
            datetime.now(UTC),
            house[1].chatbox.id,
            Kind.CLOSED,
            on=False,
            texts=automatic.standard(Kind.CLOSED, subject=False),
        )
    one = agent("boss", viewport={"width": 390, "height": 844})
    for path in ("/desk/answers", "/desk/answers/new", "/desk/automatic", "/desk/satisfaction"):
        page = one.go(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
