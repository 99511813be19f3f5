"""Two campaigns side by side: the numbers of their own pages, and an interval that keeps its word."""

from __future__ import annotations

from math import comb

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from people_kit import Browser, House
from results_kit import count_now
from test_results_pages import HOSTILE, boss, home, number, say  # noqa: F401 - fixtures, and a finished campaign

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.results import chance, compare, page
from campaigns.results.chance import Share
from contact import log
from contact.db import utcnow
from contact.log import Name
from contact.users import User

PUBLISHED = [
    ((48, 80), (56, 70), 0.0524, 0.3339),
    ((3, 10), (9, 10), 0.1705, 0.8090),
    ((2, 7), (6, 7), 0.0582, 0.8062),
    ((0, 29), (5, 56), -0.0381, 0.1926),
    ((0, 20), (0, 10), -0.1611, 0.2775),
    ((0, 10), (10, 10), 0.6075, 1.0),
]
"""Newcombe 1998, table II, method 10: first less second there, so the other way about here."""


@pytest.mark.parametrize(("first", "second", "low", "high"), PUBLISHED)
def test_the_interval_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = chance.difference(Share(*first), Share(*second))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00006)


SHARES = st.integers(1, 10**6).flatmap(lambda of: st.builds(Share, st.integers(0, of), st.just(of)))


@given(SHARES, SHARES)
def test_it_holds_what_was_counted_and_turns_with_the_sides(first: Share, second: Share) -> None:
    found, turned = chance.difference(first, second), chance.difference(second, first)
    assert found is not None
    assert turned is not None
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    same = chance.difference(first, first)
    assert same is not None
    assert same.may_be_chance


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
def test_equal_ones_look_different_once_in_twenty_times_at_most(p: float) -> None:
    """Counted over everything that can happen to 60 and 45 people, not simulated."""
    sizes = (60, 45)
    odds = [[comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for n in sizes]
    wrong = 0.0
    for i, one in enumerate(odds[0]):
        for j, other in enumerate(odds[1]):
            found = chance.difference(Share(i, 60), Share(j, 45))
            assert found is not None
            wrong += 0 if found.may_be_chance else one * other
    assert wrong < 0.06, wrong


def test_nobody_is_not_compared() -> None:
    assert chance.difference(Share(0, 0), Share(3, 9)) is None


@pytest.fixture(scope="module")
def other(home: House, number: int) -> int:  # noqa: F811
    """As large, with thirty replies; the first forty people are the same."""
    with home.db.write() as session:
        first = session.get_one(Campaign, number)
        launch = log.append(session, utcnow(), Name.CAMPAIGN_LAUNCHED, data={})
        made = Campaign(
            name="여름", channel="email", inbox_id=first.inbox_id, purpose="advertising", state="running",
            launched_at=utcnow(), launch_id=launch.id, frozen_at=utcnow(), created_at=utcnow(), tracking="counted",
        )  # fmt: skip
        session.add(made)
        session.flush()
        people = session.scalars(sa.select(Recipient).where(Recipient.campaign_id == number).limit(40)).all()
        for n, one in enumerate(people):
            row = Recipient(
                campaign_id=made.id, channel="email", contact_id=one.contact_id, address_id=one.address_id,
                value=one.value, state="accepted", next_at=utcnow(), settled_at=utcnow(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            log.append(
                session, utcnow(), Name.RECIPIENT_ACCEPTED, contact_id=one.contact_id, address_id=one.address_id,
                about_id=launch.id, data={"recipient": row.id},
            )  # fmt: skip
            if n < 30:
                say(session, made, utcnow(), "response.replied", n, how="reference")
        session.get_one(Campaign, number).tracking = "personal"
        found = made.id
    count_now(home.db)
    return found


def test_the_page_has_the_numbers_of_both_pages(home: House, boss: Browser, number: int, other: int) -> None:  # noqa: F811
    with home.db.read() as session:
        pair = [session.get_one(Campaign, one) for one in (number, other)]
        found = compare.build(session, pair[0], pair[1])
        own = [page.build(session, one) for one in pair]
    lines = {line.key: line for line in found.lines}
    replied = [Share(one.counted.people("replied"), one.reached) for one in own]
    assert replied == [Share(2, 120), Share(30, 40)]
    assert lines["replied"].shares == tuple(replied)
    assert lines["replied"].difference is not None
    assert not lines["replied"].difference.may_be_chance
    assert lines["accepted"].shares == (Share(120, 130), Share(40, 40))
    assert lines["clicked.human"].apart == compare.UNTRACKED
    assert found.both == 40
    said = boss.get(f"/desk/campaigns/{number}/compare?with={other}").text
    for words in (
        "30 of 40",
        "2 of 120",
        "more than chance",
        "could be chance",
        "40 people were in both",
        "still under",
    ):
        assert words in said, words
    assert HOSTILE not in said


def test_what_cannot_be_compared_is_said(boss: Browser, number: int, other: int) -> None:  # noqa: F811
    base = f"/desk/campaigns/{number}/compare"
    page_ = boss.get(base)
    assert "여름" in page_.text
    assert f'value="{number}"' not in page_.text
    assert boss.get(f"{base}?with={number}").status_code == 400
    assert boss.get(f"{base}?with=999999").status_code == 404
    assert boss.get(f"{base}?with=x").status_code in (200, 400)
    assert boss.get("/desk/campaigns/999999/compare").status_code == 404
    assert f"/desk/campaigns/{other}/compare" in boss.get(f"/desk/campaigns/{other}/results").text


def test_it_speaks_korean(home: House, boss: Browser, number: int, other: int) -> None:  # noqa: F811
    def language(name: str) -> None:
        with home.db.write() as session:
            session.execute(sa.update(User).values(language=name))

    language("ko")
    try:
        said = boss.get(f"/desk/campaigns/{number}/compare?with={other}")
    finally:
        language("en")
    assert said.status_code == 200
    assert "우연 이상의 차이" in said.text
    assert "40명 중 30명" in said.text
