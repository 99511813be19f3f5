"""The widget in a real Chromium, in a shop on another origin, against the real server."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from chat_kit import Chat, running
from real import missing, wait_for
from widget_kit import (  # noqa: F401 - the first three are fixtures
    AXE,
    BUDGET,
    DIST,
    PHONE,
    W,
    a_chat,
    a_shop,
    browsers,
    newest,
    opened,
    say,
    sent,
    texts,
    until,
    wait_for_text,
)  # fmt: skip

from contact.log import Name

HOSTILE = """
:not(html, head, body) { all: unset !important; display: none !important; opacity: 0 !important; color: red !important;
    visibility: hidden !important; position: static !important; transform: scale(9) !important;
    font-size: 99px !important; pointer-events: none !important; z-index: -1 !important }
html { font-size: 50px; line-height: 3; letter-spacing: 9px; text-transform: uppercase; word-spacing: 1em }
body { transform: rotate(2deg); filter: blur(3px); zoom: 3 }
hanmaru-chat { display: none !important; width: 1px !important; clip-path: circle(0) !important }
"""


def test_the_widget_is_small() -> None:
    """What a visitor loads: the loader and one language, socket client and all."""
    if not DIST.is_dir():
        missing("the built widget", "node build.mjs")
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in DIST.glob("widget*.js")}
    for language in ("ko", "en"):
        assert sizes["widget.js"] + sizes[f"widget.{language}.js"] <= BUDGET, sizes


def test_a_hostile_page_cannot_hide_or_dress_it(browse: Any, shop: Any) -> None:
    calm, hostile = (
        opened(browse(reduced_motion="reduce"), shop(name, style))
        for name, style in (("calm", ""), ("hostile", HOSTILE))
    )
    look = """() => { const root = document.querySelector('hanmaru-chat').shadowRoot;
        return ['.launch', '.panel', 'header', 'textarea', '.send', 'h2', '.hello'].map(name => {
            const one = root.querySelector(name), box = one.getBoundingClientRect(), style = getComputedStyle(one);
            return [name, box.x, box.y, box.width, box.height, style.fontSize, style.color, style.opacity,
                style.fontFamily, style.letterSpacing, style.textTransform, style.lineHeight];
        }) }"""
    header = "document.querySelector('hanmaru-chat').shadowRoot.querySelector('header').innerText"
    until(calm, lambda: hostile.evaluate(header) == calm.evaluate(header), "the same to have been said in both")
    assert hostile.evaluate(look) == calm.evaluate(look)
    say(hostile, "잘 보여요")
    sent(hostile)


def test_both_talk_and_states_follow(browse: Any, shop: Any, chat: Chat) -> None:
    page = opened(browse(), shop("talk"))
    say(page, "계세요? https://shop.example/1를 봐 주세요")
    sent(page)
    assert page.get_attribute(W + ".bub a", "href") == "https://shop.example/1"
    row = chat.rows(Name.MESSAGE_RECEIVED)[-1]
    page.click(W + ".launch")  # closed: the answer is counted
    delivery = chat.reply(row.id, "<img src=x onerror=alert(1)> 네!")
    until(page, lambda: page.text_content(W + ".badge") == "1", "the badge")
    assert until(page, lambda: chat.state(delivery) == "delivered", "that it was delivered")
    page.click(W + ".launch")
    until(page, lambda: chat.state(delivery) == "read", "that it was read")
    assert texts(page)[-1] == "<img src=x onerror=alert(1)> 네!"
    assert page.query_selector(W + ".bub img") is None


def test_unsent_words_survive_a_closed_tab_and_a_dead_server(browse: Any, shop: Any) -> None:
    with running() as chat:
        context, url = browse(), shop("reload", base=chat.url)
        page = opened(context, url)
        say(page, "살아 있을 때")
        sent(page)
        chat.house.kill9()
        for number in range(3):
            say(page, f"죽어 있을 때 {number}")
        page.fill(W + "textarea", "쓰다 만 말")
        wait_for_text(page, ".bar", "보내지 못한 메시지 3개")
        page.close()
        chat.house.start("web", ready=False)
        page = context.new_page()
        wait_for(lambda: (page.goto(url), page.wait_for_timeout(200), page.query_selector(W + ".launch"))[-1])
        until(page, lambda: len(chat.bodies()) >= 4, "the messages")
        page.wait_for_timeout(300)
        assert chat.bodies() == ["살아 있을 때", *(f"죽어 있을 때 {number}" for number in range(3))]
        page.click(W + ".launch")
        assert page.input_value(W + "textarea") == "쓰다 만 말"
        until(page, lambda: texts(page) == chat.bodies(), "the same list")


def test_a_lost_line_is_said_and_mends_itself(browse: Any, shop: Any) -> None:
    with running() as chat:
        page = opened(browse(), shop("line", base=chat.url))
        say(page, "하나")
        sent(page)
        row = chat.rows(Name.MESSAGE_RECEIVED)[-1]
        chat.house.kill9()
        wait_for_text(page, ".bar", "연결이 끊겼어요")
        say(page, "둘")
        wait_for_text(page, ".bar", "보내지 못한 메시지 1개")
        chat.reply(row.id, "그사이의 답")
        chat.house.start("web", ready=False)
        until(page, lambda: chat.bodies() == ["하나", "둘"], "the second message")
        until(page, lambda: texts(page) == ["하나", "그사이의 답", "둘"], "the server's order")
        until(page, lambda: not page.is_visible(W + ".bar"), "the bar to go")


def test_two_tabs_send_each_message_once_and_show_the_same(browse: Any, shop: Any, chat: Chat) -> None:
    context, url = browse(), shop("tabs")
    one = opened(context, url)
    say(one, "탭 하나")
    sent(one)
    two = opened(context, url)
    wait_for_text(two, ".bub", "탭 하나")
    for number in range(4):
        say(one, f"왼쪽 {number}")
        say(two, f"오른쪽 {number}")
    expected = {"탭 하나", *(f"{side} {number}" for side in ("왼쪽", "오른쪽") for number in range(4))}
    until(one, lambda: set(texts(one)) == expected == set(texts(two)) and texts(one) == texts(two), "the same list")
    bodies = [body for body in chat.bodies() if body in expected]
    assert sorted(bodies) == sorted(expected)
    assert [body for body in bodies if "왼쪽" in str(body)] == [f"왼쪽 {number}" for number in range(4)]


def test_two_first_tabs_are_one_visitor(browse: Any, shop: Any) -> None:
    context, url = browse(), shop("first")
    one, two = context.new_page(), context.new_page()
    for page in (one, two):
        page.goto(url)
        page.wait_for_selector(W + ".launch")
    for page in (one, two):
        page.click(W + ".launch")
    for page in (one, two):
        wait_for_text(page, "header", "한마루")
    say(one, "첫 탭")
    wait_for_text(two, ".bub", "첫 탭")


def test_enter_never_sends_in_the_middle_of_a_korean_syllable(browse: Any, shop: Any, chat: Chat) -> None:
    page = opened(browse(), shop("korean"))
    before = len(chat.bodies())
    page.focus(W + "textarea")
    line = page.context.new_cdp_session(page)
    enter = {"key": "Enter", "code": "Enter", "type": "rawKeyDown"}
    for text in ("ㅎ", "하", "한"):
        line.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})
    # what Chromium tells a page while the input method holds the key
    line.send("Input.dispatchKeyEvent", {**enter, "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229})
    page.wait_for_timeout(200)
    assert texts(page) == []
    assert len(chat.bodies()) == before
    line.send("Input.insertText", {"text": "한글"})
    assert page.input_value(W + "textarea") == "한글"
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line")
    page.keyboard.press("Enter")
    sent(page)
    assert chat.bodies()[before:] == ["한글\nline"]


def test_the_keyboard_alone_is_enough(browse: Any, shop: Any) -> None:
    page = browse().new_page()
    page.goto(shop("keys"))
    page.wait_for_selector(W + ".launch")
    page.focus("#before")
    page.keyboard.press("Tab")
    assert focused(page) == "launch"
    page.keyboard.press("Enter")
    page.wait_for_selector(W + ".panel:not([hidden])")
    assert focused(page) == "textarea"
    page.keyboard.press("Escape")
    page.wait_for_selector(W + ".panel", state="hidden")
    until(page, lambda: focused(page) == "launch", "the focus to come back")


def test_on_a_phone_it_is_a_modal_sheet(browse: Any, shop: Any) -> None:
    page = opened(browse(viewport=PHONE, has_touch=True, is_mobile=True), shop("phone"))
    panel = page.locator(W + ".panel")
    until(page, lambda: list(panel.bounding_box().values()) == [0, 0, 390, 844], "the sheet to fill the screen")
    assert page.get_attribute(W + ".panel", "aria-modal") == "true"
    page.keyboard.type("모")
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.add(focused(page))
        assert page.evaluate("document.activeElement.localName") == "hanmaru-chat"
    assert "textarea" in seen
    small = """() => [...document.querySelector('hanmaru-chat').shadowRoot.querySelectorAll('button')]
        .filter(one => one.offsetParent).map(one => one.getBoundingClientRect())
        .filter(box => box.width < 44 || box.height < 44).length"""
    assert page.evaluate(small) == 0
    page.keyboard.press("Escape")
    overflow = "getComputedStyle(document.documentElement).overflow"
    until(page, lambda: page.evaluate(overflow) == "visible", "the page to scroll again")


def focused(page: Any) -> str:
    return str(
        page.evaluate(
            """() => { const one = document.querySelector('hanmaru-chat').shadowRoot.activeElement;
            return one ? one.className || one.localName : document.activeElement.id }"""
        )
    )


def test_files_go_along_with_progress_and_show_as_pictures(browse: Any, shop: Any, chat: Chat, tmp_path: Path) -> None:
    page = opened(browse(), shop("files"))
    picture = tmp_path / "그림.png"
    picture.write_bytes(page.screenshot())
    (tmp_path / "나쁜.exe").write_bytes(b"MZ")
    page.set_input_files(W + "input[type=file] >> nth=0", [str(picture), str(tmp_path / "나쁜.exe")])
    until(page, lambda: page.query_selector(W + ".chip.bad"), "the refused file")
    page.click(W + ".chip.bad button")
    until(page, lambda: page.query_selector(W + ".chip progress[hidden]"), "the upload")
    say(page, "이거예요")
    until(page, lambda: page.evaluate(LOADED), "the picture to load from the other origin")
    assert chat.bodies()[-1] == "이거예요"


LOADED = """() => { const one = document.querySelector('hanmaru-chat').shadowRoot.querySelector('.pic img');
    return one && one.complete && one.naturalWidth > 0 }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_axe_finds_nothing(browse: Any, shop: Any, chat: Chat, lang: str, scheme: str) -> None:
    if not AXE.is_file():
        missing("axe-core", "npm install")
    page = browse(color_scheme=scheme).new_page()
    page.goto(shop(f"axe-{lang}", lang=lang))
    page.click(W + ".launch")
    page.wait_for_timeout(300)
    say(page, "axe")
    page.wait_for_selector(W + ".card")
    chat.reply(until(page, lambda: chat.rows(Name.MESSAGE_RECEIVED)[-1].body == "axe", "it") and newest(chat), "답")
    wait_for_text(page, ".bub", "답")
    page.evaluate(AXE.read_text())
    for step in ("address", "consent", "menu", "rate"):
        if step in ("address", "consent"):
            page.wait_for_selector(W + ".card")
        if step == "menu":
            page.click(W + "header .icon >> nth=0")
        if step == "rate":
            page.keyboard.press("Escape")
            chat.resolve(newest(chat))
            page.click(W + ".stars label >> nth=3")
        found = page.evaluate("axe.run(document.querySelector('hanmaru-chat'), {resultTypes: ['violations']})")
        problems = [[one["id"], [node["html"][:160] for node in one["nodes"]]] for one in found["violations"]]
        assert not problems, json.dumps(problems, ensure_ascii=False, indent=1)
        if step in ("address", "consent"):
            page.click(W + ".card .btn >> nth=0")


def test_the_language_is_the_scripts_the_pages_the_browsers(browse: Any, shop: Any) -> None:
    page = browse(locale="ko-KR").new_page()
    page.goto(shop("english", lang="en-GB"))
    page.click(W + ".launch")
    wait_for_text(page, "header", "Chat with")


def test_a_limit_is_told_in_words_and_sending_goes_on(browse: Any, shop: Any, chat: Chat) -> None:
    page = opened(browse(), shop("limit"))
    before = len(chat.bodies())
    page.evaluate(FAST)  # in one breath: a slow machine must not stay below the limit
    page.wait_for_selector(W + ".bar:not([hidden])")
    until(page, lambda: len(chat.bodies()) - before == 24, "the rest")
    assert chat.bodies()[before:] == [f"빠르게 {number}" for number in range(24)]


FAST = """() => { const words = document.querySelector('hanmaru-chat').shadowRoot.querySelector('textarea');
    for (let number = 0; number < 24; number++) {
        words.value = `빠르게 ${number}`;
        words.dispatchEvent(new InputEvent('input', {bubbles: true}));
        words.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true}));
    } }"""
