"""Pages of suggestions: partners suggest and vote, somebody here answers, merges and promotes; others see nothing."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from page_kit import text
from partner_kit import enter, firm, person
from people_kit import Browser, House

from board.notifying import unread
from board.partner import word
from board.partner.member import MemberRole
from board.partner.word import Of
from board.scope import Viewer
from board.suggestion.suggestion import Suggestion
from board.suggestion.voting import SuggestionVote
from contact import inbox, intake, users
from contact.db import utcnow
from contact.messages import AddressKind, Inbound, Party
from contact.users import Role

pytestmark = pytest.mark.usefixtures("mailbox", "category")


@pytest.fixture
def category(home: House) -> None:
    with home.db.write() as session:
        word.add(session, Of.SUGGESTION, "배송")


def partner_of(home: House, email: str, name: str = "대한상사", role: MemberRole = MemberRole.OWNER) -> Browser:
    person(home, firm(home, name), email, role)
    browser = enter(home, email)
    browser.get("/board/suggestions")
    return browser


def suggest(browser: Browser, title: str, **more: str) -> int:
    browser.get("/board/suggestions/new")
    made = browser.post("/board/suggestions", {"title": title, "visibility": "partners", "once": title, **more})
    assert made.status_code == 303, text(made)
    found = re.search(r"/board/suggestions/(\d+)", made.headers["Location"])
    assert found is not None
    return int(found[1])


def votes(home: House) -> int:
    with home.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(SuggestionVote)) or 0


def test_a_partner_suggests_another_votes_and_both_hear_the_answer(home: House) -> None:
    kim, lee = partner_of(home, "kim@daehan.example"), partner_of(home, "lee@other.example", "다른상사")
    number = suggest(kim, "주말에도 배송해 주세요", text="토요일 오전\n\nhttps://example.org/why", category="1")
    path = f"/board/suggestions/{number}"
    assert "주말에도 배송해 주세요" in lee.get("/board/suggestions").text
    page = lee.get(path)
    assert '<a href="https://example.org/why"' in page.text
    for _ in range(5):
        assert lee.post(f"{path}/vote").status_code == 303
    assert votes(home) == 1
    assert "You voted for it" in text(lee.get(path))
    assert lee.post(f"{path}/unvote").status_code == 303
    assert votes(home) == 0
    lee.post(f"{path}/vote")
    boss, user = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    queue = text(boss.get("/desk/suggestions?show=ownerless"))
    assert "주말에도 배송해 주세요" in queue
    desk = f"/desk/suggestions/{number}"
    assert boss.post(f"{desk}/owner", {"owner": str(user.id)}).status_code == 303
    assert "주말에도" in boss.get("/desk/suggestions?show=mine").text
    empty = boss.post(f"{desk}/status", {"status": "done", "answer": ""})
    assert empty.status_code == 400
    assert boss.post(f"{desk}/status", {"status": "done", "answer": "다음 달부터 합니다."}).status_code == 303
    assert "다음 달부터 합니다." in kim.get(path).text
    assert lee.post(f"{path}/vote").status_code == 400, "it has ended"
    assert "Boss" not in kim.get(path).text, "the house answers, not somebody of it"


@pytest.mark.parametrize(("language", "said"), [("en", "gave you a suggestion"), ("ko", "님이 건의를 맡겼습니다")])
def test_whoever_is_to_look_after_one_finds_it_under_for_me(home: House, language: str, said: str) -> None:
    kim = partner_of(home, "kim@daehan.example")
    number = suggest(kim, "주말에도 배송해 주세요", text="토요일 오전", category="1")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    park, user = home.signed_in("park@shop.example", Role.AGENT)
    with home.db.write() as session:
        users.get(session, user.id).language = language
    desk = f"/desk/suggestions/{number}"
    assert boss.get(desk).status_code == 200
    assert boss.post(f"{desk}/owner", {"owner": str(user.id)}).status_code == 303
    page = park.get("/desk/board-news").text
    assert said in page
    assert f'href="{desk}"' in page
    assert "주말에도 배송해 주세요" in park.get(desk).text
    with home.db.read() as session:
        assert unread.count(session, Viewer(user.id)) == 0, "opening it is reading it"
    assert said not in kim.get("/board/me/notifications").text
    assert "Suggestions I look after" not in text(kim.get("/board/me/notifications"))


def test_the_form_keeps_what_was_typed_and_takes_one_page_once(home: House) -> None:
    kim = partner_of(home, "kim@daehan.example")
    kim.get("/board/suggestions/new")
    bad = kim.post("/board/suggestions", {"title": " ", "text": "그대로", "once": "a"})
    assert bad.status_code == 400
    assert "그대로" in bad.text
    assert kim.post("/board/suggestions", {"title": "x" * 201, "once": "a"}).status_code == 400
    assert kim.post("/board/suggestions", {"title": "x", "visibility": "all", "once": "a"}).status_code == 400
    assert kim.post("/board/suggestions", {"title": "x", "category": "999", "once": "a"}).status_code == 400
    huge = kim.post("/board/suggestions", {"title": "x", "text": "y" * 10_000_000, "once": "a"})
    assert huge.status_code in (400, 413)
    with home.db.read() as session:
        assert not session.scalars(sa.select(Suggestion)).all()
    assert suggest(kim, "한 번", once="b") == suggest(kim, "한 번", once="b")


def test_files_hang_on_it_and_are_seen_by_whoever_sees_it(home: House) -> None:
    kim, lee = partner_of(home, "kim@daehan.example"), partner_of(home, "lee@other.example", "다른상사")
    kim.get("/board/suggestions/new")
    given = {"title": "사진", "visibility": "private", "once": "f", "file": (io.BytesIO(b"%PDF-1"), "도면.pdf")}
    made = kim.post("/board/suggestions", given, content_type="multipart/form-data")
    assert made.status_code == 303
    page = kim.get(made.headers["Location"])
    link = re.search(r"/board/files/\d+", page.text)
    assert link is not None
    assert "도면.pdf" in page.text
    assert kim.get(link[0]).data == b"%PDF-1"
    assert lee.get(link[0]).status_code == 404


def test_who_only_reads_sees_no_form_and_changes_nothing(home: House) -> None:
    kim = partner_of(home, "kim@daehan.example")
    number = suggest(kim, "주말 배송")
    reader = partner_of(home, "lee@other.example", "다른상사", MemberRole.VIEWER)
    page = reader.get(f"/board/suggestions/{number}")
    assert "I want this, too" not in text(page)
    assert "Suggest something" not in text(reader.get("/board/suggestions"))
    for path in (f"/board/suggestions/{number}/vote", f"/board/suggestions/{number}/comments", "/board/suggestions"):
        assert reader.post(path, {"text": "x", "title": "x"}).status_code == 403, path
    assert votes(home) == 0


def test_private_ones_and_their_words_are_not_there_for_others(home: House) -> None:
    kim, lee = partner_of(home, "kim@daehan.example"), partner_of(home, "lee@other.example", "다른상사")
    number = suggest(kim, "우리만의 비밀 제안", visibility="private")
    path = f"/board/suggestions/{number}"
    kim.post(f"{path}/comments", {"text": "덧붙입니다"})
    assert "덧붙입니다" in kim.get(path).text
    assert lee.get(path).status_code == 404
    for what in ("vote", "unvote", "comments"):
        assert lee.post(f"{path}/{what}", {"text": "x"}).status_code == 404
    assert "비밀" not in lee.get("/board/suggestions?q=비밀").text.replace('value="비밀"', "")
    for browser, found in ((lee, 0), (kim, 1)):
        answer = browser.client.post(
            "/board/suggestions/similar", json={"title": "비밀 제안"}, headers={"X-CSRF": browser.csrf}
        )
        assert len(answer.json["found"]) == found


def test_merging_shows_both_and_taking_apart_brings_back(home: House) -> None:
    kim, lee = partner_of(home, "kim@daehan.example"), partner_of(home, "lee@other.example", "다른상사")
    one, two = suggest(kim, "주말 배송"), suggest(lee, "토요일에도 배송")
    for browser in (kim, lee):
        browser.post(f"/board/suggestions/{one}/vote")
    lee.post(f"/board/suggestions/{two}/vote")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/suggestions")
    preview = boss.get(f"/desk/suggestions/{one}/merge?into=S-{two}")
    assert "Together 2 different people" in text(preview)
    assert boss.get(f"/desk/suggestions/{one}/merge?into=nonsense").status_code == 400
    assert boss.post(f"/desk/suggestions/{one}/merge", {"into": str(two)}).status_code == 303
    assert "Also suggested" in text(lee.get(f"/board/suggestions/{two}"))
    assert "This was merged with another" in text(kim.get(f"/board/suggestions/{one}"))
    assert "주말 배송" not in text(kim.get("/board/suggestions"))
    refused = boss.post(f"/desk/suggestions/{one}/status", {"status": "planned", "answer": ""})
    assert refused.status_code == 409
    assert boss.post(f"/desk/suggestions/{one}/unmerge").status_code == 303
    assert "주말 배송" in text(kim.get("/board/suggestions"))


def test_somebody_here_promotes_a_mail(home: House) -> None:
    with home.db.write() as session:
        box = inbox.first(session, "email")
        assert box is not None
        said = Inbound(
            "email", "k1", "f" * 64, Party(AddressKind.EMAIL, "who@else.example", "Who"), "더 많은 색", subject="색상"
        )
        talk = intake.take(session, utcnow(), said, box).conversation_id
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    beside = boss.get(f"/desk/conversations/{talk}")
    assert f"/desk/suggestions/new?conversation={talk}" in beside.text
    form = boss.get(f"/desk/suggestions/new?conversation={talk}")
    assert "더 많은 색" in form.text
    message = re.search(r'name="message" value="(\d+)"', form.text)
    assert message is not None
    given = {"title": "색상을 늘려 주세요", "text": "더 많은 색", "message": message[1], "visibility": "private"}
    made = boss.post(f"/desk/suggestions/new?conversation={talk}", given)
    assert made.status_code == 303
    assert boss.post(f"/desk/suggestions/new?conversation={talk}", given).status_code == 409
    assert "This became suggestion S-1." in text(boss.get(f"/desk/conversations/{talk}")), "on the timeline"
    assert boss.get("/desk/suggestions/new?conversation=999").status_code == 404


def test_the_sheet_has_all_and_no_formula(home: House) -> None:
    kim = partner_of(home, "kim@daehan.example")
    suggest(kim, "=HYPERLINK(1)", text='a,"b"\nc')
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    sheet = boss.get("/desk/suggestions/all.csv")
    assert sheet.mimetype == "text/csv"
    assert "'=HYPERLINK(1)" in sheet.text
    assert kim.get("/desk/suggestions/all.csv").status_code == 403


def test_everybody_reads_only_when_the_house_wants_and_what_is_public(home: House) -> None:
    kim = partner_of(home, "kim@daehan.example")
    suggest(kim, "모두에게", visibility="public")
    suggest(kim, "협력사에게", visibility="partners")
    stranger = home.browser()
    assert stranger.get("/suggestions").status_code == 404
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/suggestions/settings")
    given = {"inbox": "1", "ownerless_days": "2", "due_days": "7", "public": "1"}
    assert boss.post("/desk/suggestions/settings", {**given, "due_days": "0"}).status_code == 400
    assert boss.post("/desk/suggestions/settings", given).status_code == 303
    page = stranger.get("/suggestions")
    assert "모두에게" in page.text
    assert "협력사에게" not in page.text
    assert "kim" not in page.text
    mina, _ = home.signed_in()
    assert mina.get("/desk/suggestions/settings").status_code == 403


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s {0} {answer}"])
def test_words_stay_words(home: House, hostile: str) -> None:
    kim = partner_of(home, "kim@daehan.example")
    number = suggest(kim, hostile, text=hostile, visibility="public")
    path = f"/board/suggestions/{number}"
    kim.post(f"{path}/comments", {"text": hostile})
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/suggestions")
    assert boss.post(f"/desk/suggestions/{number}/status", {"status": "planned", "answer": hostile}).status_code == 303
    boss.post("/desk/suggestions/settings", {"ownerless_days": "2", "due_days": "7", "public": "1"})
    for browser, where in (
        (kim, path), (kim, "/board/suggestions"), (boss, f"/desk/suggestions/{number}"), (boss, "/desk/suggestions"),
        (home.browser(), "/suggestions"),
    ):  # fmt: skip
        page = browser.get(where)
        assert page.status_code == 200, where
        assert "<script>alert" not in page.text, where
        assert hostile.split('"')[0] in unescape(page.text), where


def test_lists_go_on_page_by_page(home: House) -> None:
    kim = partner_of(home, "kim@daehan.example")
    from board.suggestion import entering
    from board.suggestion.suggestion import Suggestion as Row

    with home.db.write() as session:
        for n in range(33):
            row = Row(title=f"제안 {n:02d}", text="", words=f"제안 {n:02d}", visibility="partners", source="form",
                      created_at=utcnow())  # fmt: skip
            entering.keep(session, row)
    first = kim.get("/board/suggestions")
    more = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert more is not None
    second: Any = kim.get(unescape(more[1]))
    assert "제안 32" in first.text
    assert "제안 00" in second.text
    assert "제안 32" not in second.text
