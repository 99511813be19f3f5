"""What the log measures: rules one by one, and any history against a second opinion that knows the end."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact import conversation as conversations
from contact import erasure, log, outbox
from contact.conversation import Conversation
from contact.errors import HanmaruError
from contact.log import Interaction, Name
from contact.messages import Nature, Thread
from contact.outbox import Delivery, Words
from contact.response.reports import READER, Kind, Measure, Measured, read_all, rebuild
from contact.response.reports.measure import KINDS, ONCE, SLOT
from contact.response.reports.talk import micros


def measures(hall: Hall, *kinds: Kind, hidden: bool | None = False) -> list[Measure]:
    read_all(hall.db)
    query = sa.select(Measure).order_by(Measure.id)
    query = query.where(Measure.kind.in_(kinds)) if kinds else query
    query = query if hidden is None else query.where(Measure.hidden == hidden)
    with hall.db.read() as session:
        return list(session.scalars(query))


def values(hall: Hall, kind: Kind) -> list[float]:
    return [(one.value or 0) / 1000 for one in measures(hall, kind)]


def do(hall: Hall, verb: str, number: int, *more: Any, **named: Any) -> None:
    with hall.db.write() as session:
        getattr(conversations, verb)(session, hall.tick(), conversations.get(session, number), *more, **named)


def more(hall: Hall, talk: int, text: str) -> None:
    """The same customer goes on."""
    hall.mail_in(text=text, thread=Thread(token=talk))


def say(hall: Hall, number: int, name: str, user_id: int | None = None, **data: Any) -> None:
    """A row of a part of the house that is not here."""
    with hall.db.write() as session:
        one = conversations.get(session, number)
        word = StrEnum("Word", {"ROW": name}).ROW  # type: ignore[misc,attr-defined]
        conversations.record(session, hall.tick(), one, word, user_id=user_id, data=data)


def cancel(hall: Hall, delivery: int) -> None:
    with hall.db.write() as session:
        outbox.cancel(session, hall.tick(), delivery, 7)


@pytest.fixture
def talk(hall: Hall) -> int:
    return hall.mail_in().conversation_id


def undo(hall: Hall) -> float:
    """Seconds in which an answer can be taken back: they are part of the wait."""
    with hall.db.read() as session:
        row = session.scalars(sa.select(Interaction).where(Interaction.name == Name.MESSAGE_QUEUED.value)).first()
    assert row is not None
    return (datetime.fromisoformat(row.data["due"]) - row.at).total_seconds()


def test_the_first_answer_and_the_next(hall: Hall, talk: int) -> None:
    more(hall, talk, "아직인가요?")
    hall.reply(talk)
    hall.reply(talk, "덧붙임")
    more(hall, talk, "감사합니다")
    hall.reply(talk, "또", user_id=8)
    late = undo(hall)
    assert values(hall, Kind.FIRST) == [120 + late]
    assert values(hall, Kind.NEXT) == [60 + late]
    assert [(one.agent_id, one.channel, one.inbox_id) for one in measures(hall, Kind.FIRST, Kind.NEXT)] == [
        (7, "email", hall.mail),
        (8, "email", hall.mail),
    ]
    assert [len(measures(hall, kind)) for kind in (Kind.IN, Kind.OUT, Kind.OPENED, Kind.OPEN)] == [3, 3, 1, 1]


def test_an_automatic_answer_is_none(hall: Hall, talk: int) -> None:
    hall.reply(talk, words=Words("받았습니다", subject="Re", automatic=True), user_id=None)
    assert not measures(hall, Kind.FIRST, Kind.OUT)
    assert len(measures(hall, Kind.AUTO)) == 1
    hall.reply(talk)
    assert values(hall, Kind.FIRST) == [120 + undo(hall)]


def test_a_message_taken_back_never_was(hall: Hall, talk: int) -> None:
    first = hall.reply(talk)
    do(hall, "resolve", talk, 7, about_id=_row(hall, first))
    assert len(measures(hall, Kind.FIRST)) == len(measures(hall, Kind.RESOLVED)) == 1
    cancel(hall, first)
    assert not measures(hall, Kind.FIRST, Kind.OUT, Kind.RESOLVED)
    assert len(measures(hall, Kind.OPEN)) == 1
    hall.reply(talk, "besser", user_id=9)
    assert [(one.agent_id, one.value) for one in measures(hall, Kind.FIRST)] == [(9, int((240 + undo(hall)) * 1000))]


def _row(hall: Hall, delivery: int) -> int:
    with hall.db.read() as session:
        return session.get_one(Delivery, delivery).interaction_id


def test_resolved_opened_again_and_resolved(hall: Hall, talk: int) -> None:
    do(hall, "resolve", talk, 7)
    more(hall, talk, "noch etwas")
    hall.reply(talk)
    do(hall, "resolve", talk, 8)
    resolved = measures(hall, Kind.RESOLVED)
    assert [(one.agent_id, one.returned, one.value) for one in resolved] == [(7, True, 60_000), (8, False, 120_000)]
    assert not measures(hall, Kind.OPEN)
    assert len(measures(hall, Kind.OPENED)) == 1


def test_nobodys_work_is_no_conversation(hall: Hall) -> None:
    taken = hall.mail_in("out@of.example", nature=Nature.AUTO_REPLY)
    assert measures(hall) == []
    with hall.db.write() as session:
        conversations.reopen(session, hall.tick(), conversations.get(session, taken.conversation_id))
    assert measures(hall) == []


def test_a_merged_conversation_counts_once_and_its_wait_goes_on(hall: Hall, talk: int) -> None:
    other = hall.chat_in().conversation_id
    do_merge(hall, talk, other)
    hall.reply(other)
    assert [one.conversation_id for one in measures(hall, Kind.OPENED)] == [other]
    assert values(hall, Kind.FIRST) == [180.0]  # since the mail; a chat leaves at once
    assert len(measures(hall, Kind.IN)) == 2
    with hall.db.write() as session:
        conversations.unmerge(session, hall.tick(), conversations.get(session, talk), 7)
    assert [one.conversation_id for one in measures(hall, Kind.OPENED)] == [talk, other]


def do_merge(hall: Hall, loser: int, winner: int) -> None:
    with hall.db.write() as session:
        one, other = (conversations.get(session, number) for number in (loser, winner))
        conversations.merge(session, hall.tick(), one, other, 7)


def test_the_last_rating_since_it_was_opened_counts(hall: Hall, talk: int) -> None:
    hall.reply(talk)
    do(hall, "resolve", talk, 7)
    say(hall, talk, "chat.rated", score=2)
    say(hall, talk, "satisfaction.rated", score=4)
    assert [(one.value, one.agent_id) for one in measures(hall, Kind.SCORE)] == [(4, 7)]
    more(hall, talk, "again")
    say(hall, talk, "satisfaction.rated", score=1)
    say(hall, talk, "satisfaction.rated", score="x")
    first, second = measures(hall, Kind.SCORE)
    assert (first.value, second.value) == (4, 1)
    say(hall, talk, "satisfaction.rated", score=5, agent=9, instead_of=first.id // KINDS)
    assert [(one.value, one.agent_id) for one in measures(hall, Kind.SCORE)] == [(5, 9)]


def test_what_colleagues_write_is_counted(hall: Hall, talk: int) -> None:
    say(hall, talk, "service_level.breached", target="next")
    say(hall, talk, "service_level.breached", target="of tomorrow")
    say(hall, talk, "satisfaction.asked")
    assert [one.value for one in measures(hall, Kind.BREACHED)] == [2, 0]
    assert len(measures(hall, Kind.ASKED)) == 1


def test_what_was_before_the_first_queue_counts_for_it(hall: Hall, talk: int) -> None:
    hall.reply(talk)
    for queue in (3, 5, None):
        do(hall, "enqueue", talk, queue, 7)
    more(hall, talk, "more")
    told = {(one.kind, one.queue_id) for one in measures(hall)}
    assert told >= {(Kind.IN, 3), (Kind.FIRST, 3), (Kind.OPENED, 3), (Kind.OPEN, None), (Kind.IN, None)}


def test_an_erased_person_stays_countable(hall: Hall, talk: int) -> None:
    hall.reply(talk)
    with hall.db.write() as session:
        contact = conversations.get(session, talk).contact_id
        conversations.resolve(session, hall.tick(), conversations.get(session, talk), 7)
    before = [one.id for one in measures(hall)]
    with hall.db.write() as session:
        for delivery in session.scalars(sa.select(Delivery)):
            delivery.state = "delivered"  # it has left
        erasure.erase(session, hall.tick(), contact, 1)
    assert [one.id for one in measures(hall)] == before
    assert image(hall) == again(hall)


def test_a_row_read_twice_changes_nothing(hall: Hall, talk: int) -> None:
    hall.reply(talk)
    do(hall, "resolve", talk, 7)
    before = image(hall)
    with hall.db.write() as session:
        for row in session.scalars(sa.select(Interaction).order_by(Interaction.id)):
            READER.read(session, row)
    assert image(hall) == before


def test_an_answer_to_be_sent_later_is_given_when_it_leaves(hall: Hall, talk: int) -> None:
    hall.reply(talk, not_before=hall.now + timedelta(hours=5))
    (first,) = measures(hall, Kind.FIRST)
    assert first.value == 5 * 3_600_000
    assert first.slot == micros(first.at) // (SLOT * 1_000_000)


# -- any history -----------------------------------------------------------------------------------


def image(hall: Hall) -> list[tuple[Any, ...]]:
    read_all(hall.db)
    with hall.db.read() as session:
        rows = session.execute(sa.select(*Measure.__table__.columns).order_by(Measure.id))
        talks = session.execute(sa.select(*Measured.__table__.columns).order_by(Measured.conversation_id))
        return [*(tuple(row) for row in rows), *((*row[:2], str(row[2])) for row in talks)]


def again(hall: Hall) -> list[tuple[Any, ...]]:
    rebuild(hall.db)
    with hall.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Measure)) == 0
    return image(hall)


class Second:
    """The second opinion: all rows at once, so that it knows from the start what will be taken back."""

    def __init__(self, rows: list[Interaction]) -> None:
        gone = {row.about_id for row in rows if row.name == "delivery.cancelled"}
        self.rows = [row for row in rows if row.id not in gone and row.about_id not in gone | {0}]
        self.made: dict[int, dict[str, Any]] = {}
        self.of: dict[int, dict[str, Any]] = defaultdict(
            lambda: {"waits": {}, "open": None, "in": None, "queue": None, "agent": None, "said": False, "writer": None}
        )
        for row in self.rows:
            if row.conversation_id:
                self.step(row, self.of[row.conversation_id])
        for one in self.made.values():
            one["hidden"] = one["kind"] in ONCE and self.of[one["talk"]]["in"] is not None

    def put(self, row: Interaction, kind: Kind, agent: int | None, value: int | None = None) -> None:
        self.made[row.id * KINDS + kind] = {
            "kind": kind, "talk": row.conversation_id, "agent": agent, "value": value, "returned": False,
            "queue": self.of[row.conversation_id or 0]["queue"],
        }  # fmt: skip

    def step(self, row: Interaction, talk: dict[str, Any]) -> None:
        match row.name:
            case "message.received":
                self.began(row, talk)
                self.put(row, Kind.IN, talk["agent"])
                talk["waits"].setdefault(row.conversation_id, row.at)
            case "message.queued" if row.user_id is None or "automatic" in row.data:
                self.put(row, Kind.AUTO, row.user_id)
            case "message.queued":
                self.began(row, talk)
                self.put(row, Kind.OUT, row.user_id)
                if talk["waits"]:
                    left = datetime.fromisoformat(row.data["due"])
                    took = (max(left, row.at) - min(talk["waits"].values())) // timedelta(milliseconds=1)
                    self.put(row, Kind.NEXT if talk["writer"] else Kind.FIRST, row.user_id, took)
                talk["waits"], talk["writer"] = {}, row.user_id
            case "conversation.resolved":
                if talk["open"]:
                    since = talk.pop("open")
                    del self.made[since.id * KINDS + Kind.OPEN]
                    agent = row.user_id or talk["agent"] or talk["writer"]
                    self.put(row, Kind.RESOLVED, agent, (row.at - since.at) // timedelta(milliseconds=1))
                    talk["closed"] = row
                talk["waits"], talk["open"] = {}, None
            case "conversation.reopened" | "conversation.woken" | "conversation.pending" | "conversation.snoozed" if (
                talk["said"] and not talk["open"]
            ):
                self.made[talk["closed"].id * KINDS + Kind.RESOLVED]["returned"] = True
                self.opens(row, talk)
            case "conversation.queued":
                talk["queue"] = row.data["queue"]
                if talk["queue"] and not talk.get("sorted"):
                    talk["sorted"] = True
                    for one in self.made.values():
                        if one["talk"] == row.conversation_id and one["queue"] is None:
                            one["queue"] = talk["queue"]
                self.moved(talk)
            case "conversation.assigned":
                talk["agent"] = row.data["assignee"]
                if talk["agent"] and not talk.get("given"):
                    talk["given"] = True
                    for one in self.made.values():
                        if one["talk"] == row.conversation_id and one["kind"] in (Kind.IN, Kind.OPENED):
                            one["agent"] = one["agent"] or talk["agent"]
                if talk["agent"]:
                    self.put(row, Kind.TAKEN, talk["agent"])
                self.moved(talk)
            case "chat.rated":
                self.made.pop(talk.get("score", 0), None)
                talk["score"] = row.id * KINDS + Kind.SCORE
                self.put(row, Kind.SCORE, talk["writer"] or talk["agent"], row.data["score"])
            case "conversation.merged":
                talk["in"] = row.data["into"]
                if talk["waits"]:
                    self.of[row.data["into"]]["waits"][row.conversation_id] = min(talk["waits"].values())
            case "conversation.unmerged":
                talk["in"] = None
                self.of[row.data["from"]]["waits"].pop(row.conversation_id, None)

    def began(self, row: Interaction, talk: dict[str, Any]) -> None:
        if not talk["said"]:
            talk["said"] = True
            self.put(row, Kind.OPENED, talk["agent"])
            self.opens(row, talk)

    def opens(self, row: Interaction, talk: dict[str, Any]) -> None:
        self.put(row, Kind.OPEN, talk["agent"])
        talk["open"], talk["score"] = row, 0

    def moved(self, talk: dict[str, Any]) -> None:
        if talk["open"]:
            self.made[talk["open"].id * KINDS + Kind.OPEN].update(queue=talk["queue"], agent=talk["agent"])


DEEDS = ("mail", "chat", "reply", "reply", "auto", "cancel", "cancel", "resolve", "reopen", "pend", "snooze",
         "assign", "queue", "rate", "merge", "unmerge", "away")  # fmt: skip


def live(hall: Hall, deed: str, choice: int) -> None:
    """One thing that happens in a house; what is not possible now is left."""
    with hall.db.read() as session:
        talks = session.scalars(sa.select(Conversation.id).order_by(Conversation.id)).all()
        waiting = session.scalars(sa.select(Delivery.id).where(Delivery.state == "queued").order_by(Delivery.id)).all()
    number = talks[choice % len(talks)] if talks else 0
    who = f"{'abc'[choice % 3]}@x.example"
    user = choice % 2 + 7
    if deed in ("mail", "chat") or not talks:
        if deed == "chat":
            hall.chat_in(f"visitor-{choice % 2:010d}")
        else:
            hall.mail_in(who, thread=Thread(token=number) if number and choice % 4 else None)
    elif deed == "away":
        hall.mail_in(who, nature=Nature.AUTO_REPLY, thread=Thread(token=number) if choice % 2 else None)
    elif deed == "reply":
        delivery = hall.reply(number, user_id=user)
        if choice % 3 == 0:
            with hall.db.read() as session:
                row = session.get_one(Interaction, session.get_one(Delivery, delivery).interaction_id)
            do(hall, "resolve", row.conversation_id or 0, user, about_id=row.id)
    elif deed == "auto":
        hall.reply(number, words=Words("auto", automatic=True), user_id=None)
    elif deed == "cancel":
        if waiting:
            cancel(hall, waiting[choice % len(waiting)])
    elif deed == "merge":
        do_merge(hall, number, talks[(choice // 7) % len(talks)])
    else:
        given: dict[str, tuple[Any, ...]] = {
            "snooze": (hall.now + timedelta(days=1), user), "assign": (user if choice % 3 else None, user),
            "queue": (choice % 3 or None, user), "rate": (),
        }  # fmt: skip
        if deed == "rate":
            say(hall, number, "chat.rated", score=choice % 5 + 1)
        else:
            do(hall, {"queue": "enqueue"}.get(deed, deed), number, *given.get(deed, (user,)))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    deeds=st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 60)), min_size=3, max_size=28),
    every=st.integers(1, 9),
)
def test_any_history_is_counted_as_one_who_knows_the_end_would(
    new_db: Any, tmp_path: Any, deeds: Any, every: int
) -> None:
    hall = Hall(new_db("sqlite"), tmp_path)
    for place, (deed, choice) in enumerate(deeds):
        with contextlib.suppress(HanmaruError):  # what is not possible now
            live(hall, deed, choice)
        if place % every == 0:
            read_all(hall.db, 3)
    before = image(hall)
    assert again(hall) == before
    with hall.db.read() as session:
        told = Second(list(log.replay(session)))
        found = {
            one.id: {
                "kind": one.kind, "talk": one.conversation_id, "agent": one.agent_id, "value": one.value,
                "returned": one.returned, "queue": one.queue_id, "hidden": one.hidden,
            }
            for one in session.scalars(sa.select(Measure))
        }  # fmt: skip
    assert found == told.made
    hall.db.close()
