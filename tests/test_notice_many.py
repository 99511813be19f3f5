"""Notices to many people: a group of steps ends as one by one, and costs a few statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from board_kit import person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from told_kit import PHONE, Board

from board import thread
from board.notice import acknowledging, carrying, due, feeder, receipt
from board.notice.acknowledgement import Via
from board.notice.attempt import NoticeAttempt
from board.partner import member
from board.thread import BoardThread, Saying
from contact import inbox, users, verify
from contact import thread as mails
from contact.consent import record
from contact.conversation import Conversation
from contact.directory import Address
from contact.errors import HanmaruError, Suppressed
from contact.log import Interaction
from contact.messages import AddressKind, Wish
from contact.outbox import Delivery, Words
from contact.outbox.put import new_id

LADDER = [{"channel": "email", "days": 0}, {"channel": "sms", "days": 0}, {"channel": "paper", "days": 0}]


@contextmanager
def statements(board: Board) -> Iterator[list[str]]:
    said: list[str] = []

    def listener(_connection: Any, _cursor: Any, sql: str, *_more: Any) -> None:
        said.append(sql)

    sa.event.listen(board.db.engine, "before_cursor_execute", listener)
    try:
        yield said
    finally:
        sa.event.remove(board.db.engine, "before_cursor_execute", listener)


def _saying(session: Session, user: int, key: str) -> Saying:
    box, address = inbox.first(session, "email"), thread.place(session, user, AddressKind.EMAIL)
    assert box is not None
    assert address is not None
    words = Words(
        "가격이\x00 오릅니다", subject="가격", html="<div>x</div>", automatic=True, purpose="partner", capped=False
    )
    return Saying(user, words, box, address, "notice", 7, key)


def _rows(board: Board, user: int) -> dict[str, list[dict[str, Any]]]:
    """Everything that is kept of what was said to this user, but for ids and whom it went to."""
    with board.db.read() as session:
        (talk,) = session.scalars(sa.select(BoardThread.conversation_id).where(BoardThread.user_id == user))
        found = {
            kind.__tablename__: list(session.scalars(sa.select(kind).where(which == talk)))
            for kind, which in (
                (Interaction, Interaction.conversation_id),
                (Conversation, Conversation.id),
                (Delivery, Delivery.conversation_id),
                (mails.MessageRef, mails.MessageRef.conversation_id),
            )
        }
        newest = [row.id for row in found["interaction"]]
        assert newest == sorted(newest)
        assert found["conversation"][0].last_id == newest[-1] == found["delivery"][0].interaction_id
        assert [row.name for row in found["interaction"]] == [
            "conversation.opened", "conversation.resolved", "message.queued",
        ]  # fmt: skip
        other = {"id", "contact_id", "address_id", "conversation_id", "interaction_id", "delivery_id", "last_id",
                 "message_id", "value", "key", "about_id", "user_id"}  # fmt: skip
        told = {
            name: [{c.key: getattr(row, c.key) for c in row.__table__.columns if c.key not in other} for row in rows]
            for name, rows in found.items()
        }
        for row in told["interaction"]:
            row["content"] = {**(row["content"] or {}), "to": []}
        return told


def test_many_are_written_as_one_by_one(board_hall: Board) -> None:
    """Every column of every table, and what the log says of conversations and their counters."""
    board, firm = board_hall, board_hall.firm()
    kim, lee, park = (person(board, firm, f"{name}@daehan.example") for name in ("kim", "lee", "park"))
    with board.db.write() as session:
        one = _saying(session, kim, "a")
        thread.say(
            session, board.now, board.service, kim, one.words, inbox=one.inbox, address=one.address, about="notice",
            about_id=7, key="a",
        )  # fmt: skip
        made = thread.say_each(
            session, board.now, board.service, [_saying(session, who, f"b{who}") for who in (lee, park)]
        )
    assert all(isinstance(number, int) for number in made.values())
    assert _rows(board, kim) == _rows(board, lee) == _rows(board, park)
    with board.db.read() as session:
        assert [str(one) for one in verify.verify(session)] == []


def test_the_same_key_again_is_the_same_mail_and_a_thread_goes_on(board_hall: Board) -> None:
    board, firm = board_hall, board_hall.firm()
    kim, lee = (person(board, firm, f"{name}@daehan.example") for name in ("kim", "lee"))

    def say(*keys: tuple[int, str]) -> dict[str, int | HanmaruError]:
        with board.db.write() as session:
            return thread.say_each(
                session, board.tick(), board.service, [_saying(session, who, key) for who, key in keys]
            )

    first = say((kim, "a"))
    again = say((kim, "a"), (kim, "b"), (lee, "c"), (lee, "d"))
    assert again["a"] == first["a"]
    assert len(board.sent()) == 4
    assert len({one.conversation_id for one in board.sent()}) == 2
    with board.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BoardThread)) == 2
        chains = [one.message["references"] for one in board.sent() if one.message is not None]
        assert sorted(len(chain) for chain in chains) == [0, 0, 1, 1], "the second mail answers the first"
        assert [str(one) for one in verify.verify(session)] == []


def test_who_refused_is_left_out_and_nothing_is_written_of_it(board_hall: Board) -> None:
    board, firm = board_hall, board_hall.firm()
    kim, lee = (person(board, firm, f"{name}@daehan.example") for name in ("kim", "lee"))
    with board.db.write() as session:
        address = thread.place(session, kim, AddressKind.EMAIL)
        assert address is not None
        record(session, board.tick(), address, Wish(False, "agent", "그만"), channel="email")
        before = session.scalar(sa.select(sa.func.count()).select_from(Conversation))
        made = thread.say_each(
            session, board.tick(), board.service, [_saying(session, who, str(who)) for who in (kim, lee)]
        )
    assert isinstance(made[str(kim)], Suppressed)
    assert [one.id for one in board.sent()] == [made[str(lee)]]
    with board.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Conversation)) == (before or 0) + 1


def test_a_group_costs_as_many_statements_however_many_people(small: Board) -> None:
    firm, cost = small.firm(), list[int]()
    for people in (3, 30):
        for number in range(people):
            person(small, firm, f"p{people}-{number}@daehan.example")
        small.publish(ladder=LADDER[:1])
        small.tick()
        with statements(small) as said, small.db.write() as session:
            assert carrying.carry(session, small.now, small.service, most=100) >= people
        cost.append(len(said))
    assert len(small.sent()) == 3 + 33
    assert cost[1] <= cost[0] + 3, cost


FACTS = ("plain", "english", "refused", "no mail", "phone", "fax", "acked", "read", "left", "away", "erased")


def _befall(board: Board, notice: int, user: int, fact: str) -> None:
    now = board.now
    with board.db.write() as session:
        who = users.get(session, user)
        match fact:
            case "english":
                who.language = "en"
            case "refused":
                address = thread.place(session, user, AddressKind.EMAIL)
                if address is not None:
                    record(session, now, address, Wish(False, "agent", "그만"), channel="email")
            case "no mail":
                session.execute(sa.update(Address).where(Address.contact_id == who.contact_id).values(kind="visitor"))
            case "phone" | "fax":
                value, kind = f"{PHONE[:-3]}{100 + user}", AddressKind.TEL if fact == "phone" else AddressKind.FAX
                known = sa.select(Address.id).where(Address.contact_id == who.contact_id, Address.kind == kind.value)
                if session.scalar(known) is None:
                    session.add(Address(contact_id=who.contact_id, kind=kind.value, value=value, created_at=now))
            case "acked":
                acknowledging.acknowledge(session, now, notice, user, Via.PAGE)
            case "read":
                acknowledging.read(session, now, notice, user)
            case "left":
                mine = receipt.of(session, notice, user)
                assert mine is not None
                mine.left_at = now
            case "away":
                mine_there = member.of_user(session, user)
                if mine_there is not None:
                    mine_there.ended_at = now
            case "erased":
                who.deactivated_at = now
            case _:
                pass


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(FACTS), max_size=3), min_size=1, max_size=6), st.booleans(), st.integers(2, 9))
def test_a_group_ends_as_its_steps_one_by_one(small: Board, facts: list[list[str]], asks: bool, most: int) -> None:
    """The same notice twice to the same people, of whom the same is so: carried singly, and in groups."""
    moment = small.tick().timestamp()
    firm = small.firm(f"Firm {moment}")
    people = [person(small, firm, f"p{number}.{moment}@daehan.example") for number in range(len(facts))]
    audience = {"all": [{"field": "partner", "op": "is", "value": [str(firm)]}]}
    notices = [small.publish(definition=audience, needs_ack=asks, ladder=LADDER) for _ in range(2)]
    for user, those in zip(people, facts, strict=True):
        for fact in sorted(those, key=FACTS.index):  # whoever has left can do nothing more
            for notice in notices:
                _befall(small, notice, user, fact)
    small.tick()
    with small.db.read() as session:
        first = sa.select(NoticeAttempt.id).where(
            NoticeAttempt.notice_id == notices[0], NoticeAttempt.state == "planned"
        )
        steps = len(session.scalars(first).all())
    for number in [*[1] * steps, *[most] * steps]:
        with small.db.write() as session:
            if not carrying.carry(session, small.now, small.service, number):
                break
    with small.db.read() as session:
        assert not carrying.waits(session, small.now)
    for user in people:
        single, grouped = (small.fates(notice, user) for notice in notices)
        assert single == grouped
        assert "planned" not in {state for state, _ in grouped.values()}
        told = [_told(small, notice, user) for notice in notices]
        assert told[0] == told[1]


def _told(board: Board, notice: int, user: int) -> list[tuple[str, str]]:
    row = NoticeAttempt
    query = sa.select(row.delivery_id).where(row.notice_id == notice, row.user_id == user, row.delivery_id.is_not(None))
    with board.db.read() as session:
        sent = [session.get_one(Delivery, number) for number in session.scalars(query.order_by(row.step))]
    return [(one.channel, re.sub(r"/n/\S+", "/n/", board.body(one))) for one in sent]


@given(st.integers(feeder.LEAST, feeder.MOST), st.floats(0, 10))
def test_groups_are_as_large_as_fits(most: int, took: float) -> None:
    size = feeder.next_size(most, took)
    assert feeder.LEAST <= size <= feeder.MOST
    assert size <= most * 2
    if size > feeder.LEAST:
        assert size * took / most <= feeder.HOLD + 0.001 * size


def test_a_pause_is_half_the_time_with_the_lock_and_all_of_it_where_others_write() -> None:
    free, busy = feeder.Held(0.0, 0.1, 9), feeder.Held(2 * feeder.BUSY, 0.1, 9)
    assert free.pause == pytest.approx(0.05)
    assert busy.pause == pytest.approx(0.1)
    assert feeder.Held(0.0, 0.001, 1).pause == feeder.GAP


BUSY_DELAYS = (1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100)
"""Milliseconds between two looks of somebody who waits for SQLite's lock."""


@given(st.floats(0, feeder.HOLD * 1000))
def test_whoever_waits_for_the_lock_gets_in_between_two_groups(came: float) -> None:
    looks = (came + sum(BUSY_DELAYS[:number]) for number in range(len(BUSY_DELAYS)))
    hold, gap = feeder.HOLD * 1000, feeder.GAP * 1000
    assert any(hold <= look < hold + gap for look in looks)


def test_what_is_due_is_read_in_the_order_of_its_index(board_hall: Board) -> None:
    """Else each group would sort all that are due: as many as there are people."""
    ready = due._DUE._at(board_hall.db.engine.dialect)
    if board_hall.db.is_sqlite:
        given = tuple(ready.parameters({"now": board_hall.now, "most": 9}))
        with board_hall.db.read() as session:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {ready.sql}", given)
            told = " / ".join(row[3] for row in plan)
        assert "ix_notice_attempt_state" in told
        assert "TEMP B-TREE" not in told


def test_of_two_steps_that_are_due_at_once_the_first_goes_first(board_hall: Board) -> None:
    board, firm = board_hall, board_hall.firm()
    kim = person(board, firm, "kim@daehan.example")
    number = board.publish(ladder=[{"channel": "email", "days": 0}, {"channel": "sms", "days": 0}])
    with board.db.write() as session:
        (first,) = due.due(session, board.tick(), 10)
        assert (first.user_id, first.step, first.channel) == (kim, 0, "email")
        assert carrying.carry(session, board.now, board.service) == 1
    assert board.fates(number, kim)["email"][0] == "queued"


def test_message_ids_come_in_the_order_of_time_and_cannot_be_guessed(board_hall: Board) -> None:
    board = board_hall
    early = [new_id(board.now, "shop.example") for _ in range(50)]
    late = [new_id(board.tick(), "shop.example") for _ in range(50)]
    assert max(early) < min(late)
    assert len({one.partition("@")[0][12:] for one in early}) == 50
