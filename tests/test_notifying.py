"""Notifications: told once each, by choice and channel, read on every device, and no more than somebody wants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from links_kit import Scene
from people_kit import house
from sqlalchemy.orm import Session

from board.notifying import bell, less, preference, unread
from board.notifying.event import Channel, Event, Mode
from board.notifying.notification import Notification
from board.notifying.tell import read, read_these, tell
from board.partner import member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Stage
from board.scope import Viewer
from contact.db import utcnow

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POST: dict[str, Any] = {"title": "재고 문의", "link": "/board/boards/1/posts/2", "key": "comment:9"}


def people(session: Session, count: int = 3) -> list[int]:
    """Users of one partner."""
    firm = partner.add(session, NOW, Facts("대한상사"), None, stage=Stage.ACTIVE)
    made = [
        member.invite(session, NOW, firm, f"p{n}@daehan.example", f"사람 {n}", MemberRole.OWNER, None)
        for n in range(count)
    ]
    return [one.user_id for one, _ in made]


def waits(session: Session) -> dict[int, tuple[bool, str, str]]:
    rows = session.scalars(sa.select(Notification).order_by(Notification.user_id))
    return {one.user_id: (one.shown, one.mail, one.sms) for one in rows}


def test_each_is_told_once_and_never_who_did_it(hall: Hall) -> None:
    with hall.db.write() as session:
        a, b, c = people(session)
        assert tell(session, NOW, Event.COMMENT, [a, b, c, 99_999], by=c, **POST) == 2
        assert tell(session, NOW, Event.COMMENT, [a, b], by=c, **POST) == 0
        assert tell(session, NOW, Event.COMMENT, [a, c], by=b, **POST) == 1
        assert waits(session) == dict.fromkeys((a, b, c), (True, "daily", "off"))
        assert [unread.count(session, Viewer(n)) for n in (a, b, c)] == [1, 1, 1]


def test_everybody_a_statement_finds_is_told(hall: Hall) -> None:
    from contact.users import Role, User

    with hall.db.write() as session:
        users = people(session)
        those = sa.select(User.id).where(User.role == Role.PARTNER)
        assert tell(session, NOW, Event.NOTICE, those, title="공지", link="/board/notices/1", key="notice:1") == 3
        assert waits(session) == dict.fromkeys(users, (True, "off", "off")), "the ladder carries notices"


def test_choices_count_from_now_on_and_for_what_waits(hall: Hall) -> None:
    with hall.db.write() as session:
        a, b, _ = people(session)
        preference.choose(session, a, Event.COMMENT, Channel.MAIL, Mode.OFF)
        preference.choose(session, a, Event.COMMENT, Channel.SMS, Mode.NOW)
        preference.choose(session, b, Event.COMMENT, Channel.PAGE, Mode.OFF)
        tell(session, NOW, Event.COMMENT, [a, b], **POST)
        assert waits(session) == {a: (True, "off", "now"), b: (False, "daily", "off")}
        assert unread.count(session, Viewer(b)) == 0
        preference.choose(session, a, Event.COMMENT, Channel.MAIL, Mode.NOW)
        preference.choose(session, b, Event.COMMENT, Channel.MAIL, Mode.WEEKLY)
        session.expire_all()
        assert waits(session) == {a: (True, "off", "now"), b: (False, "weekly", "off")}, "what was off comes no more"


def test_what_is_opened_is_read_with_all_that_tells_of_it(hall: Hall) -> None:
    with hall.db.write() as session:
        a, b, _ = people(session)
        for n, link in enumerate(("/board/p/2", "/board/p/2#c9", "/board/p/2?page=2", "/board/p/22", "/board/p")):
            tell(session, NOW, Event.POST, [a, b], title="글", link=link, key=f"k{n}")
        before = bell.rung(session, NOW)
        later = NOW + timedelta(hours=1)
        assert read(session, later, a, "/board/p/2") == 3
        assert read(session, later, a, "/board/p/2") == 0
        assert unread.count(session, Viewer(a)) == 2
        assert unread.count(session, Viewer(b)) == 5
        assert bell.rung(session, later) == {a: before[a] + 1}
        assert read_these(session, later, b) == 5
        assert {mail for _, mail, _ in waits(session).values()} <= {"daily", "off"}


# -- pages


@pytest.fixture
def scene(tmp_path: Path, _template: Path) -> Iterator[Scene]:
    home = house(tmp_path / "data", _template)
    yield Scene(home).furnish()
    home.close()


def mode(scene: Scene, role: str, event: Event = Event.COMMENT) -> Mode:
    with scene.home.db.read() as session:
        return preference.of(session, scene.people[role])[event][Channel.MAIL]


def test_fewer_by_a_link_without_signing_in(scene: Scene) -> None:
    key, stranger = scene.home.service.settings.secret(), scene.home.browser()
    link = less.link("", key, scene.people["member"], Event.COMMENT)
    page = stranger.get(link)
    assert page.status_code == 200
    assert mode(scene, "member") is Mode.DAILY, "following it changes nothing"
    assert stranger.post(link, {"mode": "now"}).status_code == 400, "only fewer"
    assert stranger.post(link, {"mode": "weekly"}).status_code == 200
    assert mode(scene, "member") is Mode.WEEKLY
    digest = less.link("", key, scene.people["member"], Mode.WEEKLY)
    assert stranger.post(digest, {"mode": "off"}).status_code == 200
    assert mode(scene, "member") is Mode.OFF
    assert mode(scene, "member", Event.POST) is Mode.DAILY, "what is not in that digest stays"
    assert mode(scene, "owner") is Mode.DAILY


def test_an_altered_link_changes_nothing(scene: Scene) -> None:
    key, stranger = scene.home.service.settings.secret(), scene.home.browser()
    link = less.link("", key, scene.people["member"], Event.COMMENT)
    other = link.replace(f"/{scene.people['member']}-", f"/{scene.people['owner']}-")
    for wrong in (other, link[:-1], link.replace("comment", "mention"), "/partners/fewer/%00", "/partners/fewer/x"):
        stranger.get("/sign-in")
        assert stranger.get(wrong).status_code == 404
        assert stranger.post(wrong, {"mode": "off"}).status_code == 404
    notices = less.link("", key, scene.people["member"], Event.NOTICE)
    assert stranger.post(notices, {"mode": "off"}).status_code == 400
    assert {mode(scene, role, event) for role in ("owner", "member") for event in (Event.COMMENT,)} == {Mode.DAILY}


def test_mandatory_ones_stay_on(scene: Scene) -> None:
    browser = scene.enter("owner")
    assert (
        "cannot be switched off" in browser.get("/board/me/notifications").text
        or "끌 수" in browser.get("/board/me/notifications").text
    )
    assert browser.post("/board/me/notifications", {"notice.page": "off"}).status_code == 400
    assert browser.post("/board/me/notifications", {"comment.page": "daily"}).status_code == 400
    assert browser.post("/board/me/notifications", {"comment.mail": "<script>"}).status_code == 400
    assert browser.post("/board/me/notifications", {"comment.mail": "off", "comment.sms": "now"}).status_code == 303
    assert mode(scene, "owner") is Mode.OFF


def test_counts_and_lists_are_ones_own(scene: Scene) -> None:
    with scene.home.db.write() as session:
        for user in (scene.people["owner"], scene.people["staff"]):
            tell(session, utcnow(), Event.MENTION, [user], title="<script>x</script>", link="/board/people", key="1")
    owner, other, staff = scene.enter("owner"), scene.enter("viewer"), scene.enter("staff")
    assert owner.get("/board/counts").json["bell"] == 1
    assert other.get("/board/counts").json["bell"] == 0
    assert "&lt;script&gt;x" in owner.get("/board/notifications").text
    assert "script&gt;x" not in other.get("/board/notifications").text
    assert "&lt;script&gt;x" in staff.get("/desk/board-news").text
    assert staff.get("/board/notifications").headers["Location"] == "/desk/board-news"
    assert staff.post("/desk/board-news/read").status_code == 303
    owner.get("/board/people")
    assert owner.get("/board/counts").json["bell"] == 0
    with scene.home.db.read() as session:
        assert unread.count(session, Viewer(scene.people["staff"])) == 0
