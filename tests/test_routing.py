"""Giving work, as properties: nobody gets more than they can have, the order holds, everybody gets a turn.

The choice alone is tried with thousands of floors; then real routers, two at once, on both databases.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from queue_kit import LIVE, Floor

from contact import conversation as conversations
from contact.conversation import Conversation
from contact.log import Interaction, Name
from contact.response.queues import router
from contact.response.queues import work as work_table
from contact.response.queues.agent import Agent, weight
from contact.response.queues.choose import Desk, Hand, Round, Work, choose, fits
from contact.response.queues.ways import Distribution, Ways

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SKILLS = ("환불", "vip", "배송")
LANGUAGES = ("ko", "en", "ja")
CHANNELS = ("chat", "email", "fax")

skills = st.frozensets(st.sampled_from(SKILLS), max_size=2)
languages = st.frozensets(st.sampled_from(LANGUAGES), max_size=3)


@st.composite
def floors(draw: st.DrawFn) -> tuple[list[Work], dict[int, Desk], dict[int, Hand]]:
    hands = {
        number: Hand(
            number, draw(st.integers(0, 600)), draw(st.integers(0, 300)), draw(skills), draw(languages),
            draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(1, 300), max_size=2)),
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    }  # fmt: skip
    desks = {}
    for number in range(1, draw(st.integers(1, 4)) + 1):
        ways = Ways(
            distribution=draw(st.sampled_from((Distribution.TURN, Distribution.LOAD))),
            languages=tuple(sorted(draw(languages))), sticky_hours=0,
        )  # fmt: skip
        members = frozenset(draw(st.lists(st.integers(1, 6), max_size=6)))
        desks[number] = Desk(number, ways, members, draw(skills))
    work = [
        Work(
            number, draw(st.sampled_from(sorted(desks))), draw(st.sampled_from(CHANNELS)), draw(st.integers(0, 3)),
            (draw(st.booleans()), NOON + timedelta(minutes=draw(st.integers(0, 30))), number),
            draw(st.sampled_from(("", *LANGUAGES))), draw(st.booleans()),
        )
        for number in range(1, draw(st.integers(0, 25)) + 1)
    ]  # fmt: skip
    return work, desks, hands


def able(one: Work, desk: Desk, hand: Hand) -> bool:
    """Said again, in other words than the code's."""
    speaks = hand.languages
    wanted = {one.language} & set(desk.ways.languages) or set(desk.ways.languages)
    return (
        (one.wide or hand.id in desk.members)
        and desk.skills <= hand.skills
        and (not wanted or bool(wanted & speaks))
        and weight(hand.weights, one.channel) <= hand.capacity
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(floors())
def test_a_round_keeps_every_promise(floor: tuple[list[Work], dict[int, Desk], dict[int, Hand]]) -> None:
    work, desks, hands = floor
    before = {number: hand.load for number, hand in hands.items()}
    made = choose(work, desks, hands, {})
    by_id, given_to = {one.id: one for one in work}, {gift.conversation_id: gift.user_id for gift in made.gifts}
    assert len(given_to) == len(made.gifts), "nothing twice"
    loads = Counter(before)
    for gift in made.gifts:
        one = by_id[gift.conversation_id]
        hand = hands[gift.user_id]
        assert able(one, desks[one.queue_id], hand)
        loads[hand.id] += weight(hand.weights, one.channel)
        assert loads[hand.id] <= hand.capacity, "never more than they can have"
    assert loads == Counter({number: hand.load for number, hand in hands.items()})
    for one in work:  # nobody was passed over for somebody behind
        for other in work:
            if one.id not in given_to and other.id in given_to and one.place < other.place:
                assert not able(one, desks[one.queue_id], hands[given_to[other.id]])
    for one in work:  # nobody sits idle while somebody waits for them
        if one.id not in given_to:
            for hand in hands.values():
                if (
                    able(one, desks[one.queue_id], hand)
                    and hand.load + weight(hand.weights, one.channel) <= hand.capacity
                ):
                    ahead = [o for o in work if o.place < one.place and o.id not in given_to]
                    assert any(able(o, desks[o.queue_id], hand) for o in ahead), "held for somebody before"


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(1, 60), st.randoms(use_true_random=False))
def test_round_robin_is_fair(people: int, gifts: int, chance: object) -> None:
    """In any number of rounds of any size nobody gets two more than another."""
    desk = Desk(1, Ways(distribution=Distribution.TURN, sticky_hours=0), frozenset(range(1, people + 1)))
    hands = {n: Hand(n, 10**9, 0, frozenset(), frozenset()) for n in desk.members}
    turns: dict[tuple[int, int], int] = {}
    got: Counter[int] = Counter(dict.fromkeys(desk.members, 0))
    number = 0
    while number < gifts:
        size = chance.randint(1, 5)  # type: ignore[attr-defined]
        work = [Work(number + n, 1, "email", 1, (False, NOON, number + n)) for n in range(size)]
        number += size
        made = choose(work, {1: desk}, hands, turns)
        turns |= made.turns
        got.update(gift.user_id for gift in made.gifts)
        assert max(got.values()) - min(got.values()) <= 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(floors(), st.dictionaries(st.integers(1, 25), st.integers(1, 6)))
def test_the_last_agent_gets_it_when_they_can(
    floor: tuple[list[Work], dict[int, Desk], dict[int, Hand]], before: dict[int, int]
) -> None:
    work, desks, hands = floor
    desks = {n: Desk(n, Ways(d.ways.distribution, sticky_hours=1), d.members, d.skills) for n, d in desks.items()}
    made = choose(work, desks, hands, {}, last=lambda one: before.get(one.id))
    why = {gift.conversation_id: gift for gift in made.gifts}
    for number, gift in why.items():
        assert (gift.why == "last") == (gift.user_id == before.get(number))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(floors(), st.integers(1, 5))
def test_small_rounds_give_the_same_people_as_one_big_one(
    floor: tuple[list[Work], dict[int, Desk], dict[int, Hand]], most: int
) -> None:
    """A round that stops early goes on where it stopped."""
    work, desks, hands = floor
    copies = {n: Hand(h.id, h.capacity, h.load, h.skills, h.languages, h.weights) for n, h in hands.items()}
    whole = choose(work, desks, hands, {})
    turns: dict[tuple[int, int], int] = {}
    gifts = []
    while (part := choose(work, desks, copies, turns, most=most)).gifts:
        gifts += part.gifts
        turns |= part.turns
        done = {gift.conversation_id for gift in part.gifts}
        work = [one for one in work if one.id not in done]
    assert gifts == whole.gifts


def test_a_language_the_queue_does_not_know_is_no_bar() -> None:
    desk = Desk(1, Ways(languages=("en", "ko")), frozenset({1}))
    korean = (frozenset[str](), frozenset({"ko"}), desk)
    assert fits(*korean, "ko")
    assert fits(*korean, "fr")
    assert fits(*korean)
    assert not fits(*korean, "en")
    assert choose([], {1: desk}, {}, {}) == Round()


# -- real routers


@pytest.fixture
def floor(hall: Hall) -> Floor:
    return Floor(hall)


def rounds(floor: Floor, most: int, start: threading.Barrier, errors: list[BaseException]) -> None:
    """A worker of its own: looks, and gives, until there is nothing."""
    try:
        start.wait(30)
        for _ in range(500):
            with floor.hall.db.read() as session:
                if not router.wanted(session, floor.now, LIVE):
                    return
            with floor.hall.db.write() as session:
                router.give(session, floor.now, LIVE, most)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails with it
        errors.append(error)


def test_two_routers_at_once_give_nothing_twice_and_nobody_too_much(floor: Floor) -> None:
    """And agents take by hand in the meantime."""
    agents = [floor.agent(f"agent{n}", capacity=300 + 100 * n) for n in range(4)]
    queues = [
        floor.queue("Turn", *agents[:3], distribution=Distribution.TURN),
        floor.queue("Load", *agents[1:], distribution=Distribution.LOAD),
    ]
    numbers = [floor.mail(queues[n % 2]) if n % 3 else floor.chat(queues[n % 2]) for n in range(40)]
    floor.beat()
    start, errors = threading.Barrier(3), list[BaseException]()
    threads = [threading.Thread(target=rounds, args=(floor, most, start, errors)) for most in (3, 1)]
    for thread in threads:
        thread.start()
    start.wait(30)
    for number in numbers[-6:]:
        with floor.hall.db.write() as session:
            one = conversations.get(session, number)
            if one.assignee_id is None:
                conversations.assign(session, floor.now, one, 4711, 4711)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not errors
    with floor.hall.db.read() as session:
        rows = list(session.scalars(sa.select(Interaction).where(Interaction.name == Name.CONVERSATION_ASSIGNED.value)))
        assert max(Counter(row.conversation_id for row in rows).values()) == 1
        had: Counter[int] = Counter()
        for one in session.scalars(sa.select(Conversation).where(Conversation.assignee_id.is_not(None))):
            had[one.assignee_id or 0] += weight({}, one.channel)
        by_hand = {row.conversation_id for row in rows if row.user_id == 4711}
        assert all(conversations.get(session, number or 0).assignee_id == 4711 for number in by_hand)
        for number in agents:
            agent = session.get_one(Agent, number)
            assert had[number] <= agent.capacity
            left = agent.capacity - had[number]
            assert left < 100, "nobody sits idle while chats and mails wait"


class Day:
    """A day on a floor, at random: people come, go, take, answer; customers write."""

    def __init__(self, floor: Floor, seed: int) -> None:
        self.floor, self.chance = floor, random.Random(seed)
        self.agents = [floor.agent(f"a{n}", capacity=200) for n in range(3)]
        first = floor.queue("First", *self.agents[:2], distribution=Distribution.TURN, sticky_hours=1)
        second = floor.queue("Second", *self.agents[1:], return_minutes=5)
        floor.set(first, overflow_minutes=7, overflow_to=second)
        floor.set(second, overflow_minutes=7, overflow_to=first)
        self.queues, self.talks = [first, second], list[int]()

    def step(self) -> None:
        chance, floor = self.chance, self.floor
        floor.hall.tick(chance.choice((5, 60, 200)))
        match chance.randrange(6):
            case 0 | 1:
                self.talks.append(chance.choice((floor.mail, floor.chat))(chance.choice(self.queues)))
            case 2:
                chance.choice((floor.comes, floor.goes))(chance.choice(self.agents))
            case 3 if self.talks:
                number = chance.choice(self.talks)
                floor.act(conversations.resolve, number, self.agents[0])
            case 4 if self.talks:
                number = chance.choice(self.talks)
                if (who := floor.who(number)) is not None:
                    floor.hall.reply(number, user_id=who)
            case _:
                pass
        before = self.loads()
        floor.sweep()
        floor.give()
        self.check(before)

    def loads(self) -> dict[int, int]:
        with self.floor.hall.db.read() as session:
            return work_table.loads(session, self.floor.now, LIVE, self.agents, {})

    def check(self, before: dict[int, int]) -> None:
        for user, load in self.loads().items():
            assert load <= max(200, before.get(user, 0)), "given more than they can have"
        for number in self.talks:
            moves = self.floor.rows(number, Name.CONVERSATION_QUEUED)
            assert sum(row.data.get("why") == "overflow" for row in moves) <= 1, "in circles"
            given = self.floor.rows(number, Name.CONVERSATION_ASSIGNED)
            for one, two in itertools.pairwise(given):
                assert two.data["from"] == one.data["assignee"]
                if two.data["assignee"] is None:
                    assert two.at - one.at >= timedelta(minutes=5), "taken back before its time"


@pytest.mark.parametrize("seed", range(6))
def test_a_day_on_the_floor(lite: Hall, seed: int) -> None:
    """However people come and go: no circles, no overload, and nothing taken back before its time."""
    day = Day(Floor(lite), seed)
    for _ in range(40):
        day.step()
    assert day.talks
