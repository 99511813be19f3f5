"""Anonymous suggestions: nothing kept anywhere says whose one is, neither a name nor an order nor a time.

The whole house is dumped before and after: every table, every log line, every header. What is looked for is the
person (id, contact, address, IP, session, partner), and whatever else became new or different with the letter.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from page_kit import text
from partner_kit import enter, firm, person
from people_kit import Browser, House

from board.suggestion import letter, suggestion
from board.suggestion.entering import Asked
from board.suggestion.letter import SuggestionLetter, WrongTicket
from board.suggestion.suggestion import Suggestion, SuggestionComment, Visibility
from contact import logs
from contact.db import utcnow
from contact.errors import Invalid, NotFound
from contact.limits import Memory
from contact.users import Role, User, UserSession
from contact.web import metrics

IP = "198.51.100.77"
EMAIL = "whistle@daehan.example"
TITLE, TEXT = "창고 안전이 걱정됩니다", "비상구가 잠겨 있습니다"


def dump(home: House) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in the order in which the database keeps them, with hidden row numbers."""
    found: dict[str, list[dict[str, Any]]] = {}
    with home.db.engine.connect() as connection:
        names = [
            (name, sql) for name, sql in connection.execute(
                sa.text("select name, sql from sqlite_master where type = 'table' and sql is not null")
            )
        ]  # fmt: skip
        for name, sql in names:
            if "VIRTUAL" in sql.upper():
                continue  # what it is made of stands in tables of its own
            hidden = "" if "WITHOUT ROWID" in sql.upper() else "rowid as hidden_rowid, "
            rows = connection.execute(sa.text(f'select {hidden}* from "{name}"'))
            found[name] = [dict(row) for row in rows.mappings()]
    return found


def news(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Rows that were not there before, by table."""
    found = {}
    for name, rows in after.items():
        known = {repr(row) for row in before.get(name, ())}
        if new := [repr(row) for row in rows if repr(row) not in known]:
            found[name] = new
    return found


def author(home: House) -> Browser:
    person(home, firm(home), EMAIL)
    browser = home.browser(IP)
    assert browser.sign_in(EMAIL).status_code == 303
    return browser


def marks(home: House) -> list[str]:
    """Everything by which the author could be known; numbers as they stand in a dump."""
    with home.db.read() as session:
        user = session.scalars(sa.select(User).where(User.email == EMAIL)).one()
        row = session.scalars(sa.select(UserSession).where(UserSession.user_id == user.id)).one()
        return [EMAIL, "whistle", user.name, IP, row.token_hash]


def form(browser: Browser) -> dict[str, str]:
    page = browser.get("/board/suggestions/new").text
    return {name: unescape(value) for name, value in re.findall(r'name="(csrf|once|ticket)" value="([^"]*)"', page)}


def send(browser: Browser, given: dict[str, str], **more: str) -> Any:
    body = {**given, "title": TITLE, "text": TEXT, "visibility": "partners", **more}
    return browser.client.post("/s/new", data=body, environ_base={"REMOTE_ADDR": IP})


def code_in(page: Any) -> str:
    found = re.search(r"<code>([0-9a-z-]+)</code>", page.text)
    assert found is not None, text(page)
    return found[1]


def night(home: House) -> int:
    with home.db.write() as session:
        return letter.take_over(session, datetime(2026, 3, 3, 18, 17, tzinfo=UTC))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that any logger of the house says."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    logs.fallback()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)


def test_sending_one_leaves_a_letter_and_nothing_else(home: House, lines: io.StringIO) -> None:
    browser = author(home)
    given = form(browser)
    known, before = marks(home), dump(home)
    lines.truncate(0)
    figures = metrics.generate_latest(home.app.extensions["metrics"])
    sent = send(browser, given)
    assert sent.status_code == 200
    new = news(before, dump(home))
    assert set(new) == {"suggestion_letter"}, "one row of one table, and no row of another one changed"
    row = new["suggestion_letter"][0]
    assert not [mark for mark in known if mark in row]
    assert not re.search(r"\d\d:\d\d", row), "no time"
    assert code_in(sent).replace("-", "") not in row, "only its hash"
    assert lines.getvalue() == "", "no line of any log"
    after = metrics.generate_latest(home.app.extensions["metrics"])
    for name in (b"hanmaru_requests_total", b"hanmaru_request_seconds_count"):
        count = [line for line in figures.splitlines() if line.startswith(name)]
        assert [line for line in after.splitlines() if line.startswith(name)] == count, "no figure moved"
    kept = {name.lower(): value for name, value in sent.headers}
    assert kept["cache-control"] == "no-store"
    assert not any(mark in repr(kept) for mark in known)
    assert EMAIL not in sent.text
    assert browser.get("/board").status_code == 200, "still signed in, for all that"


def test_opening_the_form_and_typing_leave_no_line_either(home: House, lines: io.StringIO) -> None:
    """Who opened it and sent nothing with a name would stand out."""
    browser = author(home)
    browser.get("/board/suggestions")
    before = dump(home)
    lines.truncate(0)
    form(browser)
    found = browser.client.post(
        "/board/suggestions/similar", json={"title": TITLE}, headers={"X-CSRF": browser.csrf},
        environ_base={"REMOTE_ADDR": IP},
    )  # fmt: skip
    assert found.status_code == 200
    assert lines.getvalue() == ""
    assert news(before, dump(home)) == {}


def test_what_joins_by_night_has_the_day_alone_and_no_order(home: House) -> None:
    browser = author(home)
    given = form(browser)
    for n in range(12):
        assert send(browser, given, title=f"제안 {n:02d}").status_code == 200
    known, before = marks(home), dump(home)
    with home.db.read() as session:
        user = session.scalars(sa.select(User).where(User.email == EMAIL)).one()
    assert night(home) == 12
    after = dump(home)
    new = news(before, after)
    assert set(new) <= {"suggestion", "suggestion_change", "suggestion_gram", "interaction", "sqlite_sequence"}
    everything = json.dumps(new, ensure_ascii=False)
    assert not [mark for mark in known if mark in everything]
    for one in after["suggestion"]:
        people = (one["user_id"], one["contact_id"], one["partner_id"], one["interaction_id"], one["conversation_id"])
        assert people == (None,) * 5
        assert str(one["created_at"]).startswith("2026-03-03 00:00:00")
    logged = [row for row in after["interaction"] if row["name"] == "suggestion.made"]
    assert len(logged) == 12
    for row in logged:
        assert {row[name] for name in ("user_id", "contact_id", "address_id", "conversation_id", "body")} == {None}
    assert user.id is not None
    order = [one["title"] for one in sorted(after["suggestion"], key=lambda one: one["id"])]
    assert sorted(order) == [f"제안 {n:02d}" for n in range(12)]
    assert order != sorted(order), "shuffled: one in 479,001,600 times this fails by chance"
    assert after["suggestion_letter"] == []
    with home.db.read() as session:
        assert not session.scalars(sa.text("select * from suggestion_vote")).all()


def test_letters_lie_in_the_order_of_random_names(lite: Hall) -> None:
    with lite.db.write() as session:
        for n in range(40):
            letter.drop(session, Asked(f"제안 {n:02d}", ""))
        kept = session.scalars(sa.text("select title from suggestion_letter")).all()
        assert kept != sorted(kept)
        with pytest.raises(sa.exc.OperationalError):
            session.execute(sa.text("select rowid from suggestion_letter"))


def test_the_whole_way_back_by_code(home: House, lines: io.StringIO) -> None:
    browser = author(home)
    code = code_in(send(browser, form(browser)))
    stranger = home.browser("203.0.113.99")
    waiting = stranger.client.post("/s", data={"code": code})
    assert "lies in the box" in text(waiting)
    night(home)
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    with home.db.read() as session:
        number = session.scalars(sa.select(Suggestion.id)).one()
    page = boss.get(f"/desk/suggestions/{number}")
    assert "nobody can see whose it is" in text(page)
    assert EMAIL not in page.text
    boss.post(f"/desk/suggestions/{number}/status", {"status": "considering", "answer": "오늘 열었습니다."})
    lines.truncate(0)
    found = stranger.client.post("/s", data={"code": code.upper().replace("-", " ")})
    assert "오늘 열었습니다." in found.text
    ticket = re.search(r'name="ticket" value="(\w+)"', found.text)
    assert ticket is not None
    before = dump(home)
    added = stranger.client.post("/s/word", data={"code": code, "ticket": ticket[1], "text": "고맙습니다 <script>"})
    assert "in the box" in text(added)
    assert set(news(before, dump(home))) == {"suggestion_letter"}
    assert lines.getvalue() == ""
    night(home)
    with home.db.read() as session:
        word = session.scalars(sa.select(SuggestionComment)).one()
        assert (word.text, word.user_id, word.contact_id, word.anonymous) == ("고맙습니다 <script>", None, None, True)
        assert word.at == datetime(2026, 3, 3, tzinfo=UTC)
    assert "<script>" not in boss.get(f"/desk/suggestions/{number}").text.replace('<script type="app', "").replace(
        "<script src", ""
    )
    assert "Your word" not in text(stranger.client.post("/s", data={"code": code}))


@pytest.mark.parametrize("code", ["", "x", "wrong-wrong-wrong-wrong-wrong", "%' or 1=1 --", "a" * 10_000])
def test_a_wrong_code_finds_nothing(home: House, code: str) -> None:
    stranger = home.browser()
    before = dump(home)
    assert stranger.client.post("/s", data={"code": code}).status_code == 404
    assert news(before, dump(home)) == {}


def test_without_a_ticket_of_these_days_nothing_is_taken(home: House) -> None:
    browser = author(home)
    given = form(browser)
    before = dump(home)
    for ticket in ("", "x", given["ticket"][:-1] + "x", letter.ticket(home.service.settings.secret(), NOON.date())):
        refused = send(browser, {**given, "ticket": ticket})
        assert refused.status_code == 403
        assert TITLE in refused.text, "what was typed stays"
    assert set(news(before, dump(home))) == set()


def test_a_ticket_is_everybodys_and_ends(home: House) -> None:
    first, second = author(home), None
    person(home, firm(home, "다른상사"), "lee@other.example")
    second = enter(home, "lee@other.example")
    assert form(first)["ticket"] == form(second)["ticket"], "it tells nobody from another"
    secret = home.service.settings.secret()
    ticket = letter.ticket(secret, NOON.date())
    letter.check(secret, ticket, NOON + timedelta(days=1))
    with pytest.raises(WrongTicket):
        letter.check(secret, ticket, NOON + timedelta(days=2))


def test_one_bucket_limits_all_and_knows_nobody(home: House) -> None:
    browser = author(home)
    given = form(browser)
    answers = [send(browser, given, title=f"제안 {n}").status_code for n in range(32)]
    assert 429 in answers
    bucket = home.app.extensions["suggestion_buckets"]
    assert isinstance(bucket, Memory), "in this process alone, never in Redis"
    keys = {key for states in bucket._rules.values() for key in states}
    assert keys == {""}
    elsewhere = home.browser("203.0.113.200")
    assert elsewhere.client.post("/s/new", data={**given, "title": "x"}).status_code == 429, "whoever it is"


def test_a_letter_that_cannot_be_taken_changes_nothing(home: House) -> None:
    browser = author(home)
    given = form(browser)
    before = dump(home)
    for more in ({"title": ""}, {"title": "x" * 201}, {"text": "y" * 20_001}, {"visibility": "x"}, {"category": "99"}):
        assert send(browser, given, **more).status_code == 400
    assert send(browser, given, text="y" * 10_000_000).status_code in (400, 413)
    assert news(before, dump(home)) == {}


def test_the_box_is_full_at_last(lite: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter, "MOST", 3)
    with lite.db.write() as session:
        for n in range(3):
            letter.drop(session, Asked(f"{n}", "", visibility=Visibility.PRIVATE))
        with pytest.raises(Invalid):
            letter.drop(session, Asked("x", ""))


def test_the_night_works_on_both_databases_and_twice(hall: Hall) -> None:
    with hall.db.write() as session:
        code = letter.drop(session, Asked(TITLE, TEXT))
        letter.add(session, code, "덧말")
        with pytest.raises(NotFound):
            letter.add(session, "other", "덧말")
    with hall.db.write() as session:
        assert letter.take_over(session, hall.tick()) == 2
        assert letter.take_over(session, hall.tick()) == 0
        found = letter.find(session, code)
        assert found is not None
        assert (found.number, found.anonymous) == (f"S-{found.id}", True)
        assert suggestion.get(session, found.id).root_id == found.id
        assert session.scalars(sa.select(SuggestionComment.text)).all() == ["덧말"]
        assert not session.scalars(sa.select(SuggestionLetter)).all()


def test_the_form_says_what_is_hidden_and_what_is_not(home: House) -> None:
    page = text(author(home).get("/board/suggestions/new"))
    assert "We keep no name" in page
    assert "how you write can give you away" in page
    assert utcnow().tzinfo is not None
