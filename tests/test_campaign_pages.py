"""Campaigns on screen: made, looked at, started, paused, ended; what forbids them; for supervisors only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from desk_kit import Town, furnish
from people_kit import HASH, Browser, House, house

from campaigns.campaign import Campaign
from campaigns.content import content as contents
from campaigns.content.content import Wording
from campaigns.content.wording import Draft
from campaigns.segments import parse, segment
from contact.db import utcnow
from contact.directory import Contact
from contact.inbox import Inbox
from contact.users import User, audit

EVERYBODY = parse({"all": []})


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


@pytest.fixture
def boss(home: House, town: Town) -> Browser:
    return browse(home, "boss")


def furnished(home: House, text: str = "안녕하세요 {{ name | default('고객') }}") -> dict[str, str]:
    """A segment and a content; the form of a campaign with them."""
    can = home.service.channels["email"].capabilities
    with home.db.write() as session:
        people = segment.add(session, utcnow(), "모두", EVERYBODY, None)
        words = contents.add(session, utcnow(), Wording("봄", Draft("봄 소식", text)), "email", can, None)
        box = session.scalars(sa.select(Inbox).where(Inbox.channel == "email")).first()
        assert box
        return {
            "name": "봄 캠페인", "segment": str(people.id), "content": str(words.content_id), "inbox": str(box.id),
            "purpose": "informational", "expires": "",
        }  # fmt: skip


def campaign(home: House) -> Campaign:
    with home.db.read() as session:
        return session.scalars(sa.select(Campaign)).one()


def test_only_supervisors_come_in(home: House, town: Town) -> None:
    agent = browse(home, "mina")
    assert agent.get("/desk/campaigns").status_code == 403
    assert agent.post("/desk/campaigns/new", {}).status_code == 403
    assert agent.post("/desk/campaigns/1/launch", {}).status_code == 403


def test_an_empty_house_says_what_it_needs(boss: Browser, home: House) -> None:
    page = unescape(boss.get("/desk/campaigns").text)
    assert "No campaign yet" in page
    assert "New campaign" not in page
    furnished(home)
    assert "New campaign" in boss.get("/desk/campaigns").text


def test_a_campaign_is_made_started_paused_and_ended(boss: Browser, home: House) -> None:
    assert boss.post("/desk/campaigns/new", furnished(home)).status_code == 303
    number = campaign(home).id
    page = unescape(boss.get(f"/desk/campaigns/{number}").text)
    assert "Nothing forbids it as it is." in page
    look = unescape(boss.get(f"/desk/campaigns/{number}/outlook").text)
    assert "would be written to" in look
    assert boss.post(f"/desk/campaigns/{number}/launch", {}).status_code == 303
    assert campaign(home).state == "running"
    assert boss.post(f"/desk/campaigns/{number}/launch", {}).status_code == 303, "twice is once"
    for step, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert boss.post(f"/desk/campaigns/{number}/{step}", {}).status_code == 303
        assert campaign(home).state == state
        assert boss.get(f"/desk/campaigns/{number}").status_code == 200
        assert "/ 0" in boss.get(f"/desk/campaigns/{number}/now").text
    assert "봄 캠페인" in boss.get("/desk/campaigns").text
    assert "Nobody." in boss.get(f"/desk/campaigns/{number}/unknown").text
    with home.db.read() as session:
        steps = [row.what for row in session.scalars(sa.select(audit.AuditRow)) if row.what.startswith("campaign.")]
    assert steps == [f"campaign.{step}" for step in ("made", "launch", "pause", "resume", "cancel")]


def test_what_the_law_forbids_does_not_start_and_says_how_to_mend_it(boss: Browser, home: House) -> None:
    boss.post("/desk/campaigns/new", furnished(home) | {"purpose": "advertising"})
    number = campaign(home).id
    page = unescape(boss.get(f"/desk/campaigns/{number}").text)
    assert "(광고)" in page
    answer = boss.post(f"/desk/campaigns/{number}/launch", {})
    assert answer.status_code == 400
    assert "It cannot start like this." in unescape(answer.text)
    assert campaign(home).state == "draft"
    later = (utcnow() + timedelta(days=1)).astimezone(ZoneInfo("Asia/Seoul")).strftime("%Y-%m-%dT%H:%M")
    assert boss.post(f"/desk/campaigns/{number}/schedule", {"at": later}).status_code == 400
    assert campaign(home).state == "draft"


def test_a_time_that_has_passed_is_refused_and_a_later_one_waits(boss: Browser, home: House) -> None:
    boss.post("/desk/campaigns/new", furnished(home))
    number = campaign(home).id
    for wrong in ("2020-01-01T10:00", "tomorrow", ""):
        assert boss.post(f"/desk/campaigns/{number}/schedule", {"at": wrong}).status_code == 400
    later = (utcnow() + timedelta(days=1)).astimezone(ZoneInfo("Asia/Seoul")).strftime("%Y-%m-%dT%H:%M")
    assert boss.post(f"/desk/campaigns/{number}/schedule", {"at": later}).status_code == 303
    kept = campaign(home)
    assert kept.state == "scheduled"
    assert kept.start_at
    assert kept.start_at.astimezone(ZoneInfo("Asia/Seoul")).strftime("%Y-%m-%dT%H:%M") == later


def test_what_starts_is_what_was_last_saved(boss: Browser, home: House) -> None:
    form = furnished(home)
    boss.post("/desk/campaigns/new", form)
    before = campaign(home).version_id
    can = home.service.channels["email"].capabilities
    with home.db.write() as session:
        contents.save(session, utcnow(), int(form["content"]), Wording("봄", Draft("봄 소식", "새 글")), can, None)
    boss.post(f"/desk/campaigns/{campaign(home).id}/launch", {})
    assert campaign(home).version_id != before


def test_missing_values_are_named_before_anything_leaves(boss: Browser, home: House) -> None:
    boss.post("/desk/campaigns/new", furnished(home, "{{ company }} 귀중"))
    with home.db.write() as session:
        for contact in session.scalars(sa.select(Contact)):
            contact.organisation = ""
    look = unescape(boss.get(f"/desk/campaigns/{campaign(home).id}/outlook").text)
    assert "Values are missing" in look
    assert "<code>company</code>" in look


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"segment": "999"}, {"content": "x"}, {"inbox": "0"}, {"purpose": "service"}, {"expires": "never"},
     {"expires": "2020-01-01T00:00"}],
    ids=lambda value: next(iter(value)),
)  # fmt: skip
def test_a_wrong_form_makes_nothing_and_keeps_what_was_typed(boss: Browser, home: House, wrong: dict[str, str]) -> None:
    answer = boss.post("/desk/campaigns/new", furnished(home) | wrong)
    assert 400 <= answer.status_code < 500
    with home.db.read() as session:
        assert session.scalars(sa.select(Campaign)).all() == []


def test_the_senders_facts_stand_in_the_inbox(boss: Browser, home: House) -> None:
    with home.db.read() as session:
        box = session.scalars(sa.select(Inbox).where(Inbox.channel == "email")).first()
        assert box
        form = {"name": box.name, "address": box.address, "language": "ko", "receive": "listener", "relay": "house"}
    given = form | {"sender_phone": "02-555-0100", "sender_address": "서울특별시 중구 세종대로 110"}
    assert boss.post(f"/desk/inboxes/{box.id}", form | {"sender_phone": "call me"}).status_code == 400
    assert boss.post(f"/desk/inboxes/{box.id}", given).status_code == 303
    with home.db.read() as session:
        settings = session.get_one(Inbox, box.id).settings
    assert (settings["sender_phone"], settings["sender_address"]) == ("02-555-0100", "서울특별시 중구 세종대로 110")
    assert "02-555-0100" in boss.get(f"/desk/inboxes/{box.id}").text
