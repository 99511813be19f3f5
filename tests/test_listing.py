"""Lists: the same as a plain filter over everything, along an index, cut by key."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory
from contact.conversation import Conversation, State, listing, reading
from contact.conversation.listing import ANYBODY, NOBODY, Cursor, Filter

FILTERS = [
    Filter(),
    Filter(states=()),
    Filter(states=(State.OPEN, State.PENDING), assignee=NOBODY),
    Filter(states=(), assignee=2, tags=("vip",)),
    Filter(states=(), channels=("chat",)),
    Filter(states=(), channels=("fax",)),
    Filter(states=(State.OPEN, State.SNOOZED), priority=2),
    Filter(states=(), waiting=True),
    Filter(waiting=True, assignee=NOBODY, channels=("email",)),
    Filter(states=(), tags=("vip", "환불")),
    Filter(states=(), contact=1),
    Filter(states=(), priority=1),
    Filter(states=(), mentioned=3),
]


def furnish(hall: Hall, n: int = 60) -> None:
    chance = random.Random(7)
    ids = []
    for i in range(n):
        taken = hall.mail_in(f"c{i % 25}@a.example") if i % 3 else hall.chat_in(f"visitor-00000000{i:04}")
        ids.append(taken.conversation_id)
    with hall.db.write() as session:
        for number in ids:
            one = conversations.get(session, number)
            for verb in chance.sample(VERBS, 3):
                verb(session, hall.tick(), one, chance)
        conversations.merge(
            session, hall.tick(), conversations.get(session, ids[4]), conversations.get(session, ids[5]), 1
        )
        directory.merge(session, hall.tick(), directory.get(session, 2), directory.get(session, 1), 1)


VERBS = [
    lambda s, now, c, r: conversations.assign(s, now, c, r.choice([1, 2, None]), 1),
    lambda s, now, c, r: conversations.pend(s, now, c, 1),
    lambda s, now, c, r: conversations.resolve(s, now, c, 1),
    lambda s, now, c, r: conversations.snooze(s, now, c, now + timedelta(hours=1), 1),
    lambda s, now, c, r: conversations.tag(s, now, c, r.choice(["vip", "환불"]), 1),
    lambda s, now, c, r: conversations.tag(s, now, c, "vip", 1),
    lambda s, now, c, r: conversations.prioritise(s, now, c, r.choice(["low", "high", "urgent"]), 1),
    lambda s, now, c, r: conversations.note(s, now, c, "보세요", 1, [3]),
]


def plainly(session: Session, filter: Filter) -> list[int]:
    """The same list by looking at every conversation."""
    roots = dict(session.execute(sa.select(directory.Contact.id, directory.Contact.root_id)).all())
    mention = conversations.Mention
    seen = set(session.scalars(sa.select(mention.conversation_id).where(mention.user_id == 3)))
    kept = [
        one
        for one in session.scalars(sa.select(Conversation))
        if one.merged_into is None
        and (not filter.states or one.state in filter.states)
        and filter.assignee in (ANYBODY, one.assignee_id or NOBODY)
        and (not filter.channels or one.channel in filter.channels)
        and set(filter.tags) <= set(one.tags)
        and one.priority >= filter.priority
        and (one.waiting_since or not filter.waiting)
        and filter.contact in (None, roots[one.contact_id])
        and (filter.mentioned is None or one.id in seen)
    ]
    if filter.waiting:
        return [one.id for one in sorted(kept, key=lambda one: (one.waiting_since, one.id))]
    return [one.id for one in sorted(kept, key=lambda one: (one.last_at, one.id), reverse=True)]


def test_pages_hold_what_a_plain_filter_holds(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(hall)
    for rare in (listing.RARE, 3):  # tags from their own side, and along the list
        monkeypatch.setattr(listing, "RARE", rare)
        with hall.db.read() as session:
            for filter in FILTERS:
                wanted, found, before = plainly(session, filter), [], None
                while cards := listing.page(session, filter, limit=7, before=before):
                    found += cards
                    before = Cursor.of(str(cards[-1].cursor))
                assert [card.id for card in found] == wanted, filter
                assert listing.count(session, filter, cap=9) == min(9, len(wanted))
                assert all(listing.matches(card, filter) for card in found)
            assert sum(bool(plainly(session, filter)) for filter in FILTERS) >= len(FILTERS) - 1


def test_live_match_agrees_with_the_list(lite: Hall) -> None:
    furnish(lite)
    with lite.db.read() as session:
        everything = listing.page(session, Filter(states=()), limit=100)
        for filter in FILTERS:
            if filter.mentioned is None:
                assert [card.id for card in everything if listing.matches(card, filter)] == sorted(
                    plainly(session, filter), key=[card.id for card in everything].index
                )


def test_totals_are_what_counting_gives(hall: Hall) -> None:
    furnish(hall)
    with hall.db.read() as session:
        for state in State:
            totals = listing.totals(session, 2, state)
            assert totals.all == len(plainly(session, Filter(states=(state,))))
            assert totals.mine == len(plainly(session, Filter(states=(state,), assignee=2)))
            assert totals.unassigned == len(plainly(session, Filter(states=(state,), assignee=NOBODY)))


def test_a_page_of_fifty_is_a_handful_of_statements(lite: Hall) -> None:
    furnish(lite)
    with lite.db.read() as session:
        said: list[str] = []
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(said.append)  # prepared statements pass by SQLAlchemy's own events
        assert len(listing.page(session, Filter(states=()), limit=50)) == 50
        driver.set_trace_callback(None)
    assert len([sql for sql in said if sql.startswith(("SELECT", "WITH"))]) == 2


@pytest.mark.parametrize("filter", [*FILTERS[:4], Filter(channels=("chat",)), Filter(waiting=True), Filter(priority=2)])
@pytest.mark.parametrize("analysed", [False, True])
def test_no_list_sorts_or_scans_the_table_on_sqlite(lite: Hall, filter: Filter, analysed: bool) -> None:
    cursor = Cursor(datetime(2026, 3, 2, tzinfo=UTC), 5)
    if analysed:
        furnish(lite)
        with lite.db.write() as session:
            session.execute(sa.text("analyze"))
    with lite.db.read() as session:
        for fixed in listing._walks(session, filter):
            walk = listing._walk(filter, fixed, cursor).limit(50)
            sql = str(walk.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
            plan = [row[3] for row in session.execute(sa.text(f"explain query plan {sql}"))]
            assert all("USING" in step and "INDEX ix_conversation_" in step for step in plan), plan
            assert not any("TEMP B-TREE" in step for step in plan), plan


def test_what_is_few_is_not_searched_for_among_all(lite: Hall) -> None:
    """Without statistics too, as every house begins: SQLite then thinks that ten rows have one state."""
    furnish(lite)
    with lite.db.read() as session:
        for filter in (Filter(tags=("vip",)), Filter(states=(), contact=1), Filter(waiting=True, assignee=2)):
            keys = listing._keys(session, filter, 50, None)
            sql = str(keys.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
            plan = [row[3] for row in session.execute(sa.text(f"explain query plan {sql}".replace(":", "\\:")))]
            assert plan[0] == "SEARCH conversation USING INTEGER PRIMARY KEY (rowid=?)", plan


def test_people_on_cards(hall: Hall) -> None:
    first = hall.mail_in("kim@a.example", name="김하나")
    second = hall.chat_in("visitor-0000000009")
    with hall.db.write() as session:
        unnamed = listing.cards(session, [second.conversation_id])[0].person
        assert unnamed.shown == "#visito"
        kim, visitor = directory.get(session, 1), directory.get(session, 2)
        directory.merge(session, hall.tick(), visitor, kim, 1)
    with hall.db.read() as session:
        cards = listing.cards(session, [first.conversation_id, second.conversation_id])
        assert {card.person.id for card in cards} == {1}
        assert {card.person.shown for card in cards} == {"김하나"}
        assert [reach.value for reach in cards[0].person.addresses] == ["kim@a.example", "visitor-0000000009"]
        assert [row.contact_id for row in reading.timeline(session, 1) if row.name == "message.received"] == [1, 2]


def test_a_thread_is_read_in_both_directions(hall: Hall) -> None:
    ids = [hall.chat_in(text=f"m{i}").interaction_id for i in range(12)]
    other = hall.mail_in("lee@a.example")
    number = 1
    with hall.db.write() as session:
        loser, winner = (conversations.get(session, one) for one in (other.conversation_id, number))
        conversations.merge(session, hall.tick(), loser, winner, 1)
    with hall.db.read() as session:
        newest = reading.thread(session, number, limit=4)
        older = reading.thread(session, number, before=newest[0].id, limit=100)
        everything = [row.id for row in (*older, *newest)]
        assert everything == sorted(everything)
        assert set(ids) | {other.interaction_id} <= set(everything)
        missed = reading.thread(session, number, after=ids[5], limit=3)
        assert [row.id for row in missed] == [number for number in everything if number > ids[5]][:3]
