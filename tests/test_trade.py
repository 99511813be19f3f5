"""Purchases: six months of advertising for the same kind of goods, on paper of their own; a refusal wins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from consent_kit import People
from hall_kit import Hall
from hypothesis import given
from hypothesis import strategies as st
from page_kit import browse, home, text, town  # noqa: F401 - fixtures
from people_kit import House

from campaigns import campaign as campaigns
from campaigns import outlook
from campaigns.house import House as CampaignHouse
from campaigns.pipe import claim
from contact import consent, directory, erasure, inbox, log
from contact.consent import trade
from contact.consent.law.periods import KOREA
from contact.consent.purpose import Purpose
from contact.consent.trade import Trade
from contact.db import utcnow
from contact.directory import Address, Contact
from contact.errors import Invalid
from contact.imports.entry import Plan, understood
from contact.imports.many import take_all
from contact.imports.rows import Row
from contact.imports.take import Mode, Source
from contact.log import Interaction
from contact.messages import AddressKind, Party, Wish
from contact.settings import Settings

AD = Purpose.ADVERTISING
FROM = datetime(2000, 1, 1)  # noqa: DTZ001 - a day by the clock on the wall


@pytest.fixture
def people(hall: Hall) -> People:
    return People(hall)


def buys(people: People, address: int, goods: str, at: datetime, **more: Any) -> bool:
    with people.hall.db.write() as session:
        contact = session.get_one(Address, address).contact_id
        return trade.ended(session, people.hall.now, contact, goods, at, **more)


def test_each_purchase_is_a_row_and_the_latest_counts(people: People) -> None:
    kim, now = people.add("kim@a.example"), people.hall.now
    assert buys(people, kim, " 녹차  세트 ", now - timedelta(days=300), how="agent", proof="2026-1")
    assert people.rule(kim, category="녹차 세트") == "kr.consent", "that was too long ago"
    assert buys(people, kim, "녹차 세트", now - timedelta(days=3))
    assert not buys(people, kim, "녹차 세트", now - timedelta(days=3)), "the same day again is no news"
    assert people.ask(kim, category="녹차 세트") == {}
    assert people.rule(kim, category="커피") == "kr.consent"
    assert people.rule(kim) == "kr.consent"
    with people.hall.db.read() as session:
        rows = session.execute(sa.select(Trade.category, Trade.proof).order_by(Trade.id)).all()
        noted = session.scalars(sa.select(Interaction.content).where(Interaction.name == "trade.noted")).all()
    assert [tuple(row) for row in rows] == [("녹차 세트", "2026-1"), ("녹차 세트", "")]
    assert [one["goods"] for one in noted] == ["녹차 세트"] * 2


@pytest.mark.parametrize("scope", [consent.PERSON, "address"])
def test_a_refusal_wins_before_and_after(people: People, scope: str) -> None:
    kim, now = people.add("kim@a.example"), people.hall.now
    people.says(kim, False, scope=scope)
    assert buys(people, kim, "차", now)
    assert people.rule(kim, category="차") == "kr.refusal"


def test_rows_are_only_added(people: People) -> None:
    kim = people.add("kim@a.example")
    buys(people, kim, "차", people.hall.now, proof="x")
    for change in (
        "update trade set ended_at = recorded_at, category = 'y'", "update trade set category = 'y'",
        "delete from trade", "update trade set category = '', proof = '', how = 'z'",
    ):  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), people.hall.db.write() as session:
            session.execute(sa.text(change))


def test_erasure_empties_what_was_bought(people: People) -> None:
    kim = people.add("kim@a.example")
    buys(people, kim, "차", people.hall.now, proof="주문 7")
    with people.hall.db.write() as session:
        erasure.erase(session, people.hall.now, session.get_one(Address, kim).contact_id, None)
    with people.hall.db.read() as session:
        assert session.execute(sa.select(Trade.category, Trade.proof)).one() == ("", "")
        assert trade.kinds(session) == []
        assert "주문" not in str(session.execute(sa.text("select body, content, data from interaction")).all())


@pytest.mark.parametrize("goods", ["", " \n ", "x" * 61])
def test_a_kind_of_goods_is_a_short_word(people: People, goods: str) -> None:
    kim = people.add("kim@a.example")
    with pytest.raises(Invalid):
        buys(people, kim, goods, people.hall.now)


@given(st.datetimes(FROM, FROM.replace(year=2060)))
def test_it_ends_at_a_midnight_six_months_later(at: datetime) -> None:
    sold = at.replace(tzinfo=KOREA)
    over = trade.until(sold).astimezone(KOREA)
    assert (over.hour, over.minute, over.second) == (0, 0, 0)
    assert timedelta(days=180) <= over - sold <= timedelta(days=186)


def test_a_file_brings_purchases_and_names_what_is_no_day(people: People) -> None:
    plan = Plan(("email", "trade", "trade_when"))
    rows = [
        ("a@b.example", "차", "2026-03-01"), ("c@b.example", "차", "어제"), ("d@b.example", "x" * 61, "2026-03-01"),
        ("e@b.example", "", ""), ("a@b.example", "차", "2026-03-01"), ("f@b.example", "커피", "2026-03-02"),
    ]  # fmt: skip
    entries = [understood(Row(n, list(cells)), plan) for n, cells in enumerate(rows, 1)]
    assert [[(one.field, one.broken) for one in entry.problems] for entry in entries if entry] == [
        [], [("trade_when", False)], [("trade", False)], [], [], [],
    ]  # fmt: skip
    with people.hall.db.write() as session:
        log.lock(session)
        source = Source(7, "고객.csv", Mode.FILL, None)
        taken = [one for one, _ in take_all(session, people.hall.now, [e for e in entries if e], source)]
        assert len(taken) == 6
    with people.hall.db.read() as session:
        found = session.execute(sa.select(Trade.category, Trade.how, Trade.proof).order_by(Trade.id)).all()
    assert [tuple(one) for one in found] == [("차", "import", "고객.csv, #7, 1"), ("커피", "import", "고객.csv, #7, 6")]


def test_a_campaign_for_the_same_goods_reaches_who_bought_them(people: People, settings: Settings) -> None:
    now, db = people.hall.now, people.hall.db
    bought, refused, other = (people.add(f"{name}@a.example") for name in ("kim", "lee", "park"))
    for one in (bought, refused):
        buys(people, one, "차", now)
    buys(people, other, "커피", now)
    people.says(refused, False)
    with db.write() as session:
        box = inbox.add(session, now, "email", "news@shop.example", "한마루")
        made = campaigns.create(
            session, now, "봄", inbox_id=box.id, channel="email", purpose="advertising", goods="차", version_id=None,
            definition={"all": []},
        )  # fmt: skip
        number = made.id
    house = CampaignHouse(settings)
    with db.read() as session:
        campaign = session.get_one(campaigns.Campaign, number)
        stopped = claim.sieve(session, now, campaign, house, {bought, refused, other})
        assert stopped.keys() == {refused, other}
        found = outlook.outlook(session, now, campaign, house)
        assert (found.total, found.reached, found.bought) == (3, 1, 1)
        campaign.goods = ""
        assert claim.sieve(session, now, campaign, house, {bought}).keys() == {bought}
        session.rollback()


# -- on screen ------------------------------------------------------------------------------


def test_an_agent_notes_a_purchase_on_the_contacts_page(home: House, town: Any) -> None:  # noqa: F811
    clerk = browse(home, "mina")
    with home.db.write() as session:
        who, address = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, "bought@a.example", "김"))
        number = who.id
    path = f"/desk/contacts/{number}"
    assert "No purchase is noted" in text(clerk.get(f"{path}/consent"))
    hostile = "<script>alert(1)</script>"
    assert "needs a proof" in text(clerk.post(f"{path}/trade", {"goods": "차", "proof": " "}))
    assert "not come yet" in text(clerk.post(f"{path}/trade", {"goods": "차", "proof": "1", "day": "2999-01-01"}))
    assert clerk.post(f"{path}/trade", {"goods": hostile, "proof": hostile}).status_code == 303
    assert clerk.post(f"{path}/trade", {"goods": "차", "proof": "1", "day": "2020-01-01"}).status_code == 303
    page = clerk.get(f"{path}/consent")
    assert hostile not in page.text
    assert "counts until" in text(page)
    assert "over since" in text(page)
    with home.db.write() as session:
        verdict = consent.verdicts(session, utcnow(), [address.id], channel="email", purpose=AD, category=hostile)
        assert verdict == {}
        consent.record(session, utcnow(), session.get_one(Address, address.id), Wish(False, "agent"), channel="email")
        assert session.get_one(Contact, number)
    assert clerk.post("/desk/contacts/99999/trade", {"goods": "차", "proof": "1"}).status_code == 404
