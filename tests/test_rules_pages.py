"""The pages of rules and macros: what a supervisor does there, what an agent may, and in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town, running, sign_in
from page_kit import browse, send, text
from people_kit import Browser, House
from real import until

from contact import log
from contact.conversation import Conversation
from contact.db import utcnow
from contact.log import Name
from contact.response import macros, queues
from contact.response.deeds import Saying
from contact.response.rules import Rules, draft, rule
from contact.response.rules.starters import STARTERS
from contact.users import User, audit

BODY: dict[str, Any] = {
    "name": "환불은 급하게",
    "when": {"on": "opened"},
    "if": {"any": [{"field": "text", "op": "has", "value": ["refund", "환불"]}]},
    "then": [{"do": "priority", "value": "urgent"}],
}
HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s"


def save(browser: Browser, path: str, body: dict[str, Any], **more: Any) -> Any:
    return browser.post(path, {"body": json.dumps(body), **more})


@pytest.mark.usefixtures("town")
def test_an_empty_house_is_offered_rules_to_begin_with(home: House) -> None:
    jun = browse(home, "jun")
    page = text(jun.get("/desk/rules"))
    assert "No rule yet" in page
    for key, starter in STARTERS.items():
        assert starter.name in page
        shown = jun.get(f"/desk/rules/new?starter={key}")
        found = re.search(r"data-body>(.*?)</script>", shown.text)
        assert found
        answer = save(jun, "/desk/rules/new", json.loads(found[1]))
        assert answer.status_code == 303, text(answer)
    with home.db.read() as session:
        assert len(rule.every(session)) == len(STARTERS)
        assert not any(one.enabled for one in rule.every(session))


def test_a_rule_is_made_tried_changed_switched_moved_and_removed(home: House, town: Town) -> None:
    jun = browse(home, "jun")
    assert save(jun, "/desk/rules/new", BODY, on="on").status_code == 303
    assert save(jun, "/desk/rules/new", BODY | {"name": HOSTILE}).status_code == 303
    found = send(jun, "/desk/rules/dry", {"rule": BODY, "id": 1, "head": None, "after": 0}).json
    assert found["acts"] == 1
    assert found["after"] is None
    assert "Refund for order 20188" in unescape(found["html"])
    assert "it was:" in found["html"]
    with home.db.read() as session:
        assert log.head(session) == found["head"], "a dry run writes nothing"
    page = jun.get("/desk/rules/1")
    assert "환불은 급하게" in page.text
    changed = BODY | {"then": [{"do": "priority", "value": "high"}]}
    assert save(jun, "/desk/rules/1", changed, seen="1").status_code == 303
    stale = save(jun, "/desk/rules/1", BODY, seen="1")
    assert stale.status_code == 409
    assert "Somebody saved this rule in the meantime" in text(stale)
    versions = text(jun.get("/desk/rules/1/versions"))
    assert "Set the priority: High" in versions
    assert "Version 1" in versions
    listed = jun.get("/desk/rules")
    assert "<script>alert" not in listed.text
    assert jun.post("/desk/rules/order", {"rule": "2", "by": "-1"}).status_code == 303
    assert jun.post("/desk/rules/order", {"rules": "2,1,7"}).status_code == 409
    assert jun.post("/desk/rules/1/off").status_code == 303
    with home.db.read() as session:
        assert [one.id for one in rule.every(session)] == [2, 1]
        assert not any(one.enabled for one in rule.every(session))
    assert jun.post("/desk/rules/2/remove").status_code == 303
    assert jun.get("/desk/rules/2").status_code == 404
    with home.db.read() as session:
        did = set(session.scalars(sa.select(audit.AuditRow.what).where(audit.AuditRow.user_id == town.jun.id)))
    assert {"rule.made", "rule.saved", "rule.switched", "rule.ordered", "rule.removed"} <= did


@pytest.mark.usefixtures("town")
def test_what_is_wrong_is_said_and_what_was_typed_stays(home: House) -> None:
    jun = browse(home, "jun")
    broken = BODY | {"if": {"all": [{"field": "text", "op": "matches", "value": "(편지"}]}}
    answer = save(jun, "/desk/rules/new", broken)
    assert answer.status_code == 400
    assert "Condition 1 (Message text): The pattern is broken at character 4" in text(answer)
    assert "(편지" in answer.text or "\\ud3b8" in answer.text
    told = send(jun, "/desk/rules/dry", {"rule": broken})
    assert told.status_code == 400
    assert "Condition 1 (Message text)" in told.json["message"]
    for given in ("", "[]", "{", '{"then": 3}', "null", "x" * 300_000):
        assert jun.post("/desk/rules/new", {"body": given}).status_code == 400
    loop = {"name": "a", "when": {"on": "state"}, "then": [{"do": "reopen"}, {"do": "resolve"}]}
    refused = save(jun, "/desk/rules/new", loop, on="on")
    assert refused.status_code == 409
    assert "start each other for ever: “a” → “a”" in text(refused)
    with home.db.read() as session:
        assert not rule.every(session)


@pytest.mark.usefixtures("town")
def test_a_korean_reads_what_is_wrong_in_korean(home: House) -> None:
    boss = browse(home, "boss")
    with home.db.write() as session:
        session.execute(sa.update(User).values(language="ko"))
    answer = save(boss, "/desk/rules/new", BODY | {"if": {"all": [{"field": "text", "op": "matches", "value": "("}]}})
    assert "조건 1(메시지 본문): 정규식 2번째 글자에 오류가 있습니다" in text(answer)
    answer = save(boss, "/desk/rules/new", BODY | {"then": [{"do": "queue", "value": 9}]})
    assert "동작 1(대기열에 넣기): 없는 대기열입니다." in text(answer)


@pytest.mark.usefixtures("town")
def test_rules_are_for_supervisors(home: House) -> None:
    mina = browse(home, "mina")
    assert mina.get("/desk/rules").status_code == 403
    assert save(mina, "/desk/rules/new", BODY).status_code == 403
    assert send(mina, "/desk/rules/dry", {"rule": BODY}).status_code == 403
    assert "/desk/rules" not in mina.get("/desk/macros").text


def test_a_macro_from_making_to_undoing(home: House, town: Town) -> None:
    mina = browse(home, "mina")
    steps = [{"do": "tag", "value": HOSTILE[:20].replace(",", "")}, {"do": "assign", "value": "me"}, {"do": "resolve"}]
    assert save(mina, "/desk/macros/new", {"name": HOSTILE, "then": steps}).status_code == 303
    assert save(mina, "/desk/macros/new", {"name": "x", "then": steps}, shared="on").status_code == 403
    assert save(mina, "/desk/macros/new", {"name": "x", "then": [{"do": "fly"}]}).status_code == 400
    assert "<script>alert" not in mina.get("/desk/macros").text
    (mine,) = mina.client.get("/desk/macros/mine").json["macros"]
    talk = town.talks["이소라"]
    done = send(mina, f"/desk/macros/{mine['id']}/apply", {"ids": [talk]}).json
    with home.db.read() as session:
        assert session.get_one(Conversation, talk).state == "resolved"
    thread = text(mina.get(f"/desk/conversations/{talk}"))
    assert "applied the macro" in thread
    offer = f'data-act="undo-macro" data-row="{done["rows"][0]}"'
    assert offer in mina.get(f"/desk/conversations/{talk}").text
    assert offer not in browse(home, "jun").get(f"/desk/conversations/{talk}").text, "it is not theirs"
    told = send(mina, "/desk/macros/undo", {"rows": done["rows"]}).json
    assert told["message"] == "All is as it was."
    with home.db.read() as session:
        one = session.get_one(Conversation, talk)
        assert (one.state, one.assignee_id, one.tags) == ("open", None, [])
    assert offer not in mina.get(f"/desk/conversations/{talk}").text
    assert send(mina, "/desk/macros/undo", {"rows": done["rows"]}).status_code == 409
    assert send(mina, f"/desk/macros/{mine['id']}/apply", {"ids": []}).status_code == 400
    assert send(browse(home, "jun"), f"/desk/macros/{mine['id']}/apply", {"ids": [talk]}).status_code == 404
    assert mina.post(f"/desk/macros/{mine['id']}/remove").status_code == 303
    assert mina.client.get("/desk/macros/mine").json["macros"] == []


def test_the_thread_names_the_rule_that_acted(home: House, town: Town) -> None:
    jun = browse(home, "jun")
    note = [{"do": "tag", "value": "VIP"}, {"do": "note", "value": "규칙의 메모"}]
    assert (
        save(jun, "/desk/rules/new", BODY | {"name": "이름 있는 규칙", "if": None, "then": note}, on="on").status_code
        == 303
    )
    taken = town.shop.mail(town.mailbox, "neu@customers.example", "Neu", "Hi", "hello")
    rules = Rules(Saying(home.service))
    with home.db.write() as session:
        for row in log.tail(session, 0, 10_000):
            rules.take(session, row, utcnow())
    page = text(jun.get(f"/desk/conversations/{taken.conversation_id}"))
    assert "The rule “이름 있는 규칙” acted." in page
    assert "The rule “이름 있는 규칙” added the tag VIP." in page
    assert "규칙의 메모" in page
    with home.db.read() as session:
        named = session.scalars(sa.select(log.Interaction.name)).all()
    assert named.count(Name.RULE_APPLIED) == 1


# -- in a browser


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Any, Town]]:
    def prepare(town: Town) -> None:
        with town.shop.service.db.write() as session:
            number = queues.add(session, utcnow(), "반품").id
            macros.add(
                session, utcnow(), town.jun, Saying(town.shop.service), name="반품 접수", shared=True,
                steps=[{"do": "queue", "value": number}, {"do": "tag", "value": "반품"}, {"do": "pend"}],
            )  # fmt: skip

    with running("rules", prepare) as (made, town):
        yield made, town


@pytest.fixture
def page(opened: tuple[Any, Town], chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="Asia/Seoul")
    made, errors = sign_in(context, opened[0], "jun"), list[str]()
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
    yield made
    context.close()
    assert not errors, errors


def test_a_rule_is_written_tried_and_saved_by_hand(opened: tuple[Any, Town], page: Any) -> None:
    made, town = opened
    page.goto(f"{made.url}/desk/rules/new")
    page.fill("#rule-name", "환불")
    page.select_option("[data-when] select", "opened")
    page.click("[data-if] > .group > .group-acts button:has-text('Add a group')")
    page.fill("[data-if] li.group .test-value input", "refund, 환불")
    page.click("[data-if] > .group > .group-acts button:has-text('Add a condition')")
    last = page.locator("[data-if] > .group > .parts > li.test")
    last.locator("select").nth(0).select_option("channel")
    last.locator("label:has-text('E-mail')").click()
    page.select_option("[data-then] .step > select", "priority")
    page.select_option("[data-then] .step-value select", "urgent")
    page.click("[data-dry-run]")
    page.wait_for_selector("[data-dry-list] li.would >> text=Refund for order 20188")
    page.wait_for_selector(".dry-tree li.true")
    page.click("form.rule-editor button.primary")
    page.wait_for_url(re.compile(r"/desk/rules/\d+\?notice=saved"))
    until(page, "document.querySelector('[data-if] li.group .test-value input')?.value === 'refund, 환불'")
    with town.shop.service.db.read() as session:
        one = rule.every(session)[-1]
        said = rule.version(session, one.id, 1).body
        assert one.enabled
    assert said["if"] == {
        "all": [
            {"any": [{"field": "text", "op": "has", "value": ["refund", "환불"]}]},
            {"field": "channel", "op": "is", "value": ["email"]},
        ]
    }
    taken = town.shop.mail(town.mailbox, "late@customers.example", "Late", "Money", "I want a refund")

    def priority() -> int:
        with town.shop.service.db.read() as session:
            return session.get_one(Conversation, taken.conversation_id).priority

    run_until(lambda: priority() == 3)


def run_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """The worker reads in its own time."""
    import time

    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "the worker did not act"
        time.sleep(0.05)


def test_a_macro_by_menu_by_bulk_and_undone(opened: tuple[Any, Town], page: Any) -> None:
    made, town = opened
    talk = town.talks["최민수"]
    page.goto(f"{made.url}/desk/conversations/{talk}")
    page.wait_for_selector("#thread-head")
    page.click("#thread-head [data-menu=menu-macros]")
    page.click("#menu-macros button:has-text('반품 접수')")
    page.wait_for_selector("#thread-head .badge:has-text('반품')")
    page.wait_for_selector("#thread-head .state-pending")
    page.click(".toast button:has-text('Undo')")
    page.wait_for_selector("#thread-head .state-open")
    page.wait_for_selector("#thread-head .badge:has-text('반품')", state="detached")
    page.keyboard.press("Control+k")
    page.fill("#palette-q", "반품 접수")
    page.keyboard.press("Enter")
    page.wait_for_selector("#thread-head .state-pending")
    page.goto(f"{made.url}/desk?list=all")
    page.wait_for_selector("#cards .card-line")
    page.click("[data-act=bulk]")
    for box in page.locator(".pick").all()[:2]:
        box.check()
    page.click("#bulk [data-menu=menu-bulk-macros]")
    page.click("#menu-bulk-macros button:has-text('반품 접수')")
    page.wait_for_selector(".toast:has-text('2 conversations')")


def test_the_order_by_keyboard(opened: tuple[Any, Town], page: Any) -> None:
    made, town = opened
    service = town.shop.service
    with service.db.write() as session:
        said = draft.kept(BODY | {"stop": False})
        rule.add(session, utcnow(), said, None)
        other = rule.add(session, utcnow(), said, None).id
        order = [one.id for one in rule.every(session)]
    page.goto(f"{made.url}/desk/rules")
    page.focus(f"[data-rule='{other}'] [data-move='-1']")
    with page.expect_response("**/desk/rules/order"):
        page.keyboard.press("Alt+ArrowUp")
    with service.db.read() as session:
        assert [one.id for one in rule.every(session)] == [*order[:-2], other, order[-2]]
    assert page.evaluate("document.activeElement.closest('[data-rule]').dataset.rule") == str(other)
