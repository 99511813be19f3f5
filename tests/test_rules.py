"""Rules at work: what they do, what they do not, and that nothing they do can run away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall, hall, lite
from rules_kit import Desk, test

from contact import alarms, following, log, verify
from contact import conversation as conversations
from contact.errors import Conflict, HanmaruError, Invalid
from contact.log import Name
from contact.messages import File, Nature, Thread
from contact.outbox import Delivery
from contact.response.answers import answer
from contact.response.answers.answer import CannedAnswer, Variant
from contact.response.deeds import Wrong
from contact.response.rules import RuleDay, acting, dry, pattern, rule
from contact.response.rules.book import AN_HOUR, DEEPEST
from contact.response.rules.loops import Loop
from contact.response.rules.reader import SLOW_MOST

__all__ = ["hall", "lite"]
URGENT = [{"do": "priority", "value": "urgent"}]
CATASTROPHE = r"(a|aa)+$"


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


def test_a_rule_sorts_what_it_means_and_nothing_else(desk: Desk) -> None:
    tagged = {"all": [test("sender_domain", "is", ["vip.example"]), {"any": [test("text", "has", ["배송 지연"])]}]}
    desk.rule([*URGENT, {"do": "queue", "value": desk.returns}, {"do": "tag", "value": "VIP"}], **{"if": tagged})
    vip = desk.hall.mail_in("kim@vip.example", "배송지연 문의드립니다").conversation_id
    other = desk.hall.mail_in("kim@a.example", "배송지연 문의드립니다").conversation_id
    desk.read()
    one = desk.one(vip)
    assert (one.priority, one.queue_id, one.tags) == (3, desk.returns, ["VIP"])
    assert (desk.one(other).priority, desk.one(other).queue_id) == (1, None)
    (applied,) = desk.rows(Name.RULE_APPLIED)
    done = [row for row in desk.rows(Name.CONVERSATION_TAGGED) if row.about_id == applied.id]
    assert len(done) == 1
    assert done[0].user_id is None
    assert applied.data["rule"] == 1
    assert applied.data["version"] == 1


def test_the_log_proves_itself_after_rules(desk: Desk) -> None:
    desk.rule([{"do": "tag", "value": "x"}, {"do": "resolve"}])
    desk.hall.mail_in()
    desk.read()
    with desk.hall.db.read() as session:
        assert not list(verify.verify(session))


def test_a_row_read_twice_changes_nothing_more(desk: Desk) -> None:
    desk.rule([{"do": "note", "value": "한 번만"}])
    desk.hall.mail_in()
    desk.read()
    with desk.hall.db.write() as session:
        session.execute(sa.update(following.ReaderState).values(position=0))
    desk.read()
    assert len(desk.rows(Name.NOTE_ADDED)) == 1


def test_rows_from_before_it_was_switched_on_do_not_concern_it(desk: Desk) -> None:
    old = desk.hall.mail_in("old@a.example").conversation_id
    desk.rule(URGENT)
    new = desk.hall.mail_in("new@a.example").conversation_id
    desk.read()
    assert (desk.one(old).priority, desk.one(new).priority) == (1, 3)


def test_in_order_and_stop(desk: Desk) -> None:
    desk.rule([{"do": "tag", "value": "first"}], stop=True, **{"if": test("subject", "has", ["stop"])})
    desk.rule([{"do": "tag", "value": "second"}])
    desk.rule([{"do": "tag", "value": "third"}], **{"if": test("tags", "has", ["second"])})
    halted = desk.hall.mail_in("a@a.example", subject="STOP it").conversation_id
    goes_on = desk.hall.mail_in("b@a.example", subject="go").conversation_id
    desk.read()
    assert desk.one(halted).tags == ["first"]
    assert desk.one(goes_on).tags == ["second", "third"]


def test_what_is_as_it_should_be_is_not_told_again(desk: Desk) -> None:
    desk.rule(URGENT)
    for _ in range(3):
        desk.hall.mail_in()
    desk.read()
    assert len(desk.rows(Name.RULE_APPLIED)) == len({row.conversation_id for row in desk.rows(Name.MESSAGE_RECEIVED)})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"if": {"all": [test("colour", "is", "red")]}}, "Condition 1: there is no field named “colour”."),
        (
            {"if": {"all": [{"any": [test("text", "has", "x"), test("text", "at_least", 3)]}]}},
            "Condition 1.2: “Message text” cannot be compared with “is at least”.",
        ),
        (
            {"if": {"all": [test("text", "matches", "(unclosed")]}},
            "Condition 1 (Message text): The pattern is broken at character 10: missing )",
        ),
        ({"if": {"all": [test("inbox", "is", [99])]}}, "What was chosen does not exist"),
        ({"if": {"all": [test("messages", "at_least", "many")]}}, "This is not a number."),
        ({"then": [{"do": "tag", "value": "a"}, {"do": "explode"}]}, "Action 2: there is no action named “explode”."),
        ({"then": [{"do": "queue", "value": 77}]}, "Action 1 (Put into a queue): This queue does not exist."),
        ({"then": [{"do": "assign", "value": "me"}]}, "Action 1: a rule has no agent of its own"),
        ({"then": []}, "Choose at least one action."),
        ({"when": {"on": "moon"}}, "There is nothing named “moon”"),
        ({"name": " "}, "The name has 1 to 120 characters."),
    ],
)
def test_what_cannot_be_is_said_with_its_place(small: Desk, given: dict[str, Any], said: str) -> None:
    body = {"name": "x", "when": {"on": "received"}, "then": URGENT} | given
    with small.hall.db.read() as session, pytest.raises(Invalid) as found:
        small.parse(session, body)
    assert said in str(found.value)
    if isinstance(found.value, Wrong):
        assert said in found.value.told(lambda text: text)


def test_every_save_is_a_version_and_the_row_names_it(desk: Desk) -> None:
    number = desk.rule([{"do": "tag", "value": "one"}])
    with desk.hall.db.write() as session:
        kept = rule.get(session, number)
        said = desk.parse(session, rule.version(session, number, 1).body | {"then": [{"do": "tag", "value": "two"}]})
        rule.save(session, desk.hall.tick(), kept, said, desk.mina.id, seen=1)
        assert rule.save(session, desk.hall.tick(), kept, said, desk.mina.id, seen=2).number == 2, "nothing differs"
        with pytest.raises(Conflict):
            rule.save(session, desk.hall.tick(), kept, said, desk.mina.id, seen=1)
        assert [one.number for one in rule.versions(session, number)] == [2, 1]
    desk.hall.mail_in()
    desk.read()
    (row,) = desk.rows(Name.RULE_APPLIED)
    assert row.data["version"] == 2
    assert desk.rows(Name.CONVERSATION_TAGGED)[0].data["tag"] == "two"


def test_a_deed_that_fails_is_shown_and_the_rest_goes_on(desk: Desk) -> None:
    number = desk.rule([{"do": "say", "value": "자동 답변"}, {"do": "tag", "value": "after"}])
    desk.rule([{"do": "tag", "value": "other"}])
    talk = desk.hall.mail_in(nature=Nature.BULK).conversation_id
    desk.read()
    assert desk.one(talk).tags == ["after", "other"]
    (failed,) = desk.rows(Name.RULE_FAILED)
    assert failed.data["deed"] == "say"
    with desk.hall.db.read() as session:
        (kept,) = rule.failures(session, number)
        assert kept.reason == "Automatic mail is never answered automatically."
        assert rule.week(session, desk.hall.now)[number] == (1, 1, 0)


def test_an_answer_is_automatic_and_capped(desk: Desk) -> None:
    desk.rule([{"do": "say", "value": "{{name}}님, 받았습니다. {{number}}"}])
    for _ in range(4):
        desk.hall.mail_in("kim@a.example", name="김하나")
    desk.read()
    with desk.hall.db.read() as session:
        sent = session.scalars(sa.select(Delivery)).all()
    assert len(sent) == 2
    assert all(one.automatic and one.user_id is None for one in sent)
    assert desk.rows(Name.MESSAGE_QUEUED)[0].body == "김하나님, 받았습니다. #1"
    assert len(desk.rows(Name.RULE_FAILED)) == 2


LOOPS: list[list[dict[str, Any]]] = [
    [  # A reopens what is resolved, B resolves what is open
        {"when": {"on": "state", "detail": "resolved"}, "then": [{"do": "reopen"}]},
        {"when": {"on": "state", "detail": "open"}, "then": [{"do": "resolve"}]},
    ],
    [  # tags to and fro
        {"when": {"on": "tagged", "detail": "a"}, "then": [{"do": "untag", "value": "a"}, {"do": "tag", "value": "b"}]},
        {"when": {"on": "tagged", "detail": "b"}, "then": [{"do": "untag", "value": "b"}, {"do": "tag", "value": "a"}]},
    ],
    [{"when": {"on": "state"}, "then": [{"do": "reopen"}, {"do": "resolve"}]}],
    [{"when": {"on": "idle", "detail": 24}, "then": [{"do": "note", "value": "still?"}]}],
    [{"when": {"on": "state", "detail": "open"}, "then": [{"do": "snooze", "value": 1}]}],
    [
        {"when": {"on": "tagged", "detail": "a"}, "then": [{"do": "resolve"}]},
        {"when": {"on": "state", "detail": "resolved"}, "then": [{"do": "untag", "value": "a"}, {"do": "reopen"}]},
        {"when": {"on": "state", "detail": "open"}, "then": [{"do": "tag", "value": "a"}]},
    ],
]


@pytest.mark.parametrize("bodies", LOOPS)
def test_a_loop_is_refused(small: Desk, bodies: list[dict[str, Any]]) -> None:
    numbers = [small.rule(body.pop("then"), on=False, name=f"r{n}", **body) for n, body in enumerate(map(dict, bodies))]
    with small.hall.db.write() as session, pytest.raises(Loop) as found:
        for number in numbers:
            rule.switch(session, small.hall.now, rule.get(session, number), True)
    assert "→" in str(found.value)
    assert "r0" in str(found.value)


HARMLESS: list[dict[str, Any]] = [
    {"when": {"on": "tagged"}, "then": [{"do": "tag", "value": "seen"}]},
    {"when": {"on": "idle", "detail": 24}, "then": [{"do": "note", "value": "bye"}, {"do": "resolve"}]},
    {
        "when": {"on": "idle", "detail": 24},
        "if": test("tags", "lacks", ["asked"]),
        "then": [{"do": "note", "value": "asked"}, {"do": "tag", "value": "asked"}],
    },
    {
        "when": {"on": "state", "detail": "resolved"},
        "if": test("state", "is", ["resolved"]),
        "then": [{"do": "reopen"}],
    },
    {"when": {"on": "received"}, "then": [{"do": "reopen"}, {"do": "tag", "value": "x"}]},
]


@pytest.mark.parametrize("body", HARMLESS)
def test_what_ends_by_itself_is_allowed(small: Desk, body: dict[str, Any]) -> None:
    given = dict(body)
    number = small.rule(given.pop("then"), **given)
    assert small.kept(number).enabled


def test_what_escapes_the_check_is_held_at_run_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The static check switched off: rows done by rules wake rules a few times, then no more."""
    monkeypatch.setattr("contact.response.rules.loops.check", lambda *_: None)
    for body in map(dict, LOOPS[1]):
        desk.rule(body.pop("then"), **body)
    talk = desk.hall.mail_in().conversation_id
    with desk.hall.db.write() as session:
        conversations.tag(session, desk.hall.tick(), conversations.get(session, talk), "a", 7)
    desk.read()
    assert len(desk.rows(Name.RULE_APPLIED)) == DEEPEST


def test_one_conversation_is_not_worked_on_without_end(desk: Desk) -> None:
    desk.rule([{"do": "note", "value": "again"}])
    desk.hall.now = desk.hall.now.replace(minute=1)
    talk = desk.hall.mail_in().conversation_id
    for _ in range(AN_HOUR + 2):
        desk.hall.now -= timedelta(seconds=59)
        desk.hall.mail_in(thread=Thread(token=talk))
    desk.read()
    assert len(desk.rows(Name.NOTE_ADDED)) == AN_HOUR
    assert len(desk.rows(Name.RULE_FAILED)) == 1, "told once"


def test_a_catastrophic_pattern_matches_nothing_and_ends_its_rule(desk: Desk) -> None:
    slow = desk.rule(URGENT, **{"if": test("text", "matches", CATASTROPHE)})
    never = desk.rule([{"do": "tag", "value": "never"}], **{"if": test("text", "matches_not", CATASTROPHE)}, on=False)
    desk.rule([{"do": "tag", "value": "fine"}])
    talks = [desk.hall.mail_in(f"k{n}@a.example", "a" * 5000 + "!").conversation_id for n in range(SLOW_MOST + 2)]
    desk.read()
    assert [desk.one(talk).priority for talk in talks] == [1] * len(talks)
    assert all(desk.one(talk).tags == ["fine"] for talk in talks), "the others go on"
    kept = desk.kept(slow)
    assert not kept.enabled
    assert kept.off_reason
    assert not desk.kept(never).enabled
    with desk.hall.db.read() as session:
        assert rule.week(session, desk.hall.now)[slow] == (0, 0, SLOW_MOST)
        assert [one.name for one in alarms.ringing(session)] == [f"rule:{slow}"], "supervisors hear of it"
    with desk.hall.db.write() as session:
        rule.switch(session, desk.hall.now, session.get_one(rule.Rule, slow), True)
        assert not alarms.ringing(session)


@pytest.mark.parametrize("source", ["", "(", "a" * 301, "[z-a]", "(?P<x>a)(?P<x>"])
def test_a_broken_pattern_is_refused(source: str) -> None:
    with pytest.raises(Invalid):
        pattern.checked(source)


def test_a_thousand_mails_of_one_sender_leave_the_others_their_turn(small: Desk) -> None:
    """One transaction of the reader takes 200 rows, whoever sent them; the stranger's mail is sorted as well."""
    small.rule([{"do": "note", "value": "n"}, {"do": "tag", "value": "t"}], **{"if": test("messages", "at_least", 1)})
    talk = small.hall.mail_in("flood@a.example").conversation_id
    for _ in range(120):
        small.hall.now -= timedelta(seconds=59)
        small.hall.mail_in("flood@a.example", thread=Thread(token=talk))
    stranger = small.hall.mail_in("calm@b.example").conversation_id
    small.read()
    assert small.one(stranger).tags == ["t"]
    assert len(small.rows(Name.NOTE_ADDED)) <= AN_HOUR * 2 + 1


def test_quiet_conversations_are_found_once(desk: Desk) -> None:
    before = desk.hall.mail_in("before@a.example").conversation_id
    desk.hall.tick(3 * 3600)
    number = desk.rule([{"do": "tag", "value": "quiet"}], when={"on": "idle", "detail": 2})
    talk = desk.hall.mail_in("kim@a.example").conversation_id

    def look(hours: float) -> None:
        desk.hall.tick(hours * 3600)
        with desk.hall.db.write() as session:
            while desk.rules.idle(session, desk.hall.now):
                pass

    look(1.9)
    assert desk.one(talk).tags == []
    look(0.2)
    assert desk.one(talk).tags == ["quiet"]
    assert desk.one(before).tags == [], "it was idle when the rule was switched on"
    with desk.hall.db.write() as session:
        conversations.untag(session, desk.hall.now, conversations.get(session, talk), "quiet", 7)
    look(5)
    assert desk.one(talk).tags == [], "once for each quiet"
    assert desk.kept(number).idle_at == desk.hall.now
    desk.hall.mail_in("kim@a.example", thread=Thread(token=talk))
    look(3)
    assert desk.one(talk).tags == ["quiet"], "new words, new quiet"


def test_the_figures_can_be_made_anew(desk: Desk) -> None:
    desk.rule([{"do": "tag", "value": "t"}])
    desk.hall.mail_in("a@a.example")
    desk.hall.mail_in("b@a.example")
    desk.read()
    with desk.hall.db.write() as session:
        before = [(one.rule_id, one.day, one.applied, one.failed) for one in session.scalars(sa.select(RuleDay))]
        session.execute(sa.update(RuleDay).values(applied=99))
        acting.recount(session)
        session.expire_all()
        assert [
            (one.rule_id, one.day, one.applied, one.failed) for one in session.scalars(sa.select(RuleDay))
        ] == before


def test_a_dry_run_says_what_the_live_run_did(desk: Desk) -> None:
    desk.rule([{"do": "tag", "value": "gone"}], stop=True, **{"if": test("subject", "has", ["stop"])})
    desk.rule([{"do": "queue", "value": desk.returns}], **{"if": test("subject", "has", ["반품", "return"])})
    number = desk.rule(
        [*URGENT, {"do": "tag", "value": "r"}],
        **{"if": {"all": [test("queue", "is", [desk.returns]), {"none": [test("text", "matches", r"\bspam\b")]}]}},
    )
    for n, (subject, text) in enumerate(
        [
            ("반품 문의", "x"),
            ("Return please", "SPAM here"),
            ("hello", "y"),
            ("return stop", "z"),
            ("ＲＥＴＵＲＮ", "w"),
        ]
    ):
        talk = desk.hall.mail_in(f"k{n % 4}@a.example", text, subject=subject)
        desk.read(desk.hall.now)
        if n == 0:
            desk.hall.mail_in(
                "k0@a.example", "more", subject="Re: 반품 문의", thread=Thread(token=talk.conversation_id)
            )
            desk.read(desk.hall.now)
            desk.hall.reply(talk.conversation_id)
            desk.read(desk.hall.now)
    live = {row.data["row"] for row in desk.rows(Name.RULE_APPLIED) if row.data["rule"] == number}
    assert len(live) == 2
    with desk.hall.db.read() as session:
        said = rule.version(session, number, 1).said
        found, after, head = [], 0, None
        while after is not None:
            part = dry.slice_of(
                session, desk.hall.now, said, before=[1, 2], rule_id=number, head=head, after=after, budget=0
            )
            found += part.touches
            after, head = part.after, part.head
        assert log.head(session) == head
    assert {one.row_id for one in found if one.acts} == live
    assert {one.kept_out for one in found} >= {""}
    told = next(one for one in found if one.acts).told
    assert told is not None
    assert [part.true for part in told.parts] == [True, True]
    assert told.parts[0].seen == desk.returns


def test_a_dry_run_of_quiet_finds_the_gaps(small: Desk) -> None:
    talk = small.hall.mail_in("kim@a.example").conversation_id
    small.hall.tick(5 * 3600)
    small.hall.reply(talk)
    small.hall.tick(5 * 3600)
    with small.hall.db.read() as session:
        body = {"name": "q", "when": {"on": "idle", "detail": 4}, "then": URGENT}
        part = dry.slice_of(session, small.hall.now, small.parse(session, body))
    assert [one.acts for one in part.touches] == [True, True]


def test_files_and_firsts_and_hours(desk: Desk) -> None:
    from contact import files, inbox, intake

    desk.rule([{"do": "tag", "value": "pdf"}], **{"if": test("file_type", "is", ["application/pdf"])})
    desk.rule([{"do": "tag", "value": "first"}], **{"if": test("first", "is", True)})
    desk.rule([{"do": "tag", "value": "open"}], **{"if": test("hours", "within", 0)})
    kept = files.keep(desk.hall.store, [File("계약서.PDF", "application/pdf", b"%PDF")])
    with desk.hall.db.write() as session:
        letter = desk.hall.letter("new@a.example", "첨부합니다")
        talk = intake.take(session, desk.hall.tick(), letter, inbox.get(session, desk.hall.mail), kept).conversation_id
    desk.read()
    assert desk.one(talk).tags == ["first", "open", "pdf"]
    again = desk.hall.mail_in("new@a.example").conversation_id
    desk.read()
    assert again == talk or desk.one(again).tags == ["open"]


def test_an_error_of_our_own_is_told_in_full() -> None:
    error = Wrong(
        "Condition %(place)s (%(what)s): %(why)s", place="1", what="Text", inner=HanmaruError("No %(n)s.", n=3)
    )
    assert (
        error.told(lambda text: {"Text": "본문", "No %(n)s.": "%(n)s 없음."}.get(text, text))
        == "Condition 1 (본문): 3 없음."
    )


def test_a_rule_sends_a_canned_answer_by_its_name(desk: Desk) -> None:
    """The variant of the customer's language, with its fields; once it is gone, that is a failure people see."""
    forms = (Variant("{{이름}}님, 반품 안내입니다.", "ko"), Variant("Hello {{name}}.", "en"))
    with desk.hall.db.write() as session:
        wording = answer.checked(answer.Wording("반품", variants=forms), ["email"])
        kept = answer.add(session, desk.hall.now, wording, user_id=None, by=desk.mina.id, may_share=True).id
    desk.rule([{"do": "say", "value": "/반품"}])
    desk.hall.mail_in("kim@a.example", "반품하고 싶어요", name="김하나")
    desk.hall.mail_in("grace@b.example", "I want to return it", name="Grace")
    desk.read()
    assert [row.body for row in desk.rows(Name.MESSAGE_QUEUED)] == ["김하나님, 반품 안내입니다.", "Hello Grace."]
    with pytest.raises(Invalid, match="shared canned answer"):
        desk.rule([{"do": "say", "value": "/없는이름"}])
    with desk.hall.db.write() as session:
        gone = session.get_one(CannedAnswer, kept)
        answer.remove(desk.hall.now, gone, by=desk.mina.id, may_share=True)
    desk.hall.mail_in("park@a.example", "반품하고 싶어요")
    desk.read()
    assert len(desk.rows(Name.RULE_FAILED)) == 1
