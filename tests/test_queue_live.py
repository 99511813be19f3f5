"""Queues in a running house: web process, worker and Chromium. What comes in is given, and the wallboard shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import real
import sqlalchemy as sa
from desk_kit import Town, sign_in
from desk_kit import running as opened
from real import until, wait_for

from contact import attendance
from contact import conversation as conversations
from contact.db import utcnow
from contact.log import Interaction, Name
from contact.response.queues import add, agent, change, every
from contact.response.queues.back import Absence
from contact.response.queues.member import set_inboxes, set_members
from contact.response.queues.ways import Distribution, Ways

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def prepare(town: Town) -> None:
    """A queue for mail; what came before stays where it is."""
    now = utcnow() - timedelta(days=3)
    with town.shop.service.db.write() as session:
        queue = add(session, now, "Help")
        change(session, queue, "Help", Ways(distribution=Distribution.LOAD, return_minutes=1, sticky_hours=0))
        set_members(session, queue.id, [town.mina.id])
        set_inboxes(session, utcnow(), queue.id, [town.mailbox.id])
    town.shop.now = utcnow() + timedelta(seconds=1)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[real.House, Town]]:
    with opened("queues", prepare) as (house, town):
        yield house, town


@pytest.fixture
def pages(running: tuple[real.House, Town], chromium: Any) -> Iterator[Any]:
    """A page each of the agent and of the administrator."""
    contexts, errors = [], list[str]()

    def page(who: str) -> Any:
        contexts.append(chromium.new_context(locale="en-US", timezone_id="Asia/Seoul"))
        made = sign_in(contexts[-1], running[0], who)
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
        return made

    yield page
    for context in contexts:
        context.close()
    assert not errors, errors


def who(town: Town, number: int) -> int | None:
    with town.shop.service.db.read() as session:
        return conversations.get(session, number).assignee_id


def here(town: Town) -> bool:
    """Whether the agent is, of whom a test before may have left something."""
    with town.shop.service.db.read() as session:
        return town.mina.id in attendance.here(session, utcnow())


def test_a_mail_finds_whoever_is_here_and_the_wallboard_shows_it(running: tuple[real.House, Town], pages: Any) -> None:
    house, town = running
    db = town.shop.service.db
    board = pages("boss")
    board.goto(f"{house.url}/desk/wallboard")
    board.evaluate("window.samePage = 1")
    wait_for(lambda: not here(town), what="everybody to be gone")
    number = town.shop.mail(town.mailbox, "new@customers.example", "새 고객", "새 문의", "안녕하세요").conversation_id
    board.wait_for_selector(".board-queue .board-waits b:text-is('1')")
    assert who(town, number) is None, "nobody is here"
    mina = pages("mina")
    mina.goto(f"{house.url}/desk/home")
    wait_for(lambda: who(town, number) == town.mina.id, what="the router")
    board.wait_for_selector(".board-queue .board-waits b:text-is('0')")
    board.wait_for_selector(".board-person.free:has-text('김민아')")
    assert board.evaluate("window.samePage") == 1
    with db.read() as session:
        row = session.scalars(
            sa.select(Interaction).where(
                Interaction.conversation_id == number, Interaction.name == Name.CONVERSATION_ASSIGNED.value
            )
        ).one()
        (queue,) = every(session)
        assert (row.user_id, row.data["why"], row.data["queue"]) == (None, "load", queue.id)
    mina.goto(f"{house.url}/desk/conversations/{number}")
    mina.wait_for_selector("#thread-head .badge:has-text('Help')")
    mina.click("[data-menu=menu-more]")
    mina.click("[data-menu=menu-queue]")
    mina.click("#menu-queue [data-verb=queue][data-value='']")
    mina.wait_for_selector("#thread-head .badge:has-text('Help')", state="detached")
    with db.read() as session:
        assert conversations.get(session, number).queue_id is None


def test_who_takes_no_work_is_given_none(running: tuple[real.House, Town], pages: Any) -> None:
    house, town = running
    mina = pages("mina")
    mina.goto(f"{house.url}/desk/home")
    mina.evaluate("window.samePage = 1")
    mina.click("[data-takes-work] [role=switch]")
    until(mina, "document.querySelector('[data-takes-work] [name=on]')?.value === '1'")  # drawn anew by the server
    assert mina.locator("[data-takes-work] small:visible").text_content() == "꺼짐"
    assert mina.evaluate("window.samePage") == 1
    number = town.shop.mail(town.mailbox, "no@customers.example", "대기", "대기 문의", "안녕하세요").conversation_id

    def queued() -> bool:
        with town.shop.service.db.read() as session:
            return conversations.get(session, number).queue_id is not None

    wait_for(queued, what="the reader")
    with town.shop.service.db.read() as session:
        assert not agent.of(session, town.mina.id).takes_work
    assert who(town, number) is None
    mina.click("[data-takes-work] [role=switch]")
    wait_for(lambda: who(town, number) == town.mina.id, what="the router")


def test_who_goes_is_noticed_and_their_work_comes_back(running: tuple[real.House, Town], pages: Any) -> None:
    """The clock is not waited for: since when somebody is missing is moved back instead."""
    house, town = running
    db = town.shop.service.db
    number = town.shop.mail(town.mailbox, "gone@customers.example", "기다림", "문의", "안녕하세요").conversation_id
    mina = pages("mina")
    mina.goto(f"{house.url}/desk/home")  # whoever has signed in before has an empty page, and is not here by that
    wait_for(lambda: who(town, number) == town.mina.id, what="the router")
    mina.close()

    def missing() -> bool:
        with db.read() as session:
            return not here(town) and session.get(Absence, town.mina.id) is not None

    wait_for(missing, what="attendance")
    with db.write() as session:
        session.get_one(Absence, town.mina.id).since = utcnow() - timedelta(minutes=1)
    wait_for(lambda: who(town, number) is None, what="the work to come back")


def test_the_palette_puts_into_a_queue_and_out_of_it(running: tuple[real.House, Town], pages: Any) -> None:
    house, town = running
    number = town.talks["최민수"]
    page = pages("jun")
    page.goto(f"{house.url}/desk/conversations/{number}")

    def queue() -> int | None:
        with town.shop.service.db.read() as session:
            return conversations.get(session, number).queue_id

    def chosen(words: str) -> None:
        page.keyboard.press("Control+k")
        page.fill("#palette-q", words)
        page.wait_for_selector(f"#palette-list [aria-selected=true]:has-text('{words}')")
        page.keyboard.press("Enter")

    until(page, "document.documentElement.dataset.line === 'on'")
    assert queue() is None
    chosen("Help")
    wait_for(queue, what="the queue")
    page.wait_for_selector("#thread-head .badge:has-text('Help')")
    chosen(page.locator("#menu-queue [data-verb=queue][data-value='']").text_content().strip())
    wait_for(lambda: queue() is None, what="no queue")
