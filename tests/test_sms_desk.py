"""A text message on the console: read, answered, its picture shown when it has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import people_kit
import pytest
import sqlalchemy as sa

from contact import files, inbox, intake, remotes
from contact.channel import ChannelError
from contact.db import utcnow
from contact.inbox import Inbox
from contact.messages import AddressKind, File, Inbound, Party, Remote
from contact.outbox import Delivery

KIM = "+821012345678"


@dataclass
class Desk:
    house: people_kit.House
    browser: people_kit.Browser
    talk: int
    row: int
    file: remotes.Due

    def page(self, path: str) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text[:500]
        return str(answer.text)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    house = people_kit.house(tmp_path / "data")
    browser, _ = house.signed_in()
    with house.db.write() as session:
        box = inbox.add(session, utcnow(), "sms", "+8225551234", "Text", provider="sandbox")
        said = Inbound("sms", "k1", "f1", Party(AddressKind.TEL, KIM), "사진을 보세요",
                       remotes=(Remote("https://a.example/1", "image/jpeg", "mms-1.jpg"),))  # fmt: skip
        taken = intake.take(session, utcnow(), said, session.get_one(Inbox, box.id))
        (due,) = remotes.claim(session, utcnow(), 5)
    yield Desk(house, browser, taken.conversation_id, taken.interaction_id, due)
    house.close()


def test_the_picture_comes_to_a_page_that_is_open(desk: Desk) -> None:
    page = desk.page(f"/desk/conversations/{desk.talk}")
    assert "사진을 보세요" in page
    assert "010-1234-5678" in page
    (item,) = files.keep(desk.house.service.store, [File("mms-1.jpg", "image/jpeg", b"\xff\xd8\xff")])
    with desk.house.db.write() as session:
        assert remotes.fetched(session, utcnow(), desk.file.id, item)
    news = desk.page(f"/desk/conversations/{desk.talk}/rows?after={desk.row}")
    assert "mms-1.jpg" in news
    assert "사진을 보세요" in news, "the message itself is shown anew"


def test_a_picture_that_cannot_be_had_is_a_line(desk: Desk) -> None:
    with desk.house.db.write() as session:
        remotes.failed(session, utcnow(), desk.file.id, ChannelError("gone"))
    assert "mms-1.jpg" in desk.page(f"/desk/conversations/{desk.talk}")


def test_it_is_answered_as_a_text_message(desk: Desk) -> None:
    desk.page(f"/desk/conversations/{desk.talk}")
    with desk.house.db.read() as session:
        box = inbox.find(session, "sms", "+8225551234")
        from contact.directory import Address

        address = session.scalar(sa.select(Address).where(Address.value == KIM))
    assert box
    assert address
    body: dict[str, Any] = {"text": "감사합니다.", "way": f"{box.id}:{address.id}", "key": "answer"}
    answer = desk.browser.client.post(
        f"/desk/api/conversations/{desk.talk}/messages", json=body,
        headers={"X-CSRF": desk.browser.csrf, "Accept": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text[:400]
    with desk.house.db.read() as session:
        (delivery,) = session.scalars(sa.select(Delivery)).all()
    assert (delivery.channel, delivery.inbox_id, delivery.address_id) == ("sms", box.id, address.id)
