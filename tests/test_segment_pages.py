"""The pages of segments and of imports: what a supervisor does there, and what an agent may not."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town, furnish
from people_kit import HASH, Browser, House, house

from campaigns.segments import segment
from contact.imports import book
from contact.imports.work import Work
from contact.users import User

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


@pytest.fixture
def home(tmp_path: Path, _template: Path) -> Iterator[House]:
    made = house(tmp_path / "data", _template)
    yield made
    made.close()


@pytest.fixture
def town(home: House) -> Town:
    made = furnish(home.service)
    with home.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash, user.language = HASH, "en"
    return made


def browse(home: House, who: str) -> Browser:
    browser = home.browser()
    assert browser.sign_in(f"{who}@shop.example").status_code == 303
    browser.get("/me")
    return browser


def send(browser: Browser, path: str, body: Any) -> Any:
    headers = {"X-CSRF": browser.csrf, "Accept": "application/json"}
    return browser.client.post(path, json=body, headers=headers, environ_base={"REMOTE_ADDR": browser.ip})


def text(page: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))


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
