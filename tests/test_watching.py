"""Failed work that grows is told once; what broke together is decided together; work that failed runs again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from desk_kit import Town, furnish
from hall_kit import Hall
from hypothesis import given
from hypothesis import strategies as st
from page_kit import browse
from people_kit import HASH, House
from post_office import PostOffice
from real import wait_for
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contact import alarms, floods, following, inbox, intake, jobs, raw, watching
from contact.db import utcnow
from contact.desk import causes
from contact.desk.causes import SPAN, grouped
from contact.directory import Address, reach
from contact.following import ReaderState
from contact.jobs import Clock, Job, JobRun
from contact.messages import Envelope
from contact.outbox import Delivery
from contact.users import User
from contact.users.audit import AuditRow
from contact.worker import Context


def furnished(home: House) -> Town:
    town = furnish(home.service)
    with home.db.write() as session:
        session.execute(update(User).values(password_hash=HASH, language="en"))
    return town


NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def names(session: Session) -> list[str]:
    return [one.name for one in alarms.ringing(session)]


def broken(hall: Hall, count: int, state: str = "unknown", reason: str = "The connection broke.") -> list[int]:
    """Deliveries that ended so just now."""
    now = hall.now
    talk = hall.mail_in().conversation_id
    made = [hall.reply(talk, f"words {number}") for number in range(count)]
    hall.now = now  # each of these took a minute
    with hall.db.write() as session:
        values = {"state": state, "reason": reason, "settled_at": hall.now}
        session.execute(update(Delivery).where(Delivery.id.in_(made)).values(values))
    return made


def test_a_reader_that_stops_is_told_at_once_and_until_it_runs(hall: Hall) -> None:
    with hall.db.write() as session:
        session.add(ReaderState(name="rules", position=3, stopped_at=hall.now, error="row 4: KeyError"))
        session.flush()
        for _ in range(3):
            watching.look(session, hall.now)
        assert names(session) == ["reader:rules"]
        following.restart_reader(session, "rules")
        watching.look(session, hall.now)
        assert names(session) == []


def test_growth_is_told_once_and_again_only_after_it_was_quiet(hall: Hall) -> None:
    def look() -> list[str]:
        with hall.db.write() as session:
            watching.look(session, hall.now)
            return names(session)

    broken(hall, watching.GROWN - 1, "failed")
    assert look() == []
    broken(hall, 1, "failed")
    assert look() == ["growth:failed"]
    with hall.db.read() as session:
        first = alarms.ringing(session)[0].id
    hall.tick(watching.LATELY.total_seconds() + 1)
    broken(hall, watching.QUIET + 1, "failed")
    assert look() == ["growth:failed"], "fewer, but not quiet yet"
    hall.tick(watching.LATELY.total_seconds() + 1)
    broken(hall, watching.QUIET, "failed")
    assert look() == []
    broken(hall, watching.GROWN, "failed")
    assert look() == ["growth:failed"]
    with hall.db.read() as session:
        assert alarms.ringing(session)[0].id > first


def test_kinds_are_counted_apart_and_old_ones_not_at_all(hall: Hall) -> None:
    broken(hall, 4, "failed")
    broken(hall, 5, "unknown")
    broken(hall, 6, "held")
    with hall.db.read() as session:
        assert watching.grown(session, hall.now) == {"unknown": 5, "failed": 4, "unread": 0}
        assert watching.grown(session, hall.now + watching.LATELY) == {"unknown": 0, "failed": 0, "unread": 0}
        assert set(watching.oldest(session)) == {"messages"}


def test_what_one_crash_left_behind_is_decided_at_once(hall: Hall) -> None:
    crash = broken(hall, 5)
    hall.tick(SPAN.total_seconds() * 2)
    other = broken(hall, 2)
    broken(hall, 1, reason="Another thing.")
    with hall.db.read() as session:
        found = causes.of_unknown(session)
    assert [sorted(one.ids) for one in found] == [other, crash]
    with hall.db.write() as session:
        session.execute(update(Delivery).where(Delivery.id == crash[0]).values(state="wired"))  # decided meanwhile
    with hall.db.write() as session:
        assert causes.decide(session, hall.now, [*crash, 99_999], "lost", 1) == 4
    with hall.db.read() as session:
        states = dict(iter(session.execute(select(Delivery.id, Delivery.state))))
        assert [states[number] for number in crash] == ["wired", *["failed"] * 4]
        assert [states[number] for number in other] == ["unknown"] * 2
    with hall.db.write() as session:
        assert causes.decide(session, hall.now, other, "retry", 1) == 2
        assert causes.of_unknown(session) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["a", "b"]), st.timedeltas(timedelta(0), timedelta(days=1))),
        max_size=40,
    )
)
def test_every_delivery_has_one_cause_and_no_cause_a_gap(rows: list[tuple[int, str, timedelta]]) -> None:
    given_ = [(number, box, why, NOON + after) for number, (box, why, after) in enumerate(rows)]
    at = {number: when for number, _, _, when in given_}
    found = grouped(given_)
    assert sorted(number for one in found for number in one.ids) == sorted(at)
    for one in found:
        times = sorted(at[number] for number in one.ids)
        assert all(b - a <= SPAN for a, b in pairwise(times))
        assert (one.earliest, one.latest) == (times[0], times[-1])


async def _nothing(_context: Context, _slot: datetime) -> None: ...


def test_work_that_failed_runs_again_when_a_person_wants_it(office: PostOffice) -> None:
    """Without its daily slot having come: the clock looks for it every two seconds."""
    ran: list[datetime] = []

    async def run(_context: Context, slot: datetime) -> None:
        ran.append(slot)
        if len(ran) == 1:
            raise OSError("disk full")

    service = office.service
    with service.db.write() as session:
        for name in ("daily", "daily", "no such job"):
            jobs.want(session, name, "user 1", NOON)
        assert jobs.last_slot(session, "daily") is None, "it counts as no slot of its own"
    office.open(Clock([Job("daily", run, crontab="0 0 1 1 *"), Job("other", _nothing, every=timedelta(days=9))]).run)
    wait_for(lambda: _error(office) == "OSError: disk full", what="the first run")
    with service.db.write() as session:
        jobs.want(session, "daily", "user 1", NOON)
    wait_for(lambda: _error(office) == "", what="the second run")
    assert len(ran) == 2
    assert office.one(lambda session: jobs.wanted(session, ["daily"])) == []


def _error(office: PostOffice) -> str | None:
    query = select(JobRun.error).where(JobRun.job == "daily", JobRun.ended_at.is_not(None))
    return office.one(lambda session: session.scalar(query.order_by(JobRun.slot.desc()).limit(1)))  # type: ignore[no-any-return]


def test_the_page_shows_alarms_causes_and_their_decisions(home: House) -> None:
    town = furnished(home)
    talk = next(iter(town.talks.values()))
    made = [town.shop.reply(talk, town.mina, f"words {number}") for number in range(3)]
    with home.db.write() as session:
        values = {"state": "unknown", "reason": "The connection broke.", "settled_at": utcnow()}
        session.execute(update(Delivery).where(Delivery.id.in_(made)).values(values))
        alarms.ring(session, utcnow(), "growth:unknown", {"count": 12, "minutes": 10})
        alarms.ring(session, utcnow(), "reader:rules", {})
        alarms.ring(session, utcnow(), "flood:7", {"conversation": 7})
        session.add(
            JobRun(job="sweep files", slot=utcnow(), owner="x", started_at=utcnow(), error="OSError: disk full")
        )
    boss, mina = browse(home, "boss"), browse(home, "mina")
    page = boss.get("/desk/failed").text
    assert "12 messages nobody knows" in page
    assert "conversation #7" in page
    assert ",".join(map(str, reversed(made))) in page
    assert "alarmed" in page
    assert [one["href"] for one in boss.get("/desk/alarms").json["alarms"]][-1] == "/desk/conversations/7"
    assert mina.get("/desk/alarms").status_code == 403
    assert mina.post("/desk/failed/unknown/lost", {"ids": str(made[0])}).status_code == 403
    boss.post("/desk/failed/unknown/arrived", {"ids": ",".join(map(str, made)) + ",x,-1,99999"})
    boss.post("/desk/failed/jobs/sweep files/again")
    with home.db.read() as session:
        states = session.scalars(select(Delivery.state).where(Delivery.id.in_(made)))
        assert set(states) == {"wired"}
        assert jobs.wanted(session, ["sweep files"]) == ["sweep files"]
        words = session.scalars(select(AuditRow.what).order_by(AuditRow.id.desc()).limit(2)).all()
        assert set(words) == {"outbox.decided", "job.again"}


def test_an_agent_takes_the_mark_off_an_address(home: House) -> None:
    town = furnished(home)
    with home.db.write() as session:
        address = session.scalars(select(Address).where(Address.kind == "email").order_by(Address.id)).first()
        assert address is not None
        reach.lost(session, utcnow(), address.id, reach.How.DEAD, "550 <b>no</b> such user", "5.1.1")
        number, value, contact = address.id, address.value, address.contact_id
    mina = browse(home, "mina")
    page = mina.get("/desk/returned").text
    assert value in page
    assert "5.1.1" in page
    assert "<b>no</b>" not in page
    assert value in mina.get(f"/desk/returned?contact={contact}").text
    assert value not in mina.get(f"/desk/returned?contact={contact + 1}").text
    assert mina.post(f"/desk/returned/addresses/{number}/lift").status_code in (200, 303)
    assert mina.post(f"/desk/returned/addresses/{number}/lift").status_code == 409
    assert mina.post("/desk/returned/addresses/99999/lift").status_code == 404
    assert value not in mina.get("/desk/returned").text
    with home.db.read() as session:
        assert session.scalars(select(AuditRow.what).order_by(AuditRow.id.desc()).limit(1)).one() == "address.lifted"
    assert town.mina


def test_floods_and_turns_on_both_databases(hall: Hall) -> None:
    taken = [hall.mail_in("robot@loud.example", f"alarm {n}", subject=f"Host {n}") for n in range(3)]
    with hall.db.write() as session:
        for n in range(floods.MOST):
            letter = hall.letter("robot@loud.example", f"more {n}", subject="Disk")
            taken.append(intake.take(session, hall.now, letter, inbox.get(session, hall.mail)))
    assert len({one.conversation_id for one in taken}) == floods.MOST
    with hall.db.write() as session:
        envelope = Envelope("email", hall.mail, "help@shop.example", "smtp", sender="robot@loud.example")
        loud = [raw.keep(session, hall.now, envelope, b"From: robot@loud.example\r\n\r\nx") for _ in range(4)]
        fetched = replace(envelope, sender="", source="imap:x")
        quiet = raw.keep(session, hall.now, fetched, b"From: Kim <Kim@a.example>\r\n\r\nx")
        assert raw.waiting(session) == [loud[0], quiet, *loud[1:]]
        assert session.get_one(raw.Raw, quiet).sender == "kim@a.example"
