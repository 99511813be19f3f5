"""Pages of notices: one is written, looked at, published, read, acknowledged, corrected, withdrawn; and who may not."""

from __future__ import annotations

import asyncio
import io
import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from board_kit import person
from page_kit import text
from partner_kit import enter, firm
from people_kit import Browser, House

from board.notice import chores, life
from board.notice.acknowledgement import NoticeAcknowledgement
from board.notice.attempt import Fate, NoticeAttempt
from board.notice.notice import Notice, State, get
from board.notice.plan import Plan
from board.notice.receipt import NoticeReceipt, of
from board.notice.version import NoticeVersion
from board.notice.wording import Wording
from board.partner import word
from board.partner.member import MemberRole
from board.partner.word import Of
from contact.db import utcnow
from contact.users import Role
from contact.worker import Context

HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s {0}"
EVERYBODY = json.dumps({"if": {"all": []}})


def boss(home: House) -> Browser:
    browser, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    browser.get("/desk/notices")
    return browser


def published(home: House, title: str = "가격 인상", **plan: Any) -> int:
    with home.db.write() as session:
        asked = Plan({"all": []}, **({"needs_ack": True} | plan))
        number = life.create(session, utcnow(), asked, Wording(title, "<p>10월부터</p>"), None).id
        life.publish(session, utcnow(), number, None)
    return number


def written(**more: str) -> dict[str, Any]:
    """What the editor's form sends."""
    return {
        "title": "가격 인상", "html": "<p>10월부터 <b>적용</b></p>", "body": EVERYBODY,
        "needs_ack": "1", "ack_days": "5", "step_channel": ["email", "sms"], "step_days": ["0", "2"],
        "category": "", "expires": "", "pinned": "", **more,
    }  # fmt: skip


def test_a_form_that_is_sent_again_publishes_nothing_twice(home: House) -> None:
    """A button pressed twice, a page sent anew because the answer never came: one notice, one line for everybody."""
    person(home, firm(home), "a@daehan.example")
    staff, other = boss(home), home.signed_in("other@shop.example", Role.SUPERVISOR)[0]
    (key,) = re.findall(r'name="key" value="(\w+)"', staff.get("/desk/notices/new").text)
    given = written(do="publish", key=key)
    answers = [staff.post("/desk/notices/new", given) for _ in range(3)]
    assert {(one.status_code, one.headers["Location"]) for one in answers} == {(303, answers[0].headers["Location"])}
    wrong = staff.post("/desk/notices/new", written(do="publish", title="", key="again1"))
    assert 'name="key" value="again1"' in wrong.text, "what was refused is still the same form"
    other.get("/desk/notices")
    assert other.post("/desk/notices/new", given).status_code == 303
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 2, "a key is one person's"
        assert session.scalar(sa.select(sa.func.count()).select_from(NoticeReceipt)) == 2


def test_a_notice_from_the_first_word_to_the_last_acknowledgement(home: House) -> None:
    one = firm(home)
    user = person(home, one, "a@daehan.example")
    with home.db.write() as session:
        category = word.add(session, Of.CATEGORY, "가격").id
    staff = boss(home)
    assert "No notice yet" in text(staff.get("/desk/notices"))
    assert staff.get("/desk/notices/new").status_code == 200
    made = staff.post("/desk/notices/new", written(do="preview", category=str(category)))
    assert made.status_code == 303
    number = int(re.findall(r"/desk/notices/(\d+)/preview", made.headers["Location"])[0])
    seen = staff.get(made.headers["Location"])
    assert "I have read it and know" in text(seen)
    assert "<b>적용</b>" in seen.text
    assert "대한상사" in seen.text
    assert staff.post(f"/desk/notices/{number}", written(do="publish", category=str(category))).status_code == 303
    with home.db.read() as session:
        assert [row.channel for row in session.scalars(sa.select(NoticeAttempt).order_by(NoticeAttempt.step))] == [
            "board", "email", "sms",
        ]  # fmt: skip
    page = staff.get(f"/desk/notices/{number}")
    assert "acknowledged 0 of 1" in text(page)
    assert "1 people = 0 delivered + 1 on the way + 0 failed + 0 not sent" in text(page)
    theirs = enter(home, "a@daehan.example")
    listed = theirs.get("/board/notices")
    assert "acknowledge by" in text(listed)
    assert "가격" in text(listed)
    assert 'class="count">1<' in listed.text, "the badge"
    read = theirs.get(f"/board/notices/{number}")
    assert "Please acknowledge by" in text(read)
    with home.db.read() as session:
        mine = of(session, number, user)
        assert mine is not None
        assert (mine.read_via, mine.acked_at) == ("page", None)
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"}).status_code == 303
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"}).status_code == 303
    assert "You acknowledged it" in text(theirs.get(f"/board/notices/{number}"))
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(NoticeAcknowledgement)) == 1
    assert "acknowledged 1 of 1" in text(staff.get("/desk/notices"))
    assert "Nobody." in text(staff.get(f"/desk/notices/{number}/people"))


def test_an_empty_audience_is_refused_with_a_sentence_and_what_was_typed_stays(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    staff = boss(home)
    nobody = json.dumps({"if": {"all": [{"field": "stage", "op": "is", "value": ["dormant"]}]}})
    answer = staff.post("/desk/notices/new", written(do="publish", body=nobody))
    assert answer.status_code == 400
    assert "Nobody belongs to this audience" in text(answer)
    assert "10월부터" in answer.text
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 0
    assert staff.post("/desk/notices/new", written(do="save", body=nobody)).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", "", "A title has 1"), ("title", "x" * 201, "A title has 1"), ("html", " ", "says nothing"),
        ("html", "<p>" + "가" * 20_001, "The text may have"), ("expires", "soon", "Enter day and time"),
        ("expires", "2001-01-01T00:00", "has passed"), ("ack_days", "900", "days to acknowledge"),
        ("category", "99", "does not exist"), ("step_channel", "owl", "does not exist"),
        ("body", json.dumps({"if": {"all": [{"field": "x"}]}}), "no field"),
    ],
)  # fmt: skip
def test_what_cannot_be_published(home: House, field: str, value: str, said: str) -> None:
    person(home, firm(home), "a@daehan.example")
    answer = boss(home).post("/desk/notices/new", written(do="publish") | {field: value})
    assert answer.status_code == 400
    assert said in text(answer)
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(NoticeReceipt)) == 0


def test_ten_megabytes_are_refused_and_change_nothing(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    answer = boss(home).post("/desk/notices/new", written(do="publish", html="x" * 10_000_000))
    assert 400 <= answer.status_code < 500
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 0


def test_the_count_while_it_is_written(home: House) -> None:
    one = firm(home)
    person(home, one, "a@daehan.example")
    person(home, firm(home, "다른"), "b@other.example")
    staff = boss(home)
    headers = {"X-CSRF": staff.csrf, "Accept": "application/json"}

    def ask(definition: Any) -> Any:
        return staff.client.post("/desk/notices/audience", json={"if": definition}, headers=headers)

    assert ask({"all": []}).json["count"] == 2
    some = ask({"none": [{"field": "partner", "op": "is", "value": [str(one)]}]})
    assert (some.json["count"], "다른" in some.json["html"], "대한" in some.json["html"]) == (1, True, True)
    assert ask({"all": [{"field": "tier", "op": "is", "value": ["9"]}]}).status_code == 400
    agent, _ = home.signed_in()
    agent.get("/desk/notices")
    headers["X-CSRF"] = agent.csrf
    assert agent.client.post("/desk/notices/audience", json={}, headers=headers).status_code == 403


def test_it_is_scheduled_saved_and_a_draft_again(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    staff = boss(home)
    at = (utcnow() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    made = staff.post("/desk/notices/new", written(do="schedule", publish_at=at))
    assert made.status_code == 303
    path = made.headers["Location"].partition("?")[0]
    assert "It is published" in text(staff.get(path))
    assert staff.post(path, written(title="새 제목")).status_code == 303
    assert staff.post(path, written(html="")).status_code == 400, "what is scheduled must stay fit"
    assert staff.post(f"{path}/remove").status_code == 409
    assert staff.post(f"{path}/draft").status_code == 303
    assert staff.post(f"{path}/remove").status_code == 303
    assert staff.get(path).status_code == 404
    late = written(do="schedule", publish_at="2001-01-01T00:00")
    assert "has passed" in text(staff.post("/desk/notices/new", late))


def test_a_correction_and_a_new_round(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    number = published(home)
    staff, theirs = boss(home), enter(home, "a@daehan.example")
    theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"})
    form = {"title": "가격 인상", "html": "<p>11월부터</p>", "note": "달이 바뀜", "seen": "1"}
    assert staff.get(f"/desk/notices/{number}/correct").status_code == 200
    assert staff.post(f"/desk/notices/{number}/correct", form).status_code == 303
    assert "You acknowledged it" in text(theirs.get(f"/board/notices/{number}"))
    assert staff.post(f"/desk/notices/{number}/correct", form).status_code == 409, "somebody was quicker"
    anew = form | {"html": "<p>12월부터</p>", "seen": "2", "again": "1"}
    assert staff.post(f"/desk/notices/{number}/correct", anew).status_code == 303
    page = theirs.get(f"/board/notices/{number}")
    assert "Please acknowledge by" in text(page)
    assert "달이 바뀜" in text(page)
    old = theirs.post(f"/board/notices/{number}/acknowledge", {"version": "2"})
    assert (old.status_code, "newer version" in text(old)) == (409, True)
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "3"}).status_code == 303
    assert "10월부터" in theirs.get(f"/board/notices/{number}/versions/1").text
    assert theirs.get(f"/board/notices/{number}/versions/9").status_code == 404
    assert "11월부터" in staff.get(f"/desk/notices/{number}/versions/2").text
    with home.db.read() as session:
        assert sorted(session.scalars(sa.select(NoticeAcknowledgement.version))) == [1, 3]


def test_what_is_withdrawn_is_gone_for_partners_and_says_so(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    number = published(home)
    staff, theirs = boss(home), enter(home, "a@daehan.example")
    assert staff.post(f"/desk/notices/{number}/withdraw", {"reason": " "}).status_code == 400
    assert staff.post(f"/desk/notices/{number}/withdraw", {"reason": "잘못된 가격"}).status_code == 303
    gone = theirs.get(f"/board/notices/{number}")
    assert gone.status_code == 410
    assert "withdrawn" in text(gone)
    assert "10월부터" not in gone.text
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"}).status_code == 410
    assert "가격 인상" not in theirs.get("/board/notices").text
    assert "잘못된 가격" in staff.get(f"/desk/notices/{number}").text


def test_what_ended_can_be_read_and_not_acknowledged(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    number = published(home, expires_at=utcnow() + timedelta(days=1))
    with home.db.write() as session:
        assert list(life.expire_due(session, utcnow() + timedelta(days=2))) == [number]
    theirs = enter(home, "a@daehan.example")
    page = theirs.get(f"/board/notices/{number}")
    assert page.status_code == 200
    assert "This notice ended" in text(page)
    assert "I have read it and know" not in text(page)
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"}).status_code == 409
    assert "No notices now" in text(theirs.get("/board/notices"))


def test_who_only_reads_reads(home: House) -> None:
    one = firm(home)
    user = person(home, one, "v@daehan.example", MemberRole.VIEWER)
    number = published(home)
    theirs = enter(home, "v@daehan.example")
    assert "owe no acknowledgement" in text(theirs.get(f"/board/notices/{number}"))
    assert theirs.post(f"/board/notices/{number}/acknowledge", {"version": "1"}).status_code == 403
    with home.db.read() as session:
        mine = of(session, number, user)
        assert mine is not None
        assert (mine.read_via, mine.acked_at) == ("page", None)


def test_who_has_not_and_by_which_ways_each_was_tried(home: House) -> None:
    one = firm(home)
    a, b = person(home, one, "a@daehan.example"), person(home, one, "b@daehan.example")
    number = published(home)
    with home.db.write() as session:
        for row in session.scalars(sa.select(NoticeAttempt).where(NoticeAttempt.user_id == a)):
            if row.channel == "email":
                row.state, row.reason = Fate.FAILED.value, "550 no such mailbox"
            elif row.channel != "board":
                row.state, row.reason = Fate.SUPPRESSED.value, "=cmd()"
    staff, _ = home.signed_in()  # an agent
    staff.get("/desk/notices")
    page = staff.get(f"/desk/notices/{number}/people")
    assert "550 no such mailbox" in page.text or "=cmd()" in page.text
    assert "E-mail failed" in text(page)
    assert page.text.count("Acknowledged by phone") == 2
    file = staff.get(f"/desk/notices/{number}/people.csv?which=missing")
    assert file.headers["Content-Type"].startswith("text/csv")
    assert "a@daehan.example" in file.text
    assert "\n=cmd()" not in file.text.replace(",", "\n"), "never a formula"
    told = {"note": "김 과장, 전화", "version": "1", "which": "missing"}
    assert staff.post(f"/desk/notices/{number}/people/{a}", told).status_code == 303
    assert staff.post(f"/desk/notices/{number}/people/{a}", told).status_code == 303
    with home.db.read() as session:
        kept = session.scalars(sa.select(NoticeAcknowledgement)).one()
        assert (kept.user_id, kept.via, kept.words) == (a, "agent", "김 과장, 전화")
        assert kept.evidence["agent"]
    assert staff.post(f"/desk/notices/{number}/people/99999", told).status_code == 404
    left = staff.get(f"/desk/notices/{number}/people")
    assert "b@daehan.example" in left.text or left.text.count("Acknowledged by phone") == 1
    assert left.text.count("Acknowledged by phone") == 1
    assert "told us" in text(staff.get(f"/desk/notices/{number}/people?which=done"))
    assert "Nobody." in text(staff.get(f"/desk/notices/{number}/people?which=all&q=zzz"))
    assert b


def test_agents_look_and_supervisors_write(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    number = published(home)
    with home.db.write() as session:
        early = life.create(session, utcnow(), Plan({"all": []}), Wording("초안", "<p>x</p>"), None).id
    agent, _ = home.signed_in()
    agent.get("/desk/notices")
    assert agent.get(f"/desk/notices/{number}").status_code == 200
    assert agent.get(f"/desk/notices/{early}").status_code == 200
    for path in ("/desk/notices/new", f"/desk/notices/{number}/correct"):
        assert agent.get(path).status_code == 403
    for path in (f"{early}", f"{number}/withdraw", f"{early}/remove", f"{early}/draft", f"{number}/correct"):
        assert agent.post(f"/desk/notices/{path}", written()).status_code == 403


def test_words_stay_words(home: House) -> None:
    one = firm(home, HOSTILE)
    person(home, one, "a@daehan.example")
    staff = boss(home)
    form = written(do="publish", title=HOSTILE, html=f"<p>{HOSTILE}</p><img src=x onerror=alert(1)>")
    made = staff.post("/desk/notices/new", form)
    assert made.status_code == 303
    number = int(re.findall(r"/desk/notices/(\d+)", made.headers["Location"])[0])
    staff.post(f"/desk/notices/{number}/correct", {"title": HOSTILE, "html": HOSTILE, "note": HOSTILE, "seen": "1"})
    theirs = enter(home, "a@daehan.example")
    pages = [
        theirs.get(path)
        for path in ("/board/notices", f"/board/notices/{number}", f"/board/notices/{number}/versions/1")
    ]
    pages += [
        staff.get(f"/desk/notices{path}") for path in ("", f"/{number}", f"/{number}/people", f"/{number}/correct")
    ]
    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "onerror" not in page.text
        assert "{{ 7*7 }}" in page.text


def test_files_hang_on_it_and_are_seen_by_its_audience_alone(home: House) -> None:
    one, other = firm(home), firm(home, "다른")
    person(home, one, "a@daehan.example")
    person(home, other, "b@other.example")
    staff = boss(home)
    only = json.dumps({"if": {"all": [{"field": "partner", "op": "is", "value": [str(one)]}]}})
    form = written(do="publish", body=only)
    data = [(name, value) for name, given in form.items() for value in (given if isinstance(given, list) else [given])]
    from werkzeug.datastructures import MultiDict

    body = MultiDict([*data, ("csrf", staff.csrf), ("file", (io.BytesIO(b"%PDF-1.4 price"), "가격표.pdf"))])
    made = staff.client.post("/desk/notices/new", data=body, environ_base={"REMOTE_ADDR": staff.ip})
    assert made.status_code == 303
    number = int(re.findall(r"/desk/notices/(\d+)", made.headers["Location"])[0])
    theirs, stranger = enter(home, "a@daehan.example"), enter(home, "b@other.example")
    page = theirs.get(f"/board/notices/{number}")
    assert "가격표.pdf" in page.text
    path = re.findall(r"/board/files/\d+", page.text)[0]
    got = theirs.get(path)
    assert (got.status_code, got.data) == (200, b"%PDF-1.4 price")
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert stranger.get(path).status_code == 404
    staff.post(f"/desk/notices/{number}/withdraw", {"reason": "x"})
    assert theirs.get(path).status_code == 404


def test_lists_go_on_page_by_page(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    for n in range(33):
        published(home, f"공지 {n:02d}", needs_ack=False)
    staff, theirs = boss(home), enter(home, "a@daehan.example")
    for browser, path in ((staff, "/desk/notices"), (theirs, "/board/notices")):
        first = browser.get(path)
        more = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert more is not None
        second = browser.get(unescape(more[1]))
        assert "공지 32" in first.text
        assert "공지 00" not in first.text
        assert "공지 00" in second.text
    assert "공지 07" in staff.get("/desk/notices?q=공지 07&state=published").text
    assert theirs.get("/board/notices?only=unread&from=999999999999999999").status_code == 200
    with home.db.read() as session:
        assert get(session, 1).state == State.PUBLISHED
        assert session.scalar(sa.select(sa.func.count()).select_from(NoticeVersion)) == 33


def test_the_clock_ends_what_is_over_and_publishes_what_is_due(home: House) -> None:
    """The job itself, as the worker's clock runs it; a second turn finds nothing to do."""
    person(home, firm(home), "a@daehan.example")
    over, due = published(home), 0
    with home.db.write() as session:
        get(session, over).expires_at = utcnow() - timedelta(seconds=1)
        due = life.create(session, utcnow(), Plan({"all": []}), Wording("t", "<p>b</p>"), None).id
        life.schedule(session, utcnow() - timedelta(days=2), due, utcnow() - timedelta(days=1))

    async def turn() -> None:
        context = Context(home.service)
        try:
            for _ in range(2):
                await chores.turn(context, utcnow())
                await chores.look(context, utcnow())
        finally:
            context.close()

    asyncio.run(turn())
    with home.db.read() as session:
        assert [get(session, number).state for number in (over, due)] == [State.EXPIRED, State.PUBLISHED]
        assert of(session, due, session.scalars(sa.select(NoticeReceipt.user_id)).first() or 0) is not None
