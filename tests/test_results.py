"""Results of campaigns: every number is what the log says, folded in any parts; both databases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real import both
from results_kit import count_now

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.results import fold, people, recount, what
from campaigns.results.counted import Counted
from campaigns.results.people import Asked
from campaigns.results.table import Count, Cut, Responder
from contact import directory, log
from contact import inbox as inboxes
from contact.db import Database
from contact.log import Interaction, Name
from contact.messages import AddressKind, Party

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ENDS = ("accepted", "failed", "unknown", "suppressed", "expired", "cancelled")
SAID = [*(f"recipient.{end}" for end in ENDS), "recipient.returned", "recipient.resolved",
        "response.replied", "response.clicked", "response.opened", "response.goal"]  # fmt: skip
HAVE = {name.value for name in Name}


@dataclass
class Past:
    campaigns: list[int]
    launches: list[int]
    recipients: dict[int, list[int]]


def past(db: Database, each: int = 12, campaigns: int = 2) -> Past:
    """Campaigns with recipients of three domains, nothing said about them yet."""
    made = Past([], [], {})
    with db.write() as session:
        box = inboxes.add(session, NOON, "email", "news@shop.example", "News")
        for _ in range(campaigns):
            launch = log.append(session, NOON, Name.CAMPAIGN_LAUNCHED, data={})
            campaign = Campaign(
                name="봄", channel="email", inbox_id=box.id, purpose="advertising", state="finished", launched_at=NOON,
                launch_id=launch.id, frozen_at=NOON, created_at=NOON,
            )  # fmt: skip
            session.add(campaign)
            session.flush()
            made.campaigns.append(campaign.id)
            made.launches.append(launch.id)
            made.recipients[launch.id] = [_recipient(session, campaign, n) for n in range(each)]
    return made


def _recipient(session: Any, campaign: Campaign, n: int) -> int:
    value = f"c{n}@{'naver.com' if n % 12 < 11 else 'kim-minsu.example'}"
    log.lock(session)
    _, address = directory.find_or_create(session, NOON, Party(AddressKind.EMAIL, value))
    row = Recipient(
        campaign_id=campaign.id, channel="email", contact_id=address.contact_id, address_id=address.id, value=value,
        state="accepted", next_at=NOON, settled_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def say(session: Any, launch: int, name: str, recipient: int | None, after: float = 60, **data: Any) -> None:
    if recipient is not None:
        data["recipient"] = recipient
    log.append(session, NOON + timedelta(seconds=after), Name(name), about_id=launch, data=data)


def brute(db: Database, launch: int) -> dict[str, int]:
    """Every number, by walking the whole log in Python."""
    rows: Counter[str] = Counter()
    people: defaultdict[str, set[int]] = defaultdict(set)
    with db.read() as session:
        for row in log.replay(session, launch):
            if row.about_id != launch or not row.name.startswith(("recipient.", "response.")):
                continue
            data, who = row.data, row.data.get("who", "unknown")
            if row.name.startswith("recipient."):
                rows[row.name] += 1
                if data.get("to"):
                    rows[f"{row.name}.{data['to']}"] += 1
                continue
            deeds = {
                "response.replied": ["replied"],
                "response.clicked": [f"clicked.{who}", f"link.{data.get('link')}.{who}"],
                "response.opened": [f"opened.{who}"],
                "response.goal": ["goal", f"goal.{data.get('goal')}"],
            }[row.name]
            for deed in deeds:
                if "recipient" in data:
                    people[deed].add(data["recipient"])
                else:
                    rows[f"visits.{deed}"] += 1
    return dict(rows) | {deed: len(who) for deed, who in people.items()}


def accepted(db: Database) -> tuple[int, int, list[int]]:
    """A campaign whose twelve recipients were all accepted: its number, its launch and they."""
    made = past(db, campaigns=1)
    launch = made.launches[0]
    with db.write() as session:
        for n in made.recipients[launch]:
            say(session, launch, "recipient.accepted", n)
    return made.campaigns[0], launch, made.recipients[launch]


events = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from([name for name in SAID if name in HAVE]), st.integers(-1, 11),
        st.sampled_from(["human", "machine", "unknown"]), st.integers(1, 3), st.integers(0, 5_000),
        st.sampled_from(["accepted", "failed"]),
    ),
    max_size=40,
)  # fmt: skip


def write(session: Any, made: Past, said: Sequence[Any]) -> None:
    for which, name, whom, who, link, after, to in said:
        launch = made.launches[which]
        recipient = made.recipients[launch][max(whom, 0)]
        more: dict[str, Any] = {}
        if name == "recipient.resolved":
            more = {"from": "unknown", "to": to}
        elif name in ("response.clicked", "response.opened"):
            more = {"link": link, "who": who, "why": "browser"}
        elif name == "response.goal":
            more = {"goal": f"goal {link}"}
        nobody = whom < 0 and name in ("response.clicked", "response.opened", "response.goal")
        say(session, launch, name, None if nobody else recipient, after, **more)


class Enough(Exception):
    """Roll back what one example wrote."""


@both
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=events, cut=st.integers(0, 40), span=st.integers(1, 9))
def test_any_log_is_counted_as_it_is_in_any_parts(db: Database, said: Any, cut: int, span: int) -> None:
    """Folded up to some row and the rest added by the page: the same as a walk over the log, and as the query."""
    with db.read() as session:
        known = session.scalars(sa.select(Campaign.id)).all()
    made = past(db) if not known else again(db)
    with db.write() as session:
        write(session, made, said[:cut])
    kept, fold.SPAN = fold.SPAN, span
    try:
        count_now(db)
    finally:
        fold.SPAN = kept
    with db.write() as session:
        write(session, made, said[cut:])
    for number, launch in zip(made.campaigns, made.launches, strict=True):
        wanted = brute(db, launch)
        with db.read() as session:
            assert recount.numbers(session, launch) == wanted
            counted = Counted.read(session, launch)
            assert {name: n for name, n in recount._shown(counted).items() if n} == wanted
            differ = list(recount.check(session, session.get_one(Campaign, number)))
            assert [one for one in differ if not one.number.startswith("recipients that are")] == []
            for deed in ("replied", "clicked.human", "clicked.machine"):
                slots = sum(counted.slots(deed).values())
                assert slots in (0, counted.people(deed) + counted.visits(deed))
        count_now(db)
        with db.read() as session:
            assert recount._shown(Counted.read(session, launch)) == wanted, "all of it folded says the same"


def again(db: Database) -> Past:
    """The campaigns of the example before, said to nobody anew: others of their kind."""
    made = Past([], [], {})
    with db.write() as session:
        for one in session.scalars(sa.select(Campaign).order_by(Campaign.id).limit(2)).all():
            launch = log.append(session, NOON, Name.CAMPAIGN_LAUNCHED, data={})
            one.launch_id = launch.id
            session.flush()
            made.campaigns.append(one.id)
            made.launches.append(launch.id)
            query = sa.select(Recipient.id).where(Recipient.campaign_id == one.id).order_by(Recipient.id)
            made.recipients[launch.id] = list(session.scalars(query))
    return made


@both
def test_domains_are_named_where_many_have_them(db: Database) -> None:
    _, launch, _ = accepted(db)
    count_now(db)
    with db.read() as session:
        counted = Counted.read(session, launch)
        assert counted.of(Cut.DOMAIN, "recipient.accepted") == [("naver.com", 11), ("", 1)]
        kept = session.scalars(sa.select(Count.key)).all()
        assert not any("kim-minsu" in key for key in kept), "a domain of one's own names its owner"


@both
def test_two_workers_count_each_row_once(db: Database) -> None:
    _, launch, _ = accepted(db)
    with db.read() as session:
        steps = [fold.look(session, log.head(session)) for _worker in range(2)]
    assert steps[0]
    assert steps[1]
    for step in steps:
        with db.write() as session:
            assert step
            fold.write(session, step)
    with db.read() as session:
        assert Counted.read(session, launch).rows("recipient.accepted") == 12


@both
def test_the_check_names_what_differs(db: Database) -> None:
    campaign, launch, whom = accepted(db)
    with db.write() as session:
        say(session, launch, "response.clicked", whom[0], link=1, who="human", why="browser")
    count_now(db)
    with db.read() as session:
        assert list(recount.check(session, session.get_one(Campaign, campaign))) == []
    with db.write() as session:
        session.execute(sa.update(Count).where(Count.name == "clicked.human", Count.cut == "people").values(n=7))
        session.execute(sa.delete(Responder).where(Responder.what == "link.1.human"))
        one = session.get_one(Recipient, whom[3])
        one.state = "failed"
    with db.read() as session:
        told = {
            one.number: (one.folded, one.counted) for one in recount.check(session, session.get_one(Campaign, campaign))
        }
    assert told["clicked.human"] == (7, 1)
    assert told["recipients that are accepted"] == (11, 12)
    assert told["recipients that are failed"] == (1, 0)
    with db.write() as session:
        fold.forget(session)
        session.get_one(Recipient, whom[3]).state = "accepted"
    count_now(db)
    with db.read() as session:
        assert list(recount.check(session, session.get_one(Campaign, campaign))) == []


@both
def test_refusals_count_for_a_fortnight(db: Database) -> None:
    made = past(db, campaigns=1)
    launch = made.launches[0]
    whom = made.recipients[launch]

    def refuse(n: int, days: float, how: str = "page") -> None:
        with db.write() as session:
            row = session.get_one(Recipient, whom[n])
            log.append(
                session, NOON + timedelta(days=days), Name.CONSENT_WITHDRAWN, address_id=row.address_id,
                contact_id=row.contact_id, data={"how": how},
            )  # fmt: skip

    for n, days in enumerate((-1, 0.5, 13.9, 14.1)):
        refuse(n, days)
    refuse(5, 1, "complaint")
    refuse(5, 2)
    refuse(6, 1, "import")
    for _ in range(2):
        with db.read() as session:
            counted = Counted.read(session, launch)
            assert (counted.people("refused"), counted.people("complained")) == (3, 1)
            assert recount.refusals(session, launch) == 3
        count_now(db)


def test_a_page_says_when_the_worker_is_behind(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, launch, _ = accepted(db)
    monkeypatch.setattr("campaigns.results.counted.MOST", 5)
    with db.read() as session:
        counted = Counted.read(session, launch)
        assert (counted.behind, counted.ended) == (12, 0)
    count_now(db)
    with db.read() as session:
        assert session.scalar(sa.select(sa.func.max(Interaction.id))) == fold.place(session)
        assert (Counted.read(session, launch).behind, Counted.read(session, launch).ended) == (0, 12)


# -- the people behind a number ---------------------------------------------------------------------


def behind(db: Database, asked: Asked, limit: int = 3) -> list[int]:
    """Everybody, a page after the other, as a file of them flows: it ends with the first page that is empty."""
    found: list[int] = []
    after = None
    with db.read() as session:
        while rows := people.page(session, asked, after, limit):
            found += [one.recipient_id for one in rows]
            after = rows[-1].key
    return found


@both
def test_a_list_of_one_reason_loses_nobody_between_two_pages(db: Database) -> None:
    """The newest of all came back for another reason, page after page of them."""
    campaign, launch, whom = accepted(db)
    long = "the mailbox of this person is full " * 10
    told: list[dict[str, Any]] = [{"code": "5.1.1"}] * 2 + [{"why": "by hand"}, {"code": "", "why": "by hand"}]
    told += [{"why": long}, {}] + [{"code": "5.2.2", "why": "by hand"}] * 6
    with db.write() as session:
        for number, data in zip(whom, told, strict=True):
            say(session, launch, "recipient.returned", number, **data)
    count_now(db)
    with db.read() as session:
        counted = Counted.read(session, launch)
        numbers = dict(counted.of(Cut.WHY, "recipient.returned"))
    assert numbers == {"5.1.1": 2, "by hand": 2, long[: what.LONGEST]: 1, "": 1, "5.2.2": 6}
    for why, n in numbers.items():
        found = behind(db, Asked(campaign, launch, "returned", why))
        assert len(found) == len({*found}) == n, why
    assert behind(db, Asked(campaign, launch, "returned", "5.1.1")) == [whom[1], whom[0]]


@both
@pytest.mark.parametrize("domain", ["a_b.example", "50%.example", "back\\slash.example", "a/b.example"])
def test_a_list_of_one_domain_takes_its_name_as_it_is_written(db: Database, domain: str) -> None:
    campaign, launch, whom = accepted(db)
    with db.write() as session:
        for number, other in zip(whom, (domain, domain.translate(str.maketrans("_%\\/", "xxxx"))), strict=False):
            session.get_one(Recipient, number).value = f"hana@{other}"
    assert behind(db, Asked(campaign, launch, "accepted", domain=domain)) == [whom[0]]
