"""Notices: what may become of them, to whom they come, rounds and acknowledgements, ends, and the numbers."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from board_kit import EVERYBODY, days, draft, person, published, said
from hall_kit import Hall
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from partner_kit import firm

from board import scope
from board.notice import acknowledging, fan, life, live, numbers, own, steps, version, wording
from board.notice.acknowledgement import NoticeAcknowledgement, Via
from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.notice import Notice, State, get, waits
from board.notice.numbers import Outcome, Which
from board.notice.plan import Plan, checked
from board.notice.receipt import NoticeReceipt, of
from board.notice.steps import Step
from board.notice.version import NoticeVersion
from board.notifying.notification import Notification
from board.partner import member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Stage
from contact import following, users
from contact.errors import Conflict, Forbidden, HanmaruError, Invalid, NotFound
from contact.log import Interaction, Name


def receipt(hall: Hall, notice: int, user: int) -> NoticeReceipt | None:
    with hall.db.read() as session:
        return of(session, notice, user)


def steps_of(hall: Hall, notice: int, user: int, round_: int = 1) -> dict[str, tuple[str, str]]:
    """By channel: state and reason."""
    with hall.db.read() as session:
        row = NoticeAttempt
        query = sa.select(row).where(row.notice_id == notice, row.user_id == user, row.round == round_)
        return {one.channel: (one.state, one.reason) for one in session.scalars(query)}


def ack(hall: Hall, notice: int, user: int, via: Via = Via.PAGE, **more: Any) -> bool:
    with hall.db.write() as session:
        return acknowledging.acknowledge(session, hall.tick(), notice, user, via, **more)


def counted(hall: Hall, notice: int) -> numbers.Numbers:
    with hall.db.read() as session:
        return numbers.of(session, hall.now, [notice])[notice]


def follow(hall: Hall) -> None:
    """The log's readers catch up."""
    reader = live.Following(lambda: hall.now).reader()
    with hall.db.write() as session:
        while following.advance(session, reader):
            pass


class TestLadder:
    def test_the_usual_one(self) -> None:
        told = [(one.channel.value, one.days) for one in steps.DEFAULT]
        assert told == [("board", 0), ("email", 0), ("sms", 1), ("paper", 3), ("task", 5)]
        assert steps.parse([one.as_json() for one in steps.DEFAULT]) == steps.DEFAULT

    def test_what_is_on_the_board_is_there_from_the_beginning(self) -> None:
        assert steps.parse([{"channel": "email", "days": 2}, {"channel": "board", "days": 4}]) == (
            Step(Channel.BOARD, 0), Step(Channel.EMAIL, 2),
        )  # fmt: skip
        assert steps.parse([]) == (Step(Channel.BOARD, 0),)

    @pytest.mark.parametrize(
        "given", [{"channel": "pigeon", "days": 1}, {"channel": "sms"}, {"channel": "sms", "days": -1},
                  {"channel": "sms", "days": "１"}, {"channel": "sms", "days": 366}, {"days": 1}],
    )  # fmt: skip
    def test_what_is_none(self, given: dict[str, Any]) -> None:
        with pytest.raises(Invalid):
            steps.parse([given])

    @given(st.lists(st.tuples(st.sampled_from(list(Channel)), st.integers(0, 365)), max_size=9))
    def test_steps_stand_by_day_each_once(self, given: list[tuple[Channel, int]]) -> None:
        found = steps.parse([{"channel": channel.value, "days": n} for channel, n in given])
        assert list(found) == sorted(set(found), key=lambda one: (one.days, list(Channel).index(one.channel)))
        assert {one for one in found if one.channel is not Channel.BOARD} == {
            Step(channel, n) for channel, n in given if channel is not Channel.BOARD
        }


class TestWording:
    def test_scripts_do_not_stay(self) -> None:
        made = wording.checked(
            "<b>x</b>", '<p onclick="x()">a<script>alert(1)</script><a href="javascript:x">b</a></p>'
        )
        assert made.body == "<p>a<a>b</a></p>"
        assert made.title == "<b>x</b>"  # words; the page escapes them
        assert made.text == "ab"

    def test_plain_words_keep_their_lines(self) -> None:
        assert wording.checked("t", "a & b\n\nc").body == "<div>a &amp; b</div><div><br></div><div>c</div>"

    @pytest.mark.parametrize(
        ("title", "body"), [("", "x"), ("x", " "), ("x", "<div><br></div>"), ("t" * 201, "x"), ("x", "가" * 20_001)]
    )
    def test_limits(self, title: str, body: str) -> None:
        with pytest.raises(Invalid):
            wording.checked(title, body)

    def test_a_draft_may_be_half_done(self) -> None:
        assert wording.checked("", "", whole=False).text == ""


VERBS = ("schedule", "unschedule", "publish", "withdraw", "expire", "remove", "save", "correct")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(VERBS), max_size=7))
@example(["publish", "expire", "publish"])
@example(["publish", "expire", "schedule"])
def test_only_allowed_moves_are_made(lite: Hall, verbs: list[str]) -> None:
    """Whatever is tried in whatever order: the table of moves decides, and a refusal changes nothing."""
    with lite.db.read() as session:
        if session.scalar(sa.select(sa.func.count()).select_from(NoticeReceipt)) == 0:
            there = session.scalar(sa.select(member.PartnerMember.id))
        else:
            there = 1
    if not there:
        person(lite, firm(lite), "a@x.example")
    number, state = draft(lite), State.DRAFT
    for verb in verbs:
        after = {
            "schedule": State.SCHEDULED, "unschedule": State.DRAFT, "publish": State.PUBLISHED,
            "withdraw": State.WITHDRAWN, "expire": State.EXPIRED,
        }.get(verb)  # fmt: skip
        early = {"remove": (State.DRAFT,), "save": life.EARLY}.get(verb, (State.PUBLISHED,))
        allowed = after in life.MOVES[state] if after else state in early
        try:
            _do(lite, number, verb)
        except (Conflict, NotFound):
            assert not allowed, (state, verb)
        else:
            assert allowed or verb == "expire", (state, verb)
            state = after if after and allowed else state
            if verb == "remove":
                return
        with lite.db.read() as session:
            assert get(session, number).state == state


def _do(hall: Hall, number: int, verb: str) -> None:
    now = hall.tick()
    with hall.db.write() as session:
        match verb:
            case "schedule":
                life.schedule(session, now, number, now + timedelta(days=30))
            case "unschedule":
                life.unschedule(session, number)
            case "publish":
                life.publish(session, now, number, None)
            case "withdraw":
                life.withdraw(session, now, number, "Mistake", None)
            case "expire":
                if get(session, number).state == State.PUBLISHED.value:
                    get(session, number).expires_at = now
                life.expire_due(session, now)
            case "remove":
                life.remove(session, number)
            case "save":
                life.save(session, now, number, Plan(), said("New"), None)
            case _:
                kept = get(session, number)
                life.correct(session, now, number, said(f"v{kept.version}"), False, None, kept.version)


def test_publishing_brings_it_to_everybody_with_every_step(hall: Hall) -> None:
    one, two = firm(hall, "가"), firm(hall, "나")
    people = [person(hall, one, "a@x.example"), person(hall, two, "b@x.example", MemberRole.VIEWER)]
    number = published(hall, ack_days=3)
    with hall.db.read() as session:
        rows = {row.user_id: row for row in session.scalars(sa.select(NoticeReceipt))}
        assert set(rows) == set(people)
        assert rows[people[0]].due_at == hall.now + timedelta(days=3)
        assert rows[people[1]].due_at is None  # only reads, and owes none
        assert rows[people[0]].contact_id == users.get(session, people[0]).contact_id
        due = {row.channel: row.due_at for row in session.scalars(sa.select(NoticeAttempt)) if row.user_id == people[0]}
        assert due == {
            "board": hall.now, "email": hall.now, "sms": days(hall, 1), "paper": days(hall, 3), "task": days(hall, 5),
        }  # fmt: skip
    assert steps_of(hall, number, people[0])["board"] == ("queued", "")
    assert steps_of(hall, number, people[0])["email"] == ("planned", "")


def test_nobody_is_no_audience(hall: Hall) -> None:
    person(hall, firm(hall), "a@x.example")
    number = draft(hall, {"all": [{"field": "stage", "op": "is", "value": ["dormant"]}]})
    for verb in (
        lambda session: life.publish(session, hall.tick(), number, None),
        lambda session: life.schedule(session, hall.tick(), number, days(hall, 1)),
    ):
        with hall.db.write() as session, pytest.raises(life.Nobody, match="Nobody belongs"):
            verb(session)
    with hall.db.read() as session:
        assert get(session, number).state == State.DRAFT
        assert session.scalar(sa.select(sa.func.count()).select_from(NoticeReceipt)) == 0


def test_what_is_scheduled_is_published_once_however_many_workers(hall: Hall) -> None:
    person(hall, firm(hall), "a@x.example")
    number = draft(hall)
    with hall.db.write() as session:
        life.schedule(session, hall.now, number, days(hall, 1))
    assert _due(hall) == []
    hall.tick(86_400)
    assert _due(hall) == [number]
    done: list[bool] = []

    def work() -> None:
        with hall.db.write() as session:
            done.append(life.publish_due(session, hall.now, number))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    with hall.db.read() as session:
        said_so = sa.select(sa.func.count()).where(Interaction.name == Name.NOTICE_PUBLISHED.value)
        assert session.scalar(said_so) == 1
    assert _due(hall) == []


def _due(hall: Hall) -> list[int]:
    with hall.db.read() as session:
        return life.due(session, hall.now)


def test_what_cannot_be_published_any_more_is_a_draft_and_says_why(hall: Hall) -> None:
    firm_id = firm(hall)
    person(hall, firm_id, "a@x.example")
    number = draft(hall)
    with hall.db.write() as session:
        life.schedule(session, hall.now, number, days(hall, 1))
        partner.move(session, hall.tick(), firm_id, Stage.TERMINATED, "over", None)
    hall.tick(86_400)
    with hall.db.write() as session:
        assert not life.publish_due(session, hall.now, number)
    with hall.db.read() as session:
        kept = get(session, number)
        assert (kept.state, kept.publish_at) == (State.DRAFT, None)
        assert kept.reason.startswith("Nobody belongs")


class TestAcknowledging:
    def test_once_and_kept(self, hall: Hall) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall)
        assert ack(hall, number, user, Via.SMS, evidence={"interaction": 5}, words="확인")
        assert not ack(hall, number, user, Via.LINK)
        with hall.db.read() as session:
            kept = session.scalars(sa.select(NoticeAcknowledgement)).one()
            assert (kept.via, kept.words, kept.evidence, kept.version) == ("sms", "확인", {"interaction": 5}, 1)
            row = session.scalars(
                sa.select(Interaction).where(Interaction.name == Name.NOTICE_ACKNOWLEDGED.value)
            ).one()
            assert row.contact_id == users.get(session, user).contact_id
            assert row.data == {"notice": number, "version": 1, "via": "sms", "user": user}
        mine = receipt(hall, number, user)
        assert mine is not None
        assert (mine.acked_via, mine.acked_version, mine.read_via) == ("sms", 1, "sms")
        assert steps_of(hall, number, user)["sms"] == ("cancelled", "acknowledged")
        assert steps_of(hall, number, user)["board"] == ("queued", "")  # they have not been there

    def test_two_at_once(self, hall: Hall) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall)
        done: list[bool] = []

        def work(via: Via) -> None:
            with hall.db.write() as session:
                done.append(acknowledging.acknowledge(session, hall.now, number, user, via))

        threads = [threading.Thread(target=work, args=(via,)) for via in Via]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == [False] * 4 + [True]
        with hall.db.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(NoticeAcknowledgement)) == 1

    def test_who_may_not(self, hall: Hall) -> None:
        firm_id = firm(hall)
        viewer = person(hall, firm_id, "v@x.example", MemberRole.VIEWER)
        member_ = person(hall, firm_id, "m@x.example")
        number = published(hall)
        stranger = person(hall, firm(hall, "다른"), "s@x.example")
        with pytest.raises(Forbidden):
            ack(hall, number, viewer)
        with pytest.raises(NotFound):
            ack(hall, number, stranger)
        with hall.db.write() as session:
            partner.move(session, hall.tick(), firm_id, Stage.SUSPENDED, "unpaid", None)
        with pytest.raises(scope.ReadOnly):
            ack(hall, number, member_)
        with hall.db.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(NoticeAcknowledgement)) == 0

    def test_not_when_it_is_over(self, hall: Hall) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall)
        with hall.db.write() as session:
            life.withdraw(session, hall.tick(), number, "wrong price", None)
        with pytest.raises(acknowledging.Ended):
            ack(hall, number, user)

    def test_reading_ends_the_ladder_of_whoever_owes_nothing(self, hall: Hall) -> None:
        firm_id = firm(hall)
        viewer, acts = person(hall, firm_id, "v@x.example", MemberRole.VIEWER), person(hall, firm_id, "a@x.example")
        number = published(hall)
        for user in (viewer, acts):
            with hall.db.write() as session:
                assert acknowledging.read(session, hall.tick(), number, user)
                assert not acknowledging.read(session, hall.tick(), number, user)
        assert steps_of(hall, number, viewer)["sms"] == ("cancelled", "read")
        assert steps_of(hall, number, acts)["sms"] == ("planned", "")
        assert steps_of(hall, number, acts)["board"] == ("delivered", "")


class TestVersions:
    def test_a_typo_resets_nobody(self, hall: Hall) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall)
        ack(hall, number, user)
        with hall.db.write() as session:
            assert life.correct(session, hall.tick(), number, said("가격 인상 안내"), False, None, 1) == 2
        mine = receipt(hall, number, user)
        assert mine is not None
        assert (mine.round, mine.acked_version) == (1, 1)
        assert not ack(hall, number, user)

    def test_again_resets_exactly_the_audience_and_keeps_the_old_ones(self, hall: Hall) -> None:
        firm_id = firm(hall)
        one, two = person(hall, firm_id, "a@x.example"), person(hall, firm_id, "b@x.example")
        gone = person(hall, firm(hall, "나감"), "c@x.example")
        number = published(hall)
        other = published(hall)
        ack(hall, number, one)
        ack(hall, other, one)
        ack(hall, number, gone)
        with hall.db.write() as session:
            fan.leave(session, hall.tick(), number, [gone])
            assert life.correct(session, hall.tick(), number, said(body="<p>11월</p>"), True, None, 1) == 2
        for user in (one, two):
            mine = receipt(hall, number, user)
            assert mine is not None
            assert (mine.round, mine.acked_at, mine.read_at) == (2, None, None)
            assert mine.due_at == hall.now + timedelta(days=7)
            assert steps_of(hall, number, user, 2)["email"] == ("planned", "")
        assert steps_of(hall, number, two)["email"] == ("cancelled", "newer")
        left, untouched = receipt(hall, number, gone), receipt(hall, other, one)
        assert left is not None and left.acked_version == 1  # noqa: PT018 - both or nothing
        assert untouched is not None and untouched.acked_version == 1  # noqa: PT018
        with pytest.raises(acknowledging.Newer):
            ack(hall, number, one, Via.LINK, version_seen=1)
        assert ack(hall, number, one)
        with hall.db.read() as session:
            query = sa.select(NoticeAcknowledgement.version).where(
                NoticeAcknowledgement.user_id == one, NoticeAcknowledgement.notice_id == number
            )
            assert sorted(session.scalars(query)) == [1, 2]

    def test_of_two_who_correct_one_is_told(self, hall: Hall) -> None:
        person(hall, firm(hall), "a@x.example")
        number = published(hall)
        with hall.db.write() as session:
            life.correct(session, hall.tick(), number, said("A"), False, None, 1)
        with hall.db.write() as session, pytest.raises(Conflict):
            life.correct(session, hall.tick(), number, said("B"), False, None, 1)
        with hall.db.read() as session:
            assert [row.title for row in version.every(session, number)] == ["A", "가격 인상"]

    def test_the_same_words_are_no_version(self, hall: Hall) -> None:
        person(hall, firm(hall), "a@x.example")
        number = published(hall)
        with hall.db.write() as session:
            assert life.correct(session, hall.tick(), number, said(), False, None, 1) == 1


ACTS = st.one_of(st.tuples(st.just("ack"), st.integers(0, 2)), st.tuples(st.just("new"), st.booleans()))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.tuples(st.just("ack"), st.integers(0, 2)), st.tuples(st.just("new"), st.booleans())), max_size=10
    )
)
def test_rounds(lite: Hall, story: list[tuple[str, Any]]) -> None:
    """After any story: who counts as having acknowledged did so for the round's version or a newer one, and no
    acknowledgement was ever lost."""
    with lite.db.read() as session:
        people = list(session.scalars(sa.select(member.PartnerMember.user_id).order_by(member.PartnerMember.id)))
    if not people:
        firm_id = firm(lite)
        people = [person(lite, firm_id, f"p{n}@x.example") for n in range(3)]
    number, newest, round_ = published(lite), 1, 1
    acked: dict[int, int] = {}
    every: set[tuple[int, int]] = set()
    for what, which in story:
        if what == "ack":
            user = people[which]
            assert ack(lite, number, user) == (user not in acked)
            if user not in acked:
                acked[user] = newest
                every.add((user, newest))
        else:
            newest += 1
            with lite.db.write() as session:
                life.correct(session, lite.tick(), number, said(f"v{newest}"), which, None, newest - 1)
            if which:
                round_, acked = newest, {}
    with lite.db.read() as session:
        rows = session.scalars(sa.select(NoticeReceipt).where(NoticeReceipt.notice_id == number)).all()
        assert {row.user_id: row.acked_version for row in rows if row.acked_at} == acked
        assert {row.round for row in rows} == {round_}
        assert version.round_of(session, number) == round_
        kept = session.scalars(sa.select(NoticeAcknowledgement).where(NoticeAcknowledgement.notice_id == number))
        assert {(one.user_id, one.version) for one in kept} == every
        assert numbers.of(session, lite.now, [number])[number].acked == len(acked)


class TestEnds:
    @pytest.mark.parametrize("how", ["expired", "withdrawn"])
    def test_lists_badges_and_steps_are_cleared(self, hall: Hall, how: str) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall, expires_at=days(hall, 2))
        viewer = _viewer(hall, user)
        with hall.db.read() as session:
            assert own.fresh(session, viewer, hall.now) == 1
            assert len(own.listed(session, viewer, hall.now)) == 1
        hall.tick(2 * 86_400 + 60)
        with hall.db.write() as session:
            if how == "expired":
                assert life.over(session, hall.now) == [number]
                assert list(life.expire_due(session, hall.now)) == [number]
                assert list(life.expire_due(session, hall.now)) == []
            else:
                life.withdraw(session, hall.now, number, "no", None)
        with hall.db.read() as session:
            assert own.fresh(session, viewer, hall.now) == 0
            assert own.listed(session, viewer, hall.now) == []
            assert session.scalar(sa.select(sa.func.count()).select_from(NoticeReceipt).join(
                Notice, Notice.id == NoticeReceipt.notice_id).where(waits())) == 0  # fmt: skip
            if how == "withdrawn":
                with pytest.raises(NotFound):
                    scope.one(session, viewer, Notice, number)
        assert set(steps_of(hall, number, user).values()) == {("cancelled", how)}

    def test_a_reason_is_asked_for(self, hall: Hall) -> None:
        person(hall, firm(hall), "a@x.example")
        number = published(hall)
        with hall.db.write() as session, pytest.raises(Invalid):
            life.withdraw(session, hall.tick(), number, "  ", None)

    def test_it_does_not_end_before_it_begins(self, hall: Hall) -> None:
        person(hall, firm(hall), "a@x.example")
        number = draft(hall, expires_at=days(hall, 1))
        with hall.db.write() as session, pytest.raises(Invalid):
            life.schedule(session, hall.now, number, days(hall, 2))
        hall.tick(2 * 86_400)
        with hall.db.write() as session, pytest.raises(Invalid):
            life.publish(session, hall.now, number, None)


def _viewer(hall: Hall, user: int) -> scope.Viewer:
    with hall.db.read() as session:
        return scope.viewer_of(session, users.get(session, user))


class TestLiveAudience:
    DEFINITION = {"all": [{"field": "stage", "op": "is", "value": ["active"]}]}

    def test_who_comes_later_gets_it_and_the_ladder_from_now(self, hall: Hall) -> None:
        firm_id = firm(hall)
        person(hall, firm_id, "a@x.example")
        number = published(hall, self.DEFINITION)
        hall.tick(3 * 86_400)
        late = person(hall, firm_id, "late@x.example")
        follow(hall)
        mine = receipt(hall, number, late)
        assert mine is not None
        assert mine.at == hall.now
        with hall.db.read() as session:
            sms = session.scalars(
                sa.select(NoticeAttempt).where(NoticeAttempt.user_id == late, NoticeAttempt.channel == "sms")
            ).one()
            assert sms.due_at == days(hall, 1)

    def test_who_leaves_loses_what_was_not_sent_and_may_come_back(self, hall: Hall) -> None:
        firm_id = firm(hall)
        user, done = person(hall, firm_id, "a@x.example"), person(hall, firm_id, "b@x.example")
        number = published(hall, self.DEFINITION)
        ack(hall, number, done)
        with hall.db.write() as session:
            partner.move(session, hall.tick(), firm_id, Stage.DORMANT, "", None)
        follow(hall)
        assert steps_of(hall, number, user)["sms"] == ("cancelled", "left")
        assert counted(hall, number).audience == 0
        with hall.db.read() as session, pytest.raises(NotFound):
            scope.one(session, _viewer(hall, user), Notice, number)
        hall.tick(86_400)
        with hall.db.write() as session:
            partner.move(session, hall.tick(), firm_id, Stage.ACTIVE, "", None)
        follow(hall)
        assert steps_of(hall, number, user)["sms"] == ("planned", "")
        assert steps_of(hall, number, user)["board"] == ("queued", "")
        assert steps_of(hall, number, done)["sms"] == ("cancelled", "acknowledged")
        assert (counted(hall, number).audience, counted(hall, number).acked) == (2, 1)

    def test_who_comes_back_to_a_newer_round_must_acknowledge_that(self, hall: Hall) -> None:
        firm_id, stays = firm(hall), firm(hall, "남음")
        user = person(hall, firm_id, "a@x.example")
        person(hall, stays, "b@x.example")
        number = published(hall, self.DEFINITION)
        ack(hall, number, user)
        with hall.db.write() as session:
            partner.move(session, hall.tick(), firm_id, Stage.DORMANT, "", None)
        follow(hall)
        with hall.db.write() as session:
            life.correct(session, hall.tick(), number, said("새"), True, None, 1)
            partner.move(session, hall.tick(), firm_id, Stage.ACTIVE, "", None)
        follow(hall)
        mine = receipt(hall, number, user)
        assert mine is not None
        assert (mine.round, mine.acked_at, mine.left_at) == (2, None, None)
        assert mine.due_at is not None
        assert steps_of(hall, number, user, 2)["email"] == ("planned", "")

    def test_who_only_reads_owes_nothing_and_who_acts_does(self, hall: Hall) -> None:
        firm_id = firm(hall)
        boss_ = person(hall, firm_id, "o@x.example", MemberRole.OWNER)
        user = person(hall, firm_id, "a@x.example")
        number = published(hall)
        for role, owes in ((MemberRole.VIEWER, False), (MemberRole.MANAGER, True)):
            with hall.db.write() as session:
                mine = member.of_user(session, user)
                assert mine is not None
                member.entrust(session, hall.tick(), mine, role, boss_)
            follow(hall)
            found = receipt(hall, number, user)
            assert found is not None
            assert (found.due_at is not None) is owes

    def test_the_hourly_look_finds_what_no_row_tells(self, hall: Hall) -> None:
        user = person(hall, firm(hall), "a@x.example")
        number = published(hall)
        follow(hall)
        with hall.db.write() as session:
            users.get(session, user).deactivated_at = hall.tick()
        follow(hall)
        assert counted(hall, number).audience == 1
        with hall.db.write() as session:
            for part in live.partners(session):
                assert live.settle(session, hall.tick(), part) == 1
                assert live.settle(session, hall.tick(), part) == 0
        assert counted(hall, number).audience == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_everybody_is_counted_once(lite: Hall, chance: random.Random, size: int) -> None:
    """Audience = delivered + failed + suppressed + on the way, whatever became of which step."""
    firm_id = firm(lite)
    people = [person(lite, firm_id, f"p{firm_id}-{n}@x.example") for n in range(size)]
    number = published(lite, {"all": [{"field": "partner", "op": "is", "value": [str(firm_id)]}]})
    with lite.db.write() as session:
        for row in session.scalars(sa.select(NoticeAttempt).where(NoticeAttempt.notice_id == number)):
            row.state = chance.choice(list(Fate)).value
            row.reason = "550 no such user" if row.state == Fate.FAILED else ""
    for user in chance.sample(people, size // 3):
        ack(lite, number, user)
    found = counted(lite, number)
    assert found.audience == size
    assert found.audience == found.delivered + found.failed + found.suppressed + found.waiting
    with lite.db.read() as session:
        everybody = numbers.people(session, lite.now, number, Which.ALL, most=None)
        assert len(everybody) == size
        for outcome in Outcome:
            listed = numbers.people(session, lite.now, number, Which(outcome.value), most=None)
            assert len(listed) == getattr(found, outcome.value)
            assert {one.outcome for one in listed} <= {outcome}
        assert all(one.reason for one in everybody if one.outcome is Outcome.FAILED)
        missing, done = (numbers.people(session, lite.now, number, w, most=None) for w in (Which.MISSING, Which.DONE))
        assert len(missing) + len(done) == size


def test_what_a_partners_person_has(hall: Hall) -> None:
    user = person(hall, firm(hall), "a@x.example")
    plain = published(hall, needs_ack=False)
    must, soon = published(hall, ack_days=9), published(hall, ack_days=2)
    pinned = published(hall, needs_ack=False, pinned_until=days(hall, 1))
    viewer = _viewer(hall, user)
    with hall.db.read() as session:
        shown = own.listed(session, viewer, hall.now)
        assert [one.notice.id for one in shown] == [pinned, soon, must, plain]
        assert [one.pinned for one in shown] == [True, False, False, False]
        assert [one.notice.id for one in own.listed(session, viewer, days(hall, 2))][-2:] == [pinned, plain]
        assert own.counts(session, viewer) == {own.Only.ALL: 4, own.Only.UNREAD: 4, own.Only.TO_ACKNOWLEDGE: 2}
        listed = own.listed(session, viewer, hall.now, own.Only.TO_ACKNOWLEDGE)
        assert [one.notice.id for one in listed] == [soon, must]


def test_a_plan_is_checked(hall: Hall) -> None:
    with hall.db.read() as session:
        for wrong in (
            Plan({"all": [{"field": "pet", "op": "is", "value": ["cat"]}]}), Plan(EVERYBODY, category_id=99),
            Plan(EVERYBODY, ack_days=0), Plan(EVERYBODY, ladder=[{"channel": "owl", "days": 1}]),
        ):  # fmt: skip
            with pytest.raises(HanmaruError):
                checked(session, wrong)
        assert checked(session, Plan(EVERYBODY)).ladder == [one.as_json() for one in steps.DEFAULT]


def test_ten_thousand_people_take_some_statements(lite: Hall) -> None:
    """Set statements: as many for three hundred people as for three."""
    few, many = firm(lite, "few"), firm(lite, "many")
    for n in range(3):
        person(lite, few, f"f{n}@x.example")
    with lite.db.write() as session:
        for n in range(300):
            user = users.User(
                email=f"m{n}@x.example", handle=f"m{n}", name="m", role=users.Role.PARTNER, created_at=lite.now
            )
            session.add(user)
            session.flush()
            session.add(member.PartnerMember(partner_id=many, user_id=user.id, role="member", created_at=lite.now))
    counts = []
    for firm_id in (few, many):
        seen: list[str] = []
        listener = lambda _c, _u, statement, *_: seen.append(statement)  # noqa: E731, B023
        number = draft(lite, {"all": [{"field": "partner", "op": "is", "value": [str(firm_id)]}]}, needs_ack=True)
        sa.event.listen(lite.db.engine, "before_cursor_execute", listener)
        with lite.db.write() as session:
            life.publish(session, lite.tick(), number, None)
        sa.event.remove(lite.db.engine, "before_cursor_execute", listener)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] < 40


def test_what_a_version_says_is_never_changed(hall: Hall) -> None:
    person(hall, firm(hall), "a@x.example")
    number = published(hall)
    with hall.db.write() as session, pytest.raises(Conflict):
        life.save(session, hall.tick(), number, Plan(EVERYBODY), said("Other"), None)
    with hall.db.read() as session:
        assert [row.title for row in session.scalars(sa.select(NoticeVersion))] == ["가격 인상"]


def test_facts_of_partners(hall: Hall) -> None:
    """`Facts` that move a partner into an audience bring it the notice."""
    other = firm(hall, "처음", business_number="116-82-00276")
    user = person(hall, other, "a@x.example")
    person(hall, firm(hall, "나중"), "b@x.example")
    number = published(hall, {"all": [{"field": "name", "op": "has", "value": ["나중"]}]})
    assert receipt(hall, number, user) is None
    with hall.db.write() as session:
        partner.change(session, hall.tick(), other, Facts("나중에"), None)
    follow(hall)
    assert receipt(hall, number, user) is not None


def bells(hall: Hall, notice: int) -> dict[tuple[int, str], bool]:
    """By user and key of what stands behind the bell: whether it was read."""
    with hall.db.read() as session:
        about = (Notification.about == "notice") & (Notification.about_id == notice)
        return {
            (one.user_id, one.key): one.read_at is not None
            for one in session.scalars(sa.select(Notification).where(about))
        }


def test_what_stands_behind_the_bell(hall: Hall) -> None:
    """A line a round for each person, also for who comes later; read or acknowledged anywhere it is read there, and
    an end takes it away. Nothing of it is mailed: the ladder does that."""
    house = firm(hall)
    first, second = person(hall, house, "a@x.example"), person(hall, house, "b@x.example")
    number = published(hall, needs_ack=True)
    once = f"notice-{number}-1"
    assert bells(hall, number) == {(first, once): False, (second, once): False}
    with hall.db.read() as session:
        assert {(one.mail, one.sms) for one in session.scalars(sa.select(Notification))} == {("off", "off")}
    ack(hall, number, first, Via.MAIL)
    assert bells(hall, number)[first, once]
    third = person(hall, house, "c@x.example")
    follow(hall)
    assert bells(hall, number) == {(first, once): True, (second, once): False, (third, once): False}
    with hall.db.write() as session:
        life.correct(session, hall.tick(), number, said("다시"), True, None, 1)
    twice = f"notice-{number}-2"
    assert {key for key, read in bells(hall, number).items() if not read and key[1] == twice} == {
        (one, twice) for one in (first, second, third)
    }
    with hall.db.write() as session:
        life.withdraw(session, hall.tick(), number, "wrong", None)
    assert all(bells(hall, number).values())
    with hall.db.read() as session:
        assert set(session.scalars(sa.select(Notification.text))) == {""}, "what was withdrawn is quoted nowhere"
