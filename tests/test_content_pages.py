"""The pages of contents: who may, what is kept, what a recipient would get, the trial, and in a real browser."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town, furnish, running, sign_in
from page_kit import browse
from people_kit import HASH, House

from campaigns import content as contents
from campaigns.content import ContentVersion
from contact import consent, directory, inbox
from contact.conversation import Conversation
from contact.db import Database, utcnow
from contact.directory.find import create
from contact.messages import AddressKind, DeliveryState, Wish
from contact.outbox import Delivery
from contact.users import User, audit

HOSTILE = "<script>alert(1)</script>\"' %(name)s %s"


@pytest.fixture
def town(home: House) -> Town:
    made = furnish(home.service)
    made.shop.inbox("sms", "+821012340000", "문자", provider="sandbox")
    with home.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash, user.language = HASH, "en"
    return made


def body(**more: str) -> dict[str, str]:
    return {
        "name": "봄 소식",
        "channel": "email",
        "subject": "{{ name_nim }}께",
        "text": "안녕 {{ name }}",
        "html": "",
        **more,
    }


def versions(home: House) -> list[ContentVersion]:
    with home.db.read() as session:
        return list(session.scalars(sa.select(ContentVersion).order_by(ContentVersion.id)))


def test_only_supervisors_come_in(home: House, town: Town) -> None:
    agent = browse(home, "mina")
    assert agent.get("/desk/contents").status_code == 403
    assert agent.post("/desk/contents/new", body()).status_code == 403
    assert "/desk/contents" not in agent.get("/desk/consent").text
    assert "/desk/contents" in browse(home, "boss").get("/desk/consent").text


def test_a_content_is_written_saved_and_restored(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    assert "No content yet" in boss.get("/desk/contents").text
    assert boss.post("/desk/contents/new", body()).status_code == 303
    assert boss.post("/desk/contents/1", body(text="다시", seen="1")).status_code == 303
    late = boss.post("/desk/contents/1", body(text="나도", seen="1"))
    assert late.status_code == 409
    assert "나도" in late.text
    assert boss.post("/desk/contents/1/versions/1/restore", {}).status_code == 303
    assert [(one.number, one.text, one.restored) for one in versions(home)] == [
        (1, "안녕 {{ name }}", None), (2, "다시", None), (3, "안녕 {{ name }}", 1),
    ]  # fmt: skip
    shown = unescape(boss.get("/desk/contents/1/versions").text)
    assert shown.count("Version ") >= 3
    assert "repeats version 1" in shown
    assert "봄 소식" in boss.get("/desk/contents").text
    assert boss.post("/desk/contents/1/remove", {}).status_code == 303
    assert boss.get("/desk/contents/1").status_code == 404
    with home.db.read() as session:
        did = set(session.scalars(sa.select(audit.AuditRow.what)))
    assert {"content.made", "content.saved", "content.restored", "content.removed"} <= did


def test_a_mistake_is_said_and_nothing_is_kept_or_lost(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    for wrong, said in (
        ({"text": "{% for i in range(1000000000) %}x{% endfor %}"}, "A loop makes up to 50 turns."),
        ({"text": "{{ nobody }}"}, "There is no field named nobody."),
        ({"text": " "}, "The content has no words."),
        ({"name": " "}, "The content needs a name."),
    ):
        answer = boss.post("/desk/contents/new", body(**wrong))
        assert answer.status_code == 400
        assert said in unescape(answer.text)
        assert wrong.get("text", "{{ name_nim }}께") in unescape(answer.text)
    assert versions(home) == []


def test_it_is_seen_as_a_recipient_gets_it(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    with home.db.write() as session:
        kim = create(session, utcnow(), HOSTILE)
        directory.add_address(session, utcnow(), kim, AddressKind.EMAIL, "kim@a.example", None)
        number, sms = kim.id, inbox.find(session, "sms", "+821012340000")
    assert sms is not None
    asked = body(html="<p>{{ name }} {{ email }} {{ company }}</p>", contact=str(number), auto="1")
    seen = boss.post("/desk/contents/look", {**asked, "inbox": str(town.mailbox.id)}).json
    assert seen["subject"] == f"{HOSTILE} 님께"
    assert seen["text"] == f"{HOSTILE} kim@a.example ⟦company?⟧"
    assert (seen["empty"], seen["html"], seen["problem"]) == (["company"], True, "")
    frame = boss.post("/desk/contents/frame", {**asked, "inbox": str(town.mailbox.id)})
    assert "<script" not in frame.text
    assert "&lt;script&gt;" in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in frame.headers["Content-Security-Policy"].split("style-src")[0]
    plain = body(channel="sms", text="{{ name | default('고객') }} 님 🎉" + "가" * 60, contact="", inbox=str(sms.id))
    weighed = boss.post("/desk/contents/look", plain).json
    assert weighed["text"].startswith("김민수 님")
    assert weighed["weight"]["line"]
    broken = boss.post("/desk/contents/look", body(text="x\n{{ nobody }}")).json
    assert (broken["problem"], broken["line"]) == ("There is no field named nobody.", 2)


def test_the_law_is_told_while_it_is_written(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    with home.db.write() as session:
        box = inbox.get(session, town.mailbox.id)
        box.settings = {**(box.settings or {}), "sender_phone": "02-555-0100"}
    asked = body(purpose="advertising", inbox=str(town.mailbox.id))
    told = [sentence for sentence, _mend in boss.post("/desk/contents/look", asked).json["law"]]
    assert told == [
        "The subject does not begin with “(광고)”.",
        "The sender's name (한마루) does not stand in the message.",
        "The sender's telephone number (02-555-0100) does not stand in the message.",
        "The sender's e-mail address (help@shop.example) does not stand in the message.",
        "The mail does not say in Korean and in English how to refuse it.",
    ]
    good = {
        **asked,
        "subject": "(광고) {{ name_nim }}께",
        "text": "안녕\n{{ sender }} 02-555-0100 help@shop.example\n수신거부 | Unsubscribe: {{ unsubscribe_url }}",
    }
    assert boss.post("/desk/contents/look", good).json["law"] == []
    disguised = boss.post("/desk/contents/look", {**good, "purpose": "informational"}).json["law"]
    assert [sentence for sentence, _mend in disguised] == [
        "It is labelled as advertising and planned as something else."
    ]


def test_a_fax_and_a_letter_are_seen_as_pages(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    fax = town.shop.inbox("fax", "+82255501001", "팩스", provider="sandbox")
    letters = town.shop.inbox("post", "shop", "우편", provider="hand")
    for box in (fax, letters):
        asked = body(channel=box.channel, text="{{ name_nim }}께\n\n안내드립니다.", contact="", inbox=str(box.id))
        seen = boss.post("/desk/contents/look", asked).json
        assert seen["pages"], seen
        made = boss.post("/desk/contents/pages", {**asked, "from": "0", "limit": "1"}).json
        assert made["pages"][0].startswith("data:image/png;base64,"), made


def test_a_trial_goes_by_the_outbox_and_never_to_who_refused(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    asked = body(html="<p>{{ name }}</p>", auto="1", inbox=str(town.mailbox.id), to="me@own.example")
    done = boss.post("/desk/contents/try", asked).json
    assert done["good"], done
    with home.db.read() as session:
        sent = session.scalars(sa.select(Delivery).order_by(Delivery.id.desc())).first()
        assert sent is not None
        talk = session.get_one(Conversation, sent.conversation_id)
        assert (sent.state, sent.automatic) == (DeliveryState.QUEUED.value, True)
        assert (sent.message or {})["subject"] == "[Test] 김민수 님께"
        assert talk.state == "resolved"
        before = session.scalar(sa.select(sa.func.count()).select_from(Delivery))
    with home.db.write() as session:
        address = session.get_one(directory.Address, sent.address_id)
        consent.record(session, utcnow(), address, Wish(False, "agent"), channel="email")
    for to, said in (("me@own.example", "does not want"), ("nonsense", "not an e-mail"), ("", "not an e-mail")):
        refused = boss.post("/desk/contents/try", {**asked, "to": to}).json
        assert not refused["good"]
        assert said in refused["message"]
    wrong = boss.post("/desk/contents/try", {**asked, "html": "<p>{{ nobody }}</p>"}).json
    assert not wrong["good"]
    with home.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == before


def test_the_editor_in_a_browser() -> None:
    """Written with the formatting editor, a field picked, seen beside it, saved, found again."""
    from playwright.sync_api import sync_playwright

    with running("contents", lambda town: None) as (house, _town), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-quic"])
        page = sign_in(browser.new_context(), house, "boss")
        wrong: list[Any] = []
        page.on("pageerror", lambda error: wrong.append(error))
        page.goto(f"{house.url}/desk/contents/new?channel=email")
        page.fill("#f-name", "봄")
        page.fill("#f-subject", "봄 소식")
        page.click(".ProseMirror")
        page.keyboard.type("안녕하세요 ")
        page.click("[popovertarget=content-fields]")
        page.click("[data-field*='name_nim']")
        page.wait_for_selector("iframe.mailview")
        page.frame_locator("iframe.mailview").locator("body", has_text="김민수 님").wait_for()
        page.wait_for_function("document.querySelector('textarea[name=text]').value.includes('name_nim')")
        page.click(".ProseMirror")
        page.keyboard.type("{{ nobody }}")
        page.wait_for_selector("[data-problem]:not([hidden])")
        for _ in range(len("{{ nobody }}")):
            page.keyboard.press("Backspace")
        page.wait_for_selector("[data-problem]", state="hidden")
        page.click(".content-save .primary")
        page.wait_for_url(re.compile(r"/desk/contents/\d+"))
        page.wait_for_selector(".ProseMirror")
        assert "name_nim" in page.inner_text(".ProseMirror")
        assert wrong == []
        db = Database(f"sqlite:///{house.data / 'hanmaru.db'}")
        with db.read() as session:
            kept = contents.newest(session, 1)
        db.close()
        assert kept.body == '<div>안녕하세요 {{ name_nim | default("고객") }}</div>'
        assert kept.body in kept.html
        browser.close()
