"""The queue of a live connection under greenlets."""

from __future__ import annotations

import gevent
import pytest
from gevent.queue import Empty
from hypothesis import given
from hypothesis import strategies as st

from contact.web.queue import Queue


def test_what_comes_in_goes_out_in_order() -> None:
    queue = Queue()
    got: list[int] = []
    reader = gevent.spawn(lambda: [got.append(queue.get(timeout=45)) for _ in range(100)])
    for n in range(100):
        queue.put(n)
        if n % 7 == 0:
            gevent.sleep(0)
    reader.join(5)
    assert got == list(range(100))


def test_an_empty_queue_does_not_wait_when_it_must_not() -> None:
    with pytest.raises(Empty):
        Queue().get(block=False)


def test_two_readers_get_each_item_once() -> None:
    queue = Queue()
    got: list[int] = []

    def read() -> None:
        while (item := queue.get()) is not None:
            got.append(item)

    readers = [gevent.spawn(read) for _ in range(3)]
    gevent.sleep(0)
    for n in [*range(50), None, None, None]:
        queue.put(n)
    gevent.joinall(readers, timeout=5)
    assert sorted(got) == list(range(50))
    assert all(reader.ready() for reader in readers)


def test_a_killed_reader_takes_nothing_with_it() -> None:
    for moment in ("waiting", "woken"):
        queue = Queue()
        first, second = gevent.spawn(queue.get), gevent.spawn(queue.get)
        gevent.sleep(0)
        if moment == "waiting":
            first.kill(block=False)
            queue.put("x")
        else:
            queue.put("x")
            first.kill(block=False)
        second.join(2)
        assert "x" in (first.value, second.value)
        gevent.killall([first, second])


def test_join_does_not_wait_for_what_comes_behind_the_end() -> None:
    """The peer answered the goodbye before we looked: engineio's reader puts in an end mark that nobody takes."""
    queue = Queue()
    queue.put("goodbye")
    queue.put(None)
    waiting = gevent.spawn(queue.join)
    gevent.sleep(0)
    for expected in ("goodbye", None):
        assert queue.get() == expected
        queue.task_done()
    queue.put(None)
    waiting.join(2)
    assert waiting.ready()


def test_join_waits_for_what_was_taken_to_be_done() -> None:
    queue = Queue()
    queue.put(1)
    waiting = gevent.spawn(queue.join)
    gevent.sleep(0.02)
    assert not waiting.ready()
    queue.get()
    queue.task_done()
    waiting.join(2)
    assert waiting.ready()


@given(st.lists(st.one_of(st.integers(), st.just("get"))))
def test_it_is_a_queue(steps: list[int | str]) -> None:
    queue, model = Queue(), []
    for step in steps:
        if step == "get":
            if model:
                assert queue.get() == model.pop(0)
            else:
                assert queue.empty()
        else:
            queue.put(step)
            model.append(step)
    assert queue.qsize() == len(model)
