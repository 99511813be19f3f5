"""Campaigns by text message: a running house, and Twilio behind its own OpenAPI."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from channel_campaigns import Crier, numbers, sole
from real import wait_for
from sqlalchemy import select
from twilio_double import OURS, SID, TOKEN, Prism, Twilio, incoming, say

from campaigns import campaign as campaigns
from contact import consent, directory
from contact.db import utcnow
from contact.directory import Address, Contact
from contact.log import Interaction
from contact.messages import AddressKind, Wish

pytestmark = pytest.mark.heavy
Make = Callable[..., Crier]


def texting(crier: Crier, url: str, **more: str) -> int:
    return crier.inbox(OURS, "twilio", {"account_sid": SID, "base_url": url, **more}, auth_token=TOKEN)


def told(double: Twilio) -> list[str]:
    return [one["to"] for one in double.messages]


def withdrawn(crier: Crier, value: str) -> bool:
    def ask(session):  # type: ignore[no-untyped-def]
        return consent.withdrawn(session, session.scalar(select(Address.id).where(Address.value == value)))

    return bool(crier.one(ask))


def test_each_once_with_what_the_provider_says_of_some(make_crier: Make, prism: Prism) -> None:
    crier, double = make_crier("sms"), prism.double
    box = texting(crier, prism.url)
    people = numbers(40)
    crier.knows(*people)
    double.moods |= {people[3]: "21610", people[4]: "21211", people[5]: "21408"}
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.")
    crier.finished(number)
    assert crier.counts(number) == {"accepted": 37, "failed": 2, "suppressed": 1}, crier.told(number)
    sole(told(double))
    assert {one["body"] for one in double.messages} == {"김하나 님, 봄 소식입니다."}
    rows = crier.rows(number)
    assert rows[people[3]].reason == "The recipient sent STOP to our number."
    assert withdrawn(crier, people[3]), "the house knows now, on every channel"
    assert rows[people[4]].reason == "There is no such telephone number."
    sids = {one["to"]: one["sid"] for one in double.messages}
    assert all(one.reason == sids[value] for value, one in rows.items() if one.state == "accepted")
    assert crier.logged(number) == {"recipient.accepted": 37, "recipient.failed": 2, "recipient.suppressed": 1}


@pytest.mark.timeout(240)
def test_kill_9_leaves_nobody_twice_and_what_twilio_knows_is_asked(make_crier: Make, twilio: Twilio) -> None:
    """Whatever was on its way at a kill is unknown, and found at Twilio by what it says and when."""
    crier, many = make_crier("sms"), 400
    twilio.delay = 0.2
    box = texting(crier, twilio.url)
    crier.knows(*numbers(many))
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.")
    for done in range(3):
        goal = many * (done + 0.5) / 4
        wait_for(lambda: len(twilio.asked) >= goal, 60, lambda: crier.told(number))  # noqa: B023
        time.sleep(random.uniform(0, 0.2))  # a random point is what is wanted
        crier.house.kill9_all()
        crier.house.start()
    crier.finished(number, 120)
    counts = crier.counts(number)
    assert sum(counts.values()) == many
    assert counts.keys() <= {"accepted", "unknown"}
    assert counts.get("unknown", 0) <= 3 * 25, "at most what was on its way"
    sole(told(twilio))
    sent = set(told(twilio))
    assert all((value in sent) == (one.state == "accepted") or one.state == "unknown"
               for value, one in crier.rows(number).items())  # fmt: skip


def test_a_provider_that_is_away_is_left_alone_and_tried_again(make_crier: Make) -> None:
    crier, double = make_crier("sms"), Twilio()
    crier.knows(*numbers(30))
    number = crier.launch(texting(crier, double.url), "봄 소식입니다.")
    wait_for(lambda: "campaign rests" in crier.house.output, what="a rest")
    assert crier.counts(number).keys() <= {"planned", "sending"}
    with double.running():
        crier.finished(number)
        assert crier.counts(number) == {"accepted": 30}
        sole(told(double))


def test_429_is_waited_for_as_long_as_it_says(make_crier: Make, prism: Prism) -> None:
    crier, double, people = make_crier("sms"), prism.double, numbers(30)
    crier.knows(*people)
    double.moods |= dict.fromkeys(people, "20429")
    number = crier.launch(texting(crier, prism.url), "봄 소식입니다.")
    wait_for(lambda: "campaign rests" in crier.house.output, what="a rest")
    begun = time.monotonic()
    time.sleep(3)  # nothing may happen meanwhile
    asked = len(double.asked)
    assert asked <= 2 * 25, "nobody knocks while it rests"
    double.moods.clear()
    crier.finished(number)
    assert time.monotonic() - begun > 5, "Retry-After said seven seconds"
    assert crier.counts(number) == {"accepted": 30}
    sole(told(double))


def test_pause_and_stop_words_act_while_it_runs(make_crier: Make, twilio: Twilio) -> None:
    crier, people = make_crier("sms"), numbers(600)
    twilio.delay = 0.25
    box = texting(crier, twilio.url)
    crier.knows(*people)
    number = crier.launch(box, "봄 소식입니다.", purpose="informational")
    wait_for(lambda: len(twilio.messages) >= 30, 60, lambda: crier.told(number))
    assert say(f"{crier.house.url}/hooks/sms/{box}", incoming("STOP", people[-1]))[0] == 200
    wait_for(lambda: withdrawn(crier, people[-1]), what="the wish")
    with crier.service.db.write() as session:  # by fax, and an agent writes it down for the whole person
        address = session.scalars(select(Address).where(Address.value == people[-2])).one()
        contact = session.get_one(Contact, address.contact_id)
        fax = directory.add_address(session, utcnow(), contact, AddressKind.FAX, "+8225559999", None)
        refusal = Wish(False, "agent", "더 이상 보내지 마세요")
        consent.record(session, utcnow(), fax, refusal, channel="fax", scope=consent.PERSON)
    said = time.monotonic()
    wait_for(lambda: crier.rows(number)[people[-1]].state == "suppressed", 60, lambda: crier.told(number))
    wait_for(lambda: crier.rows(number)[people[-2]].state == "suppressed", 60, lambda: crier.told(number))
    assert not {people[-1], people[-2]} & {*told(twilio)}
    assert len(twilio.messages) < 600
    print(f"STOP acted after {time.monotonic() - said:.2f} s")
    begun = time.monotonic()
    crier.do(campaigns.pause, number)
    wait_for(lambda: not crier.counts(number).get("sending"), 60, lambda: crier.told(number))
    print(f"paused after {time.monotonic() - begun:.2f} s")
    stood = len(twilio.messages)
    time.sleep(1)  # nothing leaves any more
    assert len(twilio.messages) == stood < 600
    crier.do(campaigns.resume, number)
    crier.finished(number, 120)
    assert crier.counts(number) == {"accepted": 598, "suppressed": 2}
    sole(told(twilio))


def test_what_expires_while_the_provider_is_away_is_not_sent_late(make_crier: Make) -> None:
    crier, double = make_crier("sms"), Twilio()
    crier.knows(*numbers(5))
    soon = utcnow() + timedelta(seconds=4)
    number = crier.launch(texting(crier, double.url), "봄 소식입니다.", expires_at=soon)
    crier.finished(number)
    assert crier.counts(number) == {"expired": 5}


def test_an_account_that_is_shut_stops_the_campaign_and_says_so(make_crier: Make, prism: Prism) -> None:
    crier = make_crier("sms")
    crier.knows(*numbers(3))
    box = crier.inbox(OURS, "twilio", {"account_sid": SID, "base_url": prism.url}, auth_token="another")
    number = crier.launch(box, "봄 소식입니다.")
    wait_for(lambda: crier.campaign(number).state == "paused", 60, lambda: crier.told(number))
    assert crier.campaign(number).reason == "Twilio refuses our account SID or token."
    texting(crier, prism.url)
    crier.do(campaigns.resume, number)
    crier.finished(number)
    assert crier.counts(number) == {"accepted": 3}


def test_what_twilio_says_later_reaches_the_recipient(make_crier: Make, prism: Prism) -> None:
    crier, double, people = make_crier("sms"), prism.double, numbers(4)
    crier.knows(*people)
    number = crier.launch(texting(crier, prism.url), "봄 소식입니다.")
    crier.finished(number)
    sids = {one["to"]: one["sid"] for one in double.messages}
    for value, state, more in (
        (people[0], "delivered", {}),
        (people[1], "undelivered", {"ErrorCode": "30005"}),
        (people[2], "failed", {"ErrorCode": "21610"}),
    ):
        for early in ("queued", "sent", state, state):
            assert double.call_back(sids[value], early, **(more if early == state else {})) == 200
    forged = say(double.callbacks[sids[people[3]]], {"MessageSid": sids[people[3]], "MessageStatus": "failed"}, "x")
    assert forged[0] == 403
    wait_for(
        lambda: crier.logged(number).get("recipient.returned") == 2
        and crier.logged(number).get("recipient.delivered") == 1,
        60, lambda: f"{crier.logged(number)} {crier.told(number)}",
    )  # fmt: skip
    assert crier.counts(number) == {"accepted": 4}, "an end is an end"
    rows = crier.rows(number)
    assert rows[people[0]].delivered_at
    assert rows[people[1]].returned_at
    assert rows[people[1]].reason == "The number is unknown or no longer in service."
    wait_for(lambda: withdrawn(crier, people[2]), what="the opt-out")
    assert not withdrawn(crier, people[1])
    said = crier.one(
        lambda session: session.scalars(
            select(Interaction.data).where(Interaction.name == "recipient.reported").order_by(Interaction.id)
        ).all()
    )
    assert [one["state"] for one in said] == ["wired", "delivered", "wired", "failed", "wired", "failed"]
    hook = f"{crier.house.url}/hooks/sms/{crier.campaign(number).inbox_id}"
    assert say(hook, incoming("네, 관심 있습니다", people[0]))[0] == 200
    replied = select(Interaction.data).where(Interaction.name == "response.replied")
    wait_for(lambda: crier.one(lambda session: session.scalars(replied).all()), what="the reply")
    (reply,) = crier.one(lambda session: session.scalars(replied).all())
    assert (reply["campaign"], reply["recipient"], reply["how"]) == (number, rows[people[0]].id, "contact")


def test_what_is_refused_to_one_after_the_other_stops_the_campaign(make_crier: Make, twilio: Twilio) -> None:
    """A country that is switched off at the provider: not a hundred thousand must fail to notice it."""
    crier, people = make_crier("sms"), numbers(300)
    crier.knows(*people)
    twilio.moods |= dict.fromkeys(people, "21408")
    twilio.delay = 0.05
    number = crier.launch(texting(crier, twilio.url), "봄 소식입니다.")
    wait_for(lambda: crier.campaign(number).state == "paused", 60, lambda: crier.told(number))
    assert crier.campaign(number).reason == "Sending to this country is switched off in Twilio's console."
    wait_for(lambda: not crier.counts(number).get("sending"), 60, lambda: crier.told(number))
    counts = crier.counts(number)
    assert 20 <= counts["failed"] < 200
    assert counts["planned"] == 300 - counts["failed"]


def test_an_unknown_one_is_looked_up_and_one_whose_callback_comes_is_known(make_crier: Make, twilio: Twilio) -> None:
    """Twilio takes both and hangs up before its answer."""
    crier, people = make_crier("sms"), numbers(3)
    crier.knows(*people)
    twilio.moods |= {people[0]: "drop", people[1]: "502"}
    number = crier.launch(texting(crier, twilio.url), "{{ name }} 님, 봄 소식입니다.")
    crier.finished(number)
    assert crier.counts(number).get("unknown", 0) in (1, 2)
    crier.until(number, {"accepted": 2, "unknown": 1})
    assert crier.rows(number)[people[0]].reason == next(one["sid"] for one in twilio.messages if one["to"] == people[0])
    assert crier.rows(number)[people[1]].state == "unknown", "finding none proves nothing"
    assert crier.logged(number)["recipient.resolved"] == 1
    sole([one["To"][0] for one in twilio.asked])
