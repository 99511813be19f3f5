"""Writing as a customer: a form in the sandbox, a message like every other one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import fax_kit
import people_kit
import plug_kit
import pytest
import real
import sqlalchemy as sa
from post_office import PostOffice
from werkzeug.datastructures import FileStorage
from werkzeug.test import stream_encode_multipart

from channels.fax import cover, ghostscript
from channels.receiver import Receiver
from contact import consent, inbox
from contact.db import Database, utcnow
from contact.directory import Address
from contact.inbox import Inbox
from contact.raw import Raw
from contact.users import Role, audit

WRITE = "/desk/sandbox/write"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[people_kit.House]:
    one = people_kit.house(tmp_path / "data")
    with one.db.write() as session:
        inbox.add(session, utcnow(), "email", "help@shop.example", "Mail")
        inbox.add(session, utcnow(), "sms", "+8225551234", "Text", provider="sandbox")
        inbox.add(session, utcnow(), "sms", "+8225551235", "Real", provider="twilio")
    yield one
    one.close()


def number(house: people_kit.House, name: str) -> int:
    with house.db.read() as session:
        return session.scalars(sa.select(Inbox.id).where(Inbox.name == name)).one()


def kept(house: people_kit.House) -> list[Raw]:
    with house.db.read() as session:
        return list(session.scalars(sa.select(Raw)))


def test_a_played_text_message_comes_in_and_counts(house: people_kit.House) -> None:
    browser, _ = house.signed_in(role=Role.SUPERVISOR)
    shown = browser.get(WRITE).text
    assert "Text" in shown
    assert "Real" not in shown
    given = {"inbox": number(house, "Text"), "sender": "010-1234-5678", "text": "STOP"}
    assert browser.post(WRITE, given).status_code == 303
    office = PostOffice(house.service).open(Receiver().run)
    office.settled()
    assert [row.body for row in office.received()] == ["STOP"]
    office.shut()
    with house.db.read() as session:
        address = session.scalars(sa.select(Address).where(Address.value == "+821012345678")).one()
        assert consent.withdrawn(session, address.id), "words count as they would from a telephone"
        assert session.scalar(sa.select(audit.AuditRow.what).where(audit.AuditRow.what == "sandbox.played"))


def test_a_played_mail_carries_its_file(house: people_kit.House) -> None:
    browser, _ = house.signed_in(role=Role.SUPERVISOR)
    browser.get(WRITE)
    given = {
        "inbox": number(house, "Mail"), "sender": "kim@customer.example", "name": "김하나", "subject": "견적",
        "text": "첨부를 보세요", "file": (io.BytesIO(b"%PDF-1.4 x"), "견적.pdf"),
    }  # fmt: skip
    assert browser.post(WRITE, given, content_type="multipart/form-data").status_code == 303
    (row,) = kept(house)
    assert row.envelope["sender"] == "kim@customer.example"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"sender": "nobody"}, 400),
        ({"sender": ""}, 400),
        ({"text": " "}, 400),
        ({"inbox": "999"}, 404),
        ({"inbox": "x"}, 404),
        ({"text": "가" * 20_001}, 400),
    ],
)
def test_what_is_wrong_is_said_and_nothing_comes_in(
    house: people_kit.House, change: dict[str, str], status: int
) -> None:
    browser, _ = house.signed_in(role=Role.SUPERVISOR)
    browser.get(WRITE)
    given = {"inbox": number(house, "Text"), "sender": "010-1234-5678", "text": "hello", **change}
    answer = browser.post(WRITE, given)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert kept(house) == []


def test_who_speaks_to_the_world_and_who_is_no_supervisor_is_refused(house: people_kit.House) -> None:
    browser, _ = house.signed_in(role=Role.SUPERVISOR)
    browser.get(WRITE)
    given = {"inbox": number(house, "Real"), "sender": "010-1234-5678", "text": "hello"}
    assert browser.post(WRITE, given).status_code == 404
    agent, _ = house.signed_in("jun@shop.example")
    assert agent.get(WRITE).status_code == 403
    agent.get("/me")
    assert agent.post(WRITE, given).status_code == 403
    assert kept(house) == []


def test_a_played_fax_arrives_in_a_running_house(server: real.House) -> None:
    """The web process makes its pages by a program of the system, in a thread, under gevent."""
    if not ghostscript.found() or not cover.installed():
        real.missing("Ghostscript and a Korean font", "apt-get install ghostscript fonts-nanum")
    agent = plug_kit.Agent(server).sign_in()
    with Database(f"sqlite:///{server.data / 'hanmaru.db'}").write() as session:
        box = inbox.add(session, utcnow(), "fax", "+8227000001", "Fax", provider="sandbox").id
    fields = {"inbox": str(box), "sender": "02-234-5678", "subject": "견적", "text": "달항아리 100점"}
    agent.ask(WRITE)
    agent.ask(WRITE, urlencode({"csrf": agent.csrf, **fields}).encode())
    number = real.wait_for(lambda: next(iter(agent.conversations()), None), what="the fax")
    assert "sandbox" in agent.ask(f"/desk/conversations/{number}")
    given = FileStorage(io.BytesIO(fax_kit.pdf().content), "a.pdf", content_type="application/pdf")
    stream, _length, boundary = stream_encode_multipart({"file": given})
    headers = {"Accept": "application/json", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    token = json.loads(agent.ask("/desk/api/files", stream.read(), **headers, **{"X-CSRF": agent.csrf}))["token"]
    shown = agent.post("/preview/pages", {"way": agent.way(number), "text": "견적", "files": [token], "limit": 5})
    assert len(shown["pages"]) == 2
