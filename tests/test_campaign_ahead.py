"""Messages made ready ahead of their turn: nobody gets one who leaves the line meanwhile, and none is doubled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from campaign_kit import Shop
from hypothesis import given, settings
from hypothesis import strategies as st
from real import wait_for
from test_campaign_rates import row
from test_signing import signed_worker

from campaigns import campaign as campaigns
from campaigns.pipe.ahead import FRESH, Making
from campaigns.pipe.claim import Row
from campaigns.pipe.doors import door_of
from campaigns.pipe.line import Line
from contact.channel import Outcome
from contact.messages import AddressKind, Outbound, Party

Make = Callable[..., Shop]
PLACES = ["a@naver.com", "b@x.example", "c@y.example", "d@gmail.com"]


def letter(one: Row) -> Outbound:
    if one.number % 7 == 6:
        raise ValueError("a template that breaks for some")
    return Outbound(one.number, 0, f"{one.number}@shop.example", Party(AddressKind.EMAIL, one.value), "봄")


@dataclass
class Ready:
    number: int

    async def send(self) -> Outcome:
        raise NotImplementedError


@dataclass
class Slow:
    """A sender that has up to six in the making."""

    ahead: int = 6
    at_once: int = 2
    begun: list[int] = field(default_factory=list)

    def prepare(self, message: Outbound) -> Ready:
        self.begun.append(message.delivery_id)
        return Ready(message.delivery_id)

    async def send(self, message: Outbound) -> Outcome:
        raise NotImplementedError


STEPS = st.lists(st.tuples(st.sampled_from(["come", "next", "busy", "time", "refuse"]), st.integers(0, 9)), max_size=60)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_each_gets_their_own_and_no_more_is_made_than_asked_for(steps: list[tuple[str, int]]) -> None:
    line, sender, now, came = Line(door_of), Slow(), 0.0, 0
    making = Making(sender, line, letter)
    for what, n in steps:
        match what:
            case "come":
                line.extend([row(came + k, PLACES[(came + k * n) % 4]) for k in range(n)])
                came += n
            case "next" if (one := line.next(now)) is not None:
                made = making.take(one.number, now)
                assert made is None or (isinstance(made, Ready) and made.number == one.number)
                making.go_on(now)
            case "busy":
                line.doors.close(door_of(PLACES[n % 4]), now, "421")
            case "time":
                now += n
            case "refuse":
                line.remove({n, n + 11})
    rows = line.soon(came, now)
    assert len({one.number for one in rows}) == len(rows), "nobody twice"
    closed = {one.number for one in line if line.doors[line.door(one)].rests_until > now}
    assert {one.number for one in rows} | closed == {one.number for one in line}
    before = len(sender.begun)
    making.go_on(now)
    assert len(sender.begun) - before <= sender.ahead
    making.take(came, now)


def test_what_is_made_ready_is_what_leaves_next() -> None:
    line, sender = Line(door_of), Slow()
    making = Making(sender, line, letter)
    line.extend([row(n, PLACES[2] if n < 12 else PLACES[1]) for n in range(20)])
    making.go_on(0.0)
    assert sender.begun == [0, 12, 1, 2, 14], "door by door; 13 cannot be written"
    line.remove({12})
    line.doors.close(door_of(PLACES[1]), 0.0, "421")
    for n in range(3):
        assert (one := line.next(0.0)) is not None
        assert one.number == n
        assert making.take(n, 0.0) is not None
    making.go_on(0.0)
    assert making.take(12, 0.0) is None, "who was refused"
    assert making.take(14, 0.0) is None, "who is behind a closed door"
    assert making.take(3, FRESH) is None, "its date would be an old one"
    assert making.take(4, 0.0) is not None


@pytest.mark.heavy
def test_a_refusal_stops_who_is_signed_already(make_shop: Make, tmp_path: Path) -> None:
    shop = make_shop(45, relay_connections=2)
    shop.sink.delay = 0.15
    number = shop.launch()
    signed_worker(shop, tmp_path, mails=3)
    for address in range(12, 26):  # the next thirty are in the making
        shop.refuse(address)
    wait_for(lambda: shop.counts(number)["suppressed"] == 14, what="the refusals to act")
    shop.sink.delay = 0
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 31, "suppressed": 14}


@pytest.mark.heavy
def test_a_pause_stops_what_is_signed_already_and_none_is_lost(make_shop: Make, tmp_path: Path) -> None:
    shop = make_shop(45, relay_connections=2)
    shop.sink.delay = 0.15
    number = shop.launch()
    signed_worker(shop, tmp_path, mails=3)
    shop.do(campaigns.pause, number)
    wait_for(lambda: shop.counts(number)["sending"] == 0, what="what is on its way to land")
    seen = len(shop.sink.caught)
    assert seen < 20, seen
    shop.sink.delay = 0
    assert shop.counts(number) == {**shop.counts(number), "planned": 45 - seen, "accepted": seen}
    shop.do(campaigns.resume, number)
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 45}
