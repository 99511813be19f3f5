"""Campaigns on screen: made, looked at, started, paused, ended; what forbids them; for supervisors only."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from desk_kit import Town
from page_kit import browse
from people_kit import Browser, House

from campaigns import planning
from campaigns.campaign import Campaign
from campaigns.content import content as contents
from campaigns.content.content import Wording
from campaigns.content.wording import Draft
from campaigns.planning import Plan
from campaigns.recipient import Recipient
from campaigns.segments import parse, segment
from contact import directory, log
from contact import inbox as inboxes
from contact.db import utcnow
from contact.directory import Address, Contact
from contact.inbox import Inbox
from contact.messages import AddressKind, Party
from contact.users import audit

EVERYBODY = parse({"all": []})


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
    assert "Nobody." in boss.get(f"/desk/campaigns/{number}/results/people?of=unknown").text
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


def test_a_draft_shows_what_it_would_say_now(boss: Browser, home: House) -> None:
    """Whoever mends the content finds the campaign mended, without saving it again."""
    form = furnished(home) | {"purpose": "advertising"}
    boss.post("/desk/campaigns/new", form)
    number = campaign(home).id
    shown = unescape(boss.get(f"/desk/campaigns/{number}").text)
    address = re.search(r"[\w.]+@[\w.]+", shown[shown.index("What the law says") :])
    assert address
    can = home.service.channels["email"].capabilities
    with home.db.write() as session:
        said = Draft(
            "(광고) 봄 소식", f"{{{{ sender }}}} 새 글 {address[0]} 수신거부 | Unsubscribe {{{{ unsubscribe_url }}}}"
        )
        contents.save(session, utcnow(), int(form["content"]), Wording("봄", said), can, None)
    after = unescape(boss.get(f"/desk/campaigns/{number}").text)
    law = after[after.index("What the law says") :]
    assert address[0] not in law
    assert f"/desk/inboxes/{form['inbox']}" in law, "the telephone number is missing yet: there it is mended"


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


def texting(home: House, text: str, **settings: str) -> int:
    """A campaign of advertising by text message."""
    can = home.service.channels["sms"].capabilities
    with home.db.write() as session:
        box = inboxes.add(session, utcnow(), "sms", "+82255501000", "문자", provider="sandbox")
        box.settings = {"counting": "korean", "price": "9.9", "price_lms": "30", "currency": "KRW", **settings}
        people = segment.add(session, utcnow(), "모두", EVERYBODY, None)
        words = contents.add(session, utcnow(), Wording("봄", Draft("", text)), "sms", can, None)
        plan = Plan("봄 문자", box.id, people.id, words.content_id, "advertising")
        return planning.add(session, utcnow(), plan, None).id


ADVERT = "(광고){{ sender }} {{ name | default('고객') }} 님, 봄 소식입니다.\n무료수신거부 {{ refusal_number }}"


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"sender_phone": "02-555-01000", "refusal_number": "080-555-0100"}, ""),
        ({"sender_phone": "02-555-01000"}, "Enter the number (080) in the form of the inbox."),
        ({"refusal_number": "080-555-0100"}, "The sender has no telephone number."),
    ],
)
def test_a_text_message_advertises_with_the_free_number_of_its_inbox(
    boss: Browser, home: House, settings: dict[str, str], wrong: str
) -> None:
    number = texting(home, ADVERT, **settings)
    page = unescape(boss.get(f"/desk/campaigns/{number}").text)
    assert (wrong in page) if wrong else "Nothing forbids it as it is." in page, page
    answer = boss.post(f"/desk/campaigns/{number}/launch", {})
    assert answer.status_code == (400 if wrong else 303)


def test_text_messages_through_a_firm_need_its_certificate(boss: Browser, home: House) -> None:
    number = texting(home, ADVERT, sender_phone="02-555-01000", refusal_number="080-555-0100")
    for until, starts in (("", False), ("2020-01-01", False), ("2999-01-01", True)):
        with home.db.write() as session:
            box = session.get_one(Inbox, session.get_one(Campaign, number).inbox_id)
            box.provider, box.settings = "twilio", {**box.settings, "certified_until": until}
        day = utcnow().date() >= date(2026, 10, 1)
        answer = boss.post(f"/desk/campaigns/{number}/launch", {})
        assert answer.status_code == (303 if starts or not day else 400)


def test_the_outlook_weighs_the_messages(boss: Browser, home: House) -> None:
    number = texting(home, "{{ name }} 님, 봄 소식입니다. {% if '김' in name %}" + "길게 씁니다. " * 10 + "{% endif %}")
    with home.db.write() as session:
        log.lock(session)
        session.get_one(Campaign, number).purpose = "informational"
        for n, name in enumerate(("김하나", "이둘", "박셋", "최넷😀")):
            directory.find_or_create(session, utcnow(), Party(AddressKind.TEL, f"+821055500{n:03}", name))
    look = " ".join(unescape(boss.get(f"/desk/campaigns/{number}/outlook").text).split())
    assert "<b>LMS</b> 1 message" in look, look
    assert "<b>SMS</b>" in look
    assert "about ₩" in look
    assert "These cannot be sent and would fail:" in look
    assert "최넷" in look


def test_the_hours_of_a_draft_are_kept_and_shown(boss: Browser, home: House) -> None:
    when = {"days": "1", "day": ["0", "4"], "from": "21:30", "until": "07:30", "per_minute": "600"}
    assert boss.post("/desk/campaigns/new", furnished(home) | when).status_code == 303
    made = campaign(home)
    assert (made.hours, made.per_minute) == ({"from": "21:30", "to": "07:30", "days": [0, 4]}, 600)
    page = boss.get(f"/desk/campaigns/{made.id}").text
    assert 'name="from" value="21:30"' in page
    assert page.count('name="day"') == 7
    assert len(re.findall(r'name="day" value="\d" checked', page)) == 2
    assert (
        boss.post(f"/desk/campaigns/{made.id}", furnished(home) | {"days": "1", "day": [*"0123456"]}).status_code == 303
    )
    assert (campaign(home).hours, campaign(home).per_minute) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [{"days": "1"}, {"from": "09:00"}, {"from": "x", "until": "10:00"}, {"per_minute": "0"}, {"per_minute": "many"}],
)
def test_hours_that_are_none_are_told(boss: Browser, home: House, wrong: dict[str, str]) -> None:
    assert boss.post("/desk/campaigns/new", furnished(home) | wrong).status_code == 400
    with home.db.read() as session:
        assert session.scalars(sa.select(Campaign)).all() == []


def test_who_waits_until_when_is_said_before_the_start(boss: Browser, home: House) -> None:
    closed = utcnow().astimezone(ZoneInfo("Asia/Seoul")) + timedelta(hours=3)
    hours = {
        "days": "1",
        "day": [*"0123456"],
        "from": f"{closed:%H}:00",
        "until": f"{closed + timedelta(hours=1):%H}:00",
    }
    boss.post("/desk/campaigns/new", furnished(home) | hours)
    look = unescape(boss.get(f"/desk/campaigns/{campaign(home).id}/outlook").text)
    assert "only later" in look
    assert "(your clock)" in look


def test_an_unknown_is_decided_by_hand_once(boss: Browser, home: House) -> None:
    boss.post("/desk/campaigns/new", furnished(home))
    number = campaign(home).id
    boss.post(f"/desk/campaigns/{number}/launch", {})
    with home.db.write() as session:
        address = session.scalars(sa.select(Address)).first()
        assert address
        kept = session.get_one(Campaign, number)
        rows = [
            Recipient(
                campaign_id=number, channel="email", contact_id=address.contact_id, address_id=address.id,
                value=f"{n}@x.example", state="unknown", next_at=utcnow(), settled_at=utcnow(),
            )
            for n in range(2)
        ]  # fmt: skip
        session.add_all(rows)
        kept.frozen_at = utcnow()
        session.flush()
        one, two = (row.id for row in rows)
    page = unescape(boss.get(f"/desk/campaigns/{number}/unknown", follow_redirects=True).text)
    assert "would then get it twice" in page
    for _ in range(2):
        assert boss.post(f"/desk/campaigns/{number}/unknown/{one}/arrived", {}).status_code == 303
    assert boss.post(f"/desk/campaigns/{number}/unknown/{two}/again", {}).status_code == 303
    assert boss.post(f"/desk/campaigns/{number + 1}/unknown/{two}/again", {}).status_code == 404
    with home.db.read() as session:
        states = [session.get_one(Recipient, who).state for who in (one, two)]
        told = [row.what for row in session.scalars(sa.select(audit.AuditRow)) if row.what.startswith("campaign.a")]
    assert states == ["accepted", "planned"]
    assert told == ["campaign.arrived", "campaign.again"], "what was known already is not said again"
