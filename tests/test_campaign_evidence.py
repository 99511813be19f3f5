"""What comes back after the end of a recipient: real bounces into a real house, and any order of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from campaign_kit import Shop, Words
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_doubles import Copy
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_campaigns import frozen
from test_returned import bounced, complaint

from campaigns import evidence, recipient
from campaigns.campaign import Campaign
from campaigns.pipe import claim, recover, settle, window
from campaigns.pipe.journal import NOTHING, Word
from campaigns.pipe.settle import Landed
from campaigns.recipient import Fate, Recipient
from campaigns.responses.numbers import ENDS, numbers
from channels.email.listener import Listener
from channels.email.token import recipient_token
from channels.receiver import Receiver
from contact import consent, erasure, following, log, reported
from contact.db import utcnow
from contact.directory import Address
from contact.log import Interaction, Name
from contact.messages import DeliveryState, Fault, Receipt, Wish
from contact.raw import Raw

Make = Callable[..., Shop]
KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def read(shop: Shop) -> None:
    """The reader reads what it has not read."""
    with shop.office.service.db.write() as session:
        while following.advance(session, evidence.READER):
            pass


def ended(shop: Shop, number: int, *fates: Fate) -> list[int]:
    """The recipients of a frozen campaign, each with its end."""
    db, now = shop.office.service.db, utcnow()
    with db.write() as session:
        rows = list(claim.claim(session, now, number, "me", len(fates), Words(), ()).rows)
        landed = [Landed(row.number, row.window, Word(fate)) for row, fate in zip(rows, fates, strict=True)]
        settle.settle(session, now, session.get_one(Campaign, number), landed)
        window.end(session, now, [rows[0].window])
    return [row.number for row in rows]


def same(shop: Shop, number: int) -> dict[str, int]:
    """Row and log say the same; how many stand where."""
    with shop.office.service.db.read() as session:
        counts = recipient.counts(session, number)
        told = numbers(session, session.get_one(Campaign, number).launch_id or 0)
    ends = {name: n for name, n in counts.items() if n and name not in ("planned", "sending")}
    assert {name.removeprefix("recipient."): n for name, n in told.ends.items()} == ends
    return ends


def copy_of(shop: Shop, one: int) -> Copy:
    settings = shop.office.service.settings
    returns = f"bounces+{recipient_token(one, settings.secret())}@shop.example"
    return Copy(returns, (f"c{one}@customer.example",), f"X-Returns-To: {returns}\r\nSubject: x\r\n\r\nx".encode())


def row(shop: Shop, one: int) -> Recipient:
    return shop.office.one(lambda session: session.get_one(Recipient, one))  # type: ignore[no-any-return]


def names(shop: Shop, prefix: str) -> list[str]:
    query = select(Interaction.name).where(Interaction.name.startswith(prefix)).order_by(Interaction.id)
    return list(shop.office.one(lambda session: session.scalars(query).all()))


@KINDS
def test_a_bounce_comes_back_to_its_campaign(make_shop: Make, kind: str) -> None:
    """Through the listener: it is accepted and came back; a hard one marks the address; said twice it is one."""
    shop = make_shop(3, kind)
    number = frozen(shop)
    one, two, three = ended(shop, number, Fate.ACCEPTED, Fate.UNKNOWN, Fate.ACCEPTED)
    office = shop.office
    office.listener = Listener()
    office.open(office.listener.run, Receiver().run)
    for who, code in ((one, "5.1.1"), (two, "5.2.2"), (one, "5.1.1")):
        bounced(office, copy_of(shop, who), f"c{who}@customer.example", code, f"c{who}@customer.example is no user")
    assert office.failures() == []
    read(shop)
    assert same(shop, number) == {"accepted": 3}
    assert Counter(names(shop, "recipient.")) == {
        "recipient.accepted": 2, "recipient.unknown": 1, "recipient.reported": 2, "recipient.returned": 2,
        "recipient.resolved": 1,
    }  # fmt: skip
    assert (row(shop, one).code, row(shop, three).returned_at) == ("5.1.1", None)
    with office.service.db.read() as session:
        marked = {a.id: a.unreachable_how for a in session.scalars(select(Address)) if a.unreachable_at}
        said = session.scalars(select(Interaction).where(Interaction.name == Name.RECIPIENT_REPORTED.value)).all()
    assert marked == {row(shop, one).address_id: "dead"}, "a full mailbox is not dead"
    assert not any("@" in str(one.data) for one in said), "words in `data` outlive their person"
    assert names(shop, "message.") == []


@KINDS
def test_who_complains_gets_nothing_more(make_shop: Make, kind: str) -> None:
    shop = make_shop(1, kind)
    number = frozen(shop)
    (one,) = ended(shop, number, Fate.UNKNOWN)
    shop.office.open(shop.office.listener.run, Receiver().run)
    shop.office.post(complaint(copy_of(shop, one)), sender="")
    shop.office.settled()
    assert shop.office.failures() == []
    read(shop)
    assert same(shop, number) == {"accepted": 1}
    address = row(shop, one).address_id
    assert shop.office.one(lambda session: consent.withdrawn(session, address))
    assert "recipient.delivered" in names(shop, "recipient.")


def test_a_bounce_that_nobody_signed_is_no_evidence(make_shop: Make) -> None:
    shop = make_shop(1)
    number = frozen(shop)
    ended(shop, number, Fate.UNKNOWN)
    shop.office.open(shop.office.listener.run, Receiver().run)
    with shop.office.smtp() as smtp:
        smtp.docmd("EHLO", "x")
        smtp.docmd("MAIL", "FROM:<>")
        assert smtp.docmd("RCPT", "TO:<bounces+r1.aaaaaaaaaaaaaaaa@shop.example>")[0] == 550
    bounced(shop.office, Copy("help@shop.example", (), b""), "c1@customer.example")
    read(shop)
    assert same(shop, number) == {"unknown": 1}


def test_whoever_is_erased_takes_the_report_along(make_shop: Make) -> None:
    shop = make_shop(1)
    number = frozen(shop)
    (one,) = ended(shop, number, Fate.ACCEPTED)
    shop.office.open(shop.office.listener.run, Receiver().run)
    bounced(shop.office, copy_of(shop, one), f"c{one}@customer.example")
    read(shop)
    with shop.office.service.db.write() as session:
        erasure.erase(session, utcnow(), 1, None)
    with shop.office.service.db.read() as session:
        assert session.scalars(select(Raw)).one().content is None


def test_recipients_that_were_left_out_are_not_moved(make_shop: Make) -> None:
    shop = make_shop(2)
    number = frozen(shop)
    one, two = ended(shop, number, Fate.FAILED, Fate.SUPPRESSED)
    with shop.office.service.db.write() as session:
        for who in (one, two):
            reported.note(session, utcnow(), Receipt(DeliveryState.BOUNCED, -who), "email")
    read(shop)
    assert same(shop, number) == {"failed": 1, "suppressed": 1}
    assert "recipient.returned" not in names(shop, "recipient.")


def test_who_was_proved_to_have_it_is_not_written_to_again(make_shop: Make) -> None:
    """Planned again, since nothing was thought to have left; then a word of the provider says that it had."""
    shop = make_shop(1)
    number = frozen(shop)
    (one,) = ended(shop, number, Fate.PLANNED)
    with shop.office.service.db.write() as session:
        reported.note(session, utcnow(), Receipt(DeliveryState.DELIVERED, -one), "email")
    read(shop)
    with shop.office.service.db.write() as session:
        assert not claim.claim(session, utcnow() + timedelta(days=1), number, "me", 9, Words(), ()).rows
    assert same(shop, number) == {"accepted": 1}


WORDS = st.sampled_from([
    Receipt(DeliveryState.BOUNCED, fault=Fault.QUOTA, code="5.2.2"), Receipt(DeliveryState.DELIVERED, code="2.0.0"),
    Receipt(DeliveryState.WIRED, code="4.0.0"), Receipt(DeliveryState.FAILED, code="30003"),
    Receipt(DeliveryState.READ), Receipt(DeliveryState.DELIVERED, wish=Wish(False, "complaint", "spam")),
])  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(1, 6), WORDS),
        st.tuples(st.sampled_from(["reply", "click", "hand", "scan"]), st.integers(1, 6)),
        st.tuples(st.sampled_from(["accepted", "unknown", "planned", "failed"]), st.integers(1, 6)),
        st.tuples(st.sampled_from(["read", "claim", "recover"]), st.just(0)),
    ),
    max_size=30,
)


def test_any_order_of_words_ends_in_one_end(make_shop: Make) -> None:
    """Reports, answers, clicks and ends in any order, said once or often: one end, the sum is the audience."""
    shop = make_shop(6)

    @settings(max_examples=40, deadline=None)
    @given(steps=STEPS)
    def holds(steps: list[Any]) -> None:
        _holds(shop, steps)

    holds()


def _holds(shop: Shop, steps: list[Any]) -> None:
    number, db, now = frozen(shop), shop.office.service.db, utcnow()
    rows = [one.id for one in shop.rows(number)]
    hand: dict[int, claim.Row] = {}
    for step in [*steps, ("read", 0)]:
        read_now = step[0] == "read"
        with db.write() as session:
            one = rows[step[1] - 1]
            match step:
                case ("report", _, receipt):
                    reported.note(session, now, Receipt(**{**_dict(receipt), "delivery_id": -one}), "email")
                case (("reply" | "click" | "scan") as what, _):
                    _response(session, now, one, what)
                case ("hand", _):
                    evidence.resolve(session, now, session.get_one(Recipient, one), Fate.ACCEPTED, "hand", 1)
                case ("claim", _):
                    more = claim.claim(session, now, number, "me", 3, Words(), ()).rows
                    hand |= {row.number: row for row in more}
                case ("recover", _):
                    for held in sorted({row.window for row in hand.values()}):
                        recover._decide(session, now, held, NOTHING)
                    hand = {}
                case (("accepted" | "unknown" | "planned" | "failed") as fate, _) if one in hand:
                    got = hand.pop(one)
                    landed = [Landed(got.number, got.window, Word(Fate(fate)), timedelta(0))]
                    settle.settle(session, now, session.get_one(Campaign, number), landed)
        if read_now:
            read(shop)
        same(shop, number)
        assert sum(shop.counts(number).values()) == 6
    with db.read() as session:
        launch = session.get_one(Campaign, number).launch_id
        said = session.execute(select(Interaction.name, Interaction.data).where(Interaction.about_id == launch)).all()
        read_all = Counter((data["recipient"], name) for name, data in said if name.startswith("recipient."))
        assert set(read_all.values()) <= {1}, "nothing is said twice"
        assert all(n == 1 for n in Counter(who for who, name in read_all if Name(name) in ENDS).values())
        proved = session.scalars(select(Recipient).where(Recipient.campaign_id == number)).all()
        assert not [one for one in proved if one.state == "unknown" and one.proved_at]


def _dict(receipt: Receipt) -> dict[str, Any]:
    return {name: getattr(receipt, name) for name in ("state", "fault", "code", "wish")}


def _response(session: Session, now: Any, one: int, what: str) -> None:
    found = session.get_one(Recipient, one)
    campaign = session.get_one(Campaign, found.campaign_id)
    name = Name.RESPONSE_REPLIED if what == "reply" else Name.RESPONSE_CLICKED
    data = {"how": "reference"} if what == "reply" else {"who": "human" if what == "click" else "machine"}
    log.append(
        session, now, name, address_id=found.address_id, about_id=campaign.launch_id,
        data={"campaign": campaign.id, "recipient": one, **data},
    )  # fmt: skip


def test_a_relay_that_knows_no_such_address_marks_it(make_shop: Make) -> None:
    """Said at once, not by a bounce: the address is dead as well, and the next campaign leaves it out."""
    from campaigns.pipe import judged
    from contact.channel import ChannelError

    shop = make_shop(2)
    number = frozen(shop)
    with shop.office.service.db.write() as session:
        first, second = claim.claim(session, utcnow(), number, "me", 2, Words(), ()).rows
        dead = ChannelError("The relay said: 550 no such user", fault=Fault.ADDRESS_INVALID, code="550 5.1.1")
        later = ChannelError("The relay said: 450", fault=Fault.ADDRESS_INVALID, code="450 4.1.1", retryable=True)
        assert [judged.says_more(one) for one in (dead, later)] == [True, False]
        judged.note(session, utcnow(), "email", first, dead)
    with shop.office.service.db.read() as session:
        marked = [one.id for one in session.scalars(select(Address)) if one.unreachable_at]
    assert marked == [first.address_id] != [second.address_id]
