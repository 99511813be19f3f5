"""Replaying the log: clean after anything people can do, and loud about anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, files, outbox, raw, verify
from contact.channel import ChannelError, Unsure
from contact.conversation import Conversation, State
from contact.db import Database
from contact.errors import Conflict, HanmaruError
from contact.messages import AddressKind, DeliveryState, Envelope, Nature, Party, Receipt, Thread
from contact.outbox import Delivery
from contact.settings import Settings as HouseSettings


def differences(hall: Hall, **more: Any) -> list[str]:
    with hall.db.read() as session:
        return [str(one) for one in verify.verify(session, **more)]


def furnish(hall: Hall) -> None:
    first = hall.mail_in("kim@a.example", others=(Party(AddressKind.EMAIL, "cc@a.example"),))
    second = hall.chat_in()
    hall.mail_in("lee@a.example", nature=Nature.AUTO_REPLY)
    delivery = hall.reply(first.conversation_id)
    hall.reply(second.conversation_id, "live")
    with hall.db.write() as session:
        one, other = (conversations.get(session, taken.conversation_id) for taken in (first, second))
        conversations.tag(session, hall.tick(), one, "vip", 1)
        conversations.assign(session, hall.tick(), one, 4, 1)
        outbox.claim(session, hall.tick(), "w", ["email"])
        outbox.begin(session, hall.now, delivery, "w")
        outbox.settle(session, hall.tick(), Receipt(DeliveryState.WIRED, delivery_id=delivery))
        conversations.merge(session, hall.tick(), other, one, 1)
        directory.merge(session, hall.tick(), directory.get(session, 3), directory.get(session, 1), 1)
        envelope = Envelope("email", hall.mail, "help@shop.example", "smtp")
        number = raw.keep(session, hall.now, envelope, b"From: kim")
        raw.parsed(session.get_one(raw.Raw, number), first.interaction_id)


def test_a_busy_house_is_clean(hall: Hall) -> None:
    furnish(hall)
    assert differences(hall) == []


SPOILT = {
    "update conversation set state = 'resolved' where id = 1": {"conversation 1: state"},
    "update conversation set assignee_id = 9 where id = 3": {"conversation 3: assignee_id"},
    "update conversation set preview = 'x' where id = 2": {"conversation 2: preview"},
    "update conversation set waiting_since = null where id = 2": set(),
    "update conversation set merged_into = null where id = 2": {"conversation 2: merged_into"},
    "update conversation set last_id = 2 where id = 1": {"conversation 1: last_id"},
    "delete from conversation_tag": {"conversation 1: tag rows"},
    "insert into conversation_tag values (2, 'x')": {"conversation 2: tag rows"},
    "update conversation_count set n = n + 1 where state = 'open' and assignee_id = 4": {"counter open/4: n"},
    "insert into conversation_count values ('open', 77, 1)": {"counter open/77: n"},
    "delete from participant": {"participant 1/2/3: row"},
    "update contact set merged_into = null where id = 3": {"contact 3: merged_into"},
    "update contact set root_id = 2 where id = 3": {"contact 3: root_id"},
    "update contact set merged_into = 1, root_id = 1 where id = 2": {"contact 2: merged_into", "contact 2: root_id"},
    "update delivery set state = 'queued' where id = 1": {"delivery 1: state"},
    "update delivery set conversation_id = 2 where id = 1": {"interaction 9: delivery", "delivery 1: interaction"},
    "update raw set interaction_id = 999": {"raw 1: interaction_id"},
    "insert into reader values ('x', 999, null, null)": {"reader x: position"},
}


@pytest.mark.parametrize("statement", SPOILT)
def test_whatever_else_writes_is_found(lite: Hall, statement: str) -> None:
    furnish(lite)
    with lite.db.write() as session:
        session.execute(sa.text(statement))
    told = differences(lite)
    assert {one.split(" is ")[0] for one in told} == SPOILT[statement], told


def test_a_row_taken_away_is_found_on_sqlite(lite: Hall) -> None:
    """Somebody with the file in hand can drop the triggers; the numbers tell."""
    furnish(lite)
    with lite.db.write() as session:
        session.execute(sa.text("drop trigger interaction_no_delete"))
        session.execute(sa.text("delete from interaction where name = 'conversation.tagged'"))
    assert any(one.startswith("interaction rows: count") for one in differences(lite))


def test_refold_and_recount_repair(hall: Hall) -> None:
    furnish(hall)
    with hall.db.read() as session:
        before = {one.id: one.snapshot() for one in session.scalars(sa.select(Conversation))}
    with hall.db.write() as session:
        session.execute(sa.text("update conversation set state = 'open', preview = 'x', assignee_id = 8, priority = 3"))
        session.execute(sa.text("delete from conversation_tag"))
        session.execute(sa.text("update conversation_count set n = 55"))
    assert differences(hall)
    with hall.db.write() as session:
        assert all(verify.refold(session, number) for number in before)
        assert not any(verify.refold(session, number) for number in before)
        verify.recount(session)
    assert differences(hall) == []
    with hall.db.read() as session:
        assert {one.id: one.snapshot() for one in session.scalars(sa.select(Conversation))} == before


def test_files_are_read_and_compared(lite: Hall) -> None:
    good = files.keep(
        lite.store, [files.File("a.txt", "text/plain", b"one"), files.File("b.txt", "text/plain", b"two")]
    )
    taken = lite.mail_in()
    with lite.db.write() as session:
        files.attach(session, taken.interaction_id, good)
        envelope = Envelope("email", lite.mail, "help@shop.example", "smtp")
        raw.keep(session, lite.now, envelope, b"x" * 10, stored=lite.store.put([b"x" * 10]).sha256)
        raw.keep(session, lite.now, envelope, b"y" * 10)
    assert differences(lite, store=lite.store) == []
    lite.store.remove(good[0].sha256)
    lite.store.path(good[1].sha256).write_bytes(b"TWO")
    with lite.db.write() as session:
        session.execute(sa.text("update raw set content = x'00' where id = 2"))
    told = differences(lite, store=lite.store)
    assert len(told) == 3
    assert any("'absent'" in one for one in told)


def test_chunks_do_not_matter(lite: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(lite)
    monkeypatch.setattr(verify, "CHUNK_OF_CONVERSATIONS", 1)
    done: list[int] = []
    assert differences(lite, progress=done.append) == []
    with lite.db.read() as session:
        assert sum(done) == verify.size(session) == 3


# -- anything people can do, in any order -------------------------------------------------------


class Ground:
    """One engine for all examples, so that statements are compiled once; the file is new each time."""

    template = Path()
    db: Database


@pytest.fixture(scope="module", autouse=True)
def ground(tmp_path_factory: pytest.TempPathFactory, _template: Path) -> Iterator[None]:
    Ground.template = _template
    Ground.db = Database(f"sqlite:///{tmp_path_factory.mktemp('ground') / 'hall.db'}")
    yield
    Ground.db.close()


def fresh() -> Database:
    Ground.db.engine.dispose()
    path = Path(str(Ground.db.engine.url.database))
    for old in path.parent.glob("hall.db*"):
        old.unlink()
    shutil.copy(Ground.template, path)
    return Ground.db


AGENTS = st.sampled_from([1, 2, 3])
WORDS = st.sampled_from(["", "안녕", "a b", "x" * 300, "\0", "\ud800", " \n 환불 \t해주세요 "])


class House(RuleBasedStateMachine):
    """Customers write, agents act, workers deliver; errors of the family are fine, differences are not."""

    talks = Bundle("talks")
    contacts = Bundle("contacts")
    deliveries = Bundle("deliveries")

    def __init__(self) -> None:
        super().__init__()
        self.hall = Hall(fresh(), Path())

    def do(self, verb: Callable[[Session], Any]) -> Any:
        self.hall.tick(7)
        try:
            with self.hall.db.write() as session:
                return verb(session)
        except HanmaruError:
            return None

    def talk(self, session: Session, number: int) -> Conversation:
        return conversations.get(session, number)

    @initialize(target=talks)
    def begin(self) -> Any:
        return multiple(self.hall.mail_in("a@a.example").conversation_id, self.hall.chat_in().conversation_id)

    @rule(
        target=talks, sender=st.integers(1, 5), text=WORDS, nature=st.sampled_from(list(Nature)), cc=st.integers(1, 6)
    )
    def mail(self, sender: int, text: str, nature: Nature, cc: int) -> int:
        others = (Party(AddressKind.EMAIL, f"c{cc}@a.example"),)
        return self.hall.mail_in(f"c{sender}@a.example", text, nature=nature, others=others).conversation_id

    @rule(talk=talks, text=WORDS, sender=st.integers(1, 5))
    def answer_of_theirs(self, talk: int, text: str, sender: int) -> None:
        self.hall.mail_in(f"c{sender}@a.example", text, thread=Thread(token=talk))

    @rule(target=talks, visitor=st.integers(1, 3), text=WORDS)
    def chat(self, visitor: int, text: str) -> int:
        return self.hall.chat_in(f"visitor-000000000{visitor}", text).conversation_id

    @rule(talk=talks, agent=AGENTS, to=st.sampled_from([None, 1, 2]))
    def assign(self, talk: int, agent: int, to: int | None) -> None:
        self.do(lambda s: conversations.assign(s, self.hall.now, self.talk(s, talk), to, agent))

    @rule(talk=talks, verb=st.sampled_from([conversations.reopen, conversations.pend, conversations.resolve]))
    def move(self, talk: int, verb: Any) -> None:
        self.do(lambda s: verb(s, self.hall.now, self.talk(s, talk), 1))

    @rule(talk=talks, seconds=st.integers(-10, 100))
    def snooze(self, talk: int, seconds: int) -> None:
        until = self.hall.now + timedelta(seconds=seconds)
        self.do(lambda s: conversations.snooze(s, self.hall.now, self.talk(s, talk), until, 1))

    @rule()
    def wake(self) -> None:
        self.do(lambda s: conversations.wake_due(s, self.hall.now))
        with self.hall.db.read() as session:
            late = sa.select(Conversation).where(
                Conversation.state == "snoozed", Conversation.snoozed_until <= self.hall.now
            )
            assert session.scalars(late).all() == []

    @rule(talk=talks, word=st.sampled_from(["vip", "#환불", "a,b", "vip "]), off=st.booleans())
    def tag(self, talk: int, word: str, off: bool) -> None:
        verb = conversations.untag if off else conversations.tag
        self.do(lambda s: verb(s, self.hall.now, self.talk(s, talk), word, 1))

    @rule(talk=talks, name=st.sampled_from(["low", "urgent", "none"]), subject=WORDS)
    def describe(self, talk: int, name: str, subject: str) -> None:
        self.do(lambda s: conversations.prioritise(s, self.hall.now, self.talk(s, talk), name, 1))
        self.do(lambda s: conversations.rename(s, self.hall.now, self.talk(s, talk), subject, 1))

    @rule(talk=talks, text=WORDS, agent=AGENTS)
    def note(self, talk: int, text: str, agent: int) -> None:
        self.do(lambda s: conversations.note(s, self.hall.now, self.talk(s, talk), text, agent, [1, 2]))

    @rule(one=talks, other=talks)
    def merge(self, one: int, other: int) -> None:
        self.do(lambda s: conversations.merge(s, self.hall.now, self.talk(s, one), self.talk(s, other), 1))

    @rule(one=talks)
    def unmerge(self, one: int) -> None:
        self.do(lambda s: conversations.unmerge(s, self.hall.now, self.talk(s, one), 1))

    @rule(one=st.integers(1, 9), other=st.integers(1, 9), back=st.booleans())
    def people(self, one: int, other: int, back: bool) -> None:
        def verb(session: Session) -> None:
            if back:
                return directory.unmerge(session, self.hall.now, directory.get(session, one), 1)
            return directory.merge(
                session, self.hall.now, directory.get(session, one), directory.get(session, other), 1
            )

        self.do(verb)

    @rule(
        target=deliveries,
        talk=talks,
        text=WORDS,
        later=st.sampled_from([None, 30]),
        seen=st.sampled_from([None, 3, 99999]),
    )
    def reply(self, talk: int, text: str, later: int | None, seen: int | None) -> Any:
        due = self.hall.now + timedelta(seconds=later) if later else None
        return self.do(lambda s: self.hall.put(s, talk, text, not_before=due, seen=seen).id) or multiple()

    @rule(number=deliveries)
    def take_back(self, number: int) -> None:
        self.do(lambda s: outbox.cancel(s, self.hall.now, number, 1))

    @rule(number=deliveries)
    def again(self, number: int) -> None:
        self.do(lambda s: outbox.retry(s, self.hall.now, number, 1))

    @rule(number=deliveries, state=st.sampled_from(list(DeliveryState)))
    def told(self, number: int, state: DeliveryState) -> None:
        self.do(lambda s: outbox.settle(s, self.hall.now, Receipt(state, delivery_id=number)))

    @rule(how=st.sampled_from(["ok", "later", "never", "unsure", "crash"]))
    def worker(self, how: str) -> None:
        for number in self.do(lambda s: outbox.claim(s, self.hall.now, "w", ["email", "chat"])) or ():
            self.do(lambda s, n=number: self.carry(s, outbox.begin(s, self.hall.now, n, "w"), how))

    def carry(self, session: Session, delivery: Delivery | None, how: str) -> None:
        if delivery is None or how == "crash":
            return
        if how == "ok":
            outbox.settle(session, self.hall.now, Receipt(DeliveryState.WIRED, delivery_id=delivery.id))
        elif how == "unsure":
            outbox.unsure(session, self.hall.now, delivery, Unsure("?"))
        else:
            outbox.fail(session, self.hall.now, delivery, ChannelError("no", retryable=how == "later"))

    @rule()
    def crash_is_noticed(self) -> None:
        self.hall.tick(300)
        self.do(lambda s: outbox.recover(s, self.hall.now))

    @invariant()
    def the_log_agrees(self) -> None:
        assert differences(self.hall) == []

    @invariant()
    def nobody_waits_unseen(self) -> None:
        """Where the newest word that stands is the customer's, the conversation says since when."""
        with self.hall.db.read() as session:
            for one in session.scalars(sa.select(Conversation).where(Conversation.state != State.RESOLVED.value)):
                assert (one.waiting_since is not None) == waits(session, one.id), one.id


def waits(session: Session, number: int) -> bool:
    """Plainly: walk the rows, forget messages that were taken back or written by a machine."""
    rows = session.execute(
        sa.text(
            """select i.name, d.state, d.automatic from interaction i left join delivery d on d.id = i.delivery_id
            where i.conversation_id = :n order by i.id"""
        ),
        {"n": number},
    )
    waiting = False
    for name, state, automatic in rows:
        if name == "message.received":
            waiting = True
        elif name == "conversation.resolved" or (name == "message.queued" and state != "cancelled" and not automatic):
            waiting = False
    return waiting


TestHouse = House.TestCase
TestHouse.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],  # tracing every line for an explanation costs ten times the test
)


def test_errors_leave_nothing_behind(hall: Hall) -> None:
    furnish(hall)
    with pytest.raises(Conflict), hall.db.write() as session:
        conversations.merge(session, hall.now, conversations.get(session, 1), conversations.get(session, 2), 1)
    with pytest.raises(HanmaruError), hall.db.write() as session:
        conversations.tag(session, hall.now, conversations.get(session, 1), "new", 1)
        conversations.prioritise(session, hall.now, conversations.get(session, 1), "none", 1)
    assert differences(hall) == []


def test_the_command_says_it_and_repairs(settings: HouseSettings) -> None:
    from contact import cli, migrations
    from contact.channel import Channels
    from contact.service import Service
    from contact.web.app import make

    service = Service.of(settings, Channels())
    migrations.upgrade(service.db.engine)
    hall = Hall(service.db, settings.data_dir)
    furnish(hall)
    app = make(service, setups=[], pages=[], statics={})
    app.cli.add_command(cli.group)
    run = app.test_cli_runner().invoke
    assert run(args=["log", "verify", "--files"]).exit_code == 0
    clean = run(args=["log", "verify"])
    assert (clean.exit_code, clean.output.splitlines()[-1]) == (0, "The tables equal what the log says.")
    with hall.db.write() as session:
        session.execute(sa.text("update conversation set preview = 'forged' where id = 1"))
        session.execute(sa.text("insert into reader values ('search', 2, '2026-03-02 12:00:00.000000', 'row 3: no')"))
    spoilt = run(args=["log", "verify", "--repair"])
    assert spoilt.exit_code == 1
    assert "conversation 1: preview is 'forged'" in spoilt.output
    assert run(args=["log", "verify"]).exit_code == 0
    assert "STOPPED 2026-03-02 12:00:00 row 3: no" in run(args=["log", "readers"]).output
    assert run(args=["log", "restart-reader", "search"]).exit_code == 0
    assert "reading" in run(args=["log", "readers"]).output
    assert run(args=["log", "restart-reader", "nobody"]).exit_code == 1
    service.close()
