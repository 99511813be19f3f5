"""A person's consent in the console: who said what, when and how; and the house's texts."""

# ruff: noqa: E501 - one case a pair

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import people_kit
import pytest
from consent_kit import AD
from people_kit import House

from contact import consent, directory
from contact.consent import PERSON, setting, texts
from contact.db import utcnow
from contact.messages import AddressKind, Party
from contact.users import Role


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = people_kit.house(tmp_path)
    yield made
    made.close()


def person(house: House, value: str = "kim@a.example") -> tuple[int, int]:
    """A contact and their address."""
    with house.db.write() as session:
        who, address = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, value, "김민수"))
        return who.id, address.id


def test_an_agent_writes_down_consent_and_takes_it_back(house: House) -> None:
    contact, address = person(house)
    with house.db.write() as session:
        text = texts.add(session, utcnow(), AD, "ko", "광고성 정보 수신에 동의합니다.").id
    browser, mina = house.signed_in()
    path = f"/desk/contacts/{contact}/consent"
    assert "Nothing was ever said." in browser.get(path).text
    given = {"address": address, "purpose": "advertising", "wish": "given", "how": "paper", "text": text}
    refused = browser.post(path, given)
    assert (refused.status_code, "needs a proof" in refused.text) == (400, True)
    done = browser.post(path, {**given, "proof": "신청서 2026-0412", "day": "2026-02-03", "words": "네, 보내 주세요"})
    assert done.status_code == 303
    shown = browser.get(done.headers["Location"]).text
    for words in ("신청서 2026-0412", "네, 보내 주세요", "광고성 정보 수신에 동의합니다.", mina.name, "on paper"):
        assert words in shown
    with house.db.read() as session:
        said = consent.state(session, address, AD)
        assert said is not None
        assert (said.given, said.text_id, said.user_id) == (True, text, mina.id)
        assert said.said_at.date().isoformat() == "2026-02-03"
    browser.post(
        path, {"address": address, "purpose": "advertising", "wish": "refused", "how": "agent", "everywhere": "on"}
    )
    with house.db.read() as session:
        said = consent.state(session, address, AD)
        assert said is not None
        assert (said.given, said.scope) == (False, PERSON)
    assert "all addresses" in browser.get(path).text


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"wish": "perhaps"}, 400), ({"how": "import"}, 400), ({"how": "one_click"}, 400), ({"purpose": "everything"}, 400),
        ({"purpose": "service"}, 400), ({"day": "2999-01-01"}, 400), ({"day": "yesterday"}, 400), ({"text": "999"}, 400),
        ({"address": "999"}, 404), ({"address": "x"}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_written_down(house: House, wrong: dict[str, str], status: int) -> None:
    contact, address = person(house)
    browser, _mina = house.signed_in()
    path = f"/desk/contacts/{contact}/consent"
    browser.get(path)
    right = {"address": str(address), "purpose": "advertising", "wish": "given", "how": "paper", "proof": "p"}
    assert browser.post(path, {**right, **wrong}).status_code == status
    with house.db.read() as session:
        assert consent.state(session, address, AD) is None


def test_nobody_writes_at_the_address_of_somebody_else(house: House) -> None:
    contact, _address = person(house)
    _other, theirs = person(house, "lee@a.example")
    browser, _mina = house.signed_in()
    path = f"/desk/contacts/{contact}/consent"
    browser.get(path)
    data = {"address": theirs, "purpose": "", "wish": "refused", "how": "agent"}
    assert browser.post(path, data).status_code == 404


def test_texts_and_notices_are_a_supervisors(house: House) -> None:
    agent, _mina = house.signed_in()
    page = agent.get("/desk/consent").text
    assert "정보통신망법 제50조 제3항" in page
    assert "Keep this version" not in page
    new = {"purpose": "night", "language": "ko", "body": "야간에도 받겠습니다."}
    assert agent.post("/desk/consent/texts", new).status_code == 403
    assert agent.post("/desk/consent/notices", {"on": "on"}).status_code == 403
    boss, _boss = house.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/consent")
    assert boss.post("/desk/consent/texts", new).status_code == 303
    assert boss.post("/desk/consent/texts", {**new, "body": " "}).status_code == 400
    assert boss.post("/desk/consent/notices", {"on": "on"}).status_code == 303
    assert "야간에도 받겠습니다." in boss.get("/desk/consent").text
    with house.db.read() as session:
        assert setting.on_since(session) is not None
        assert [one.night for one in texts.versions(session)] == [True]
