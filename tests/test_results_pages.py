"""Results on screen: every number equals the people behind it and both files; lists without end; copies and drafts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from desk_kit import furnish
from people_kit import HASH, Browser, House, house
from results_kit import count_now

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses.link import CampaignLink
from campaigns.results import drawn, people
from campaigns.results.table import Count
from campaigns.segments.segment import Segment
from contact import directory, log
from contact.db import utcnow
from contact.directory import Contact
from contact.inbox import Inbox
from contact.log import Name
from contact.messages import AddressKind, Party
from contact.users import User

FORMULA = '=HYPERLINK("https://evil.example")'
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, _template: Path) -> Iterator[House]:
    made = house(tmp_path_factory.mktemp("results") / "data", _template)
    furnish(made.service)
    with made.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash, user.language = HASH, "en"
    yield made
    made.close()


@pytest.fixture(scope="module")
def number(home: House) -> int:
    """A campaign of 130: 120 accepted, 5 failed, 3 left out, 2 unknown; six clicked, two of them replied."""
    start = utcnow() - timedelta(days=1)
    with home.db.write() as session:
        box = session.scalars(sa.select(Inbox).where(Inbox.channel == "email")).first()
        assert box
        launch = log.append(session, start, Name.CAMPAIGN_LAUNCHED, data={})
        campaign = Campaign(
            name=f"봄 {HOSTILE}", channel="email", inbox_id=box.id, purpose="advertising", state="finished",
            launched_at=start, launch_id=launch.id, frozen_at=start, ended_at=start, created_at=start,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        session.add(CampaignLink(campaign_id=campaign.id, number=1, url="https://shop.example/spring"))
        for n in range(130):
            _recipient(session, campaign, start, n)
        for n in range(6):
            say(session, campaign, start, "response.clicked", n, link=1, who="human", why="browser")
        for n in (1, 2):
            say(session, campaign, start, "response.replied", n, how="reference")
        say(session, campaign, start, "response.opened", 9, link=0, who="machine", why="apple")
        made = campaign.id
    count_now(home.db)
    return made


def _recipient(session: Any, campaign: Campaign, start: Any, n: int) -> None:
    state = "failed" if n >= 125 else "suppressed" if n >= 122 else "unknown" if n >= 120 else "accepted"
    log.lock(session)
    value = f"p{n}@{'naver.com' if n % 2 else 'gmail.com'}"
    contact, address = directory.find_or_create(session, start, Party(AddressKind.EMAIL, value))
    contact.name = FORMULA if n == 1 else HOSTILE if n == 2 else f"사람 {n}"
    row = Recipient(
        campaign_id=campaign.id, channel="email", contact_id=contact.id, address_id=address.id, value=value,
        state=state, next_at=start, settled_at=start, code="550 5.1.1" if state == "failed" else "",
        reason="No consent to advertising is known for this address." if state == "suppressed" else "",
    )  # fmt: skip
    session.add(row)
    session.flush()
    data = {"code": row.code} if state == "failed" else {"why": row.reason} if state == "suppressed" else {}
    log.append(
        session, start, Name(f"recipient.{state}"), contact_id=contact.id, address_id=address.id,
        about_id=campaign.launch_id, data={"recipient": row.id, **data},
    )  # fmt: skip


def say(session: Any, campaign: Campaign, start: Any, name: str, n: int, **data: Any) -> None:
    query = sa.select(Recipient.id).where(Recipient.campaign_id == campaign.id, Recipient.value.startswith(f"p{n}@"))
    whom = session.scalars(query).one()
    at = start + timedelta(hours=n + 1)
    log.append(session, at, Name(name), about_id=campaign.launch_id, data={"recipient": whom, **data})


@pytest.fixture(scope="module")
def boss(home: House) -> Browser:
    browser = home.browser()
    assert browser.sign_in("boss@shop.example").status_code == 303
    browser.get("/me")
    return browser


def linked(page: str) -> dict[str, int]:
    """Every number that leads to people, by where it leads."""
    found = re.findall(r'<a href="([^"]*results/people[^"]*)"><data value="(\d+)">', page)
    tiles = re.findall(r'<a class="figure[^"]*" href="([^"]*)"><span>[^<]*</span><b>([\d,]+)</b>', page)
    return {unescape(link): int(n.replace(",", "")) for link, n in (*found, *tiles)}


def walked(boss: Browser, link: str) -> list[int]:
    """Everybody behind a number, page after page."""
    found: list[int] = []
    while link:
        page = boss.get(link)
        assert page.status_code == 200, link
        found += [int(one) for one in re.findall(r'data-recipient="(\d+)"', page.text)]
        more = re.search(r'<a class="button" href="([^"]*)">More', page.text)
        link = unescape(more[1]) if more else ""
    return found


def test_every_number_is_as_many_people_and_as_many_lines_of_both_files(boss: Browser, number: int) -> None:
    page = boss.get(f"/desk/campaigns/{number}/results").text
    shown = linked(page)
    assert len(shown) >= 12
    for link, n in shown.items():
        whom = walked(boss, link)
        assert len(whom) == len(set(whom)) == n, link
        lines = list(csv.reader(io.StringIO(boss.get(link.replace("/people?", "/people.csv?")).text)))
        head = lines.index([]) + 2
        assert len(lines[head:]) == n, link
        sheet = openpyxl.load_workbook(
            io.BytesIO(boss.client.get(link.replace("/people?", "/people.xlsx?")).data)
        ).active
        assert sheet is not None
        assert sum(1 for row in sheet.iter_rows(values_only=True) if "@" in str(row[1])) == n, link


def test_the_parts_of_the_bar_are_the_audience(boss: Browser, number: int) -> None:
    page = boss.get(f"/desk/campaigns/{number}/results").text
    shown = linked(page)
    base = f"/desk/campaigns/{number}/results/people?of="
    assert {end: shown[base + end] for end in ("accepted", "failed", "suppressed", "unknown")} == {
        "accepted": 120, "failed": 5, "suppressed": 3, "unknown": 2,
    }  # fmt: skip
    assert "5.0% (6 of 120)" in page, "never a share without its two numbers"
    widths = [float(one) for one in re.findall(r'class="part-\w+" x="[\d.]+" y="0" width="([\d.]+)"', page)]
    assert sum(widths) == pytest.approx(100, abs=0.01)


def test_nobody_is_read_as_markup_or_as_a_formula(boss: Browser, number: int) -> None:
    for path in ("results", "results/people?of=replied", "results/counted"):
        page = boss.get(f"/desk/campaigns/{number}/{path}").text
        assert HOSTILE not in page
    flat = boss.get(f"/desk/campaigns/{number}/results/people.csv?of=replied").text
    assert f"'{FORMULA}" in flat.replace('""', '"')
    book = openpyxl.load_workbook(
        io.BytesIO(boss.client.get(f"/desk/campaigns/{number}/results/people.xlsx?of=replied").data)
    )
    assert book.active is not None
    assert all(cell.data_type != "f" for row in book.active.iter_rows() for cell in row)


def test_who_did_not_answer_is_a_segment_of_them(boss: Browser, home: House, number: int) -> None:
    silent = walked(boss, f"/desk/campaigns/{number}/results/people?of=silent")
    assert len(silent) == 114, "120 accepted, six clicked, those who replied among them"
    boss.get(f"/desk/campaigns/{number}/results/people?of=silent")
    answer = boss.post(f"/desk/campaigns/{number}/results/segment?of=silent", {})
    assert answer.status_code == 303
    assert boss.get(answer.headers["Location"]).status_code == 200
    with home.db.read() as session:
        kept = session.scalars(sa.select(Segment).order_by(Segment.id.desc())).first()
        assert kept
        assert [one["op"] for one in kept.definition["all"]] == ["did", "did_not", "did_not"]
    assert boss.post(f"/desk/campaigns/{number}/results/segment?of=complained", {}).status_code == 400


def test_the_proof_says_that_all_is_the_same(boss: Browser, number: int) -> None:
    page = unescape(boss.get(f"/desk/campaigns/{number}/results/counted").text)
    assert "All are the same." in page
    assert "SELECT name" in page
    assert "about_id = " in page


def test_lists_nobody_made_up(boss: Browser, number: int) -> None:
    for wrong in ("", "everybody", "clicked.martian", "link.", "recipient.accepted", "goal."):
        assert boss.get(f"/desk/campaigns/{number}/results/people", query_string={"of": wrong}).status_code == 400
    assert boss.get("/desk/campaigns/99999/results").status_code == 404
    assert boss.get(f"/desk/campaigns/{number}/results/people?of=accepted&after=x").status_code == 200
    assert boss.get(f"/desk/campaigns/{number}/results/people?of=accepted&domain=%25").text.count("data-recipient") == 0


def test_agents_see_no_results(home: House, number: int) -> None:
    agent = home.browser()
    agent.sign_in("mina@shop.example")
    for path in ("results", "results/people?of=accepted", "results/people.csv?of=accepted", "results/counted"):
        assert agent.get(f"/desk/campaigns/{number}/{path}").status_code == 403
    for path in ("again", "delete", "results/segment?of=silent"):
        assert agent.post(f"/desk/campaigns/{number}/{path}", {}).status_code == 403


def test_a_campaign_again_and_a_draft_gone(boss: Browser, home: House, number: int) -> None:
    page = boss.get("/desk/campaigns").text
    assert f"/desk/campaigns/{number}/results" in page
    answer = boss.post(f"/desk/campaigns/{number}/again", {})
    assert answer.status_code == 303
    with home.db.read() as session:
        made = session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
        assert made
        assert (made.state, made.launch_id, made.frozen_at, made.ended_at) == ("draft", None, None, None)
        assert made.name == f"봄 {HOSTILE}, again"
    assert boss.post(f"/desk/campaigns/{number}/delete", {}).status_code == 409, "what was started stays"
    assert boss.post(f"/desk/campaigns/{made.id}/delete", {}).status_code == 303
    with home.db.read() as session:
        assert session.get(Campaign, made.id) is None
        assert session.get(Campaign, number) is not None
    assert boss.get(f"/desk/campaigns/{made.id}/results").status_code == 404


def test_campaigns_are_found_and_paged(boss: Browser, home: House, number: int) -> None:
    with home.db.write() as session:
        box = session.get_one(Campaign, number).inbox_id
        session.add_all(
            Campaign(name=f"100% 여름 {n}", channel="email", inbox_id=box, purpose="advertising", created_at=utcnow())
            for n in range(35)
        )
    first = boss.get("/desk/campaigns?q=100%25").text
    assert first.count("100% 여름") == 30
    more = re.search(r'<a class="button" href="([^"]*)">More', first)
    assert more
    assert boss.get(unescape(more[1])).text.count("100% 여름") == 5
    assert "100% 여름" not in boss.get("/desk/campaigns?kind=over").text
    assert boss.get("/desk/campaigns?q=%25%25").text.count("여름") == 0
    with home.db.write() as session:
        session.execute(sa.delete(Campaign).where(Campaign.name.startswith("100%")))


def test_an_erased_person_stays_countable(boss: Browser, home: House, number: int) -> None:
    from contact import erasure

    with home.db.write() as session:
        row = session.scalars(sa.select(Recipient).where(Recipient.campaign_id == number, Recipient.state == "unknown"))
        whom = row.first()
        assert whom
        erasure.erase(session, utcnow(), session.get_one(Contact, whom.contact_id).root_id, None)
    page = unescape(boss.get(f"/desk/campaigns/{number}/results/people?of=unknown").text)
    assert "2 people" in page
    assert page.count("Erased person") >= 1
    assert "All are the same." in unescape(boss.get(f"/desk/campaigns/{number}/results/counted").text)


def test_the_commands_prove_the_numbers_and_count_them_anew(home: House, number: int) -> None:
    run = home.app.test_cli_runner().invoke
    count_now(home.db)
    found = run(args=["campaigns", "check"])
    assert (found.exit_code, "as the log says" in found.output) == (0, True)
    with home.db.write() as session:
        session.execute(sa.update(Count).where(Count.name == "replied", Count.cut == "people").values(n=5))
    found = run(args=["campaigns", "check"])
    assert found.exit_code == 1
    assert f"campaign {number}: replied is 5, the log says 2" in found.output
    assert run(args=["campaigns", "recount"]).exit_code == 0
    count_now(home.db)
    assert run(args=["campaigns", "check"]).exit_code == 0


# -- pictures, pure --------------------------------------------------------------------------------


def test_bars_choose_a_scale_that_can_be_told_apart() -> None:
    base = 29_000_000
    for span, step in ((10, 1), (200, 5), (800, 15), (3000, 60), (20_000, 360), (60_000, 1440)):
        made = drawn.series({"a": {base: 1, base + span: 2}}, "Asia/Seoul")
        assert made
        assert (made.step, sum(made.values["a"])) == (step, 3)
        assert len(made.buckets) <= 61
    assert drawn.series({"a": {}}, "Asia/Seoul") is None


@pytest.mark.parametrize(
    "zone", ["Asia/Seoul", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
)
def test_no_bar_loses_anybody_where_clocks_change(zone: str) -> None:
    """A year of quarters of an hour, each one person."""
    start = 29_000_160
    for days in (1, 3, 40, 365):
        slots = dict.fromkeys(range(start, start + days * 1440, 15), 1)
        made = drawn.series({"a": slots}, zone, 15)
        assert made
        assert sum(made.values["a"]) == len(slots)
        assert sum(drawn.hours(slots, zone)) == len(slots)


def test_every_part_is_seen_and_they_sum_to_the_whole() -> None:
    for values in (
        [("a", 1_000_000), ("b", 1), ("c", 0)],
        [("a", 1)],
        [("a", 5), ("b", 5)],
        [(str(n), 1) for n in range(7)],
    ):
        made = drawn.parts(values)
        assert sum(one.width for one in made) == pytest.approx(100, abs=0.01)
        assert all(one.width >= 0.6 for one in made)
    assert drawn.parts([("a", 0)]) == []


def test_pages_have_a_size() -> None:
    assert people.PAGE < people.EACH
