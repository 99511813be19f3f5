"""The composer in a real Chromium: formatting, pictures, pasting, Korean syllables, undo, another device."""

# ruff: noqa: E501, F811 - scripts in one line; fixtures of another file

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import real
from desk_kit import PIXEL, Town
from test_console import Agent, agent, house, until  # noqa: F401 - fixtures

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
Open = Callable[..., Agent]
RICH = "document.querySelector('.ProseMirror')"


def calm(page: Any) -> None:
    """The browser tells the editor of a moved cursor a moment after the key; hands are slower than this test."""
    page.evaluate("() => new Promise(done => setTimeout(done, 60))")


def talk(house: tuple[real.House, Town], agent: Open, name: str, who: str = "jun", **more: Any) -> Any:
    return agent(who, **more).go(f"/desk/conversations/{house[1].talks[name]}?list=all")


def empty(page: Any) -> None:
    page.evaluate(f"{RICH} && {RICH}.focus()")
    calm(page)
    page.keyboard.press("Control+a")
    calm(page)
    page.keyboard.press("Delete")
    until(page, "!document.querySelector('#draft-state').textContent")


def test_formatting_goes_out_comes_back_and_follows_to_a_phone(
    house: tuple[real.House, Town],
    agent: Open,
) -> None:
    page = talk(house, agent, "한유나")
    loaded = "performance.getEntriesByType('resource').some(one => one.name.includes('editor.js'))"
    assert not page.evaluate(loaded), "a page that formats nothing does not load the editor"
    page.fill("#text", "첫 줄\n굵은 줄")
    page.focus("#text")
    page.keyboard.press("Control+End")
    page.keyboard.press("Shift+Home")
    page.keyboard.press("Control+b")
    until(page, f"{RICH}?.innerHTML === '<div>첫 줄</div><div><strong>굵은 줄</strong></div>'")
    assert page.get_attribute("[data-format=bold]", "aria-pressed") == "true"
    calm(page)
    page.keyboard.press("Control+k")
    page.wait_for_selector("#link-to:focus")
    page.keyboard.type("shop.example/wrap")
    page.keyboard.press("Enter")
    page.wait_for_selector(".ProseMirror a[href='https://shop.example/wrap']")
    page.set_input_files("#picture", {"name": "리본.png", "mimeType": "image/png", "buffer": PIXEL})
    page.wait_for_selector(".ProseMirror img[alt='리본.png']", state="attached")
    page.wait_for_selector("#draft-state[data-state=saved]")
    phone = talk(house, agent, "한유나", viewport={"width": 390, "height": 844})
    phone.wait_for_selector(".ProseMirror a[href='https://shop.example/wrap'] strong")
    until(phone, "document.querySelector(\".ProseMirror img[alt='리본.png']\").naturalWidth === 1")
    page.click("#send")
    page.wait_for_selector("#rows .reply .formatted img", state="attached")
    page.wait_for_selector("#text:visible")
    page.click(".toast .link")
    page.wait_for_selector(".ProseMirror a strong")
    until(page, "document.querySelector(\".ProseMirror img[alt='리본.png']\").naturalWidth === 1")
    page.wait_for_selector("#rows .taken-back .formatted")
    empty(page)


def test_a_note_and_a_chat_are_plain_and_formatting_waits(house: tuple[real.House, Town], agent: Open) -> None:
    page = talk(house, agent, "한유나")
    page.fill("#text", "굵게")
    page.press("#text", "Control+a")
    page.click("[data-format=bold]")
    page.wait_for_selector(".ProseMirror strong")
    page.click("[data-mode-set=note]")
    page.wait_for_selector("#text:visible")
    assert page.is_hidden(".format")
    assert page.input_value("#text") == "굵게"
    page.click("[data-mode-set=reply]")
    page.wait_for_selector(".ProseMirror strong:has-text('굵게')")
    empty(page)
    chat = talk(house, agent, "chat1")
    assert chat.is_hidden(".format")
    chat.fill("#text", "plain")
    chat.press("#text", "Control+b")
    calm(chat)
    assert chat.is_visible("#text")
    chat.fill("#text", "")
    until(chat, "!document.querySelector('#draft-state').textContent")


WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal{mso-style-parent:""}</style></head>
<body><!--[if gte mso 9]><xml><w:WordDocument/></xml><![endif]--><!--StartFragment-->
<p class=MsoNormal style='margin:0;mso-pagination:none'><b><span lang=KO style='font-family:"맑은 고딕"'>제목</span></b><o:p></o:p></p>
<p class=HStyle0 style="color:#f00" onclick="x()">본문 <span style="font-weight:700">강조</span> <a href="https://a.example/1">여기</a></p>
<table><tr><td>칸 1</td><td>칸 2</td></tr></table><script>window.hurt = 1</script><img src="https://tracker.example/x.gif">
<img src="file:///C:/Users/x/clip_image001.png"><!--EndFragment--></body></html>"""


def test_what_office_programs_paste_is_cleaned(house: tuple[real.House, Town], agent: Open) -> None:
    page = talk(house, agent, "한유나")
    page.focus("#text")
    for _turn in range(2):  # into the plain field, and into the editor
        page.evaluate(
            """html => { const data = new DataTransfer(); data.setData('text/html', html); data.setData('text/plain', 'x');
            document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})) }""",
            WORD,
        )
        page.wait_for_selector(".ProseMirror strong:has-text('제목')")
        found = page.inner_html(".ProseMirror")
        assert "<strong>강조</strong>" in found
        assert '<a href="https://a.example/1">여기</a>' in found
        assert "칸 2" in found
        for bad in ("style", 'class="Mso', "script", "onclick", "tracker", "file:", "<o:", "font"):
            assert bad not in found.replace("ProseMirror", ""), bad
        assert page.evaluate("window.hurt") is None
        empty(page)
        page.click(".ProseMirror")


def test_a_pasted_picture_stands_in_the_words(house: tuple[real.House, Town], agent: Open) -> None:
    page = talk(house, agent, "한유나")
    page.focus("#text")
    page.evaluate(
        """bytes => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], 'shot.png', {type: 'image/png'}));
        document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})) }""",
        list(PIXEL),
    )
    page.wait_for_selector(".ProseMirror img[alt='shot.png']", state="attached")
    assert page.locator("#uploads li").count() == 0
    empty(page)


def test_enter_in_the_editor_never_sends_half_a_syllable(house: tuple[real.House, Town], agent: Open) -> None:
    one = agent("jun")
    page = one.go(f"/desk/conversations/{house[1].talks['한유나']}?list=all")
    page.fill("#text", "가")
    page.press("#text", "Control+a")
    page.press("#text", "Control+i")
    page.wait_for_selector(".ProseMirror em")
    calm(page)
    page.keyboard.press("ArrowRight")
    calm(page)
    line = one.context.new_cdp_session(page)
    line.send("Input.imeSetComposition", {"text": "하", "selectionStart": 1, "selectionEnd": 1})
    assert page.inner_text(".ProseMirror") == "가하"
    for keys in ({"key": "Enter", "ctrlKey": True}, {"key": "Enter"}, {"key": "b", "code": "KeyB", "ctrlKey": True}):
        page.evaluate(
            f"given => {RICH}.dispatchEvent(new KeyboardEvent('keydown',"
            " {...given, isComposing: true, bubbles: true, cancelable: true}))",
            keys,
        )
    page.keyboard.press("Control+Enter")
    assert page.inner_text(".ProseMirror") == "가하"
    line.send("Input.imeSetComposition", {"text": "한", "selectionStart": 1, "selectionEnd": 1})
    line.send("Input.insertText", {"text": "한"})
    until(page, f"{RICH}.innerText.trim() === '가한'")
    assert page.locator(".ProseMirror > div").count() == 1
    assert page.locator("#rows .reply:has-text('가하')").count() == 0
    empty(page)


def test_the_stop_before_sending_holds_for_formatted_words(house: tuple[real.House, Town], agent: Open) -> None:
    one, other = talk(house, agent, "최민수", "mina"), talk(house, agent, "최민수", "jun")
    one.fill("#text", "민아의 서식")
    one.press("#text", "Control+a")
    one.click("[data-format=bullets]")
    one.wait_for_selector(".ProseMirror li:has-text('민아의 서식')")
    one.wait_for_selector("#draft-state[data-state=saved]")
    other.fill("#text", "Jun came first")
    other.press("#text", "Control+Enter")
    one.wait_for_selector("#arrived:not([hidden])")
    one.wait_for_selector("#rows .reply:has-text('Jun came first')")
    with one.expect_response(re.compile("/messages$")) as answer:
        one.click("#arrived button")
    assert answer.value.status == 200
    one.wait_for_selector("#rows .reply .formatted li:has-text('민아의 서식')")


def test_what_was_sent_here_is_gone_from_the_other_device(house: tuple[real.House, Town], agent: Open) -> None:
    one, other = talk(house, agent, "윤서준"), talk(house, agent, "윤서준")
    one.fill("#text", "곧 다시 들어옵니다.")
    until(other, "document.querySelector('#text').value === '곧 다시 들어옵니다.'")
    one.press("#text", "Control+Enter")
    other.wait_for_selector("#rows .reply:has-text('곧 다시 들어옵니다.')")
    until(other, "document.querySelector('#text').value === '' && !document.querySelector('#draft-state').textContent")
