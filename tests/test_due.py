"""Whose turn it is: an agent's reply before any bulk, and nobody is read past who must wait."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from hall_kit import Hall
from test_pace import waiting

from contact import consent, directory, inbox, outbox
from contact.messages import AddressKind, Wish
from contact.outbox import BULK, REPLY, Begun, Delivery, Hands, due, take
from contact.prepared import Prepared

MANY = 100_000
COPIES = sa.text("""
    INSERT INTO delivery (interaction_id, conversation_id, inbox_id, address_id, channel, state, message_id, automatic,
                          priority, created_at, next_at, expires_at, attempts, code, reason)
    SELECT 1, conversation_id, :inbox, address_id, channel, 'queued', 'many-' || :inbox || '-' || n, automatic,
           :priority, created_at, next_at, expires_at, 0, '', ''
    FROM delivery, (WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :many)
                    SELECT n FROM series) AS series
    WHERE delivery.id = :number
""")


def promise_many(hall: Hall, many: int = MANY, priority: int = BULK, box: int = 0) -> None:
    """So many copies of one message that is due now."""
    with hall.db.write() as session:
        session.execute(sa.insert(Delivery).values(waiting(hall, hall.now, f"one-{box}@d", priority=priority)))
        number = session.scalar(sa.select(sa.func.max(Delivery.id)))
        values = {"inbox": box or hall.mail, "priority": priority, "many": many, "number": number}
        session.execute(COPIES, values)
        session.execute(sa.delete(Delivery).where(Delivery.id == number))
    with hall.db.write() as session:
        session.execute(sa.text("ANALYZE"))


def begin(hall: Hall, most: int = 4, **more: int) -> list[Begun]:
    with hall.db.write() as session:
        hands = Hands(most={"email": most}, busy={("email", name): n for name, n in more.items()})
        return outbox.begin_due(session, lambda: hall.now, "w", hands).begun


def add(hall: Hall, address: str, provider: str = "email") -> int:
    with hall.db.write() as session:
        return inbox.add(session, hall.now, "email", address, address, provider=provider).id


def test_a_reply_overtakes_a_hundred_thousand(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    promise_many(hall)
    assert len(begin(hall)) == 4
    reply = hall.reply(talk)
    later = hall.reply(talk, not_before=hall.now + timedelta(minutes=5))
    assert begin(hall, 1)[0].number == reply
    with hall.db.read() as session:
        kinds = {one.number: session.get_one(Delivery, one.number).priority for one in begin(hall, 3)}
    assert set(kinds.values()) == {BULK}, "the one that is not due yet holds up nothing"
    hall.tick(400)
    assert begin(hall, 1)[0].number == later


def test_a_full_lane_hides_nobody(hall: Hall) -> None:
    """A hundred thousand of an inbox whose provider has no hand free, one of another, one of a third that is paused."""
    hall.mail_in()
    other, paused = add(hall, "two@shop.example", "north"), add(hall, "three@shop.example")
    promise_many(hall, priority=REPLY)
    with hall.db.write() as session:
        inbox.pause(session.get_one(inbox.Inbox, paused), "wrong password")
        session.execute(
            sa.insert(Delivery),
            [
                waiting(hall, hall.now, "b@d", inbox_id=paused),
                waiting(hall, hall.now, "c@d", inbox_id=other, priority=9),
            ],
        )
    assert [one.inbox_id for one in begin(hall, 4, email=4)] == [other]


def test_by_priority_over_the_inboxes_of_a_lane(hall: Hall) -> None:
    hall.mail_in()
    other = add(hall, "two@shop.example")
    with hall.db.write() as session:
        rows = [waiting(hall, hall.now, f"{box}-{n}@d", inbox_id=box, priority=n) for box in (hall.mail, other)
                for n in (0, 1, 5)]  # fmt: skip
        session.execute(sa.insert(Delivery), rows)
    with hall.db.read() as session:
        order = [session.get_one(Delivery, one.number).priority for _ in range(3) for one in begin(hall, 2)]
    assert order == [0, 0, 1, 1, 5, 5]


def plan_of(hall: Hall, statement: Prepared, values: dict[str, object]) -> str:
    """How the database would run the very text that we hand to its driver."""
    how = "EXPLAIN QUERY PLAN" if hall.db.is_sqlite else "EXPLAIN"
    with hall.db.read() as session:
        statement.rows(session, values)
        ready = statement._ready[session.connection().dialect]
        cursor = session.connection().connection.cursor()
        cursor.execute(f"{how} {ready.sql}", ready.parameters(values))
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_it_jumps_along_the_index(hall: Hall) -> None:
    """From head to head and from the head on: neither statement reads what waits behind."""
    hall.mail_in()
    promise_many(hall, 20_000)
    promise_many(hall, 20_000, priority=REPLY, box=add(hall, "two@shop.example"))
    heads = plan_of(hall, due._HEADS, {})
    told = plan_of(hall, take._BEHIND, {"inbox": hall.mail, "priority": BULK, "now": hall.now, "most": 4})
    if hall.db.is_sqlite:
        assert heads.count("ix_delivery_lane") == 3
        assert "ix_delivery_lane (inbox_id=? AND priority>?)" in heads
        assert "ix_delivery_lane (inbox_id>?)" in heads
        assert "ix_delivery_lane (inbox_id=? AND priority=? AND next_at<?)" in told
        assert "TEMP B-TREE" not in told
    else:
        assert heads.count("using ix_delivery_lane") == 3
        assert "Index Cond: ((inbox_id = one.inbox_id) AND (priority > one.priority))" in heads
        assert "Index Cond: (inbox_id > one.inbox_id)" in heads
        assert "Seq Scan on delivery" not in heads + told
        assert "using ix_delivery_lane" in told
        assert "Sort Key: delivery." not in told
    if hall.db.is_sqlite:
        with hall.db.read() as session:
            late = session.execute(sa.text("EXPLAIN QUERY PLAN SELECT id FROM delivery WHERE state = 'queued' "
                                           "AND next_at <= '2026' AND expires_at <= '2026'")).all()  # fmt: skip
        assert "ix_delivery_expires" in str(late)


def test_one_that_nobody_wants_any_more_is_put_aside(hall: Hall) -> None:
    """In the statement that takes them: whoever said no a moment ago gets nothing, and others leave in its place."""
    talk = hall.mail_in().conversation_id
    refused, other = hall.reply(talk), hall.reply(hall.mail_in("lee@b.example").conversation_id)
    with hall.db.write() as session:
        address = directory.find(session, AddressKind.EMAIL, "kim@a.example")
        assert address is not None
        for given in (False, True, False):
            consent.record(session, hall.tick(), address, Wish(given, "agent"), channel="email")
    with hall.db.write() as session:
        taken = outbox.begin_due(session, lambda: hall.now, "w", Hands(most={"email": 4}))
        assert ([one.number for one in taken.begun], taken.refused) == ([other], [refused])
    assert begin(hall) == []
    with hall.db.write() as session:
        outbox.hold(session, hall.now, taken.refused)
    with hall.db.read() as session:
        held = session.get_one(Delivery, refused)
        assert (held.state, held.lease_owner, held.attempts) == ("held", None, 0)


def test_looking_takes_nothing_and_says_when_to_look_again(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    hands = Hands(most={"email": 4}, live=("chat",))

    def look() -> outbox.Plan:
        with hall.db.read() as session:
            return outbox.plan(session, lambda: hall.now, hands)

    assert (look().turns, look().look_at) == ([], None)
    hall.reply(talk, not_before=hall.now + timedelta(hours=2))
    soon = hall.reply(talk, not_before=hall.now + timedelta(hours=1))
    with hall.db.read() as session:
        assert look().look_at == session.get_one(Delivery, soon).next_at
    hall.reply(hall.chat_in().conversation_id, not_before=hall.now + timedelta(seconds=90))
    assert not look().live
    hall.tick(100)
    assert (look().live, look().turns) == (True, [])
    hall.tick(3600)
    assert [turn.head.inbox_id for turn in look().turns] == [hall.mail]
    assert begin(hall), "looking took nothing"


def test_priority_is_what_put_was_told(lite: Hall) -> None:
    talk = lite.mail_in().conversation_id
    with lite.db.read() as session:
        numbers = [lite.reply(talk), lite.reply(talk, priority=BULK)]
        assert [session.get_one(Delivery, number).priority for number in numbers] == [REPLY, BULK]
