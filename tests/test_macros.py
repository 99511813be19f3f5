"""Macros: several things at once, and back to exactly what was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall, hall, lite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_kit import Desk

from contact import conversation as conversations
from contact import log, verify
from contact.errors import Conflict, Forbidden, Invalid, NotFound
from contact.log import Name
from contact.outbox import Delivery
from contact.response import macros
from contact.response.deeds import Saying
from contact.users import Role, User, create

__all__ = ["hall", "lite"]


@pytest.fixture
def desk(hall: Hall, tmp_path: Path) -> Iterator[Desk]:
    made = Desk.of(hall, tmp_path)
    yield made
    made.service.close()


@pytest.fixture
def small(lite: Hall, tmp_path: Path) -> Iterator[Desk]:
    made = Desk.of(lite, tmp_path)
    yield made
    made.service.close()


def macro(desk: Desk, steps: list[dict[str, Any]], user: User | None = None, shared: bool = False) -> int:
    with desk.hall.db.write() as session:
        made = macros.add(
            session,
            desk.hall.now,
            user or desk.mina,
            Saying(desk.service),
            name="반품 접수",
            steps=steps,
            shared=shared,
        )
        return made.id


def apply(desk: Desk, number: int, *ids: int) -> tuple[int, ...]:
    with desk.hall.db.write() as session:
        found = macros.get(session, number, desk.mina)
        return macros.apply(session, desk.hall.tick(), found, ids, desk.mina, Saying(desk.service)).rows


def undo(desk: Desk, rows: tuple[int, ...], user: User | None = None) -> macros.Undone:
    with desk.hall.db.write() as session:
        return macros.undo(session, desk.hall.tick(), rows, user or desk.mina, Saying(desk.service))


def state(desk: Desk, number: int) -> tuple[Any, ...]:
    one = desk.one(number).snapshot()
    return (
        one.state, one.assignee_id, one.queue_id, one.tags, one.priority, one.snoozed_until, one.waiting_since,
        one.last_at, one.preview,
    )  # fmt: skip


def proved(desk: Desk) -> None:
    with desk.hall.db.read() as session:
        assert not list(verify.verify(session))


STEPS = [
    {"do": "queue", "value": 1},
    {"do": "assign", "value": "me"},
    {"do": "tag", "value": "반품"},
    {"do": "untag", "value": "old"},
    {"do": "priority", "value": "high"},
    {"do": "pend"},
]


def test_all_at_once_on_several_and_back(desk: Desk) -> None:
    first = desk.hall.mail_in("a@a.example").conversation_id
    second = desk.hall.mail_in("b@a.example").conversation_id
    with desk.hall.db.write() as session:
        conversations.tag(session, desk.hall.tick(), conversations.get(session, second), "old", 7)
        until = desk.hall.now + timedelta(days=2)
        conversations.snooze(session, desk.hall.now, conversations.get(session, second), until, 7)
    before = state(desk, first), state(desk, second)
    rows = apply(desk, macro(desk, STEPS), first, second, first)
    assert len(rows) == 2
    one = desk.one(second)
    assert (one.state, one.assignee_id, one.queue_id, one.tags, one.priority) == (
        "pending",
        desk.mina.id,
        1,
        ["반품"],
        2,
    )
    done = [row for row in desk.rows(Name.CONVERSATION_ASSIGNED) if row.about_id in rows]
    assert {row.user_id for row in done} == {desk.mina.id}
    assert undo(desk, rows) == macros.Undone(back=(first, second))
    assert (state(desk, first), state(desk, second)) == before
    proved(desk)
    with pytest.raises(Conflict):
        undo(desk, rows)


def offered(desk: Desk) -> set[int]:
    """The macro rows at which the thread offers to undo."""
    with desk.hall.db.read() as session:
        rows = session.scalars(sa.select(log.Interaction).order_by(log.Interaction.id)).all()
        return macros.undoable(session, rows)


def test_its_own_row_offers_to_undo_it_while_nothing_happened_since(desk: Desk) -> None:
    first = desk.hall.mail_in("a@a.example").conversation_id
    second = desk.hall.mail_in("b@a.example").conversation_id
    rows = apply(desk, macro(desk, STEPS), first, second)
    assert offered(desk) == set(rows)
    undo(desk, rows[:1])
    assert offered(desk) == {rows[1]}
    with desk.hall.db.write() as session:
        conversations.tag(session, desk.hall.tick(), conversations.get(session, second), "since", 7)
    assert offered(desk) == set()


def test_what_happened_since_stays_and_is_said(desk: Desk) -> None:
    first = desk.hall.mail_in("a@a.example").conversation_id
    second = desk.hall.mail_in("b@a.example").conversation_id
    rows = apply(desk, macro(desk, STEPS), first, second)
    with desk.hall.db.write() as session:
        conversations.tag(session, desk.hall.tick(), conversations.get(session, first), "since", 7)
    assert undo(desk, rows) == macros.Undone(back=(second,), changed=(first,))
    assert desk.one(first).state == "pending"
    assert desk.one(second).state == "open"


def test_an_answer_is_taken_back_while_it_waits(desk: Desk) -> None:
    talk = desk.hall.mail_in("a@a.example", name="김하나").conversation_id
    before = state(desk, talk)
    steps = [{"do": "say", "value": "{{name}}님, {{agent}}입니다."}, {"do": "resolve"}]
    rows = apply(desk, macro(desk, steps), talk)
    assert desk.rows(Name.MESSAGE_QUEUED)[0].body == "김하나님, 김민아입니다."
    assert desk.one(talk).waiting_since is None
    assert undo(desk, rows).back == (talk,)
    assert state(desk, talk) == before
    with desk.hall.db.read() as session:
        assert session.scalars(sa.select(Delivery.state)).all() == ["cancelled"]
    proved(desk)


def test_an_answer_that_has_left_is_said(desk: Desk) -> None:
    talk = desk.hall.chat_in().conversation_id
    rows = apply(desk, macro(desk, [{"do": "say", "value": "안녕하세요"}, {"do": "resolve"}]), talk)
    assert undo(desk, rows) == macros.Undone(sent=(talk,))
    assert desk.one(talk).state == "open"
    assert desk.one(talk).waiting_since is None, "it was answered"
    proved(desk)


def test_all_or_nothing(desk: Desk) -> None:
    first = desk.hall.mail_in("a@a.example").conversation_id
    second = desk.hall.mail_in("b@a.example").conversation_id
    with desk.hall.db.write() as session:
        merged, into = conversations.get(session, second), conversations.get(session, first)
        conversations.merge(session, desk.hall.tick(), merged, into, 7)
    number = macro(desk, [{"do": "tag", "value": "t"}, {"do": "queue", "value": desk.returns}])
    with desk.hall.db.write() as session:
        from contact.response import queues

        queues.get(session, desk.returns).closed_at = desk.hall.now
    with pytest.raises(Invalid, match="This queue is closed"):
        apply(desk, number, first)
    assert desk.one(first).tags == []


def test_whose_macro_it_is(small: Desk) -> None:
    with small.hall.db.write() as session:
        boss = create(session, small.hall.now, email="b@shop.example", name="B", role=Role.SUPERVISOR)
    with pytest.raises(Forbidden):
        macro(small, [{"do": "resolve"}], shared=True)
    shared, own = macro(small, [{"do": "resolve"}], boss, shared=True), macro(small, [{"do": "resolve"}], boss)
    with small.hall.db.write() as session:
        assert [one.id for one in macros.visible(session, small.mina.id)] == [shared]
        with pytest.raises(NotFound):
            macros.get(session, own, small.mina)
        with pytest.raises(Forbidden):
            macros.remove(session, small.hall.now, macros.get(session, shared, small.mina), small.mina)
    talk = small.hall.mail_in().conversation_id
    rows = apply(small, shared, talk)
    with pytest.raises(Forbidden):
        undo(small, rows, boss)


STEP = st.one_of(
    st.sampled_from([None, 1]).map(lambda value: {"do": "queue", "value": value}),
    st.sampled_from(["me", None]).map(lambda value: {"do": "assign", "value": value}),
    st.sampled_from(["a", "b", "c"]).map(lambda value: {"do": "tag", "value": value}),
    st.sampled_from(["a", "b", "c"]).map(lambda value: {"do": "untag", "value": value}),
    st.sampled_from(["low", "normal", "high", "urgent"]).map(lambda value: {"do": "priority", "value": value}),
    st.sampled_from(["pend", "resolve", "reopen"]).map(lambda name: {"do": name}),
    st.integers(1, 5).map(lambda value: {"do": "snooze", "value": value}),
    st.just({"do": "say", "value": "답"}),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=4), st.lists(STEP, min_size=1, max_size=5))
def test_undone_is_as_it_was(small: Desk, earlier: list[dict[str, Any]], steps: list[dict[str, Any]]) -> None:
    """Whatever a conversation had gone through, and whatever the macro does."""
    talk = small.hall.mail_in(f"k{small.hall.tick().timestamp()}@a.example").conversation_id
    apply(small, macro(small, earlier), talk)
    before = state(small, talk)
    rows = apply(small, macro(small, steps), talk)
    undone = undo(small, rows)
    assert undone.back == (talk,)
    assert state(small, talk) == before
    with small.hall.db.write() as session:
        for one in macros.visible(session, small.mina.id):
            one.removed_at = small.hall.now
    proved(small)
