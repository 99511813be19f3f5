"""The partners' pages in a real Chromium on a running house: numbers come by themselves, on every device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import real
import sqlalchemy as sa
from desk_kit import Town
from desk_kit import running as opened
from people_kit import HASH, PASSWORD
from real import until
from told_kit import Board

from board.notifying import bell, preference
from board.notifying.event import Channel, Event, Mode
from board.notifying.tell import tell
from board.partner import member, partner
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Stage
from board.portal.live import Portal, Sitting
from contact.db import Database, utcnow
from contact.users import User

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
PHONE = {"width": 390, "height": 844}
COUNT = (
    "(() => { const one = document.querySelector('[data-count=bell]'); return one.hidden ? '0' : one.textContent })()"
)


def _partners(town: Town) -> None:
    with town.shop.service.db.write() as session:
        firm = partner.add(session, utcnow(), Facts("대한상사"), None, stage=Stage.ACTIVE)
        for name in ("one", "two", "three"):
            email = f"{name}@daehan.example"
            made, _ = member.invite(session, utcnow(), firm, email, "이하늘", MemberRole.OWNER, None)
            user = session.get_one(User, made.user_id)
            user.password_hash, user.language = HASH, "ko"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[real.House, Database]]:
    with opened("portal", _partners) as (house, town):
        yield house, town.shop.service.db


Enter = Callable[..., Any]


@pytest.fixture
def enter(running: tuple[real.House, Database], chromium: Any) -> Iterator[Enter]:
    """`enter("one")`: a page of theirs on a new device; a broken policy or script fails the test."""
    contexts, errors = list[Any](), list[str]()

    def sign_in(who: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": PHONE, "locale": "ko-KR", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
        page.goto(f"{running[0].url}/sign-in")
        page.fill("#f-login", f"{who}@daehan.example")
        page.fill("#f-password", PASSWORD)
        page.click("form button.primary")
        page.wait_for_url("**/board")
        until(page, "document.documentElement.dataset.line === 'on'")
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert not errors, errors


def told(db: Database, who: str, key: str, link: str = "/board/people", title: str = "재고 문의") -> int:
    with db.write() as session:
        number = session.scalars(sa.select(User.id).where(User.email == f"{who}@daehan.example")).one()
        tell(session, utcnow(), Event.MENTION, [number], title=title, link=link, key=key, text="확인 부탁드립니다.")
        return number


def test_a_number_comes_by_itself_and_goes_on_every_device(running: tuple[real.House, Database], enter: Enter) -> None:
    house, db = running
    phone, desk = enter("one"), enter("one", viewport={"width": 1440, "height": 900})
    for page in (phone, desk):
        page.evaluate("window.samePage = 1")
    told(db, "one", "first")
    for page in (phone, desk):
        until(page, f"{COUNT} === '1' && document.title.startsWith('(1)')")
        page.wait_for_selector("#home-live >> text=재고 문의")
    phone.click("#home-live >> text=재고 문의")
    phone.wait_for_url("**/board/people")
    assert phone.evaluate(COUNT) == "0", "the page that was opened knows it already"
    until(desk, f"{COUNT} === '0'")
    assert desk.evaluate("window.samePage") == 1
    told(db, "one", "second", "/board/me")
    until(desk, f"{COUNT} === '1'")
    phone.goto(f"{house.url}/board/notifications")
    phone.click("text=모두 읽음으로 표시")
    until(desk, f"{COUNT} === '0'")
    assert phone.evaluate(COUNT) == "0"


def test_nobody_hears_of_what_is_anothers(running: tuple[real.House, Database], enter: Enter) -> None:
    _house, db = running
    mine, other = enter("one"), enter("two")
    heard = list[str]()
    other.on("websocket", lambda line: line.on("framereceived", lambda frame: heard.append(str(frame))))
    other.reload()
    until(other, "document.documentElement.dataset.line === 'on'")
    told(db, "one", "for one alone")
    until(mine, f"{COUNT} === '1'")
    assert other.evaluate(COUNT) == "0"
    assert heard, "the line was listened to"
    assert not [frame for frame in heard if "changed" in frame]


def test_without_a_line_it_says_so_and_goes_on_by_itself(running: tuple[real.House, Database], enter: Enter) -> None:
    _house, db = running
    page = enter("two")
    assert not page.is_visible(".board-line")
    page.context.set_offline(True)
    page.wait_for_selector(".board-line:visible")
    told(db, "two", "meanwhile")
    page.context.set_offline(False)
    until(page, f"{COUNT} === '1'")
    until(page, "document.querySelector('.board-line').hidden")


def test_who_is_taken_off_is_out_at_once(running: tuple[real.House, Database], enter: Enter) -> None:
    _house, db = running
    page = enter("three")
    with db.write() as session:
        number = session.scalars(sa.select(User.id).where(User.email == "three@daehan.example")).one()
        one = session.scalars(sa.select(PartnerMember).where(PartnerMember.user_id == number)).one()
        member.end(session, utcnow(), one, None)
    page.wait_for_url("**/sign-in**")


def test_choices_are_made_on_a_phone(running: tuple[real.House, Database], enter: Enter) -> None:
    house, db = running
    page = enter("two")
    page.goto(f"{house.url}/board/me/notifications")
    assert page.locator("section:has(#e-notice) select").count() == 0, "mandatory"
    page.select_option("#c-comment-mail", "weekly")
    page.click("form button.primary >> text=저장")
    page.wait_for_selector(".notice >> text=저장")
    with db.read() as session:
        user = session.scalars(sa.select(User).where(User.email == "two@daehan.example")).one()
        assert preference.of(session, user.id)[Event.COMMENT][Channel.MAIL] is Mode.WEEKLY


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_no_page_is_wider_than_the_screen(running: tuple[real.House, Database], enter: Enter, width: int) -> None:
    house, db = running
    told(db, "two", f"long{width}", title="긴제목" * 60)
    page = enter("two", viewport={"width": width, "height": 800})
    for path in ("/board", "/board/notifications", "/board/me/notifications", "/board/people", "/board/me"):
        page.goto(house.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} at {width}: {wide}"
        small = page.evaluate(
            "[...document.querySelectorAll('.board-places a, .board-head .icon-button')]"
            ".filter(one => one.getBoundingClientRect().height < 40).length"
        )
        assert small == 0, "a finger finds each of them"
    page.click(".board-self")
    page.wait_for_selector("#board-menu >> text=로그아웃")


def test_the_bells_are_read_only_while_somebody_listens(small: Board) -> None:
    told_, read = list[str](), list[str]()

    def shown(event: str, _data: object, *, room: str, namespace: str) -> None:
        told_.append(f"{event} {room} {namespace}")

    portal = Portal(SimpleNamespace(service=small.service, show=shown))  # type: ignore[arg-type]
    user = small.person(small.firm(), "kim@daehan.example")
    with small.db.write() as session:
        bell.ring(session, utcnow(), sa.select(sa.literal(user)))
    sa.event.listen(small.db.engine, "before_cursor_execute", lambda *given: read.append(given[2]))
    since = portal.look(utcnow())
    since = portal.look(since)
    assert read == []
    portal.sittings["a"] = Sitting(user, 1)
    since = portal.look(since)
    assert told_ == [f"changed u:{user} /board"], "what was rung while the page opened"
    assert len(read) == 1
    portal.look(since)
    assert told_ == [f"changed u:{user} /board"], "once"
