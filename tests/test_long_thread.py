"""A conversation of thousands of rows: the newest at once, the older ones when asked for. In a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import real
import sqlalchemy as sa
from desk_kit import Shop, sign_in
from flask_babel import force_locale
from real import until

import wsgi
from contact import log, migrations, search
from contact.desk import customer, thread
from contact.desk.entries import Entry
from contact.log import Interaction
from contact.service import Service
from contact.settings import Settings
from contact.verify import refold

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
MANY = 5_000


def long_talk(service: Service, rows: int = MANY) -> tuple[Shop, int]:
    """A chat of `rows` lines over three weeks, as the house would have left it; every fourth row says nothing."""
    shop = Shop(service)
    box = shop.inbox("chat", "shop", "Shop")
    shop.user("Mina Seo", "mina@shop.example")
    shop.now -= timedelta(days=21)
    taken = shop.chat(box, "v-long", "line 0", "Long Talker")
    number = taken.conversation_id
    assert number
    with service.db.write() as session:
        first = session.scalars(sa.select(Interaction).where(Interaction.name == "message.received")).one()
        base = log.head(session)
        made: list[dict[str, object]] = [
            {
                "at": shop.now + timedelta(minutes=6 * n),
                "name": "chat.page_visited" if n % 4 == 0 else "message.received",
                "conversation_id": number,
                "contact_id": first.contact_id,
                "address_id": first.address_id,
                "inbox_id": box.id,
                "channel": "chat",
                "key": f"long{n}",
                "body": None if n % 4 == 0 else f"line {n}" + (" 금귤나무" if n == 41 else ""),
                "content": {},
                "data": {},
            }
            for n in range(1, rows)
        ]
        session.execute(sa.insert(Interaction), made)
        assert log.head(session) == base + rows - 1
        refold(session, number)
        search.reader.read(session, session.scalars(sa.select(Interaction).where(Interaction.key == "long41")).one())
    shop.now += timedelta(minutes=6 * rows)
    return shop, number


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[real.House, Shop, int]]:
    with real.folder("long") as home:
        house = real.House(home)
        service = wsgi.compose(Settings(_env_file=None, data_dir=house.data))  # type: ignore[call-arg]
        migrations.upgrade(service.db.engine)
        shop, number = long_talk(service)
        house.start()
        yield house, shop, number
        service.close()
        house.kill9_all()


@pytest.fixture
def page(house: tuple[real.House, Shop, int], chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
    page, errors = sign_in(context, house[0], "mina"), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors, errors
    context.close()


LINES = "[...document.querySelectorAll('#rows > .row.said .text')].map(e => +e.innerText.match(/line (\\d+)/)[1])"
IN_ORDER = f"(l => l.every((n, i) => !i || l[i - 1] < n))({LINES})"
ONE_DAY = "(d => new Set(d).size === d.length)([...document.querySelectorAll('#rows > .day')].map(e => e.id))"


def go(page: Any, house: real.House, path: str) -> None:
    page.goto(f"{house.url}{path}")
    until(page, "document.documentElement.dataset.line === 'on'")


def test_newest_at_once_and_older_by_scrolling(house: tuple[real.House, Shop, int], page: Any) -> None:
    go(page, house[0], f"/desk/conversations/{house[2]}?list=all")
    lines = page.evaluate(LINES)
    assert lines[-1] == MANY - 1
    assert len(lines) == thread.PAGE
    before = page.evaluate(
        "scroll => { scroll.scrollTop = 0; return scroll.scrollHeight }", page.query_selector("#scroll")
    )
    until(page, f"document.querySelectorAll('#rows > .row').length > {thread.PAGE}")
    for _ in range(3):
        page.hover("#scroll")
        page.mouse.wheel(0, -20_000)
        known = len(page.evaluate(LINES))
        until(page, f"document.querySelectorAll('#rows > .row').length > {known}")
    assert page.evaluate("document.querySelector('#scroll').scrollHeight") > before
    assert page.evaluate(IN_ORDER)
    assert page.evaluate(ONE_DAY)
    lines = page.evaluate(LINES)
    whole = [n for n in range(lines[0], MANY) if n % 4]
    assert lines == whole  # none left out


def test_what_is_on_screen_stays_when_older_rows_come(house: tuple[real.House, Shop, int], page: Any) -> None:
    go(page, house[0], f"/desk/conversations/{house[2]}?list=all")
    page.evaluate("document.querySelector('#scroll').style.overflowAnchor = 'none'")  # as in Safari
    seen = """() => { const pane = document.querySelector('#scroll').getBoundingClientRect();
        const row = [...document.querySelectorAll('#rows > .row')].find(e => e.getBoundingClientRect().top >= pane.top);
        return [row.id, Math.round(row.getBoundingClientRect().top)] }"""
    page.evaluate("document.querySelector('#scroll').scrollTop = 700")  # farther than what loads by itself
    row, top = page.evaluate(seen)
    page.evaluate("document.querySelector('.earlier').click()")
    until(page, f"document.querySelectorAll('#rows > .row').length > {thread.PAGE}")
    assert abs(page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", row) - top) <= 2


def test_a_hit_far_back_opens_at_its_row_and_the_gap_closes(house: tuple[real.House, Shop, int], page: Any) -> None:
    go(page, house[0], "/desk/search?q=금귤나무")
    page.click("#cards .card-line:has-text('금귤나무') a")
    page.wait_for_selector("#rows .found:has-text('금귤나무')")
    inside = """() => { const pane = document.querySelector('#scroll').getBoundingClientRect(),
        row = document.querySelector('#rows .found').getBoundingClientRect();
        return row.top >= pane.top && row.bottom <= pane.bottom }"""
    until(page, inside)
    lines = page.evaluate(LINES)
    assert 41 in lines
    assert lines[-1] == MANY - 1  # the newest part is still there
    assert page.evaluate(IN_ORDER)
    assert page.query_selector("#rows > .gap")
    known = len(lines)
    page.click(".gap button")
    until(page, f"document.querySelectorAll('#rows > .row').length > {known}")
    lines = page.evaluate(LINES)
    cut = next(i for i in range(1, len(lines)) if lines[i] - lines[i - 1] > 2)
    assert lines[:cut] == [n for n in range(lines[0], lines[cut - 1] + 1) if n % 4 or n == 0]
    assert lines[cut:] == [n for n in range(lines[cut], MANY) if n % 4]
    assert page.evaluate(ONE_DAY)


def test_a_gap_closes_from_below_too(house: tuple[real.House, Shop, int], page: Any) -> None:
    number = house[2]
    go(page, house[0], f"/desk/conversations/{number}?list=all")
    start = page.evaluate("+document.querySelector('#thread').dataset.first")
    far = start - 160  # 120 shown rows away: a gap of less than two pages
    page.goto("about:blank")
    go(page, house[0], f"/desk/conversations/{number}?list=all#row-{far}")
    page.wait_for_selector(f"#row-{far}")
    page.evaluate("document.querySelector('#scroll').scrollTop = 1e9")
    page.hover("#scroll")

    def up() -> bool:
        page.mouse.wheel(0, -600)
        return page.query_selector("#rows > .gap") is None

    real.wait_for(up, what="the gap is closed")
    lines = page.evaluate(LINES)
    assert lines == [n for n in range(lines[0], MANY) if n % 4]
    assert page.evaluate(ONE_DAY)


def test_the_live_tail_goes_on_while_somebody_reads_far_back(house: tuple[real.House, Shop, int], page: Any) -> None:
    _house, shop, number = house
    go(page, house[0], f"/desk/conversations/{number}?list=all#row-60")
    page.wait_for_selector("#row-60.found, #rows .found")
    top = page.evaluate("document.querySelector('#scroll').scrollTop")
    with shop.service.db.read() as session:
        visitor = session.scalars(sa.select(Interaction).where(Interaction.key == "long1")).one()
    assert visitor.conversation_id == number
    box = shop.inbox("chat", "shop", "Shop")
    taken = shop.chat(box, "v-long", "line 999999")
    assert taken.conversation_id == number
    page.wait_for_selector(f"#row-{taken.interaction_id}", state="attached")
    until(page, "!document.querySelector('#below').hidden")
    assert abs(page.evaluate("document.querySelector('#scroll').scrollTop") - top) <= 2
    page.click("#below")
    until(page, "document.querySelector('#below').hidden")


def test_parts_join_without_a_hole(house: tuple[real.House, Shop, int]) -> None:
    """Walked from the newest to the oldest, and around any row: each shown row once."""
    _house, shop, number = house
    app = wsgi.create_app(service=shop.service)
    with app.test_request_context(), force_locale("en"), shop.service.db.read() as session:
        shown = session.scalars(
            sa.select(Interaction.id)
            .where(Interaction.conversation_id == number, Interaction.name.in_(thread.SHOWN))
            .order_by(Interaction.id)
        ).all()
        page = thread.read(session, number)
        walked, first = ids(page.entries), page.first
        while first:
            part = thread.older(session, number, first)
            walked, first = ids(part.entries) + walked, part.first
        assert walked == list(shown)
        top = page.entries[0].id
        for row in (shown[0], shown[17], shown[-200], top - 1, top - 40):
            part = thread.around(session, number, row, top)
            told, last = ids(part.entries), part.last
            while last:
                more = thread.between(session, number, last, top)
                told, last = told + ids(more.entries), more.last
            at = shown.index(told[0])
            assert told == list(shown[at : shown.index(top)])
            assert row in told or row not in shown
            assert bool(part.first) == (at > 0) or at == 0


def test_one_person_over_all_conversations(house: tuple[real.House, Shop, int]) -> None:
    _house, shop, _number = house
    app = wsgi.create_app(service=shop.service)
    utc = shop.now
    with app.test_request_context(), force_locale("en"), shop.service.db.read() as session:
        root = session.scalars(sa.select(Interaction.contact_id).where(Interaction.key == "long1")).one()
        assert root
        for only in ("", "messages", "chat", "notes", "email"):
            before, told = None, list[int]()
            while True:
                built = customer.build(session, root, utc, only, before)
                told += ids(built.timeline)
                assert built.more == 0 or len(built.timeline) == customer.TIMELINE
                if not built.more:
                    break
                before = built.more
            assert told == sorted(set(told), reverse=True)
            assert (len(told) > MANY * 0.7) == (only in ("", "messages", "chat"))


def ids(entries: list[Entry]) -> list[int]:
    return [entry.id for entry in entries]
