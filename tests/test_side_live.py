"""The side pages in a real Chromium on a running house: what is live, tried and copied on them, and how they look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import real
from desk_kit import Town, sign_in
from desk_kit import running as opened
from real import until
from side_kit import EVIL, catch, letter

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[real.House, Town, Any]]:
    """A furnished, running house with its worker."""
    with opened("side") as (house, town):
        yield house, town, town.shop.service


@pytest.fixture
def boss(running: tuple[real.House, Town, Any], chromium: Any) -> Iterator[Any]:
    """The administrator's page; a broken policy or script fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, errors = sign_in(context, running[0], "boss"), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
    yield page
    context.close()
    assert not errors, errors


def test_caught_mail_comes_by_itself_and_shows_as_it_is(running: tuple[real.House, Town, Any], boss: Any) -> None:
    house, _town, service = running
    boss.goto(f"{house.url}/desk/sandbox")
    boss.evaluate("window.samePage = 1")
    number = catch(service.db, letter("방금 잡힌 메일", html=EVIL))
    boss.wait_for_selector("#caught >> text=방금 잡힌 메일")
    assert boss.evaluate("window.samePage") == 1
    boss.click("#caught >> text=방금 잡힌 메일")
    boss.wait_for_url(re.compile(f"/desk/sandbox/{number}"))
    until(boss, "document.querySelector('iframe')?.clientHeight < 400")
    boss.frame_locator("iframe").locator("body:has-text('hello')").wait_for()
    until(boss.frames[1], "[...document.images].find(one => one.src.includes('/parts/'))?.naturalWidth === 1")


def test_a_test_mail_goes_all_the_way(running: tuple[real.House, Town, Any], boss: Any) -> None:
    house, town, _service = running
    boss.goto(f"{house.url}/desk/inboxes/{town.mailbox.id}")
    boss.fill("#f-to", "someone@elsewhere.example")
    boss.click("section[aria-labelledby=test] button")
    boss.wait_for_selector(".tested .badge:not(:has-text('대기'))")
    boss.wait_for_selector(".tested:not([data-again])")  # the page looks again by itself, and ends that
    boss.goto(f"{house.url}/desk/sandbox")
    boss.click("#caught a >> text=someone@elsewhere.example")
    boss.wait_for_selector("article a[href^='/desk/conversations/']")


def test_a_mailbox_is_tried_without_losing_what_was_typed(
    running: tuple[real.House, Town, Any], boss: Any, dovecot: real.Dovecot
) -> None:
    boss.goto(f"{running[0].url}/desk/inboxes/new/email")
    assert not boss.is_visible("#f-host")
    boss.check("input[value=imap]")
    values = {"host": "127.0.0.1", "port": str(dovecot.imap_port), "user": "sidelive", "password": dovecot.password}
    for name, value in values.items():
        boss.fill(f"#f-{name}", value)
    boss.select_option("#f-tls", "none")
    boss.click("[data-try]")
    boss.wait_for_selector(".tried.good")
    assert boss.input_value("#f-password") == dovecot.password
    boss.fill("#f-port", "1")
    boss.click("[data-try]")
    boss.wait_for_selector(".tried.bad")


def test_the_line_for_the_shop_is_copied(running: tuple[real.House, Town, Any], boss: Any) -> None:
    house, town, _service = running
    boss.goto(f"{house.url}/desk/inboxes/{town.chatbox.id}")
    boss.click("[data-copy]")
    copied = "navigator.clipboard.readText().then(text => { window.copied = text })"
    boss.evaluate(copied)
    told = until(boss, "window.copied")
    assert told.startswith("<script src=")
    assert told.endswith(f'data-inbox="{town.chatbox.address}" async></script>')


def test_the_timeline_of_a_contact_is_filtered_on_its_own_page(
    running: tuple[real.House, Town, Any], boss: Any
) -> None:
    boss.goto(f"{running[0].url}/desk/contacts/1")
    every = boss.locator(".story-row").count()
    boss.select_option("#story-filter", "notes")
    boss.wait_for_url(re.compile("only=notes"))
    assert 0 < boss.locator(".story-row").count() < every
    assert boss.input_value("#story-filter") == "notes"


@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_is_wider_than_the_screen(running: tuple[real.House, Town, Any], boss: Any, width: int) -> None:
    house, town, service = running
    number = catch(
        service.db, letter("x" * 300, html="<table width=3000><tr><td>wide</td></tr></table>"), f"{'y' * 200}@z.example"
    )
    boss.set_viewport_size({"width": width, "height": 844})
    for path in ("home", "contacts", "contacts/1", "contacts/new", "inboxes", "inboxes/new/email",
                 f"inboxes/{town.mailbox.id}", f"inboxes/{town.chatbox.id}", "failed", "sandbox",
                 f"sandbox/{number}", f"sandbox/{number}?tab=source"):  # fmt: skip
        boss.goto(f"{house.url}/desk/{path}")
        wide = "(m => m.scrollWidth - m.clientWidth)(document.querySelector('main'))"
        assert boss.evaluate(wide) <= 0, path
