"""Boards as pages: a phone at a partner's, the console here, hostile words, heavy bodies, and two at once."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import sqlalchemy as sa
from forum_kit import board, comment, for_tier, post, tier, unread
from page_kit import text
from partner_kit import enter, firm, person
from people_kit import Browser, House
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from board.forum.board import Access, Board
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.report import Report
from board.partner import partner
from board.partner.member import MemberRole
from board.partner.partner import Stage
from contact.db import utcnow
from contact.users import Role
from contact.users.audit import AuditRow

pytestmark = pytest.mark.usefixtures("mailbox")
HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s {0} <img src=x onerror=alert(1)> javascript:alert(1)"


def key(page: Any) -> str:
    found = re.search(r'name="key" value="(\w+)"', page.text)
    assert found is not None
    return found[1]


def heavy(browser: Browser, path: str, form: dict[str, Any]) -> Any:
    """A form of many bytes, from memory: the client's own temporary files stay open."""
    boundary, body = encode_multipart({"csrf": browser.csrf, **form})
    kind = f"multipart/form-data; boundary={boundary}"
    return browser.client.post(path, data=body, content_type=kind, environ_base={"REMOTE_ADDR": browser.ip})


def count(home: House, table: Any) -> int:
    with home.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_somebody_asks_and_is_answered_officially(home: House) -> None:
    kim = person(home, firm(home), "kim@daehan.example", name="김민아")
    person(home, firm(home, "한빛산업"), "lee@hanbit.example", name="이하늘")
    number = board(home, "질문과 답")
    mine, other = enter(home, "kim@daehan.example"), enter(home, "lee@hanbit.example")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    assert "질문과 답" in text(mine.get("/board/boards"))
    form = mine.get(f"/board/boards/{number}/new")
    made = mine.post(
        f"/board/boards/{number}/new",
        {"key": key(form), "title": "납기 문의", "text": "언제 오나요?\n\nhttps://shop.example/x",
         "file": (io.BytesIO(b"%PDF-1.7"), "도면.pdf", "application/pdf")},
        content_type="multipart/form-data",
    )  # fmt: skip
    assert made.status_code == 303
    page = mine.get(made.headers["Location"])
    assert '<a href="https://shop.example/x" target="_blank" rel="noopener noreferrer">' in page.text
    assert "도면.pdf" in page.text
    assert "You follow this" in text(page)
    path = made.headers["Location"]
    assert "is-unread" in other.get(f"/board/boards/{number}").text
    assert other.get(path).status_code == 200
    assert "is-unread" not in other.get(f"/board/boards/{number}").text
    redirected = boss.get(path)
    assert redirected.headers["Location"] == path.replace("/board/", "/desk/")
    desk = boss.get(redirected.headers["Location"])
    assert "대한상사" in desk.text
    answered = boss.post(
        f"/desk/boards/{number}/posts/1/comments", {"key": key(desk), "text": "다음 주입니다.", "official": "on"}
    )
    assert answered.status_code == 303
    assert answered.headers["Location"].endswith("#c1")
    page = mine.get(path)
    assert "Official answer" in text(page)
    assert "다음 주입니다." in text(page)
    assert unread(home, kim) == 0
    assert "answered" in text(mine.get(f"/board/boards/{number}"))
    found = mine.get("/board/boards/search?q=다음")
    assert "<mark>다음</mark>" in found.text
    assert "in a comment" in text(found)
    assert "Nothing found" in text(mine.get("/board/boards/search?q=없는말"))


def test_the_same_form_is_one_post_and_one_comment_however_often_it_is_sent(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    number = board(home)
    mine = enter(home, "kim@daehan.example")
    once = key(mine.get(f"/board/boards/{number}/new"))
    form = {"key": once, "title": "한 번", "text": "한 번만"}
    places = {mine.post(f"/board/boards/{number}/new", form).headers["Location"] for _ in range(100)}
    assert len(places) == 1
    assert count(home, Post) == 1
    said = {mine.post(f"{places.copy().pop()}/comments", {"key": once, "text": "댓글"}).status_code for _ in range(50)}
    assert said == {303}
    assert count(home, Comment) == 1


def test_who_writes_too_much_is_asked_to_wait_and_nothing_is_written(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    number = board(home)
    mine = enter(home, "kim@daehan.example")
    codes = [mine.post(f"/board/boards/{number}/new", {"title": f"{n}", "text": "x"}).status_code for n in range(14)]
    assert codes[:10] == [303] * 10
    assert codes[-1] == 429
    late = mine.post(f"/board/boards/{number}/new", {"title": "늦은 제목", "text": "늦은 글"})
    assert late.headers["Retry-After"]
    assert "늦은 제목" in late.text, "what was typed stays"
    assert count(home, Post) == codes.count(303)


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x" * 201, "text": "x"}, {"title": "", "text": "x"}, {"title": "x", "text": ""},
        {"title": "x", "text": "가" * 20_001}, {"title": "\x00", "text": "\x00"[:0]},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_and_changes_nothing(home: House, body: dict[str, str]) -> None:
    person(home, firm(home), "kim@daehan.example")
    number = board(home)
    mine = enter(home, "kim@daehan.example")
    answer = mine.post(f"/board/boards/{number}/new", body)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert count(home, Post) == 0


def test_ten_megabytes_of_words_or_files_that_are_too_large_are_refused(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    number = board(home)
    mine = enter(home, "kim@daehan.example")
    where = f"/board/boards/{number}/new"
    huge = {"title": "x", "text": "x" * (10 << 20)}
    assert mine.post(where, huge).status_code in (400, 413)
    assert heavy(mine, where, huge).status_code == 413
    big = {"title": "제목은 남는다", "text": "x", "file": FileStorage(io.BytesIO(b"0" * ((10 << 20) + 1)), "big.bin")}
    answer = heavy(mine, where, big)
    assert answer.status_code == 413
    assert "제목은 남는다" in answer.text
    many = {"title": "x", "text": "x", "file": [(io.BytesIO(b"0"), f"{n}.txt") for n in range(11)]}
    assert mine.post(where, many, content_type="multipart/form-data").status_code == 400
    assert count(home, Post) == 0


def test_words_stay_words_in_every_field(home: House) -> None:
    one = firm(home, HOSTILE)
    person(home, one, "kim@daehan.example", name=HOSTILE)
    mine = enter(home, "kim@daehan.example")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/boards/new")
    made = boss.post(
        "/desk/boards/new",
        {"name": HOSTILE[:80], "description": HOSTILE, "access": "everybody", "posting": "partners",
         "shows_partner": "1"},
    )  # fmt: skip
    assert made.status_code == 303
    number = post(home, 1, 1, HOSTILE, HOSTILE)
    comment(home, number, 1, HOSTILE)
    mine.get("/board/boards")
    with home.db.write() as session:
        session.execute(sa.update(Post).values(user_id=99))  # somebody else's, so that it can be reported
    assert mine.post(f"/board/boards/posts/{number}/report", {"reason": HOSTILE}).status_code == 303
    assert boss.post("/desk/boards/comments/1/hide", {"reason": HOSTILE}).status_code == 303
    for browser, base in ((mine, "/board/boards"), (boss, "/desk/boards")):
        for path in ("", "/1", "/1/posts/1", "/search?q=alert", f"/search?q={HOSTILE[:60]}"):
            page = browser.get(base + path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert 'href="javascript' not in page.text
            assert ">49" not in page.text
    for path in ("/queue", "/1/settings"):
        page = boss.get("/desk/boards" + path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text


def test_two_who_change_one_post_and_two_who_change_one_board(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    number = board(home)
    phone, desk = enter(home, "kim@daehan.example"), enter(home, "kim@daehan.example")
    phone.post(f"/board/boards/{number}/new", {"title": "제목", "text": "처음"})
    where = "/board/boards/posts/1/edit"
    assert 'name="version" value="1"' in phone.get(where).text
    assert phone.post(where, {"version": "1", "title": "제목", "text": "전화에서"}).status_code == 303
    late = desk.post(where, {"version": "1", "title": "제목", "text": "책상에서 쓴 긴 글"})
    assert late.status_code == 409
    assert "책상에서 쓴 긴 글" in late.text, "what was typed stays"
    page = phone.get("/board/boards/1/posts/1")
    assert "전화에서" in page.text
    assert "edited" in text(page)
    assert "처음" not in page.text
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    assert "처음" in boss.get("/desk/boards/1/posts/1").text
    form = {"version": "1", "name": "새 이름", "access": "everybody", "posting": "staff"}
    assert boss.post("/desk/boards/1/settings", form).status_code == 303
    assert boss.post("/desk/boards/1/settings", form | {"name": "늦은 이름"}).status_code == 409
    assert phone.get("/board/boards/1/new").status_code == 403, "only we begin something here now"


def test_what_is_reported_waits_for_a_decision(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    lee = person(home, firm(home, "b"), "lee@hanbit.example")
    number = board(home, moderated=True)
    mine, other = enter(home, "kim@daehan.example"), enter(home, "lee@hanbit.example")
    boss, _ = home.signed_in("boss@shop.example", Role.AGENT)
    made = mine.post(f"/board/boards/{number}/new", {"title": "기다림", "text": "x"})
    assert "Waits until somebody has looked" in text(mine.get(made.headers["Location"]))
    assert other.get(made.headers["Location"]).status_code == 404
    assert "기다림" in text(boss.get("/desk/boards/queue"))
    boss.get("/desk/boards/1/posts/1")
    approved = boss.post("/desk/boards/posts/1/approve", {"queue": "1"})
    assert approved.headers["Location"].startswith("/desk/boards/queue")
    assert boss.post("/desk/boards/posts/1/approve").status_code == 409
    assert other.get(made.headers["Location"]).status_code == 200
    assert other.post("/board/boards/posts/1/report", {"reason": ""}).status_code == 400
    assert other.post("/board/boards/posts/1/report", {"reason": "광고"}).status_code == 303
    assert "광고" in text(boss.get("/desk/boards/queue"))
    assert boss.post("/desk/boards/posts/1/hide", {"reason": " "}).status_code == 400
    assert boss.post("/desk/boards/posts/1/hide", {"reason": "광고 맞음"}).status_code == 303
    assert other.get(made.headers["Location"]).status_code == 404
    assert "광고 맞음" in text(mine.get(made.headers["Location"]))
    assert "Nothing to decide" in text(boss.get("/desk/boards/queue"))
    assert unread(home, lee) == 0
    with home.db.read() as session:
        whats = session.scalars(sa.select(AuditRow.what).where(AuditRow.subject == "post:1")).all()
        assert list(whats) == ["post.approved", "post.hidden"]
        assert session.scalars(sa.select(Report.closed_at)).one() is not None


def test_a_closed_post_and_a_moved_one(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    number, elsewhere = board(home), board(home, "우리끼리", access=Access.STAFF)
    mine = enter(home, "kim@daehan.example")
    boss, _ = home.signed_in("boss@shop.example", Role.AGENT)
    path = mine.post(f"/board/boards/{number}/new", {"title": "끝", "text": "x"}).headers["Location"]
    boss.get("/desk/boards/1/posts/1")
    assert boss.post("/desk/boards/posts/1/lock", {"reason": "끝"}).status_code == 303
    assert "Nothing can be added here" in text(mine.get(path))
    assert mine.post(f"{path}/comments", {"text": "그래도"}).status_code == 403
    assert boss.post("/desk/boards/posts/1/unlock").status_code == 303
    third = board(home, "셋째")
    assert boss.post("/desk/boards/posts/1/move", {"board": str(third)}).status_code == 303
    assert mine.get(path).headers["Location"] == f"/board/boards/{third}/posts/1", "a link in a mail leads on"
    assert boss.post("/desk/boards/posts/1/move", {"board": str(elsewhere)}).status_code == 303
    assert mine.get(path).status_code == 404
    assert boss.post("/desk/boards/posts/1/move", {"board": "999"}).status_code == 404


def test_removing_leaves_a_trace(home: House) -> None:
    person(home, firm(home), "kim@daehan.example")
    person(home, firm(home, "b"), "lee@hanbit.example")
    mine, other = enter(home, "kim@daehan.example"), enter(home, "lee@hanbit.example")
    boss, _ = home.signed_in("boss@shop.example", Role.AGENT)
    number = board(home)
    path = mine.post(f"/board/boards/{number}/new", {"title": "제목", "text": "비밀스러운 말"}).headers["Location"]
    other.get(path)
    assert other.post(f"{path}/comments", {"text": "댓글"}).status_code == 303
    assert other.post("/board/boards/posts/1/remove").status_code == 403
    assert mine.post("/board/boards/posts/1/remove").status_code == 303
    for browser in (mine, other):
        page = browser.get(path)
        assert "Removed" in text(page)
        assert "비밀스러운 말" not in page.text
        assert "댓글" in page.text
    assert "비밀스러운 말" in boss.get("/desk/boards/1/posts/1").text


def test_a_board_that_does_not_show_partners_shows_none(home: House) -> None:
    kim = person(home, firm(home, "비밀상사"), "kim@daehan.example", name="김민아")
    person(home, firm(home, "b"), "lee@hanbit.example")
    shows, hides = board(home, "보임"), board(home, "숨김", shows_partner=False)
    mine, other = enter(home, "kim@daehan.example"), enter(home, "lee@hanbit.example")
    boss, _ = home.signed_in("boss@shop.example", Role.AGENT)
    for number in (shows, hides):
        one = post(home, number, kim, "제목", "내용")
        comment(home, one, kim, "댓글")
        for path in (f"/{number}", f"/{number}/posts/{one}", "/search?q=제목"):
            seen = "비밀상사" in other.get(f"/board/boards{path}").text
            assert seen == (number == shows and "search" not in path), path
        assert "비밀상사" in mine.get(f"/board/boards/{number}/posts/{one}").text
        assert "비밀상사" in boss.get(f"/desk/boards/{number}/posts/{one}").text
        named = other.get(f"/board/boards/{number}/people?q=김").json["people"]
        assert ("비밀상사" in {person["partner"] for person in named}) == (number == shows)


def test_settings_of_a_board_make_an_audience(home: House) -> None:
    gold = tier(home)
    person(home, firm(home, tier_id=gold), "a@gold.example")
    person(home, firm(home, "b"), "b@other.example")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    agent, _ = home.signed_in("mina@shop.example", Role.AGENT)
    boss.get("/desk/boards/new")
    agent.get("/desk/boards")
    form: dict[str, Any] = {"name": "골드", "access": "audience", "posting": "partners", "tier": [str(gold)]}
    form["role"] = ["owner", "member"]
    assert agent.post("/desk/boards/new", form).status_code == 403
    empty = boss.post("/desk/boards/new", form | {"tier": [], "role": []})
    assert empty.status_code == 400
    assert "Nobody would see this board" in text(empty)
    assert boss.post("/desk/boards/new", form | {"access": "x"}).status_code == 400
    assert boss.post("/desk/boards/new", form).status_code == 303
    with home.db.read() as session:
        made = session.scalars(sa.select(Board)).one()
        assert made.definition == {
            "all": [{"field": "tier", "op": "is", "value": [str(gold)]},
                    {"field": "role", "op": "is", "value": ["owner", "member"]}]
        }  # fmt: skip
    assert boss.get("/desk/boards/1/settings").text.count(" checked") == 5
    inside, outside = enter(home, "a@gold.example"), enter(home, "b@other.example")
    assert inside.get("/board/boards/1").status_code == 200
    assert outside.get("/board/boards/1").status_code == 404
    assert "골드" not in outside.get("/board/boards").text
    closed = {"version": "1", "archived": "on", "name": "골드", "access": "everybody", "posting": "partners"}
    assert boss.post("/desk/boards/1/settings", closed).status_code == 303
    assert inside.get("/board/boards/1").status_code == 404
    assert boss.post("/desk/boards/1/settings", closed | {"version": "2", "archived": ""}).status_code == 303


def test_who_only_reads_reads(home: House) -> None:
    one = firm(home)
    person(home, one, "kim@daehan.example")
    person(home, one, "view@daehan.example", role=MemberRole.VIEWER)
    number = board(home)
    kim, viewer = enter(home, "kim@daehan.example"), enter(home, "view@daehan.example")
    path = kim.post(f"/board/boards/{number}/new", {"title": "제목", "text": "x"}).headers["Location"]
    page = viewer.get(path)
    assert page.status_code == 200
    assert 'name="text"' not in page.text
    assert viewer.get(f"/board/boards/{number}/new").status_code == 403
    assert viewer.post(f"/board/boards/{number}/new", {"title": "x", "text": "x"}).status_code == 403
    assert viewer.post(f"{path}/comments", {"text": "x"}).status_code == 403
    assert viewer.post("/board/boards/posts/1/follow").status_code == 303
    with home.db.write() as session:
        partner.move(session, utcnow(), one, Stage.SUSPENDED, "미수금", None)
    assert kim.post(f"{path}/comments", {"text": "x"}).status_code == 403
    assert count(home, Comment) == 0


def test_follow_mute_and_mark_all_read(home: House) -> None:
    kim = person(home, firm(home), "kim@daehan.example")
    lee = person(home, firm(home, "b"), "lee@hanbit.example")
    number = board(home)
    mine = enter(home, "kim@daehan.example")
    post(home, number, lee)
    assert unread(home, kim) == 1
    assert 'class="forum-count"' in mine.get("/board/boards").text
    assert mine.post("/board/boards/read").status_code == 303
    assert unread(home, kim) == 0
    post(home, number, lee, "둘")
    assert mine.post(f"/board/boards/{number}/mute").status_code == 303
    assert unread(home, kim) == 0
    assert "Muted" in text(mine.get("/board/boards"))
    assert mine.post(f"/board/boards/{number}/neither").status_code == 303
    assert unread(home, kim) == 1
    assert mine.post(f"/board/boards/{number}/read").status_code == 303
    assert unread(home, kim) == 0


def test_everything_of_a_board_one_does_not_see_is_404_on_every_route(home: House) -> None:
    """Also by ids inside a path that begins with a board one sees."""
    gold = tier(home)
    inside = person(home, firm(home, tier_id=gold), "a@gold.example")
    person(home, firm(home, "b"), "b@other.example")
    club, everybody = board(home, "골드", access=Access.AUDIENCE, definition=for_tier(gold)), board(home)
    one = post(home, club, inside)
    said = comment(home, one, inside)
    outside = enter(home, "b@other.example")
    base = "/board/boards"
    for path in (f"/{club}", f"/{club}/new", f"/{club}/posts/{one}", f"/{everybody}/posts/{one}", f"/{club}/people",
                 f"/posts/{one}/edit", f"/comments/{said}/edit"):  # fmt: skip
        assert outside.get(base + path).status_code == 404, path
    for path in (f"/{club}/new", f"/{club}/read", f"/{club}/follow", f"/{everybody}/posts/{one}/comments",
                 f"/posts/{one}/follow", f"/posts/{one}/report", f"/posts/{one}/remove", f"/comments/{said}/report",
                 f"/comments/{said}/remove", f"/comments/{said}/edit"):  # fmt: skip
        assert outside.post(base + path, {"text": "x", "title": "x", "reason": "x"}).status_code == 404, path
    assert count(home, Comment) == 1
    for path in (f"/{club}", "/queue", f"/posts/{one}/hide"):
        assert outside.get("/desk/boards" + path).status_code in (403, 405)
    assert outside.post(f"/desk/boards/posts/{one}/hide", {"reason": "x"}).status_code == 403
