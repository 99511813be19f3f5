"""Conversations: what people can do with them, and undo."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import Hall

from contact import conversation as conversations
from contact import log
from contact.conversation import Conversation, ConversationTag, Mention, State, listing, reading
from contact.conversation.conversation import counts
from contact.errors import Conflict, Invalid, KeyReused, NotFound
from contact.messages import Thread


def talk(hall: Hall, number: int) -> dict[str, object]:
    """A conversation as people see it, without which row came last."""
    with hall.db.read() as session:
        one = conversations.get(session, number).snapshot()
    return {name: getattr(one, name) for name in one.__dataclass_fields__ if name not in ("last_id", "last_at")}


def names(hall: Hall, number: int) -> list[str]:
    with hall.db.read() as session:
        row = log.Interaction
        return list(session.scalars(sa.select(row.name).where(row.conversation_id == number).order_by(row.id)))


def do(hall: Hall, verb, number: int, *arguments, user_id: int | None = 1) -> None:  # type: ignore[no-untyped-def]
    with hall.db.write() as session:
        verb(session, hall.tick(), conversations.get(session, number), *arguments, user_id)


def merge(hall: Hall, loser: int, winner: int) -> None:
    with hall.db.write() as session:
        one, other = conversations.get(session, loser), conversations.get(session, winner)
        conversations.merge(session, hall.tick(), one, other, 1)


def test_a_verb_twice_is_one_row(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    before = len(names(hall, number))
    for verb, argument in (
        (conversations.assign, (3,)),
        (conversations.prioritise, ("urgent",)),
        (conversations.tag, ("vip",)),
        (conversations.rename, ("제목",)),
        (conversations.pend, ()),
        (conversations.resolve, ()),
        (conversations.reopen, ()),
        (conversations.untag, ("vip",)),
        (conversations.assign, (None,)),
    ):
        do(hall, verb, number, *argument)
        do(hall, verb, number, *argument)
    assert names(hall, number)[before:] == [
        "conversation.assigned", "conversation.prioritised", "conversation.tagged", "conversation.renamed",
        "conversation.pending", "conversation.resolved", "conversation.reopened", "conversation.untagged",
        "conversation.assigned",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["", " ", "a,b", "#", "##x", "x" * 61, "a\nb#"])
def test_what_is_no_tag(lite: Hall, word: str) -> None:
    number = lite.mail_in().conversation_id
    with pytest.raises(Invalid):
        do(lite, conversations.tag, number, word)


def test_tags_are_words(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    for word in ("#환불", "환불", "두  낱말", "A", "x" * 60):
        do(hall, conversations.tag, number, word)
    assert talk(hall, number)["tags"] == tuple(sorted(("환불", "두 낱말", "A", "x" * 60)))
    with hall.db.read() as session:
        assert set(session.scalars(sa.select(ConversationTag.tag))) == {"환불", "두 낱말", "A", "x" * 60}


def test_snooze_wakes_at_its_time_and_not_before(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    other = hall.mail_in("lee@b.example").conversation_id
    until = hall.now + timedelta(hours=2)
    do(hall, conversations.snooze, number, until)
    do(hall, conversations.snooze, other, until + timedelta(seconds=1))
    for moment, woken in (
        (until - timedelta(microseconds=1), 0),
        (until, 1),
        (until, 0),
        (until + timedelta(seconds=1), 1),
    ):
        with hall.db.write() as session:
            assert conversations.wake_due(session, moment) == woken, moment
    assert talk(hall, number)["state"] == talk(hall, other)["state"] == State.OPEN
    assert talk(hall, number)["snoozed_until"] is None
    assert names(hall, number)[-1] == "conversation.woken"


def test_what_was_snoozed_and_settled_meanwhile_does_not_wake(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    do(hall, conversations.snooze, number, hall.now + timedelta(hours=1))
    do(hall, conversations.resolve, number)
    hall.tick(7200)
    with hall.db.write() as session:
        assert conversations.wake_due(session, hall.now) == 0
    assert talk(hall, number)["state"] == State.RESOLVED


def test_snooze_has_bounds(lite: Hall) -> None:
    number = lite.mail_in().conversation_id
    for until in (lite.now, lite.now - timedelta(days=1), lite.now + timedelta(days=400)):
        with pytest.raises(Invalid):
            do(lite, conversations.snooze, number, until)


def test_notes_name_people_once_and_never_oneself(hall: Hall) -> None:
    number = hall.mail_in(text="질문").conversation_id
    with hall.db.write() as session:
        one = conversations.get(session, number)
        row = conversations.note(session, hall.tick(), one, "@a @b", 1, [2, 3, 2, 1])
        with pytest.raises(Invalid):
            conversations.note(session, hall.now, one, " \n", 1)
    with hall.db.read() as session:
        mentions = session.scalars(sa.select(Mention.user_id).where(Mention.interaction_id == row.id)).all()
        assert sorted(mentions) == [2, 3]
        card = listing.cards(session, [number])[0]
    assert (card.last_id, card.last_at, card.preview) == (row.id, row.at, "질문"), (
        "a note moves it up and shows no words"
    )


def test_a_conversation_that_is_not_there(lite: Hall) -> None:
    with pytest.raises(NotFound), lite.db.read() as session:
        conversations.get(session, 5)


# -- merging ----------------------------------------------------------------------------------

SETTLED = {
    "open": lambda hall, number: None,
    "pending": lambda hall, number: do(hall, conversations.pend, number),
    "snoozed": lambda hall, number: do(hall, conversations.snooze, number, hall.now + timedelta(hours=5)),
    "resolved": lambda hall, number: do(hall, conversations.resolve, number),
}


@pytest.mark.parametrize("winner_state", SETTLED)
@pytest.mark.parametrize("loser_state", SETTLED)
def test_undoing_a_merge_restores_both(lite: Hall, winner_state: str, loser_state: str) -> None:
    one, other = lite.mail_in().conversation_id, lite.mail_in("lee@b.example").conversation_id
    do(lite, conversations.tag, other, "vip")
    do(lite, conversations.assign, one, 4)
    SETTLED[winner_state](lite, one)
    SETTLED[loser_state](lite, other)
    before = talk(lite, one), talk(lite, other)
    with lite.db.read() as session:
        counted = counts(session)
    merge(lite, other, one)
    assert talk(lite, other)["merged_into"] == one
    assert talk(lite, one)["state"] == (State.OPEN if loser_state == "open" else winner_state)
    with lite.db.read() as session:
        assert sum(counts(session).values()) == 1
    do(lite, conversations.unmerge, other)
    assert (talk(lite, one), talk(lite, other)) == before
    with lite.db.read() as session:
        assert counts(session) == counted


def test_a_merge_that_brought_work_stays_open_when_undone(hall: Hall) -> None:
    """Something happened since: the winner is not closed behind somebody's back."""
    one, other = hall.mail_in().conversation_id, hall.mail_in("lee@b.example").conversation_id
    do(hall, conversations.resolve, one)
    merge(hall, other, one)
    hall.mail_in("lee@b.example", "더 있어요", thread=Thread(token=other))
    do(hall, conversations.unmerge, other)
    assert talk(hall, one)["state"] == State.OPEN
    assert talk(hall, one)["waiting_since"] is not None


def test_a_snooze_that_is_over_when_the_merge_is_undone(hall: Hall) -> None:
    one, other = hall.mail_in().conversation_id, hall.mail_in("lee@b.example").conversation_id
    do(hall, conversations.snooze, one, hall.now + timedelta(hours=1))
    merge(hall, other, one)
    hall.tick(7200)
    do(hall, conversations.unmerge, other)
    assert talk(hall, one)["state"] == State.OPEN


def test_chains_of_merges_in_any_order(hall: Hall) -> None:
    a, b, c = (hall.mail_in(f"{name}@a.example").conversation_id for name in "abc")
    before = [talk(hall, number) for number in (a, b, c)]
    merge(hall, c, b)
    merge(hall, b, a)
    with hall.db.read() as session:
        assert set(conversations.members(session, a)) == {a, b, c}
        assert conversations.top(session, conversations.get(session, c)).id == a
        assert {row.conversation_id for row in reading.thread(session, a)} == {a, b, c}
    for loser, winner in ((a, c), (a, b), (b, a), (c, a), (a, a)):
        with pytest.raises(Conflict):
            merge(hall, loser, winner)
    do(hall, conversations.unmerge, b)
    with hall.db.read() as session:
        assert set(conversations.members(session, b)) == {b, c}
        assert conversations.members(session, a) == [a]
    do(hall, conversations.unmerge, c)
    assert [talk(hall, number) for number in (a, b, c)] == before
    with pytest.raises(Conflict):
        do(hall, conversations.unmerge, c)


def test_merging_into_a_merged_one_goes_to_the_top(hall: Hall) -> None:
    a, b, c = (hall.mail_in(f"{name}@a.example").conversation_id for name in "abc")
    merge(hall, b, a)
    merge(hall, c, b)
    assert talk(hall, c)["merged_into"] == a
    for verb, argument in ((conversations.pend, ()), (conversations.snooze, (hall.now + timedelta(hours=1),))):
        with pytest.raises(Conflict):
            do(hall, verb, b, *argument)


def test_counters_follow(hall: Hall) -> None:
    numbers = [hall.mail_in(f"c{n}@a.example").conversation_id for n in range(4)]
    do(hall, conversations.assign, numbers[0], 5)
    do(hall, conversations.resolve, numbers[1])
    do(hall, conversations.resolve, numbers[0])
    merge(hall, numbers[3], numbers[2])
    with hall.db.read() as session:
        assert counts(session) == {("open", 0): 1, ("resolved", 0): 1, ("resolved", 5): 1}
        assert session.scalar(sa.select(sa.func.count()).select_from(Conversation)) == 4


def test_a_note_sent_again_under_its_key_is_one_note(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    with hall.db.write() as session:
        one = conversations.get(session, number)
        first = conversations.note(session, hall.tick(), one, "call back", 1, [2], "desk:1:k")
        again = conversations.note(session, hall.tick(), one, "call back", 1, [2], "desk:1:k")
        assert again.id == first.id
        assert session.scalar(sa.select(sa.func.count()).select_from(Mention)) == 1
        with pytest.raises(KeyReused):
            conversations.note(session, hall.tick(), one, "another", 1, (), "desk:1:k")
    assert names(hall, number).count("note.added") == 1
