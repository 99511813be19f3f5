"""Limits: the rules as properties, in memory and in a real Valkey; bounded; an office of fifty."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact import limits
from contact.errors import TooMany
from contact.limits import Growing, Limits, Memory, Redis, Rule, Steady, Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STEADY = Steady("steady", burst=5, every=2.0)
GROWING = Growing("growing", free=3, first=4, ceiling=60, forget=600)

gaps = st.lists(st.floats(min_value=0, max_value=30, allow_nan=False), min_size=1, max_size=60)


def takes(store: Store, rule: Rule, times: list[float]) -> list[float]:
    """Waits that the store answered for tries at these times (0 = let through)."""
    return [store.take(rule, "k", time, 1.0) for time in times]


def running(gaps: list[float]) -> list[float]:
    total, times = NOON.timestamp(), []
    for gap in gaps:
        total += gap
        times.append(total)
    return times


@given(gaps)
def test_a_steady_rule_never_lets_more_through_than_burst_and_rate(gaps: list[float]) -> None:
    times = running(gaps)
    passed = [time for time, wait in zip(times, takes(Memory(), STEADY, times), strict=True) if wait == 0]
    for i, start in enumerate(passed):
        for j, end in enumerate(passed[i:], start=i):
            assert j - i + 1 <= STEADY.burst + (end - start) / STEADY.every + 1e-6


@given(gaps)
def test_whoever_waits_as_long_as_told_is_let_through(gaps: list[float]) -> None:
    for rule in (STEADY, GROWING):
        store, now = Memory(), NOON.timestamp()
        for gap in gaps:
            now += gap
            wait = store.take(rule, "k", now, 1.0)
            if wait:
                assert store.take(rule, "k", now + wait - min(0.01, wait / 2), 1.0) > 0
                now += wait + 1e-3
                assert store.take(rule, "k", now, 1.0) == 0


@given(gaps)
def test_a_growing_rule_never_asks_for_more_than_its_ceiling(gaps: list[float]) -> None:
    assert all(wait <= GROWING.ceiling + 1e-3 for wait in takes(Memory(), GROWING, running(gaps)))


def test_a_growing_wait_doubles_up_to_the_ceiling_and_calm_forgets() -> None:
    assert [GROWING.wait(tries) for tries in range(1, 10)] == [0, 0, 4, 8, 16, 32, 60, 60, 60]
    store, now = Memory(), NOON.timestamp()
    for _ in range(21):
        now += store.take(GROWING, "k", now, 1.0)
    assert store.take(GROWING, "k", now, 1.0) == pytest.approx(60, abs=1)
    now += 60 + GROWING.forget + 1
    assert takes(store, GROWING, [now, now, now]) == [0, 0, 0]


def test_refused_tries_do_not_lengthen_the_wait() -> None:
    store, now = Memory(), NOON.timestamp()
    for _ in range(3):
        assert store.take(GROWING, "k", now, 1.0) == 0
    assert {store.take(GROWING, "k", now + 1, 1.0) for _ in range(1000)} == {3.0}
    assert store.take(GROWING, "k", now + 4.001, 1.0) == 0


def test_success_forgives() -> None:
    store, now = Memory(), NOON.timestamp()
    for _ in range(50):
        assert store.take(GROWING, "k", now, 1.0) == 0
        store.forgive(GROWING, "k")


def test_tries_at_the_same_instant_are_all_counted() -> None:
    store, passed = Memory(), []
    lock = threading.Barrier(20)

    def attempt() -> None:
        lock.wait()
        if store.take(GROWING, "k", NOON.timestamp(), 1.0) == 0:
            passed.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == GROWING.free


def test_memory_is_bounded_and_one_rule_cannot_push_out_another() -> None:
    store = Memory(keep=100)
    assert store.take(GROWING, "victim", NOON.timestamp(), 1.0) == 0
    for n in range(10_000):
        store.take(STEADY, f"flood {n}", NOON.timestamp(), 1.0)
    assert len(store) == 101
    assert takes(store, GROWING, [NOON.timestamp()] * 2) == [0, 0]


def test_the_sentence_says_how_long_and_what_retry_after_says() -> None:
    made = Limits.of()
    for _ in range(limits.SIGN_IN_ACCOUNT.free):
        made.take(limits.SIGN_IN_ACCOUNT, "mina", NOON)
    with pytest.raises(TooMany, match="in 5 seconds") as caught:
        made.take(limits.SIGN_IN_ACCOUNT, "mina", NOON)
    assert caught.value.retry_after == 5
    assert str(limits.refusal(600)) == "Too many attempts. Please try again in 10 minutes."


def test_nobody_is_locked_out_for_good() -> None:
    """An attacker tries at every opportunity: the wait never grows beyond a quarter of an hour."""
    store, now, waits = Memory(), NOON.timestamp(), []
    for _ in range(200):
        waits.append(store.take(limits.SIGN_IN_ACCOUNT, "mina", now, 1.0))
        now += waits[-1]
    assert max(waits) == pytest.approx(900)
    assert store.take(limits.SIGN_IN_ACCOUNT, "mina", now + 900, 1.0) == 0


def test_networks() -> None:
    assert limits.network("203.0.113.7") == "203.0.113.7"
    assert limits.network("::ffff:203.0.113.7") == "203.0.113.7"
    assert limits.network("2001:db8:1:2:3:4:5:6") == limits.network("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert limits.network("") == "unknown"


def test_a_whole_office_chats_from_one_address() -> None:
    made = Limits.of()
    for second in range(60):
        for visitor in range(50):
            made.take(limits.CHAT_MESSAGE, f"visitor {visitor}", NOON + timedelta(seconds=second))
            made.take(limits.CHAT_MESSAGE_ADDRESS, "203.0.113.5", NOON + timedelta(seconds=second))


def test_keys_do_not_carry_names() -> None:
    assert "mina" not in limits.digest("mina@shop.example")
    assert len(limits.digest("x" * 10_000)) == 24


class TestRedis:
    """The same rules as scripts in a real Valkey."""

    @pytest.fixture
    def store(self, valkey: str) -> Redis:
        store = Redis(valkey)
        for rule in (STEADY, GROWING):
            store.forgive(rule, "k")
        return store

    @pytest.mark.parametrize("rule", [STEADY, GROWING])
    def test_it_answers_as_memory_does(self, store: Redis, rule: Rule) -> None:
        import random

        seed = random.Random(7)
        times = running([seed.choice([0.0, 0.5, 1.0, 3.7, 20.0]) for _ in range(200)])
        for mine, theirs in zip(takes(Memory(), rule, times), takes(store, rule, times), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-3)

    def test_success_forgives_and_keys_do_not_stay(self, store: Redis) -> None:
        now = NOON.timestamp()
        assert takes(store, GROWING, [now, now, now])[2] == 0
        assert store.take(GROWING, "k", now, 1.0) > 0
        store.forgive(GROWING, "k")
        assert store.take(GROWING, "k", now, 1.0) == 0
        assert 0 < store._redis.pttl("limit:growing:k") <= (GROWING.forget + GROWING.ceiling) * 1000 + 1000


def test_without_redis_each_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    store = Redis("redis://127.0.0.1:1/0")
    assert takes(store, GROWING, [NOON.timestamp()] * 4)[:3] == [0, 0, 0]
    assert store.take(GROWING, "k", NOON.timestamp(), 1.0) > 0
    assert caplog.text.count("Redis is away") == 1, "it is not asked at each try"
    store.forgive(GROWING, "k")
    assert store.take(GROWING, "k", NOON.timestamp(), 1.0) == 0
