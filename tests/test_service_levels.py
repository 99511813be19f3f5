"""Service levels: clocks that follow the log, due times in working hours, what is told when they pass."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hall_kit import Hall
from hypothesis import given, settings
from hypothesis import strategies as st
from people_kit import House, house
from sqlalchemy.orm import Session
from test_hours import amounts, at, instants, some_hours

from contact import conversation as conversations
from contact import following, log, outbox, users, verify
from contact.errors import HanmaruError, Invalid
from contact.following import ReaderState
from contact.log import Interaction, Name
from contact.messages import Nature, Thread
from contact.outbox import Delivery, Words
from contact.response import hours as business
from contact.response import queues, reports
from contact.response.hours import ALWAYS, Hours
from contact.response.levels import ServiceClock, ServiceResult, course, notices, policy, promise, retold, sweep
from contact.response.levels import clock as clocks
from contact.response.levels.course import Clock, Target
from contact.response.levels.promise import Promise
from contact.response.levels.reader import NAME, reader
from contact.response.queues import member
from contact.service import Service
from contact.worker import Context

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MONDAY = at("2026-11-16 09:00")


def promised(hall: Hall, **values: Any) -> int:
    """Policies of a house in Seoul, nine to six; hours of answers unless told otherwise."""
    with hall.db.write() as session:
        if business.default(session) is None:
            business.add(session, hall.now, "본사", "Asia/Seoul", **business.usual("KR"))
        values = {"name": "기본", "targets": {"first": 60, "next": 120, "resolution": 540}} | values
        return policy.add(session, hall.now, **values).id


def read(hall: Hall) -> None:
    with hall.db.write() as session:
        while following.advance(session, reader):
            pass


def line(hall: Hall, number: int) -> ServiceClock | None:
    read(hall)
    with hall.db.read() as session:
        return session.get(ServiceClock, number)


def due(hall: Hall, number: int) -> datetime | None:
    found = line(hall, number)
    return None if found is None else found.due_at


def results(hall: Hall, number: int) -> list[tuple[str, bool | None, timedelta]]:
    read(hall)
    with hall.db.read() as session:
        query = sa.select(ServiceResult).where(ServiceResult.conversation_id == number).order_by(ServiceResult.id)
        return [(one.target, one.met, timedelta(microseconds=one.used)) for one in session.scalars(query)]


def swept(hall: Hall, now: datetime) -> list[tuple[str, str]]:
    """What the sweep tells at this moment: names and targets of its rows."""
    with hall.db.write() as session:
        before = log.head(session)
    while True:
        with hall.db.write() as session:
            if not sweep.sweep(session, now):
                break
    with hall.db.read() as session:
        names = (Name.SERVICE_LEVEL_WARNED.value, Name.SERVICE_LEVEL_BREACHED.value)
        query = sa.select(Interaction).where(Interaction.id > before, Interaction.name.in_(names))
        return [(row.name, row.data["target"]) for row in session.scalars(query.order_by(Interaction.id))]


def does(hall: Hall, verb: Any, number: int, *given: Any) -> None:
    with hall.db.write() as session:
        verb(session, hall.now, conversations.get(session, number), *given, 7)


@pytest.fixture
def town(hall: Hall) -> Hall:
    hall.now = MONDAY - timedelta(days=1)
    promised(hall)
    hall.now = MONDAY - MINUTE
    return hall


def test_lists_and_bulk_mail_start_no_clock(town: Hall) -> None:
    """A mail of a person in the same conversation does; what opens a resolved one again brings no work back."""
    number = town.mail_in(nature=Nature.BULK).conversation_id
    assert (due(town, number), line(town, number) is not None) == (None, True)
    here = Thread(number=number)
    town.now += MINUTE
    assert town.mail_in(nature=Nature.BULK, thread=here).conversation_id == number
    assert due(town, number) is None
    does(town, conversations.resolve, number)
    town.mail_in(nature=Nature.BULK, thread=here)
    with town.db.read() as session:
        assert conversations.get(session, number).state == "open"
    assert due(town, number) is None
    assert results(town, number) == []
    town.mail_in(thread=here)
    assert due(town, number) is not None
    with town.db.read() as session:
        assert list(retold.differences(session, log.head(session))) == []


def test_the_people_of_the_queue_a_conversation_waits_in(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    with hall.db.write() as session:
        queue = queues.add(session, hall.now, "배송").id
        member.set_members(session, queue, [8, 9])
        assert notices.members(session, {number}) == {}
        conversations.enqueue(session, hall.now, conversations.get(session, number), queue, None)
        assert notices.members(session, {number, 99}) == {number: {8, 9}}


# -- clocks ------------------------------------------------------------------------------------------


def test_an_answer_in_time(town: Hall) -> None:
    number = town.mail_in().conversation_id
    assert due(town, number) == MONDAY + HOUR
    town.now += 30 * MINUTE
    town.reply(number)
    assert results(town, number) == [("first", True, 31 * MINUTE)]
    assert due(town, number) == MONDAY + 9 * HOUR  # the resolution
    town.now += 10 * MINUTE
    town.mail_in(thread=None, text="다시")


def test_a_weekend_does_not_count(town: Hall) -> None:
    town.now = at("2026-11-20 17:29")
    number = town.mail_in().conversation_id
    assert due(town, number) == at("2026-11-23 09:30")
    town.now = at("2026-11-23 09:44")
    town.reply(number)
    assert results(town, number) == [("first", False, 75 * MINUTE)]


def follow(hall: Hall, number: int) -> None:
    """The customer writes again in the same conversation."""
    with hall.db.write() as session:
        one = conversations.get(session, number)
        now = hall.tick()
        conversations.record(
            session, now, one, Name.MESSAGE_RECEIVED, inbox_id=one.inbox_id, channel=one.channel, body="또"
        )
        conversations.reopen(session, now, one)


def test_every_next_answer_has_its_own_clock(town: Hall) -> None:
    number = town.mail_in().conversation_id
    town.reply(number)
    follow(town, number)
    follow(town, number)  # does not begin a second one
    assert due(town, number) == town.now - MINUTE + 2 * HOUR
    town.reply(number)
    assert results(town, number) == [("first", True, MINUTE), ("next", True, 2 * MINUTE)]


def test_notes_and_automatic_answers_are_none(town: Hall) -> None:
    number = town.mail_in().conversation_id
    before = due(town, number)
    does(town, lambda s, n, c, u: conversations.note(s, n, c, "기다림", u), number)
    town.reply(number, words=Words("접수했습니다", subject="Re", automatic=True))
    assert due(town, number) == before
    assert results(town, number) == []


@pytest.mark.parametrize("stop", ["pend", "snooze"])
def test_clocks_stand_still_while_somebody_else_has_the_ball(town: Hall, stop: str) -> None:
    """The matter rests once the customer is answered; one who is not waits for us, snoozed or not."""
    number, unanswered = town.mail_in().conversation_id, town.mail_in("lee@a.example").conversation_id
    promise = due(town, unanswered)
    town.reply(number)
    town.now += 20 * MINUTE
    for one in (number, unanswered):
        if stop == "pend":
            does(town, conversations.pend, one)
        else:
            does(town, conversations.snooze, one, town.now + 3 * HOUR)
    found, before = line(town, number), town.now
    assert found is not None
    assert (found.due_at, found.next_at) == (None, None)
    assert due(town, unanswered) == promise
    town.now += 2 * HOUR
    does(town, conversations.reopen, number)
    assert due(town, number) == MONDAY + 24 * HOUR + (town.now - before), "the hours it rested, of the next working day"


def test_a_message_taken_back_was_no_answer(town: Hall) -> None:
    number = town.mail_in().conversation_id
    before = line(town, number)
    delivery = town.reply(number, not_before=town.now + HOUR)
    assert results(town, number) != []
    with town.db.write() as session:
        outbox.cancel(session, town.tick(), delivery, 7)
    after = line(town, number)
    assert before is not None
    assert after is not None
    assert (after.due_at, after.course) == (before.due_at, before.course)
    assert results(town, number) == []
    assert kept(town) == []


def kept(hall: Hall) -> list[tuple[int, int, datetime, int | None]]:
    """Kept promises as reports count them: row, target, when, contact."""
    with hall.db.read() as session:
        measure = reports.Measure
        query = sa.select(measure).where(measure.kind == int(reports.Kind.KEPT)).order_by(measure.id)
        return [(one.id // 16, one.value or 0, one.at, one.contact_id) for one in session.scalars(query)]


def test_what_was_kept_is_counted_for_reports_and_also_what_was_kept_before(town: Hall) -> None:
    """Late is not kept, nor what nothing was promised for; counting the log anew leaves it as it is."""
    number, late = town.mail_in().conversation_id, town.mail_in("lee@a.example").conversation_id
    town.now += 10 * MINUTE
    town.reply(number)
    with town.db.write() as session:
        conversations.resolve(session, town.tick(), conversations.get(session, number), 7)
    town.now += 3 * HOUR
    town.reply(late)
    assert [met for _, met, _ in results(town, number) + results(town, late)] == [True, True, False]
    counted = kept(town)
    assert [value for _, value, _, _ in counted] == [1, 3]
    assert all(contact is not None for *_, contact in counted)
    reports.read_all(town.db)
    reports.rebuild(town.db)
    reports.read_all(town.db)
    assert kept(town) == counted
    with town.db.write() as session:
        whole = session.execute(sa.select(reports.Measure.__table__).where(reports.Measure.kind == 12)).all()
        session.execute(sa.delete(reports.Measure).where(reports.Measure.kind == int(reports.Kind.KEPT)))
        step = import_module("contact.migrations.versions.0022_kept")
        with Operations.context(MigrationContext.configure(session.connection())):
            step.upgrade()
    with town.db.read() as session:
        again = sa.select(reports.Measure.__table__).where(reports.Measure.kind == 12)
        assert sorted(session.execute(again).all()) == sorted(whole)


def test_resolving_ends_all_and_coming_back_begins_anew(town: Hall) -> None:
    number = town.mail_in().conversation_id
    town.reply(number)
    town.now += 58 * MINUTE
    does(town, conversations.resolve, number)
    assert line(town, number) is None
    assert results(town, number)[1:] == [("resolution", True, 59 * MINUTE)]
    town.now += timedelta(days=1)
    follow(town, number)
    found = line(town, number)
    assert found is not None
    assert (found.target, found.due_at) == ("next", town.now + 2 * HOUR)
    assert set(course.of_kept(found.course).clocks) == {Target.NEXT, Target.RESOLUTION}


def test_resolving_without_an_answer_counts_only_when_it_was_late(town: Hall) -> None:
    one, two = (town.mail_in(f"{name}@a.example").conversation_id for name in "ab")
    does(town, conversations.resolve, one)
    town.now += 2 * HOUR
    does(town, conversations.resolve, two)
    assert [result[:2] for result in results(town, one)] == [("resolution", True)]
    assert sorted(result[:2] for result in results(town, two)) == [("first", False), ("resolution", True)]


def test_a_conversation_we_began_owes_no_first_answer(town: Hall) -> None:
    number = town.mail_in().conversation_id
    with town.db.write() as session:
        known = conversations.get(session, number)
        begun = conversations.open_for(
            session, town.tick(), contact_id=known.contact_id, inbox_id=town.mail, channel="email", user_id=7
        )
    town.reply(begun.id)
    assert due(town, begun.id) is None
    follow(town, begun.id)
    found = line(town, begun.id)
    assert found is not None
    assert found.target == "next"


# -- policies -----------------------------------------------------------------------------------------


def test_the_first_policy_that_applies_is_taken_and_taken_anew(town: Hall) -> None:
    with town.db.write() as session:
        vip = queues.add(session, town.now, "VIP").id
    promised(town, name="VIP", applies={"queues": [vip]}, targets={"first": 10})
    promised(town, name="급함", applies={"priorities": ["urgent"]}, targets={"first": 5})
    with town.db.write() as session:
        for number in (2, 3):
            policy.move(session, policy.get(session, number), up=True)
        policy.move(session, policy.get(session, 2), up=True)
        assert [one.name for one in policy.every(session)] == ["VIP", "급함", "기본"]
    number = town.mail_in().conversation_id
    start = town.now
    assert due(town, number) == start + 60 * MINUTE
    does(town, conversations.prioritise, number, "urgent")
    assert due(town, number) == start + 5 * MINUTE
    does(town, conversations.enqueue, number, vip)
    assert due(town, number) == start + 10 * MINUTE


def test_a_new_policy_leaves_old_clocks_alone(hall: Hall) -> None:
    hall.now = MONDAY
    number = hall.mail_in().conversation_id
    hall.now += timedelta(days=30)
    promised(hall)
    assert due(hall, number) is None
    assert swept(hall, hall.now + timedelta(days=1)) == []
    hall.reply(number)
    assert [result[:2] for result in results(hall, number)] == [("first", None)]


def test_a_change_of_policies_and_hours_moves_what_runs(town: Hall) -> None:
    number = town.mail_in().conversation_id
    start = town.now
    read(town)
    with town.db.write() as session:
        policy.change(session, town.now, policy.get(session, 1), targets={"first": 180})
        clocks.recount(session)
    assert swept(town, town.now) == []
    assert due(town, number) == start + 3 * HOUR
    with town.db.write() as session:
        calendar = business.default(session)
        assert calendar is not None
        business.change(session, town.now, calendar, days=[{"date": "2026-11-16", "name": "창립기념일", "spans": []}])
        clocks.recount(session)
    assert swept(town, town.now) == []
    assert due(town, number) == at("2026-11-17 12:00")


WRONG: list[dict[str, Any]] = [
    {"name": ""},
    {"targets": {}},
    {"targets": {"first": 0}},
    {"targets": {"first": -5}},
    {"targets": {"first": 1_000_000}},
    {"targets": {"last": 5}},
    {"warn": {"percent": 100}},
    {"warn": {"hours": 1}},
    {"applies": {"weather": ["rain"]}},
    {"applies": {"queues": [99]}},
    {"applies": {"priorities": ["huge"]}},
    {"applies": {"channels": "email"}},
    {"calendar_id": 99},
    {"escalation": {"priority": "huge"}},
    {"escalation": {"assignee": 99}},
    {"escalation": {"queue": 99}},
    {"escalation": {"tag": "a,b"}},
    {"escalation": {"shout": True}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_policies_are_refused_with_a_sentence(lite: Hall, wrong: dict[str, Any]) -> None:
    with pytest.raises(HanmaruError, match=r"\w+ .*\."), lite.db.write() as session:
        policy.add(session, lite.now, **{"name": "기본", "targets": {"first": 5}, **wrong})


# -- what falls due -------------------------------------------------------------------------------------


def test_warned_before_and_told_once_when_due(town: Hall) -> None:
    number = town.mail_in().conversation_id
    start = town.now
    assert swept(town, start + 47 * MINUTE) == []
    assert swept(town, start + 49 * MINUTE) == [("service_level.warned", "first")]
    assert swept(town, start + 50 * MINUTE) == []
    with town.db.read() as session:
        assert sweep.next_look(session) == start + HOUR
    assert swept(town, start + HOUR) == []  # right at the due time is in time
    assert swept(town, start + 61 * MINUTE) == [("service_level.breached", "first")]
    assert swept(town, start + 62 * MINUTE) == []
    town.now = start + 70 * MINUTE
    town.reply(number)
    assert [result[:2] for result in results(town, number)] == [("first", False)]


def test_an_answer_the_reader_has_not_seen_yet_is_never_called_late(town: Hall) -> None:
    number = town.mail_in().conversation_id
    read(town)
    town.now += 59 * MINUTE - timedelta(seconds=1)
    town.now = MONDAY + 30 * MINUTE
    town.reply(number)  # not read
    assert swept(town, MONDAY + 2 * HOUR) == []


def test_a_reader_that_stopped_stops_the_sweep(town: Hall) -> None:
    town.mail_in()
    read(town)
    with town.db.write() as session:
        session.get_one(ReaderState, NAME).stopped_at = town.now
    with town.db.write() as session:
        assert sweep.sweep(session, MONDAY + 5 * HOUR) is None


def test_escalation_does_what_the_policy_wants(town: Hall) -> None:
    with town.db.write() as session:
        boss = users.create(session, town.now, email="boss@shop.example", name="팀장", role=users.Role.SUPERVISOR).id
        queue = queues.add(session, town.now, "긴급").id
        wanted = {"priority": "high", "assignee": boss, "queue": queue, "tag": "지연"}
        policy.change(session, town.now, policy.get(session, 1), escalation=wanted, targets={"first": 60})
    number = town.mail_in().conversation_id
    swept(town, town.now + 61 * MINUTE)
    with town.db.read() as session:
        one = conversations.get(session, number)
        assert (one.priority, one.assignee_id, one.queue_id, one.tags) == (2, boss, queue, ["지연"])
        rows = session.scalars(sa.select(Interaction).where(Interaction.conversation_id == number)).all()
        told = next(row for row in rows if row.name == Name.SERVICE_LEVEL_BREACHED)
        assert [row.name for row in rows if row.about_id == told.id] == [
            "conversation.prioritised", "conversation.queued", "conversation.tagged", "conversation.assigned",
        ]  # fmt: skip
        assert told.user_id is None


def test_a_stricter_promise_after_the_alarm_is_no_second_alarm(town: Hall) -> None:
    promised(town, name="급함", applies={"priorities": ["urgent"]}, targets={"first": 5})
    with town.db.write() as session:
        policy.move(session, policy.get(session, 2), up=True)
        policy.change(session, town.now, policy.get(session, 1), escalation={"priority": "urgent"})
    town.mail_in()
    later = town.now + 61 * MINUTE
    assert swept(town, later) == [("service_level.breached", "first")]
    assert swept(town, later + MINUTE) == []


# -- merging ---------------------------------------------------------------------------------------------


def test_a_merged_conversation_gives_its_clock_and_gets_it_back(town: Hall) -> None:
    old = town.mail_in("a@a.example").conversation_id
    asked = town.now
    new = town.mail_in("b@b.example").conversation_id
    town.reply(new)
    own = line(town, new)
    with town.db.write() as session:
        conversations.merge(session, town.tick(), conversations.get(session, old), conversations.get(session, new), 7)
    found = line(town, new)
    assert found is not None
    assert (found.target, found.due_at) == ("next", asked + 2 * HOUR)  # a person of ours has written there
    assert line(town, old) is None
    with town.db.write() as session:
        conversations.unmerge(session, town.tick(), conversations.get(session, old), 7)
    again = line(town, new)
    assert own is not None
    assert again is not None
    assert again.course == own.course
    assert due(town, old) == asked + HOUR


# -- properties -------------------------------------------------------------------------------------------


def derived(session: Session, one: ServiceClock) -> dict[str, Any]:
    return clocks.derive(policy.Policies.of(session), course.of_kept(one.course))


def same_as_the_log(hall: Hall) -> None:
    """Every line and result equals what a replay of the log says."""
    read(hall)
    with hall.db.read() as session:
        head = log.head(session)
        kept = {one.conversation_id: one for one in session.scalars(sa.select(ServiceClock))}
        for one in session.scalars(sa.select(conversations.Conversation)):
            told, ended = retold.told(session, one.id, head)
            line = kept.pop(one.id, None)
            if one.merged_into is not None or told.done:
                assert line is None, one.id
            else:
                assert line is not None, one.id
                assert course.of_kept(line.course) == told
                assert course.kept(told) == line.course
                assert derived(session, line) == {name: getattr(line, name) for name in derived(session, line)}
            if one.merged_into is None:
                rows = session.scalars(sa.select(ServiceResult).where(ServiceResult.conversation_id == one.id))
                found = {(row.target, row.started_id, row.ended_id, row.used, row.met) for row in rows}
                values = [value for end in ended if (value := clocks.result(policy.Policies.of(session), end))]
                assert found == {(v["target"], v["started_id"], v["ended_id"], v["used"], v["met"]) for v in values}
        assert kept == {}


VERBS = ("in", "follow", "reply", "auto", "cancel", "pend", "snooze", "resolve", "reopen", "urgent", "low", "tag",
         "untag", "merge", "unmerge", "note", "assign", "sweep")  # fmt: skip


def act(hall: Hall, dice: random.Random, verb: str, made: list[int]) -> None:
    """One thing somebody does; what is not possible now is refused, as on screen."""
    number = dice.choice(made)
    hall.now += timedelta(seconds=dice.choice((0, 1, 600, 3600, 40_000)))
    if verb == "in" or not made:
        made.append(hall.mail_in(f"c{dice.randrange(9)}@a.example").conversation_id)
    elif verb == "follow":
        with hall.db.read() as session:
            top = conversations.top(session, conversations.get(session, number)).id
        follow(hall, top)
    elif verb in ("reply", "auto"):
        with hall.db.read() as session:
            top = conversations.top(session, conversations.get(session, number)).id
        hall.reply(top, words=Words("답", subject="Re", automatic=verb == "auto"), not_before=hall.now + HOUR)
    elif verb == "cancel":
        with hall.db.write() as session:
            waiting = session.scalars(sa.select(Delivery.id).where(Delivery.state == "queued")).all()
            if waiting:
                outbox.cancel(session, hall.now, dice.choice(waiting), 7)
    elif verb == "merge":
        with hall.db.write() as session:
            two = dice.choice(made)
            conversations.merge(
                session, hall.now, conversations.get(session, number), conversations.get(session, two), 7
            )
    elif verb == "sweep":
        swept(hall, hall.now)
    else:
        verbs: dict[str, tuple[Any, ...]] = {
            "pend": (conversations.pend,), "snooze": (conversations.snooze, hall.now + 5 * HOUR),
            "resolve": (conversations.resolve,), "reopen": (conversations.reopen,),
            "urgent": (conversations.prioritise, "urgent"), "low": (conversations.prioritise, "low"),
            "tag": (conversations.tag, "VIP"), "untag": (conversations.untag, "VIP"),
            "unmerge": (conversations.unmerge,), "assign": (conversations.assign, dice.randrange(1, 4)),
            "note": (lambda s, n, c, u: conversations.note(s, n, c, "메모", u),),
        }  # fmt: skip
        does(hall, verbs[verb][0], number, *verbs[verb][1:])


@pytest.mark.parametrize("seed", range(12))
def test_what_is_kept_equals_a_replay_of_the_log(lite: Hall, seed: int) -> None:
    lite.now = MONDAY - timedelta(days=3)
    promised(lite)
    promised(lite, name="급함", applies={"priorities": ["urgent"]}, targets={"first": 5, "resolution": 100})
    promised(lite, name="VIP", applies={"tags": ["VIP"]}, targets={"next": 5}, warn={"minutes": 2})
    with lite.db.write() as session:
        for number in (2, 3):
            policy.move(session, policy.get(session, number), up=True)
    dice = random.Random(seed)
    made = [lite.mail_in("c0@a.example").conversation_id]
    for turn in itertools.count():
        try:
            act(lite, dice, dice.choice(VERBS), made)
        except HanmaruError:
            continue
        if dice.random() < 0.3:
            read(lite)
        if turn % 40 == 39:
            same_as_the_log(lite)
        if turn >= 120:
            break
    same_as_the_log(lite)
    with lite.db.write() as session:  # and all of it, from nothing
        before = everything(session)
        for table in (ServiceClock, ServiceResult, ReaderState):
            session.execute(sa.delete(table))
    read(lite)
    same_as_the_log(lite)
    with lite.db.read() as session:
        assert everything(session) == before


def verified(hall: Hall) -> list[verify.Difference]:
    with hall.db.read() as session:
        return list(verify.verify(session))


def test_verify_names_clocks_that_are_not_what_the_log_says(lite: Hall) -> None:
    one, two = (lite.mail_in(f"{name}@a.example").conversation_id for name in "ab")
    assert verified(lite) == []
    read(lite)
    assert verified(lite) == []
    with lite.db.write() as session:
        session.get_one(ServiceClock, one).course = course.kept(course.Course(answered=True))
        session.delete(session.get_one(ServiceClock, two))
    assert [(found.thing, found.id) for found in verified(lite)] == [("service level", one), ("service level", two)]
    with lite.db.write() as session:
        for number in (one, two):
            retold.refold(session, number, log.head(session))
    assert verified(lite) == []


def everything(session: Session) -> tuple[list[Any], list[Any]]:
    head = log.head(session)
    lines = session.execute(sa.select(ServiceClock.__table__).order_by(ServiceClock.conversation_id)).all()
    merged = sa.select(conversations.Conversation.id).where(conversations.Conversation.merged_into.is_not(None))
    columns = [column for column in ServiceResult.__table__.columns if column.name != "id"]
    query = sa.select(*columns).where(ServiceResult.conversation_id.not_in(merged))
    assert head
    return [tuple(one) for one in lines], sorted(tuple(map(str, one)) for one in session.execute(query))


runs = st.lists(st.integers(1, 10 * 86_400), min_size=1, max_size=7)


@settings(max_examples=300, deadline=None)
@given(some_hours(), instants, runs, amounts)
def test_a_promise_is_due_when_exactly_so_much_working_time_has_run(
    hours: Hours, start: datetime, lengths: list[int], allowed: timedelta
) -> None:
    """Over changes of the clock, month ends and pauses."""
    marks = [start, *(start + timedelta(seconds=sum(lengths[: n + 1])) for n in range(len(lengths)))]
    spans: list[tuple[datetime, datetime | None]] = list(zip(marks[::2], marks[1::2], strict=False))
    if len(marks) % 2:
        spans.append((marks[-1], None))
    one = Clock(start, 1, tuple(spans))
    when = promise.due(one, Promise(allowed, None, hours, 1, None))
    total = promise.used(one, hours, marks[-1])
    if when is None:
        assert not one.running
        assert total < allowed
    else:
        assert promise.used(one, hours, when) == allowed
        assert promise.used(one, hours, when - timedelta(microseconds=1)) < allowed


@settings(max_examples=100, deadline=None)
@given(instants, st.lists(st.integers(0, 10**6), max_size=6))
def test_courses_are_kept_to_the_microsecond(start: datetime, lengths: list[int]) -> None:
    one = Clock(start, 3)
    for n, length in enumerate(lengths):
        start += timedelta(microseconds=length)
        one = one.resumed(start) if n % 2 else one.paused(start)
    kept = course.Course(clocks={Target.FIRST: one}, facts=course.Facts("email", 1, None, 2, ("a",)))
    assert course.of_kept(course.kept(kept)) == kept


def test_round_the_clock_without_a_calendar(lite: Hall) -> None:
    with lite.db.write() as session:
        policy.add(session, lite.now, name="24시간", targets={"first": 60})
        assert policy.Policies.of(session).hours[None] is ALWAYS
    number = lite.mail_in().conversation_id
    assert due(lite, number) == lite.now + HOUR


def test_names_are_checked_once_more(lite: Hall) -> None:
    with lite.db.write() as session, pytest.raises(Invalid):
        policy.add(session, datetime.now(UTC), name="x" * 81, targets={"first": 1})


@pytest.fixture
def bare(tmp_path: Path, _template: Path) -> Iterator[House]:
    made = house(tmp_path / "data", _template)
    yield made
    made.close()


def test_the_worker_wakes_at_the_due_time_without_being_told(bare: House, tmp_path: Path) -> None:
    """A promise of a minute that began 59 seconds ago: the part sleeps until it is due, and says so."""
    hall = Hall(bare.db, tmp_path, now=datetime.now(UTC) - 2 * MINUTE)
    with bare.db.write() as session:
        policy.add(session, hall.now, name="1분", targets={"first": 1}, warn={})
    hall.now += timedelta(seconds=1)
    number = hall.mail_in().conversation_id
    due_at = due(hall, number)
    told = asyncio.run(_swept(bare.service))
    assert due_at is not None
    assert told > due_at


async def _swept(service: Service) -> datetime:
    context = Context(service)
    part = asyncio.create_task(sweep.run(context))
    query = sa.select(Interaction.at).where(Interaction.name == Name.SERVICE_LEVEL_BREACHED.value)
    async with asyncio.timeout(30):
        while (at := await context.read(lambda session: session.scalar(query))) is None:
            await asyncio.sleep(0.05)
    context.end()
    await part
    context.close()
    return at
