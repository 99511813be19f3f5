"""Queues: what comes in, who gets it and why, what comes back. On both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from queue_kit import LIVE, Floor

from contact import conversation as conversations
from contact import inbox, users, verify
from contact.errors import Conflict, Invalid
from contact.following import ReaderState
from contact.log import Interaction, Name
from contact.messages import Thread
from contact.response.queues import add, back, by_hand, change, close, every, get, move, router
from contact.response.queues.agent import Agent, hundredths, points
from contact.response.queues.agent import change as change_agent
from contact.response.queues.member import inboxes, set_inboxes, set_members
from contact.response.queues.ways import Distribution, Ways


@pytest.fixture
def floor(hall: Hall) -> Floor:
    return Floor(hall)


@pytest.fixture
def plain(lite: Hall) -> Floor:
    """Where the database makes no difference."""
    return Floor(lite)


# -- what comes in


def test_what_comes_new_into_an_inbox_waits_in_its_queue(floor: Floor) -> None:
    queue = floor.queue("Help", feeds=(floor.hall.mail,), distribution=Distribution.HAND)
    mail, chat = floor.hall.mail_in().conversation_id, floor.hall.chat_in().conversation_id
    floor.read()
    assert (floor.one(mail).queue_id, floor.one(chat).queue_id) == (queue, None)
    (row,) = floor.rows(mail, Name.CONVERSATION_QUEUED)
    (opened,) = floor.rows(mail, Name.CONVERSATION_OPENED)
    assert (row.about_id, row.user_id, row.data["why"]) == (opened.id, None, "inbox")
    assert floor.give() == 0, "this queue gives nothing by itself"


def test_reading_again_changes_nothing_and_a_rules_word_counts(floor: Floor) -> None:
    first, second = floor.queue("Help", feeds=(floor.hall.mail,)), floor.queue("Refunds")
    mail, other = floor.hall.mail_in("a@a.example").conversation_id, floor.hall.mail_in("b@a.example").conversation_id
    floor.put(mail, second, None)
    floor.put(other, second)
    floor.put(other, None)
    for _ in range(2):
        floor.read()
        with floor.hall.db.write() as session:
            session.execute(sa.update(ReaderState).where(ReaderState.name == "queues").values(position=0))
    assert floor.one(mail).queue_id == second
    assert floor.one(other).queue_id is None, "taken out again by hand"
    assert first != second


def test_what_came_before_the_queue_was_chosen_stays_as_it_was(plain: Floor) -> None:
    old = plain.hall.mail_in().conversation_id
    plain.hall.tick()
    plain.queue("Help", feeds=(plain.hall.mail,))
    plain.read()
    assert plain.one(old).queue_id is None


def test_a_closed_queue_takes_nothing_new_and_gives_what_it_has(plain: Floor) -> None:
    anna = plain.agent("anna")
    queue = plain.queue("Help", anna, feeds=(plain.hall.mail,))
    waits = plain.mail(queue)
    with plain.hall.db.write() as session:
        close(get(session, queue), plain.now)
    new = plain.hall.mail_in("new@a.example").conversation_id
    plain.read()
    assert plain.one(new).queue_id is None
    assert plain.give() == 1
    assert plain.who(waits) == anna
    with plain.hall.db.write() as session, pytest.raises(Conflict):
        by_hand.put(session, plain.now, conversations.get(session, new), queue, 9)


def test_what_we_begin_ourselves_is_not_queued(plain: Floor) -> None:
    plain.queue("Help", feeds=(plain.hall.mail,))
    number = plain.hall.mail_in().conversation_id
    with plain.hall.db.write() as session:
        one = conversations.get(session, number)
        made = conversations.open_for(
            session, plain.hall.tick(), contact_id=one.contact_id, inbox_id=one.inbox_id, channel="email", user_id=7
        ).id
    plain.read()
    assert plain.one(made).queue_id is None


# -- who gets it


def test_the_most_urgent_first_then_who_waits_longest(floor: Floor) -> None:
    anna = floor.agent("anna", capacity=100)
    queue = floor.queue("Help", anna)
    late, urgent, later = (floor.mail(queue) for _ in range(3))
    floor.act(conversations.prioritise, urgent, "urgent", 9)
    order = []
    for _ in range(3):
        floor.beat()
        with floor.hall.db.write() as session:
            assert router.give(session, floor.now, LIVE, 1) == 1
        order.append(next(n for n in (late, urgent, later) if floor.who(n) == anna and n not in order))
        floor.act(conversations.resolve, order[-1], anna)
    assert order == [urgent, late, later]


def test_the_least_loaded_for_what_they_can_have(floor: Floor) -> None:
    anna, boram = floor.agent("anna", capacity=200), floor.agent("boram", capacity=800)
    queue = floor.queue("Help", anna, boram)
    numbers = [floor.mail(queue) for _ in range(10)]
    assert floor.give() == 10
    had = [floor.who(number) for number in numbers]
    assert (had.count(anna), had.count(boram)) == (2, 8)
    assert {row.data["why"] for number in numbers for row in floor.rows(number, Name.CONVERSATION_ASSIGNED)} == {"load"}


def test_round_robin_goes_round_and_goes_on_after_a_restart(floor: Floor) -> None:
    three = [floor.agent(name) for name in ("anna", "boram", "chul")]
    queue = floor.queue("Help", *three, distribution=Distribution.TURN)
    got = []
    for _ in range(7):
        number = floor.mail(queue)
        assert floor.give() == 1
        got.append(floor.who(number))
    assert got == [three[place % 3] for place in range(7)]


def test_channels_weigh_differently_and_nobody_gets_more_than_they_can_have(floor: Floor) -> None:
    anna = floor.agent("anna", capacity=200)
    queue = floor.queue("Help", anna)
    for _ in range(3):
        floor.chat(queue)
    floor.mail(queue)
    assert floor.give() == 2, "two chats weigh 2 points; the third keeps its place before the mail"
    with floor.hall.db.write() as session:
        change_agent(session, anna, skills=[], languages=[], points="4", weights={"chat": "", "email": "0.25"})
    assert floor.give() == 2


def test_an_answered_mail_weighs_nothing_and_a_warm_chat_does(floor: Floor) -> None:
    anna = floor.agent("anna", capacity=100)
    queue = floor.queue("Help", anna)
    mails = [floor.mail(queue) for _ in range(3)]
    assert floor.give() == 2
    floor.hall.reply(mails[0], user_id=anna)
    assert floor.give() == 1
    for number in mails:
        floor.act(conversations.resolve, number, anna)
    first, second = floor.chat(queue), floor.chat(queue)
    assert floor.give() == 1
    floor.hall.reply(first, user_id=anna)
    assert floor.give() == 0, "the customer may still be there"
    floor.hall.tick(31 * 60)
    assert floor.give() == 1
    assert floor.who(second) == anna


def test_only_who_is_here_and_takes_work(floor: Floor) -> None:
    gone, closed, away = floor.agent("gone", here=False), floor.agent("closed", takes_work=False), floor.agent("away")
    queue = floor.queue("Help", gone, closed, away)
    number = floor.mail(queue)
    floor.comes(away, state="away")
    with floor.hall.db.read() as session:
        assert router.wanted(session, floor.now, LIVE), "another window in front is not away"
        assert not router.wanted(session, floor.now + timedelta(minutes=6), LIVE)
    floor.goes(away)
    assert floor.give() == 0
    floor.comes(gone)
    assert floor.give() == 1
    assert floor.who(number) == gone


def test_a_process_that_fell_silent_is_not_believed(floor: Floor) -> None:
    queue = floor.queue("Help", floor.agent("anna"))
    floor.mail(queue)
    with floor.hall.db.read() as session:
        floor.beat()
        assert router.wanted(session, floor.now, LIVE)
        assert not router.wanted(session, floor.now + timedelta(seconds=31), LIVE)


def test_skills_and_languages_are_asked_for(floor: Floor) -> None:
    plain, able = floor.agent("plain"), floor.agent("able", skills=["환불", "VIP"], languages=["ko", "en"])
    refunds = floor.queue("Refunds", plain, able, skills=("vip",))
    english = floor.queue("World", plain, able, languages=("en", "ko"))
    assert floor.mail(refunds)
    number = floor.mail(english)
    with floor.hall.db.write() as session:
        one = conversations.get(session, number)
        session.execute(sa.text("update contact set language = 'en' where id = :n"), {"n": one.contact_id})
    floor.give()
    assert floor.who(number) == able
    for _ in range(4):
        floor.mail(english)
    floor.give()
    with floor.hall.db.read() as session:
        query = sa.select(Interaction).where(Interaction.name == Name.CONVERSATION_ASSIGNED.value)
        given = [(row.data["queue"], row.data["assignee"]) for row in session.scalars(query)]
    assert {who for queue, who in given if queue == refunds} == {able}
    assert {who for queue, who in given if queue == english} == {plain, able}


def test_who_talked_with_this_customer_last_gets_them_again(floor: Floor) -> None:
    anna, boram = floor.agent("anna"), floor.agent("boram")
    queue = floor.queue("Help", anna, boram, sticky_hours=24, distribution=Distribution.TURN)
    first = floor.mail(queue, "kim@a.example")
    floor.give()
    assert floor.who(first) == anna
    floor.hall.reply(first, user_id=anna)
    floor.act(conversations.resolve, first, anna)
    for _ in range(3):
        again = floor.mail(queue, "kim@a.example")
        floor.give()
        assert floor.who(again) == anna
        assert floor.rows(again, Name.CONVERSATION_ASSIGNED)[-1].data["why"] == "last"
    floor.hall.tick(25 * 3600)
    late = floor.mail(queue, "kim@a.example")
    floor.give()
    assert floor.who(late) == boram, "a day later it is anybody's"


def test_what_nobody_here_can_take_holds_up_nobody(floor: Floor) -> None:
    anna = floor.agent("anna")
    never = floor.queue("Never", anna, skills=("수화",))
    help_ = floor.queue("Help", anna)
    stuck = [floor.mail(never) for _ in range(60)]
    other = floor.mail(help_)
    for number in stuck[:3]:
        floor.act(conversations.prioritise, number, "urgent", 9)
    assert floor.give() == 1
    assert floor.who(other) == anna


def test_a_long_head_of_what_nobody_speaks_hides_nothing(plain: Floor) -> None:
    """More than one page of the queue is in a language nobody here speaks."""
    anna = plain.agent("anna")
    queue = plain.queue("World", anna, languages=("en", "ko"))
    english = [plain.mail(queue) for _ in range(router.PAGES[1] + 3)]
    with plain.hall.db.write() as session:
        session.execute(sa.text("update contact set language = 'en'"))
    korean = plain.mail(queue)
    assert plain.give() == 1
    assert plain.who(korean) == anna
    assert not any(plain.who(number) for number in english)


def test_after_some_minutes_everybody_is_asked(floor: Floor) -> None:
    own, other = floor.agent("own", here=False), floor.agent("other")
    queue = floor.queue("Help", own, overflow_minutes=5)
    number = floor.mail(queue)
    assert floor.give() == 0
    floor.hall.tick(5 * 60)
    assert floor.give() == 1
    assert floor.who(number) == other
    assert floor.rows(number, Name.CONVERSATION_ASSIGNED)[-1].data["why"] == "wider"
    assert floor.one(number).queue_id == queue


def test_it_waits_until_rules_have_read_but_not_for_stopped_ones(floor: Floor) -> None:
    queue = floor.queue("Help", floor.agent("anna"))
    floor.mail(queue)
    with floor.hall.db.write() as session:
        session.add(ReaderState(name="rules", position=0))
    assert floor.give() == 0
    with floor.hall.db.write() as session:
        session.get_one(ReaderState, "rules").stopped_at = floor.now
    assert floor.give() == 1
    second = floor.mail(queue)
    third = floor.mail(queue)
    with floor.hall.db.write() as session:
        last = sa.select(sa.func.max(Interaction.id)).where(Interaction.conversation_id == second)
        rules = session.get_one(ReaderState, "rules")
        rules.stopped_at, rules.position = None, session.scalar(last)
    assert floor.give() == 1
    assert floor.who(second)
    assert not floor.who(third)


# -- what comes back


def test_what_was_given_comes_back_when_the_agent_is_gone_and_the_customer_waits(floor: Floor) -> None:
    anna, boram = floor.agent("anna"), floor.agent("boram", here=False)
    queue = floor.queue("Help", anna, boram)
    number, answered = floor.mail(queue), floor.mail(queue)
    floor.give()
    floor.hall.reply(answered, user_id=anna)
    floor.goes(anna)
    assert floor.sweep() == 0
    floor.hall.tick(9 * 60)
    floor.comes(anna)
    assert floor.sweep() == 0, "back in time: counted anew"
    floor.goes(anna)
    floor.sweep()
    floor.hall.tick(10 * 60)
    assert floor.sweep() == 1
    assert (floor.who(number), floor.who(answered)) == (None, anna)
    given, took = floor.rows(number, Name.CONVERSATION_ASSIGNED)
    assert (took.about_id, took.data["why"], took.data["minutes"], took.user_id) == (given.id, "absent", 10, None)
    floor.comes(boram)
    assert floor.give() == 1
    floor.comes(anna)
    assert (floor.sweep(), floor.give()) == (0, 0)
    assert floor.who(number) == boram


def test_who_took_by_hand_keeps_it_unless_the_queue_says_otherwise(floor: Floor) -> None:
    anna = floor.agent("anna")
    queue = floor.queue("Help", anna)
    number = floor.mail(queue)
    floor.act(conversations.assign, number, anna, anna)
    floor.goes(anna)
    floor.sweep()
    floor.hall.tick(3600)
    assert floor.sweep() == 0
    floor.set(queue, return_taken=True)
    assert floor.sweep() == 1
    assert floor.who(number) is None


def test_who_does_not_work_here_any_more_gives_everything_back(floor: Floor) -> None:
    anna, boram = floor.agent("anna"), floor.agent("boram")
    queue = floor.queue("Help", anna)
    waits, answered, free = floor.mail(queue), floor.mail(queue), floor.hall.mail_in("free@a.example").conversation_id
    for number in (waits, answered, free):
        floor.act(conversations.assign, number, anna, anna)
    floor.hall.reply(answered, user_id=anna)
    with floor.hall.db.write() as session:
        users.deactivate(session, users.get(session, anna), floor.now)
    assert floor.sweep() == 3
    assert [floor.who(number) for number in (waits, answered, free)] == [None] * 3
    assert floor.give() == 0, "and is given nothing"
    assert boram
    assert floor.sweep() == 0


def test_a_customer_who_comes_back_finds_somebody(floor: Floor) -> None:
    anna = floor.agent("anna")
    queue = floor.queue("Help", anna)
    here, gone = floor.mail(queue, "one@a.example"), floor.mail(queue, "two@a.example")
    floor.give()
    floor.read()
    for number in (here, gone):
        floor.act(conversations.resolve, number, anna)
        floor.act(conversations.reopen, number)
        with floor.hall.db.write() as session:
            session.execute(sa.text("update conversation set waiting_since = last_at where id = :n"), {"n": number})
        if number == here:
            floor.read()
            assert floor.who(here) == anna
            floor.goes(anna)
    floor.read()
    assert floor.who(gone) is None
    assert floor.rows(gone, Name.CONVERSATION_ASSIGNED)[-1].data["why"] == back.REOPENED


def test_an_old_conversation_that_comes_back_finds_the_queue_too(floor: Floor) -> None:
    anna, boram = floor.agent("anna", here=False), floor.agent("boram")
    old = floor.hall.mail_in("old@a.example").conversation_id
    floor.act(conversations.assign, old, anna, anna)
    floor.act(conversations.resolve, old, anna)
    floor.hall.tick()
    queue = floor.queue("Help", boram, feeds=(floor.hall.mail,))
    floor.read()
    assert floor.one(old).queue_id is None
    floor.hall.mail_in("old@a.example", thread=Thread(token=old))
    floor.read()
    assert (floor.one(old).queue_id, floor.who(old)) == (queue, None)
    assert floor.give() == 1
    assert floor.who(old) == boram


def test_overflow_moves_once_and_never_in_circles(floor: Floor) -> None:
    first, second = floor.queue("First"), floor.queue("Second")
    floor.set(first, overflow_minutes=5, overflow_to=second)
    floor.set(second, overflow_minutes=5, overflow_to=first)
    number = floor.mail(first)
    assert floor.sweep() == 0
    floor.hall.tick(5 * 60)
    assert floor.sweep() == 1
    assert floor.one(number).queue_id == second
    for _ in range(5):
        floor.hall.tick(5 * 60)
        assert floor.sweep() == 0
    row = floor.rows(number, Name.CONVERSATION_QUEUED)[-1]
    assert (row.data["why"], row.data["minutes"], row.data["from"]) == ("overflow", 5, first)
    floor.put(number, first)
    assert floor.sweep() == 0, "a person has put it there just now"
    floor.hall.tick(5 * 60)
    assert floor.sweep() == 1
    with floor.hall.db.read() as session:
        assert list(verify.verify(session)) == []


def test_a_person_gives_it_to_another_queue(floor: Floor) -> None:
    anna, boram = floor.agent("anna"), floor.agent("boram")
    one, both = floor.queue("One", boram), floor.queue("Both", anna, boram)
    number = floor.hall.mail_in().conversation_id
    floor.act(conversations.assign, number, anna, anna)
    floor.act(by_hand.put, number, str(both), anna)
    assert floor.who(number) == anna, "works for it"
    floor.act(by_hand.put, number, one, anna)
    assert (floor.who(number), floor.one(number).queue_id) == (None, one)
    floor.act(by_hand.put, number, "", anna)
    assert floor.one(number).queue_id is None


def test_the_log_says_the_same_as_the_columns(floor: Floor) -> None:
    anna = floor.agent("anna")
    first, second = floor.queue("First", anna, feeds=(floor.hall.mail,)), floor.queue("Second")
    floor.set(first, overflow_minutes=1, overflow_to=second)
    for _ in range(4):
        floor.hall.mail_in(f"c{next(floor.hall.numbers)}@a.example")
    floor.read()
    floor.give()
    floor.goes(anna)
    floor.sweep()
    floor.hall.tick(11 * 60)
    assert floor.sweep()
    assert floor.sweep(), "back, and over into the other queue"
    with floor.hall.db.read() as session:
        assert list(verify.verify(session)) == []


# -- settings


def test_settings_are_kept_and_nonsense_is_refused(plain: Floor) -> None:
    ways = Ways.read(
        {"distribution": "turn", "skills": " 환불, VIP,vip ,", "languages": ["ko"], "sticky_hours": "12",
         "overflow_minutes": "", "return_minutes": "5", "warn_minutes": "3"}
    )  # fmt: skip
    assert (ways.skills, ways.overflow_minutes, Ways.of(ways.kept())) == (("환불", "VIP"), 0, ways)
    assert Ways.of({"distribution": "load", "unknown": 1}).distribution is Distribution.LOAD
    for wrong in ({"distribution": "x"}, {"sticky_hours": "-1"}, {"sticky_hours": "1e3"}, {"skills": "x" * 41}):
        with pytest.raises(Invalid):
            Ways.read(wrong)
    with plain.hall.db.write() as session:
        queue = add(session, plain.now, " Help ")
        with pytest.raises(Conflict):
            add(session, plain.now, "Help")
        with pytest.raises(Invalid):
            change(session, queue, "Help", Ways(overflow_minutes=5, overflow_to=queue.id))
        with pytest.raises(Invalid):
            change(session, queue, "", Ways())


def test_queues_keep_their_order_and_inboxes_one_queue(plain: Floor) -> None:
    names = ["A", "B", "C"]
    numbers = [plain.queue(name) for name in names]
    with plain.hall.db.write() as session:
        move(session, get(session, numbers[2]), -1)
        move(session, get(session, numbers[0]), -1)
        set_members(session, numbers[0], [1, 1, 2])
        set_inboxes(session, plain.now, numbers[0], [plain.hall.mail])
        set_inboxes(session, plain.now, numbers[1], [plain.hall.mail, plain.hall.chat])
        set_inboxes(session, plain.now, numbers[1], [plain.hall.chat])
    with plain.hall.db.read() as session:
        assert [queue.name for queue in every(session)] == ["A", "C", "B"]
        assert inboxes(session) == {plain.hall.chat: numbers[1]}
        assert inbox.get(session, plain.hall.mail)


def test_points_are_exact() -> None:
    assert [hundredths(text, 0) for text in ("2", "0.5", "0,25", "0")] == [200, 50, 25, 0]
    assert [points(n) for n in (200, 50, 25, 0, 1010)] == ["2", "0.5", "0.25", "0", "10.1"]
    for wrong in ("", "x", "-1", "0.005", "1e9", "nan", "inf"):
        with pytest.raises(Invalid):
            hundredths(wrong, 0)
    assert Agent.fresh(1).takes_work
