"""The pages of segments and of imports: what a supervisor does there, and what an agent may not."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town
from page_kit import browse, send, text
from people_kit import Browser, House

from campaigns.campaign import Campaign
from campaigns.segments import parse, segment
from contact.db import utcnow
from contact.imports import book
from contact.imports.work import Work
from contact.inbox import Inbox

BODY: dict[str, Any] = {
    "name": "메일로 만난 분들",
    "if": {
        "all": [
            {"field": "kind", "op": "has", "value": ["email"]},
            {"none": [{"field": "tag", "op": "has", "value": ["vip"]}]},
        ]
    },
}
HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s"


def bring(browser: Browser, content: bytes, name: str = "contacts.csv") -> Any:
    return browser.client.post(
        "/desk/imports", data={"csrf": browser.csrf, "file": (io.BytesIO(content), name)},
        environ_base={"REMOTE_ADDR": browser.ip}, content_type="multipart/form-data",
    )  # fmt: skip


@pytest.mark.usefixtures("town")
def test_a_segment_is_looked_at_made_changed_and_removed(home: House) -> None:
    jun = browse(home, "jun")
    assert "No segment yet" in text(jun.get("/desk/segments"))
    assert jun.get("/desk/segments/new").status_code == 200
    found = send(jun, "/desk/segments/preview", {"if": BODY["if"], "channel": "email"})
    assert found.status_code == 200
    assert found.json["count"] > 0
    assert "Kinds of address contains E-mail" in found.json["html"]
    wrong = send(jun, "/desk/segments/preview", {"if": {"all": [{"field": "created", "op": "within", "value": "x"}]}})
    assert (wrong.status_code, wrong.json["message"]) == (400, "Condition 1 (Known to us): This is not a number.")
    made = jun.post("/desk/segments/new", {"body": json.dumps(BODY)})
    assert made.status_code == 303
    changed = BODY | {"name": HOSTILE}
    assert jun.post("/desk/segments/1", {"body": json.dumps(changed), "seen": "1"}).status_code == 303
    late = jun.post("/desk/segments/1", {"body": json.dumps(BODY), "seen": "1"})
    assert late.status_code == 409
    page = jun.get("/desk/segments/1/versions")
    assert "Version 2" in text(page)
    assert "<script>alert" not in page.text
    assert "<script>alert" not in jun.get("/desk/segments").text
    assert jun.get("/desk/segments/1?version=1").status_code == 200
    assert jun.post("/desk/segments/1/remove", {}).status_code == 303
    with home.db.read() as session:
        assert segment.every(session) == []


@pytest.mark.usefixtures("town")
def test_a_file_is_looked_at_mapped_and_taken_in(home: House) -> None:
    jun = browse(home, "jun")
    content = (
        f"이름,메일,연락처\n김하나,hana@new.example,010-1234-5678\n{HOSTILE},nowhere,\n=1+1,two@new.example,\n".encode(
            "cp949"
        )
    )
    made = bring(jun, content)
    assert made.status_code == 303
    page = jun.get("/desk/imports/1")
    assert "new contact" in text(page)
    assert "This is not an e-mail address." in text(page)
    assert "<script>alert" not in page.text
    form = {"encoding": "cp949", "delimiter": ",", "header": "on", "mode": "fill", "go": "1"}
    refused = jun.post("/desk/imports/1", {**form, "field": ["name", "", ""]})
    assert "Say which column holds" in text(refused)
    assert jun.post("/desk/imports/1", {**form, "field": ["name", "email", "phone"]}).status_code == 303
    assert jun.post("/desk/imports/1", {**form, "field": ["name", "email", "phone"]}).status_code == 409
    work = Work.of(home.db, home.service.settings.data_dir, 1, "Asia/Seoul")
    while work.step():
        pass
    assert "2 new, 0 changed, 0 as they were, 1 broken" in text(jun.get("/desk/imports/1/progress"))
    page = jun.get("/desk/imports/1")
    assert "Row 3" in text(page)
    listed = jun.get("/desk/imports/1/problems.csv")
    assert listed.text.startswith("\ufeffRow,Taken,Field,Reason,이름")
    assert "3,no,E-mail,This is not an e-mail address.," in listed.text
    assert jun.post("/desk/imports/1/stop", {}).status_code == 409
    assert "contacts.csv" in text(jun.get("/desk/imports"))
    empty = bring(jun, b"")
    assert "The file is empty." in text(empty)
    with home.db.read() as session:
        assert len(book.every(session)) == 1


@pytest.mark.usefixtures("town")
def test_what_is_not_certain_is_asked(home: House) -> None:
    jun = browse(home, "jun")
    assert bring(jun, "nombre,email\nMuñoz,a@b.example\n".encode("cp1252") * 3).status_code == 303
    assert "is not certain" in text(jun.get("/desk/imports/1"))
    form = {
        "encoding": "cp1252",
        "delimiter": ",",
        "mode": "fill",
        "header": "on",
        "field": ["name", "email"],
        "go": "1",
    }
    assert "are all letters right" in text(jun.post("/desk/imports/1", form))
    assert jun.post("/desk/imports/1", {**form, "seen": "on"}).status_code == 303


@pytest.mark.usefixtures("town")
def test_both_are_for_supervisors(home: House) -> None:
    who = browse(home, "mina")
    for path in ("/desk/segments", "/desk/segments/new", "/desk/imports", "/desk/imports/1/problems.csv"):
        assert who.get(path).status_code == 403, path
    assert send(who, "/desk/segments/preview", {}).status_code == 403


@pytest.mark.usefixtures("town")
def test_a_segment_names_its_campaigns_and_stays_under_a_draft(home: House) -> None:
    now = utcnow()
    with home.db.write() as session:
        kept = segment.add(session, now, "단골", parse({}), None)
        for name, state in (("봄맞이", "draft"), ("가을맞이", "finished")):
            box = session.scalars(sa.select(Inbox.id)).first()
            facts = {"channel": "email", "purpose": "informational", "created_at": now, "segment_id": kept.id}
            session.add(Campaign(name=name, inbox_id=box, state=state, **facts))
        number = kept.id
    browser = browse(home, "jun")
    page = text(browser.get(f"/desk/segments/{number}"))
    assert re.search(r"not started.*봄맞이.*have started.*가을맞이", page, re.DOTALL)
    assert "2 campaigns" in browser.get("/desk/segments").text
    refused = browser.post(f"/desk/segments/{number}/remove", {})
    assert refused.status_code >= 400
    assert "“봄맞이” goes to this segment" in text(refused)


def test_columns_chosen_for_a_file_with_a_byte_order_mark_are_kept(home: House, town: Town) -> None:
    """Excel writes "CSV UTF-8" with one; the page says utf-8, and means the same."""
    jun = browse(home, "jun")
    here = bring(jun, "이름,이메일,비고\n김하나,hana@excel.example,메모\n".encode("utf-8-sig")).headers["Location"]
    page = jun.get(here).text
    assert ">utf-8<" in page
    assert jun.post(here, {"encoding": "utf-8", "delimiter": ",", "header": "on", "mode": "fill", "go": "1",
                           "field": ["name", "email", "new:text"]}).status_code == 303  # fmt: skip
    with home.db.read() as session:
        fields = session.scalars(sa.select(book.ContactImport)).one().settings["fields"]
    assert fields == ["name", "email", "own:비고"]


@pytest.mark.usefixtures("town")
def test_nothing_is_taken_in_while_its_columns_are_read_anew(home: House) -> None:
    jun = browse(home, "jun")
    here = bring(jun, b"name;email\nA;a@x.example\n").headers["Location"]
    jun.get(here)
    sent = {
        "encoding": "utf-8",
        "delimiter": ",",
        "header": "on",
        "mode": "fill",
        "go": "1",
        "field": ["name", "email"],
    }
    told = jun.post(here, sent)
    assert told.headers["Location"].endswith("notice=columns_anew")
    assert "Look at them first" in text(jun.get(told.headers["Location"]))
    with home.db.read() as session:
        assert session.scalars(sa.select(book.ContactImport)).one().state == "looked"
