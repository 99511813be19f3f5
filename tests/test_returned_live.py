"""Alarms and folded quotations in a real Chromium on a running house."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import real
from desk_kit import Town, sign_in
from desk_kit import running as opened
from real import until

from contact import alarms, inbox, intake
from contact.db import utcnow
from contact.messages import AddressKind, Inbound, Party, Thread

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

REST = "2026년 3월 2일 (월) 오후 3:21, 한마루 상점 <help@shop.example>님이 작성:\n\n> 색상을 알려 주세요, 고객님."
HTML = (
    "<table border=1><tr><td>색상</td><td>검정으로 부탁드립니다</td></tr></table>"
    '<div class="gmail_quote"><div class="gmail_attr">2026년 3월 2일 (월) 오후 3:21, 한마루 상점 '
    "&lt;help@shop.example&gt;님이 작성:</div><blockquote>색상을 알려 주세요, 고객님.</blockquote></div>"
)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[real.House, Town, Any]]:
    with opened("returned") as (house, town):
        yield house, town, town.shop.service


def page_of(chromium: Any, house: real.House, who: str) -> Any:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
    return sign_in(context, house, who)


def test_supervisors_hear_of_an_alarm_once_and_agents_do_not(
    running: tuple[real.House, Town, Any], chromium: Any
) -> None:
    house, _town, service = running
    boss, mina = page_of(chromium, house, "boss"), page_of(chromium, house, "mina")
    aside = page_of(chromium, house, "boss")  # the same on a side page
    for page, path in ((boss, "/desk"), (mina, "/desk"), (aside, "/desk/reports/summary")):
        page.goto(house.url + path)
        until(page, "document.documentElement.dataset.line === 'on'")
    for count in (12, 13):
        with service.db.write() as session:
            alarms.ring(session, utcnow(), "growth:test", {"sentence": "Look", "href": "/desk/failed", "count": count})
    boss.wait_for_selector("#toasts .toast.bad")
    aside.wait_for_selector("#toasts .toast.bad")
    assert int(aside.evaluate("document.documentElement.dataset.rang")) >= 1, "it is heard, too"
    with service.db.write() as session:
        alarms.ring(session, utcnow(), "growth:other", {"sentence": "Older", "href": "/desk/failed"})
    until(boss, "document.querySelectorAll('#toasts .toast.bad').length === 2")
    assert mina.locator("#toasts .toast.bad").count() == 0
    boss.locator("#toasts .toast button").first.click()
    boss.wait_for_url("**/desk/failed")
    assert boss.locator("section.alarms li").count() >= 2
    for page in (boss, mina, aside):
        page.context.close()


def test_the_quoted_rest_opens_by_keyboard_in_both_looks(running: tuple[real.House, Town, Any], chromium: Any) -> None:
    house, town, service = running
    talk = town.talks["박하나"]
    with service.db.write() as session:
        box = inbox.get(session, town.mailbox.id)
        for key, text, html in (("plain", "네, 그렇게 해 주세요.", ""), ("rich", "색상 검정으로 부탁드립니다", HTML)):
            sender, thread = Party(AddressKind.EMAIL, "hana@customers.example"), Thread(f"{key}@x.example", token=talk)
            inbound = Inbound("email", key, key, sender, text, quoted=REST, html=html, thread=thread)
            made = intake.take(session, utcnow(), inbound, box).interaction_id
    page = page_of(chromium, house, "mina")
    page.goto(f"{house.url}/desk/conversations/{talk}?list=all")
    fold = page.locator(f"#row-{made - 1} details.quoted")
    fold.locator("summary").focus()
    assert not fold.locator(".text").is_visible()
    page.keyboard.press("Enter")
    assert fold.locator(".text").is_visible()
    page.locator(f"#row-{made}").scroll_into_view_if_needed()
    frame = page.frame_locator(f"#row-{made} iframe")
    frame.locator("text=검정으로 부탁드립니다").wait_for()
    rest = frame.locator("text=색상을 알려 주세요, 고객님.")
    assert not rest.is_visible()
    frame.locator("summary").focus()
    page.keyboard.press("Enter")
    rest.wait_for(state="visible")
    page.context.close()
