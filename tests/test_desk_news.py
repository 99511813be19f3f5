"""What is told to every open page: gathered, bounded, and right about who has what."""

from __future__ import annotations

from datetime import datetime

from real import both
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import inbox as inboxes
from contact import intake, log
from contact.conversation import Conversation
from contact.db import Database
from contact.desk.news import LONGEST, SHORTEST, News, own, pause
from contact.desk.places import KEPT, Places
from contact.messages import AddressKind, Inbound, Party


def test_with_many_pages_everybody_is_told_less_often() -> None:
    assert pause(0) == pause(100) == SHORTEST
    assert SHORTEST < pause(500) < LONGEST
    assert pause(1000) == pause(100_000) == LONGEST < 1, "news is on every page within a second"


def test_news_is_gathered_and_told_once() -> None:
    news = News()
    news.change(1, None, True)
    news.change(1, 7, True)
    news.change(2, 7, False)
    for state in ("viewing", "writing"):
        news.view({"user": 7, "conversation": 1, "state": state})
    news.view({"user": 8, "conversation": 1, "state": "gone"})
    changes, views, _ = news.take()
    assert changes == {1: [7, 2], 2: [7, 0]}
    assert [(view["user"], view["state"]) for view in views] == [(7, "writing"), (8, "gone")]
    assert news.take() == ({}, [], False)


def test_each_agent_is_told_of_the_own_conversations() -> None:
    assert own({1: [7, 2], 2: [None, 1], 3: [8, 0], 4: [7, 1]}) == {7: {1: [7, 2], 4: [7, 1]}, 8: {3: [8, 0]}}


def _talk(session: Session, now: datetime, who: str) -> Conversation:
    box = inboxes.find(session, "chat", "demo") or inboxes.add(session, now, "chat", "demo", "Shop")
    said = Inbound("chat", f"k-{who}", "f", Party(AddressKind.VISITOR, who), "hello")
    return conversations.get(session, intake.take(session, now, said, box).conversation_id or 0)


def test_a_place_follows_who_has_it_and_where_it_went(db: Database, now: datetime) -> None:
    places, position = Places(db), 0

    def look() -> dict[int, tuple[int, int | None]]:
        nonlocal position
        with db.read() as session:
            rows = log.news(session, position)
        position = rows[-1].id
        return places.of(rows)

    with db.write() as session:
        first, second = _talk(session, now, "visitor-one"), _talk(session, now, "visitor-two")
    one, two = first.id, second.id
    assert look() == {one: (one, None), two: (two, None)}

    with db.write() as session:
        conversations.assign(session, now, conversations.get(session, one), 7, None)
    assert look() == {one: (one, 7)}

    with db.write() as session:
        conversations.merge(session, now, conversations.get(session, one), conversations.get(session, two), None)
    told = look()
    winner = next(top for top, _ in told.values())
    assert {top for top, _ in told.values()} == {winner}
    loser = two if winner == one else one

    with db.write() as session:
        conversations.assign(session, now, conversations.get(session, winner), 9, None)
        conversations.note(session, now, conversations.get(session, loser), "below", 9)
    assert look()[loser] == (winner, 9), "the merged one is shown with what holds for the other"

    with db.write() as session:
        conversations.unmerge(session, now, conversations.get(session, loser), None)
    assert look()[loser][0] == loser


def test_places_forget_before_they_grow_without_end(db: Database, now: datetime) -> None:
    places = Places(db)
    with db.write() as session:
        number = _talk(session, now, "visitor-one").id
    places._known = dict.fromkeys(range(10**9, 10**9 + KEPT + 1), (None, None))
    with db.read() as session:
        assert places.of(log.news(session, 0)) == {number: (number, None)}
    assert len(places._known) == 1


@both
def test_live_pages_read_the_log_as_readers_do(db: Database, now: datetime) -> None:
    with db.write() as session:
        for who in ("visitor-one", "visitor-two"):
            conversations.tag(session, now, _talk(session, now, who), "급함", None)
    with db.read() as session:
        kept, shown = log.tail(session, 1, 3), log.news(session, 1, 3)
    assert len(kept) == len(shown) == 3
    for row, told in zip(kept, shown, strict=True):
        for name in log.Appended.__dataclass_fields__:
            assert getattr(row, name) == getattr(told, name), name
