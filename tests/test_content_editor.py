"""The editor of contents as a person uses it, in a real browser: what a mailing is made of, kept as it was written."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from desk_kit import Town, running, sign_in
from PIL import Image

from campaigns import content as contents
from contact import inbox
from contact.db import Database, utcnow
from contact.directory import fields

WORD = (
    "<html xmlns:o='urn:x'><!--StartFragment--><p class=MsoNormal style='mso-style:x'><b>굵게</b> 보통<o:p></o:p></p>"
    "<h1 style='color:red'>제목</h1><ul><li>하나</li></ul><img src='file:///C:/x.png'><script>alert(1)</script>"
)


def picture(size: tuple[int, int] = (1500, 900)) -> bytes:
    out = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 30).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def furnished(town: Town) -> None:
    with town.shop.service.db.write() as session:
        box = inbox.get(session, town.mailbox.id)
        box.settings = {
            **(box.settings or {}),
            "sender_phone": "02-555-0100",
            "sender_address": "서울 중구 세종대로 110",
        }
        fields.add(session, utcnow(), "쿠폰 번호", "text")


def test_a_mailing_is_written(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    file = tmp_path / "새 우산.jpg"
    file.write_bytes(picture())
    with running("mailing", furnished) as (house, _town), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-quic"])
        page = sign_in(browser.new_context(), house, "boss")
        wrong: list[Any] = []
        page.on("pageerror", lambda error: wrong.append(error))
        page.goto(f"{house.url}/desk/contents/new?channel=email")
        page.fill("#f-name", "봄")
        page.fill("#f-subject", "봄 소식")
        page.fill("#f-preheader", "{{ name_nim | default('고객') }}께만 A & B")
        page.select_option("#content-purpose", "advertising")
        page.click(".ProseMirror")
        page.click("[data-deed=heading]")
        page.keyboard.type("새 우산이 왔습니다")
        page.keyboard.press("Enter")
        page.keyboard.type("쿠폰 ")
        page.click("[popovertarget=content-fields]")
        page.click("[data-field*='쿠폰_번호']")
        page.keyboard.press("Enter")
        page.evaluate(
            """html => { const data = new DataTransfer(); data.setData("text/html", html);
            document.querySelector(".ProseMirror").dispatchEvent(
              new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }""",
            WORD,
        )
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.set_input_files("[data-picker]", str(file))
        page.wait_for_selector(".ProseMirror img.ProseMirror-selectednode")
        page.wait_for_selector("[data-hints]:not([hidden])")
        page.fill("[data-alt]", "빨간 우산")
        page.select_option("[data-wide]", "320")
        page.wait_for_selector("[data-hints]", state="hidden")
        page.click("[data-deed=button]")
        page.fill("[data-label]", "사러 가기")
        page.wait_for_selector("[data-problem]:not([hidden])")  # it leads nowhere yet
        page.fill("[data-to]", "shop.example/umbrella")
        page.click("[data-link] button")
        page.wait_for_selector("[data-problem]", state="hidden")
        page.wait_for_selector("[data-law]:not([hidden])")
        page.click("[data-facts]")
        page.wait_for_selector("[data-law]", state="hidden")
        with page.expect_response("**/contents/facts"):
            page.click("[data-facts]")  # once more, as whoever has mended the inbox meanwhile
        page.wait_for_timeout(500)  # nothing may follow
        assert page.inner_text(".ProseMirror").count("{{ sender }}") == 1
        assert page.input_value("#f-subject") == "(광고) 봄 소식"
        shown = page.frame_locator("iframe.mailview")
        shown.locator("a", has_text="사러 가기").wait_for()
        page.wait_for_function(
            "[...document.querySelector('iframe.mailview').contentDocument.images].every(one => one.naturalWidth > 9)"
        )
        page.click("[data-see=narrow]")
        page.click("[data-see=dark]")
        page.click(".content-save .primary")
        page.wait_for_url(re.compile(r"/desk/contents/\d+"))
        page.wait_for_selector(".ProseMirror h1")
        assert page.locator(".ProseMirror table a").inner_text() == "사러 가기"
        assert wrong == []
        db = Database(f"sqlite:///{house.data / 'hanmaru.db'}")
        with db.read() as session:
            kept = contents.newest(session, 1)
        db.close()
        page.click(".content-save .primary")  # read again by the editor, it is the same to the letter: no new version
        page.wait_for_url(re.compile(r"notice=saved"))
        assert "2" not in page.inner_text(".page-head a")
        body = kept.body or ""
        assert re.search(r"<h1>새 우산이 왔습니다</h1>", body)
        assert "{{ 쿠폰_번호 }}" in body
        assert "<strong>굵게</strong> 보통" in body
        assert '<a href="https://shop.example/umbrella"' in body
        assert re.search(r'<img src="cid:[\w-]{22}\.jpg" alt="빨간 우산" width="320" height="192">', body)
        assert "script" not in body
        assert "file:" not in body
        assert "[빨간 우산]" in kept.text
        assert "수신거부 | Unsubscribe <{{ unsubscribe_url }}>" in kept.text
        assert "A &amp; B" in kept.html
        address = re.search(r'src="(http[^"]+/c/[^"]+)"', kept.html)
        assert address is not None
        with urlopen(address[1].replace("&amp;", "&")) as answer:
            assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (
                "image/jpeg",
                "nosniff",
            )
            assert Image.open(io.BytesIO(answer.read())).size == (1200, 720)
        browser.close()
