"""Pages of service levels and business hours, and what the console shows of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from people_kit import House
from test_side_pages import HOSTILE, browse, furnished

from contact import following
from contact.log import Appended, Name
from contact.response import hours as business
from contact.response import queues
from contact.response.levels import ServiceClock, notices, policy
from contact.response.levels.policy import Policy
from contact.response.levels.reader import reader
from contact.users import Role, User
from contact.users.audit import AuditRow


def boss(home: House) -> Any:
    return browse(home, "boss")


def promised(home: House, **values: Any) -> None:
    """A policy that speaks of everything the town has, too."""
    with home.db.write() as session:
        made = policy.add(
            session, datetime.now(UTC), **{"name": "기본", "targets": {"first": 60, "next": 60}, **values}
        )
        made.since = datetime(2020, 1, 1, tzinfo=UTC)
    with home.db.write() as session:
        while following.advance(session, reader):
            pass


def cards(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="card-(\d+)"', page)]


# -- who may -----------------------------------------------------------------------------------------


def test_agents_may_not(home: House) -> None:
    furnished(home)
    agent = browse(home, "mina")
    for path in ("/desk/levels", "/desk/levels/new", "/desk/hours", "/desk/hours/new"):
        assert agent.get(path).status_code == 403, path
    assert 'href="/desk/levels"' not in agent.get("/desk/answers").text
    assert 'href="/desk/levels"' in boss(home).get("/desk/answers").text


# -- business hours -------------------------------------------------------------------------------------


def test_a_newcomer_is_offered_usual_hours_once(home: House) -> None:
    furnished(home)
    browser = boss(home)
    assert "open round the clock" in browser.get("/desk/hours").text
    for _ in range(2):
        assert browser.post("/desk/hours/usual").status_code == 303
    with home.db.read() as session:
        (made,) = business.every(session)
        assert (made.zone, made.country, made.is_default) == ("Asia/Seoul", "KR", True)
    page = browser.get(f"/desk/hours/{made.id}?year=2026").text
    assert "Chuseok" in page
    assert "2026-10-05" in page
    assert "09:00-18:00" in page


FORM = {"name": "야간", "zone": "Asia/Seoul", "country": "KR", "subdivision": "", "day0": "22:00-06:00", "day5": ""}


def test_a_week_is_written_as_people_write_it(home: House) -> None:
    furnished(home)
    browser = boss(home)
    assert browser.post("/desk/hours/new", {**FORM, "day1": "9:00 - 12:00,13:00~24:00"}).status_code == 303
    with home.db.read() as session:
        (made,) = business.every(session)
        assert made.week[:3] == [[["22:00", "06:00"]], [["09:00", "12:00"], ["13:00", "24:00"]], []]
        (row,) = session.scalars(sa.select(AuditRow).where(AuditRow.what == "calendar.added"))
        assert row.subject == f"calendar:{made.id}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"day3": "nine to five"}, "is not like 09:00-18:00"),
        ({"day3": "09:00-12:00, 11:00-13:00"}, "overlap"),
        ({"day3": "09:00-25:00"}, "not a time of day"),
        ({"name": ""}, "1 to 80 characters"),
        ({"zone": "Mars/Olympus"}, "no time zone named"),
        ({"country": "XX"}, "are not known"),
        ({"subdivision": "BY"}, "no region BY"),
    ],
)
def test_a_wrong_week_is_shown_again_with_a_sentence(home: House, wrong: dict[str, str], sentence: str) -> None:
    furnished(home)
    answer = boss(home).post("/desk/hours/new", FORM | wrong)
    assert answer.status_code == 400
    assert sentence in unescape(answer.text)
    assert "22:00-06:00" in answer.text, "what was entered stays"
    with home.db.read() as session:
        assert not business.every(session)


def test_exceptions_come_and_go(home: House) -> None:
    furnished(home)
    browser = boss(home)
    browser.post("/desk/hours/usual")
    days = "/desk/hours/1/days"
    browser.post(days, {"date": "2026-10-05", "kind": "usual"})
    browser.post(days, {"date": "2026-12-24", "kind": "hours", "hours": "09:00-12:00", "name": "종무식"})
    browser.post(days, {"date": "2026-12-31", "kind": "closed", "name": "<b>휴무</b>"})
    with home.db.read() as session:
        hours = business.hours_of(session)
        assert hours.open_at(datetime(2026, 10, 5, 3, tzinfo=UTC))
        assert not hours.open_at(datetime(2026, 12, 24, 4, tzinfo=UTC))
    page = browser.get("/desk/hours/1?year=2026").text
    assert "&lt;b&gt;휴무" in page
    assert "<b>휴무" not in page
    browser.post(f"{days}/remove", {"date": "2026-10-05"})
    with home.db.read() as session:
        assert not business.hours_of(session).open_at(datetime(2026, 10, 5, 3, tzinfo=UTC))
    assert browser.post(days, {"date": "tomorrow", "kind": "closed"}).status_code == 400
    assert browser.post(days, {"date": "2026-12-30", "kind": "hours", "hours": "x"}).status_code == 400


def test_the_default_hours_stay(home: House) -> None:
    furnished(home)
    browser = boss(home)
    browser.post("/desk/hours/usual")
    browser.post("/desk/hours/new", FORM)
    refused = browser.post("/desk/hours/1/remove")
    assert refused.status_code == 409
    assert "Make others the default first." in unescape(refused.text)
    browser.post("/desk/hours/2/default")
    assert browser.post("/desk/hours/1/remove").status_code == 303
    assert browser.get("/desk/hours/1").status_code == 404


# -- service levels ----------------------------------------------------------------------------------------


def test_a_newcomer_is_offered_promises_once(home: House) -> None:
    furnished(home)
    browser = boss(home)
    for _ in range(2):
        assert browser.post("/desk/levels/usual").status_code == 303
    with home.db.read() as session:
        assert [one.name for one in policy.every(session)] == ["Chat", "Urgent and high priority", "Everything else"]
    page = browser.get("/desk/levels").text
    assert "within 2 min" in page
    assert "within 4 h" in page


LEVEL = {
    "name": "VIP",
    "first": "90",
    "first_unit": "minutes",
    "resolution": "3",
    "resolution_unit": "hours",
    "priorities": ["high", "urgent"],
    "tags": "VIP, #B2B",
    "warn": "minutes",
    "warn_minutes": "10",
    "raise": "urgent",
    "tag": "지연",
}


def test_a_level_is_kept_as_entered_and_shown_again(home: House) -> None:
    town = furnished(home)
    with home.db.write() as session:
        queue = queues.add(session, town.shop.now, "긴급").id
        lead = session.scalars(sa.select(User).where(User.role == Role.SUPERVISOR)).first()
        assert lead is not None
    browser = boss(home)
    given = {**LEVEL, "queues": [str(queue)], "queue": str(queue), "assignee": str(lead.id)}
    assert browser.post("/desk/levels/new", given).status_code == 303
    with home.db.read() as session:
        (made,) = policy.every(session)
        assert made.targets == {"first": 90, "resolution": 180}
        assert made.applies == {"queues": [queue], "priorities": ["high", "urgent"], "tags": ["VIP", "B2B"]}
        assert made.warn == {"minutes": 10}
        assert made.escalation == {"priority": "urgent", "assignee": lead.id, "queue": queue, "tag": "지연"}
    page = browser.get(f"/desk/levels/{made.id}").text
    assert 'value="90"' in page
    assert 'value="VIP, B2B"' in page
    assert re.search(r'name="priorities" value="urgent" checked', page)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"first": "", "resolution": ""}, "Promise at least one"),
        ({"first": "soon"}, "between one minute and 90 days"),
        ({"first": "999999", "first_unit": "hours"}, "between one minute and 90 days"),
        ({"warn": "percent", "warn_percent": "0"}, "Warn at 1 to 99 percent"),
        ({"queues": ["77"]}, "77 does not exist"),
        ({"queue": "77"}, "This queue does not exist."),
        ({"assignee": "999"}, "no such user"),
        ({"priorities": ["huge"]}, "huge does not exist"),
        ({"name": "x" * 81}, "1 to 80 characters"),
    ],
)
def test_a_wrong_level_is_shown_again_with_a_sentence(home: House, wrong: dict[str, Any], sentence: str) -> None:
    furnished(home)
    answer = boss(home).post("/desk/levels/new", LEVEL | wrong)
    assert answer.status_code in (400, 404)
    assert sentence in unescape(answer.text)
    assert "VIP, #B2B" in answer.text, "what was entered stays"
    with home.db.read() as session:
        assert not policy.every(session)


def test_order_switch_and_removal(home: House) -> None:
    furnished(home)
    browser = boss(home)
    browser.post("/desk/levels/usual")
    browser.post("/desk/levels/3/up")
    browser.post("/desk/levels/1/off")
    browser.post("/desk/levels/2/remove")
    with home.db.read() as session:
        assert [(one.id, one.enabled) for one in policy.every(session)] == [(1, False), (3, True)]
    assert browser.post("/desk/levels/99/off").status_code == 404


def test_what_would_apply_is_said_with_the_reason(home: House) -> None:
    furnished(home)
    browser = boss(home)
    browser.post("/desk/levels/usual")
    with home.db.write() as session:
        session.execute(sa.update(Policy).values(since=datetime(2020, 1, 1, tzinfo=UTC)))
    page = unescape(browser.get("/desk/levels?conversation=1").text)
    assert "does not match: Channel" in page
    assert browser.get("/desk/levels?conversation=9999").status_code == 404


# -- the console ----------------------------------------------------------------------------------------------


def test_time_left_stands_on_cards_and_in_the_head(home: House) -> None:
    furnished(home)
    agent = browse(home, "mina")
    assert "data-level" not in agent.get("/desk/list?list=all").text
    promised(home)
    page = agent.get("/desk/list?list=all").text
    assert re.search(r'class="badge level (danger|warn|accent)" data-level="-?\d+"', page)
    with home.db.read() as session:
        number = session.scalars(
            sa.select(ServiceClock.conversation_id).where(ServiceClock.due_at.is_not(None))
        ).first()
    assert "data-level" in agent.get(f"/desk/conversations/{number}").text
    assert "data-level" in agent.get(f"/desk/conversations/{number}/rows?after=0").json["head"]


def test_lists_by_what_is_due(home: House) -> None:
    furnished(home)
    promised(home, applies={"channels": ["email"]}, targets={"first": 60 * 24 * 3, "next": 30})
    agent = browse(home, "mina")
    due = cards(agent.get("/desk/list?list=all&sort=due").text)
    with home.db.read() as session:
        order = session.execute(
            sa.select(ServiceClock.conversation_id, ServiceClock.due_at)
            .where(ServiceClock.due_at.is_not(None))
            .order_by(ServiceClock.due_at)
        ).all()
    assert len(due) > 3
    assert due == [number for number, _ in order if number in due]
    over = cards(agent.get("/desk/list?list=all&sort=breached").text)
    late = {number for number, at in order if at is not None and at < datetime.now(UTC)}
    assert set(over) == late & set(due)
    cursor = next(at for number, at in order if number == due[1])
    rest = cards(
        agent.get(f"/desk/list?list=all&sort=due&before={cursor.isoformat().replace('+', '%2B')}/{due[1]}").text
    )
    assert rest == due[2:]
    agent.post("/desk/views/new", {"name": "넘긴 것", "sort": "breached", "states": ["open"]})
    view = re.search(r"list=view-(\d+)", agent.get("/desk/nav").text)
    assert view is not None
    assert cards(agent.get(f"/desk/list?list=view-{view[1]}").text) == over
    assert re.search(rf"넘긴 것</span>\s*<span[^>]*>{len(over)}<", agent.get("/desk/nav").text)
    mine = cards(agent.get("/desk/list?list=mine&sort=due").text)
    assert set(mine) < set(due)


@pytest.mark.parametrize(
    "path", ["/desk/list?list=all&sort={}", "/desk/levels?conversation={}", "/desk/hours/1?year={}"]
)
def test_odd_addresses_break_nothing(home: House, path: str) -> None:
    furnished(home)
    browser = boss(home)
    browser.post("/desk/hours/usual")
    for odd in (*HOSTILE[:8], "-1", "99999999999999999999", "0"):
        assert browser.get(path.format(odd.replace("#", "").replace("%", "%25"))).status_code in (200, 404), odd


@pytest.mark.parametrize("odd", HOSTILE)
def test_odd_words_break_nothing(home: House, odd: str) -> None:
    furnished(home)
    browser = boss(home)
    for answer in (
        browser.post("/desk/hours/new", {**FORM, "name": odd}),
        browser.post("/desk/hours/new", {**FORM, "day2": odd, "zone": odd}),
        browser.post("/desk/levels/new", {**LEVEL, "name": odd, "tags": odd, "tag": odd}),
        browser.post("/desk/levels/new", {**LEVEL, "first": odd, "warn_minutes": odd, "calendar": odd}),
        browser.get("/desk/levels"),
        browser.get("/desk/hours"),
    ):
        assert answer.status_code in (200, 303, 400)
        assert "<script>alert(1)" not in answer.text
        assert "<img src=x" not in answer.text


# -- who is told ------------------------------------------------------------------------------------------------


def row(number: int, name: Name) -> Appended:
    now = datetime(2026, 11, 16, tzinfo=UTC)
    return Appended(number, now, name.value, 5, 1, None, None, None, None, None, None, None, None, None, None,
                    {"target": "first"})  # fmt: skip


def test_the_assignee_hears_before_and_supervisors_after() -> None:
    rows = [row(1, Name.SERVICE_LEVEL_WARNED), row(2, Name.SERVICE_LEVEL_BREACHED), row(3, Name.NOTE_ADDED)]
    told = [(room, one["id"], one["breached"]) for room, one in notices.of(rows, {5: (4, 7)})]
    assert told == [("u:7", 1, False), ("u:7", 2, True), ("supervisors", 2, True)]
    assert {one["conversation"] for _, one in notices.of(rows, {5: (4, 7)})} == {4}


def test_a_warning_about_what_nobody_has_reaches_the_queues_people_or_else_supervisors() -> None:
    rows, places = [row(1, Name.SERVICE_LEVEL_WARNED), row(2, Name.SERVICE_LEVEL_BREACHED)], {5: (4, None)}
    assert notices.nobodys([row(3, Name.NOTE_ADDED)], places) == set()
    assert notices.nobodys(rows, places) == {4}
    assert notices.nobodys(rows, {5: (4, 7)}) == set()
    told = [(room, one["id"]) for room, one in notices.of(rows, places, {4: {9, 8}})]
    assert told == [("u:8", 1), ("u:9", 1), ("u:8", 2), ("u:9", 2), ("supervisors", 2)]
    for nobody_here in ({}, {4: set[int]()}):
        assert [room for room, _ in notices.of(rows, places, nobody_here)] == ["supervisors", "supervisors"]
