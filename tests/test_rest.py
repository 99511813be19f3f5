"""Rest: a provider that is down and an inbox that is too quick are left in peace, and the others are not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hall_kit import Hall
from post_office import PostOffice
from real import wait_for
from sqlalchemy import select

from channels import dispatcher
from channels.dispatcher import Dispatcher
from channels.flight import Flight, Late, Outcome, conclude
from contact import consent, inbox, outbox
from contact.channel import ChannelError, Channels, Unsure
from contact.db import utcnow
from contact.inbox import Inbox
from contact.messages import DeliveryState, Fault, InboxFacts, Outbound, Receipt, Who, Wish
from contact.ops import doctor
from contact.outbox import Begun, Delivery, Hands, Resting, rest
from contact.outbox import delivery as rules

DOWN = ChannelError("nobody answers", fault=Fault.PROVIDER_DOWN, retryable=True)


def slow_down(seconds: float | None = 30) -> ChannelError:
    return ChannelError("too many", fault=Fault.RATE_LIMITED, retryable=True, retry_after=seconds)


def begin(hall: Hall, most: int = 4, owner: str = "w") -> list[Begun]:
    with hall.db.write() as session:
        return outbox.begin_due(session, lambda: hall.now, owner, Hands(most={"email": most})).begun


def look_at(hall: Hall) -> Any:
    with hall.db.read() as session:
        planned = outbox.plan(session, lambda: hall.now, Hands(most={"email": 4}))
    assert not planned.turns
    return planned.look_at


def land(hall: Hall, begun: Begun, outcome: Outcome | None = None, owner: str = "w") -> None:
    outcome = outcome or Receipt(DeliveryState.WIRED, delivery_id=begun.number)
    with hall.db.write() as session:
        conclude(session, hall.now, Flight(begun, 0), outcome, owner)


def resting(hall: Hall) -> dict[int, Resting]:
    with hall.db.read() as session:
        return rest.by_inbox(session)


def delivery(hall: Hall, number: int) -> Delivery:
    with hall.db.read() as session:
        return session.get_one(Delivery, number)


def promised(hall: Hall, many: int, box: int = 0) -> list[int]:
    """To as many customers: what befalls the address of one is nothing to the others."""
    numbers = [hall.reply(hall.mail_in(f"k{n}@a.example").conversation_id, f"n{n}") for n in range(many)]
    if box:
        with hall.db.write() as session:
            for number in numbers:
                session.get_one(Delivery, number).inbox_id = box
    return numbers


def add(hall: Hall, address: str, provider: str = "email") -> int:
    with hall.db.write() as session:
        return inbox.add(session, hall.now, "email", address, address, provider=provider).id


def test_a_provider_that_is_down_costs_the_others_nothing(hall: Hall) -> None:
    """Four in the air fail together; those behind keep their place and their tries, and one at a time finds out."""
    numbers = promised(hall, 8)
    air = begin(hall)
    for one in air:
        land(hall, one, DOWN)
    told = resting(hall)[hall.mail]
    assert (told.reason, told.step, told.since) == ("nobody answers", 1, hall.now), "one trouble, not four"
    assert (begin(hall), look_at(hall)) == ([], told.until)
    waited = []
    for step in (2, 3, 4):
        waited.append(told.until - hall.now)
        hall.now = told.until
        (probe,) = begin(hall)
        assert probe.probe
        assert probe.number not in [one.number for one in air], "who waited longest, not who failed last"
        assert begin(hall, owner="x") == [], "one at a time"
        land(hall, probe, DOWN)
        air.append(probe)
        told = resting(hall)[hall.mail]
        assert told.step == step
    assert waited == sorted(waited), "longer each time"
    last = numbers[7]
    assert (delivery(hall, last).attempts, delivery(hall, last).next_at < hall.now) == (0, True)
    hall.now = told.until
    (probe,) = begin(hall)
    assert probe.number == last
    land(hall, probe)
    assert resting(hall) == {}
    assert len(begin(hall, 10)) == 7, "all at once again"


def test_no_other_provider_takes_over_and_none_is_held_up(hall: Hall) -> None:
    promised(hall, 2)
    other = add(hall, "two@shop.example", "north")
    (theirs,) = promised(hall, 1, other)
    first, *rest_of = begin(hall)
    land(hall, first, ChannelError("down", fault=Fault.TIMEOUT, retryable=True, retry_after=3000))
    later = promised(hall, 1, other)
    assert [one.inbox_id for one in begin(hall)] == [other]
    assert {one.lane for one in rest_of} == {("email", "email"), ("email", "north")}
    assert {theirs, *later} & {one.number for one in rest_of} == {theirs}
    assert set(resting(hall)) == {hall.mail}


def test_told_to_slow_down_only_that_inbox_rests_for_as_long_as_it_was_told(hall: Hall) -> None:
    same_lane = add(hall, "two@shop.example")
    promised(hall, 3)
    (theirs,) = promised(hall, 1, same_lane)
    first, *_ = begin(hall, 1)
    land(hall, first, slow_down(30))
    until = hall.now + timedelta(seconds=30)
    assert resting(hall)[hall.mail].until == delivery(hall, first.number).next_at == until
    assert [one.number for one in begin(hall)] == [theirs]
    assert set(resting(hall)) == {hall.mail}
    hall.now = until
    (probe,) = begin(hall)
    land(hall, probe, slow_down(None))
    assert hall.now < resting(hall)[hall.mail].until < hall.now + timedelta(seconds=10)
    assert resting(hall)[hall.mail].step == 2


def test_a_lane_that_answers_with_a_limit_is_not_down_any_more(hall: Hall) -> None:
    promised(hall, 3)
    air = begin(hall, 1)
    land(hall, air[0], DOWN)
    hall.tick(10)
    (probe,) = begin(hall)
    land(hall, probe, slow_down(30))
    with hall.db.read() as session:
        assert set(rest.all_(session)) == {("email", "email", hall.mail)}


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (ChannelError("no such user", fault=Fault.ADDRESS_INVALID, who=Who.CONTACT), True),
        (ChannelError("busy", fault=Fault.PROVIDER_DOWN, retryable=True, alone=True), True),
        (ChannelError("grey", fault=Fault.RATE_LIMITED, retryable=True, alone=True), True),
        (ChannelError("too long", fault=Fault.TOO_LONG, who=Who.US), False),
        (Late(), False),
    ],
)
def test_what_the_one_that_finds_out_has_found_out(hall: Hall, outcome: Outcome, ends: bool) -> None:
    promised(hall, 4)
    land(hall, begin(hall, 1)[0], DOWN)
    hall.tick(10)
    (probe,) = begin(hall)
    land(hall, probe, outcome)
    assert (resting(hall) == {}) is ends
    after = begin(hall)
    assert (len(after) > 1) is ends, "at once either way: all, or another one that tries"
    assert after


def test_unsure_rests_too_and_is_never_sent_again(hall: Hall) -> None:
    numbers = promised(hall, 3)
    (first,) = begin(hall, 1)
    land(hall, first, Unsure("it broke"))
    assert delivery(hall, first.number).state == "unknown"
    hall.now = resting(hall)[hall.mail].until
    (probe,) = begin(hall)
    land(hall, probe, Unsure("it broke again"))
    assert resting(hall)[hall.mail].step == 2
    hall.now = resting(hall)[hall.mail].until
    (probe,) = begin(hall)
    assert probe.number == numbers[2]


def test_who_left_before_the_trouble_began_does_not_end_it(hall: Hall) -> None:
    promised(hall, 3)
    one, two, three = begin(hall)
    land(hall, one, DOWN)
    land(hall, two)
    assert set(resting(hall)) == {hall.mail}
    land(hall, three, DOWN)
    assert resting(hall)[hall.mail].step == 1


def test_a_worker_that_dies_finding_out_is_replaced(hall: Hall) -> None:
    promised(hall, 3)
    land(hall, begin(hall, 1)[0], DOWN)
    hall.tick(10)
    assert len(begin(hall, owner="dies")) == 1
    assert begin(hall) == []
    hall.tick(rules.LEASE.total_seconds())
    assert len(begin(hall)) == 1


def test_trouble_of_one_message_alone_rests_nobody(hall: Hall) -> None:
    (number,) = promised(hall, 1)
    for error in (
        ChannelError("grey", fault=Fault.RATE_LIMITED, retryable=True, alone=True),
        ChannelError("no such user", fault=Fault.ADDRESS_INVALID, retryable=True),
        ChannelError("wrong", fault=Fault.PROVIDER_DOWN, retryable=False),
    ):
        (one,) = begin(hall)
        land(hall, one, error)
        assert resting(hall) == {}
        hall.tick(3600)
    assert delivery(hall, number).state == "failed"


def test_a_rest_is_about_a_provider(hall: Hall) -> None:
    """Given another one, an inbox need not wait for the old one."""
    promised(hall, 2)
    land(hall, begin(hall, 1)[0], DOWN)
    assert begin(hall) == []
    with hall.db.write() as session:
        session.get_one(Inbox, hall.mail).provider = "north"
    assert len(begin(hall)) == 1
    assert resting(hall) == {}


def test_a_provider_may_not_ask_for_ever_and_steps_grow() -> None:
    assert rest._seconds(1, 10**9) == rest.LONGEST
    assert rest._seconds(5, -3) == 0
    for step, seconds in enumerate((*rest.STEPS, rest.STEPS[-1]), start=1):
        told = {rest._seconds(step, None) for _ in range(50)}
        assert len(told) > 40, "by chance, or all knock at once"
        assert all(seconds * 0.8 <= one <= seconds * 1.2 for one in told)


def test_a_wish_that_comes_with_a_refusal_counts(hall: Hall) -> None:
    (number,) = promised(hall, 1)
    (one,) = begin(hall)
    error = ChannelError(
        "they said STOP", fault=Fault.OPTED_OUT, who=Who.CONTACT, code="21610", wish=Wish(False, "provider", "21610")
    )
    land(hall, one, error)
    assert delivery(hall, number).state == "failed"
    with hall.db.read() as session:
        said = consent.latest(session, delivery(hall, number).address_id)
        assert said is not None
        assert (said.given, said.how, said.words) == (False, "provider", "21610")


def test_the_doctor_says_who_rests(lite: Hall) -> None:
    promised(lite, 1)
    land(lite, begin(lite)[0], slow_down(3600))
    with lite.db.read() as session:
        told = {one.what: one for one in doctor.inboxes(session)}["inbox 1 (email)"]
    assert told.state is doctor.State.WARN
    assert told.sentence.endswith("UTC: too many")


# -- the dispatcher itself ---------------------------------------------------------------------


class Moody:
    """A provider that does what it is told, message by message, and says yes when nothing is left to do."""

    name = "email"

    def __init__(self, inner: Any, moods: Sequence[ChannelError]) -> None:
        self.capabilities = inner.capabilities
        self.moods = list(moods)
        self.asked: list[int] = []

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        self.asked.append(message.delivery_id)
        if self.moods:
            raise self.moods.pop(0)
        return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id)

    async def close(self) -> None:
        """Nothing is open."""


def moody(office: PostOffice, *moods: ChannelError) -> Moody:
    provider = Moody(office.service.channels["email"], moods)
    object.__setattr__(office.service, "channels", Channels(provider))  # type: ignore[arg-type]
    return provider


def test_it_comes_back_by_itself_when_the_provider_does(
    make_office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "STEPS", (0.1, 0.2, 0.3))
    office = make_office()
    provider = moody(office, *[DOWN] * 4)
    numbers = [office.write_to(f"c{n}@customer.example") for n in range(20)]
    office.open(Dispatcher({"email": 1}).run)
    for number in numbers:
        office.in_state(number, "wired")
    assert len(provider.asked) == 24
    assert sorted(one.attempts for one in office.deliveries()) == [1] * 16 + [2] * 4
    assert office.one(rest.by_inbox) == {}


def test_a_rest_survives_a_restart_and_nobody_asks_meanwhile(make_office: Callable[..., PostOffice]) -> None:
    office = make_office()
    provider = moody(office, slow_down(3600))
    first, second = (office.write_to(f"c{n}@customer.example") for n in range(2))
    office.open(Dispatcher({"email": 1}).run)
    wait_for(lambda: office.one(rest.by_inbox), what="the rest")
    office.shut()
    assert len(provider.asked) == 1
    other = office.write_to("d@customer.example")
    with office.service.db.write() as session:
        north = inbox.add(session, utcnow(), "email", "two@shop.example", "Two", provider="north").id
        session.get_one(Delivery, other).inbox_id = north
    office.open(Dispatcher({"email": 1}).run)
    office.in_state(other, "wired")
    assert provider.asked[1:] == [other]
    rows = office.one(lambda session: session.execute(select(Delivery.state, Delivery.attempts)).all())
    assert sorted(map(tuple, rows)) == [("queued", 0), ("queued", 1), ("wired", 1)]
    assert {office.delivery(first).state, office.delivery(second).state} == {"queued"}


def test_no_look_is_made_while_all_must_wait(
    make_office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of the next look is known, so there is none before but for the poll."""
    looks: list[int] = []
    real = outbox.plan

    def plan(*args: Any, **more: Any) -> Any:
        looks.append(1)
        return real(*args, **more)

    monkeypatch.setattr(outbox, "plan", plan)
    monkeypatch.setattr(dispatcher, "POLL", 0.4)
    office = make_office()
    moody(office, slow_down(3600))
    office.write_to("c@customer.example")
    started = time.monotonic()
    office.open(Dispatcher({"email": 1}).run)
    wait_for(lambda: office.one(rest.by_inbox), what="the rest")
    wait_for(lambda: len(looks) >= 5, what="the poll")
    assert len(looks) < 8 + (time.monotonic() - started) / 0.4
