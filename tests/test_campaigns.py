"""Campaigns without processes: states, the frozen audience, the journal, settling, the bytes of a mail."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import dkim
import pytest
from campaign_kit import Shop, Words, anything
from hall_kit import MAIL
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from campaigns import audience, recipient
from campaigns import campaign as campaigns
from campaigns.campaign import Campaign, Unlawful
from campaigns.content import content as contents
from campaigns.content.wording import Draft
from campaigns.lawful import Lawful
from campaigns.pipe import claim, journal, recover, settle, window
from campaigns.pipe.journal import FileJournal, Word
from campaigns.pipe.part import sweep
from campaigns.pipe.settle import Landed
from campaigns.recipient import Fate
from channels.email.dkim import signer
from channels.email.mould import Mould
from channels.email.seal import Seal
from channels.email.token import recipient_of
from contact import erasure, following, log
from contact import owner as owners
from contact.channel import ChannelError, Unsure
from contact.cutoff import TooLate
from contact.db import utcnow
from contact.errors import Conflict, Invalid
from contact.following import Reader
from contact.log import Interaction
from contact.messages import AddressKind, DeliveryState, InboxFacts, Outbound, Party, Receipt

Make = Callable[..., Shop]
KEY = b"k" * 32


def frozen(shop: Shop, **more: Any) -> int:
    number = shop.launch(**more)
    db = shop.office.service.db
    campaign = shop.office.one(lambda session: session.get_one(Campaign, number))
    who = Words().audience(campaign.definition, channel="email", now=utcnow())
    assert audience.freeze(db, utcnow(), campaign, who, size=7)
    return number


# -- states ------------------------------------------------------------------------------------


def test_each_verb_moves_from_its_own_states_alone(make_shop: Make) -> None:
    shop = make_shop(1)
    number = shop.draft()
    for verb in (campaigns.pause, campaigns.resume):
        with pytest.raises(Conflict):
            shop.do(verb, number)
    shop.do(campaigns.launch, number, check=anything)
    with pytest.raises(Conflict):
        shop.do(campaigns.launch, number, check=anything)
    shop.do(campaigns.pause, number)
    shop.do(campaigns.resume, number)
    shop.do(campaigns.cancel, number)
    for verb in (campaigns.pause, campaigns.resume, campaigns.cancel):
        with pytest.raises(Conflict):
            shop.do(verb, number)
    with pytest.raises(Conflict):
        shop.do(campaigns.launch, number, check=anything)
    empty = shop.draft(version_id=None)
    with pytest.raises(Invalid):
        shop.do(campaigns.launch, empty, check=anything)
    told = text("select name from interaction where name like 'campaign.%' order by id")
    names = shop.office.one(lambda session: session.scalars(told).all())
    assert names == [f"campaign.{word}" for word in ("launched", "paused", "resumed", "cancelled")]


def test_nothing_is_finished_while_somebody_is_left(make_shop: Make) -> None:
    shop = make_shop(3)
    number = shop.launch()
    db = shop.office.service.db
    with db.write() as session:
        assert not campaigns.finish(session, utcnow(), number), "its audience is not frozen"
    campaign = shop.office.one(lambda session: session.get_one(Campaign, number))
    audience.freeze(db, utcnow(), campaign, Words().audience({}, channel="email", now=utcnow()))
    with db.write() as session:
        assert not campaigns.finish(session, utcnow(), number)
        session.execute(text("update recipient set state = 'sending'"))
        assert not campaigns.finish(session, utcnow(), number)
        session.execute(text("update recipient set state = 'unknown'"))
        assert campaigns.finish(session, utcnow(), number)
        assert not campaigns.finish(session, utcnow(), number)


def test_what_expires_is_not_sent_late(make_shop: Make) -> None:
    shop = make_shop(5)
    number = frozen(shop, expires_at=utcnow() + timedelta(minutes=5))
    with shop.office.service.db.write() as session:
        later = utcnow() + timedelta(minutes=6)
        assert not claim.claim(session, later, number, "me", 10, Words(), ()).rows
    assert shop.counts(number)["expired"] == 5
    shop.sound(number)


def test_what_the_law_forbids_does_not_start(make_shop: Make) -> None:
    """Neither by hand nor by the clock, and it says which rule and how to mend it."""
    shop = make_shop(1)
    db = shop.office.service.db
    with db.write() as session:
        wording = contents.Wording("봄", Draft("봄 소식", "안녕하세요"))
        version = contents.add(session, utcnow(), wording, "email", MAIL, None).id
    lawful = Lawful(shop.office.service.settings)
    number = shop.draft(version_id=version)
    with pytest.raises(Unlawful) as caught:
        shop.do(campaigns.launch, number, check=lawful)
    assert any("(광고)" in one.sentence for one in caught.value.problems)
    assert all(one.rule and one.mend for one in caught.value.problems)
    later = utcnow() + timedelta(hours=1)
    with db.write() as session:
        campaigns.schedule(session, utcnow(), number, later, None, check=anything)
    with db.write() as session:
        assert campaigns.start_due(session, later, check=lawful) == []
    assert shop.state(number) == "draft"
    answer = shop.draft(version_id=version, purpose="service")
    shop.do(campaigns.launch, answer, check=lawful)


def test_a_lasting_commit_waits_for_the_disk_and_others_do_not(make_shop: Make) -> None:
    db = make_shop(0).office.service.db
    asked = text("PRAGMA synchronous")
    for lasting, level in ((True, 2), (False, 1), (True, 2), (False, 1)):
        with db.write(lasting=lasting) as session:
            assert session.scalar(asked) == level


# -- the audience --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_audience_is_frozen_once_and_goes_on_after_a_crash(make_shop: Make, kind: str) -> None:
    shop = make_shop(50, kind)
    number = shop.launch(definition={"below": 40})
    db = shop.office.service.db
    campaign = shop.office.one(lambda session: session.get_one(Campaign, number))
    who = Words().audience(campaign.definition, channel="email", now=utcnow())
    with db.write() as session:  # the first part, and then its process died
        audience.add(session, utcnow(), campaign, [(n, n) for n in range(1, 8)])
    assert audience.freeze(db, utcnow(), campaign, who, size=6)
    assert not audience.freeze(db, utcnow(), campaign, who, size=6), "another one was quicker"
    assert shop.counts(number)["planned"] == 40
    assert {row.value for row in shop.rows(number)} == {f"c{n}@customer.example" for n in range(1, 41)}


def test_erasing_a_person_takes_the_address_out_of_campaigns(make_shop: Make) -> None:
    shop = make_shop(3)
    number = frozen(shop)
    with shop.office.service.db.write() as session:
        erasure.erase(session, utcnow(), 2, None)
    assert [row.value for row in shop.rows(number)][1] == "erased-2"
    with shop.office.service.db.read() as session:
        dump = [str(row) for row in session.execute(text("select * from recipient"))]
    assert not any("c2@customer" in row for row in dump)


# -- the sum, whatever happens -------------------------------------------------------------------

ENDS = st.sampled_from([
    Word(Fate.ACCEPTED, "250", "ok"), Word(Fate.FAILED, "550 5.1.1", "no"), Word(Fate.UNKNOWN), Word(Fate.PLANNED),
    Word(Fate.SUPPRESSED),
])  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.integers(1, 5)),
        st.tuples(st.just("settle"), st.integers(0, 9), ENDS),
        st.tuples(st.just("late"), st.integers(0, 9), ENDS),
        st.tuples(st.sampled_from(["cancel", "pause", "resume", "recover"]), st.just(0)),
    ),
    max_size=25,
)


def test_planned_is_the_sum_of_all_ends(make_shop: Make) -> None:
    """Whatever happens in whatever order: nobody is lost or counted twice, no end is left, the log says the same."""
    shop = make_shop(12)

    @settings(max_examples=30, deadline=None)
    @given(steps=STEPS)
    def holds(steps: list[Any]) -> None:
        _holds(shop, steps)

    holds()


def _holds(shop: Shop, steps: list[Any]) -> None:
    after = shop.office.one(log.head)
    number = frozen(shop)
    db, now = shop.office.service.db, utcnow()
    hand: list[claim.Row] = []
    gone: list[claim.Row] = []
    ends: dict[int, str] = {}
    for step in steps:
        with db.write() as session:
            match step:
                case ("claim", most):
                    hand += claim.claim(session, now, number, "me", most, Words(), ()).rows
                case ("settle", place, word) if place < len(hand):
                    gone.append(hand.pop(place))
                    _settle(session, now, number, gone[-1], word)
                case ("late", place, word) if place < len(gone):  # a worker that thinks it still has it
                    _settle(session, now, number, gone[place], word)
                case ("recover", _):
                    for held in sorted({row.window for row in hand}):
                        recover._decide(session, now, held, journal.NOTHING)
                    gone, hand = gone + hand, []
                case (("cancel" | "pause" | "resume") as name, _):
                    with contextlib.suppress(Conflict):
                        getattr(campaigns, name)(session, now, number, None)
                    sweep(session, now)
        states = {row.id: row.state for row in shop.rows(number)}
        assert sum(shop.counts(number).values()) == len(states) == 12
        for one, state in ends.items():
            assert states[one] == state, "an end is an end"
        ends = {one: state for one, state in states.items() if state in recipient.ENDS}
    logged = text(
        "select name, count(*), count(distinct address_id) from interaction where name like 'recipient.%'"
        " and id > :after group by name"
    )
    found = shop.office.one(lambda session: session.execute(logged, {"after": after}).all())
    assert {name: n for name, n, _ in found} == {f"recipient.{k}": n for k, n in Counter(ends.values()).items()}
    assert all(n == people for _, n, people in found)


def _settle(session: Any, now: datetime, number: int, row: claim.Row, word: Word) -> None:
    campaign = session.get_one(Campaign, number)
    settle.settle(session, now, campaign, [Landed(row.number, row.window, word, timedelta(0))])


# -- the journal -----------------------------------------------------------------------------------


def book(folder: Path, owner: str = "m:1:a", seconds: float = 60) -> FileJournal:
    made = FileJournal(journal.path_of(folder, owner)).open()
    made.hold(time.monotonic() + seconds)
    return made


def receipt(number: int) -> Receipt:
    return Receipt(DeliveryState.WIRED, number, code="250", exchange={"answer": "queued as 4F2"})


def test_the_journal_decides(tmp_path: Path) -> None:
    one = book(tmp_path)
    one.leaving([1, 2, 3])
    one.answered(1, receipt(1))
    one.answered(2, ChannelError("no such\nuser", code="550 5.1.1"))
    one.leaving([4, 5])
    one.answered(4, Unsure("gone"))
    one.answered(5, ChannelError("later", retryable=True, code="451"))
    one.leaving([5])  # its next try
    told = journal.take(one.path, complete=True)
    assert told.of(1) == Word(Fate.ACCEPTED, "250", "queued as 4F2")
    assert told.of(2) == Word(Fate.FAILED, "550 5.1.1", "no such user")
    assert told.of(3).fate is Fate.UNKNOWN
    assert told.of(4).fate is Fate.UNKNOWN
    assert told.of(5).fate is Fate.UNKNOWN, "the last try counts"
    assert told.of(6).fate is Fate.PLANNED
    with pytest.raises(TooLate):
        one.leaving([6])


def test_after_another_start_of_the_machine_only_answers_are_believed(tmp_path: Path) -> None:
    one = book(tmp_path)
    one.leaving([1, 2])
    one.answered(1, receipt(1))
    one.leaving([])
    told = journal.take(one.path, complete=False)
    assert told.of(1).fate is Fate.ACCEPTED
    assert told.of(2).fate is told.of(3).fate is Fate.UNKNOWN
    assert journal.take(tmp_path / "none.journal", complete=True).of(1).fate is Fate.UNKNOWN


def test_a_torn_line_is_no_line(tmp_path: Path) -> None:
    one = book(tmp_path)
    one.leaving([1])
    with one.path.open("ab") as file:
        file.write(b"A 1 accep")
    assert journal.take(one.path, complete=True).of(1).fate is Fate.UNKNOWN


def test_whose_lease_is_over_hands_nothing_over(tmp_path: Path) -> None:
    one = book(tmp_path, seconds=-1)
    with pytest.raises(TooLate):
        one.leaving([1])


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_jumps_takes_no_work_away(make_shop: Make, tmp_path: Path, jump: timedelta) -> None:
    """The lease of a worker of this machine ends on the clock that cannot jump."""
    shop = make_shop(3)
    number = frozen(shop)
    db = shop.office.service.db
    other = f"{owners.machine()}:1:aaaaaaaa"  # process 1 lives
    one = book(tmp_path, other)
    with db.write() as session:
        assert len(claim.claim(session, utcnow(), number, other, 10, Words(), ()).rows) == 3
    recover.recover(db, utcnow() + jump, tmp_path, "me")
    assert shop.counts(number)["sending"] == 3
    one.hold(time.monotonic() - 1)
    recover.recover(db, utcnow() + jump, tmp_path, "me")
    assert shop.counts(number)["planned"] == 3
    with pytest.raises(TooLate):
        one.leaving([1])


def test_anothers_machine_is_believed_nothing(make_shop: Make, tmp_path: Path) -> None:
    shop = make_shop(3)
    number = frozen(shop)
    db = shop.office.service.db
    with db.write() as session:
        claim.claim(session, utcnow(), number, "elsewhere:1:aaaaaaaa", 10, Words(), ())
    recover.recover(db, utcnow(), tmp_path, "me")
    assert shop.counts(number)["sending"] == 3, "its lease holds"
    recover.recover(db, utcnow() + 2 * window.LEASE, tmp_path, "me")
    assert shop.counts(number)["unknown"] == 3


# -- readers pass over -------------------------------------------------------------------------------


def test_readers_pass_over_recipients_unless_they_ask(make_shop: Make) -> None:
    shop = make_shop(30)
    number = frozen(shop)
    db, seen = shop.office.service.db, list[tuple[str, str]]()
    with db.write() as session:
        campaign = session.get_one(Campaign, number)
        ids = [row.id for row in shop.rows(number)]
        settle.close(session, utcnow(), campaign, ids, Fate.EXPIRED, "late")
        campaigns.cancel(session, utcnow(), number, None)
    plain = Reader("plain", lambda _session, row: seen.append(("plain", row.name)))
    greedy = Reader("greedy", lambda _session, row: seen.append(("greedy", row.name)), names=frozenset(log.Name))
    with db.write() as session:
        while following.advance_together(session, [plain, greedy], 10):
            pass
        while following.advance(session, plain, 10):
            pass
        assert following.places(session) == {"plain": log.head(session), "greedy": log.head(session)}
    names = Counter(seen)
    assert names["greedy", "recipient.expired"] == 30
    assert {name for who, name in names if who == "plain"} == {"campaign.launched", "campaign.cancelled"}
    alone = Reader("alone", lambda _session, row: seen.append(("alone", row.name)))
    with db.write() as session:
        assert following.advance(session, alone, 10) == 2
        assert following.places(session)["alone"] == log.head(session)
        assert all(row.name not in log.CROWD for row in log.news(session, 0))
    assert shop.office.one(lambda session: session.query(Interaction).count()) == 32


# -- the bytes of a mail --------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
INBOX = InboxFacts(1, "email", "smtp", "help@shop.example", "한마루 상점")


def outbound(subject: str, words: str, html: str = "") -> Outbound:
    to = Party(AddressKind.EMAIL, "kim@고객.example")
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return Outbound(
        7, 0, "id@shop.example", to, words, subject, html, created_at=at, unsubscribe="https://s.example/u/7"
    )


@settings(deadline=None)
@given(subject=WORDS, words=WORDS, html=WORDS)
def test_every_text_arrives_as_it_was_written(subject: str, words: str, html: str) -> None:
    mail = Mould(INBOX, KEY, None).cast(outbound(subject, words or "x", html))
    raw = mail.raw
    assert recipient_of(mail.sender, KEY) == 7
    assert mail.to == "kim@xn--i49alo.example"
    assert all(len(line) <= 998 and b"\n" not in line for line in raw.split(b"\r\n"))
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"][: len(parts)]
    for part, given_text in zip(parts, [words or "x", html], strict=False):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        wanted = given_text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip("\n")
        assert payload.decode().replace("\r\n", "\n").rstrip("\n") == wanted
    assert set(mail.keys()) <= {
        "Date", "From", "To", "X-Returns-To", "Subject", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
        "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    }  # fmt: skip


def sealed(mould: Mould, message: Outbound) -> bytes:
    """The mail as it leaves."""
    mail = mould.cast(message)
    assert mould.seal
    assert mail.unsigned
    return mould.seal.field(mail.unsigned, mould.seal.sign(mail.unsigned.data)) + mail.raw


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_dkimpy_verifies_what_is_signed_in_bulk(tmp_path: Path, algorithm: str) -> None:
    import base64
    import subprocess

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    kind = ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"] if algorithm == "rsa" else ["ed25519"]
    made = subprocess.run(["openssl", "genpkey", "-algorithm", *kind], check=True, capture_output=True).stdout
    public = load_pem_private_key(made, None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if algorithm == "rsa" else (Encoding.Raw, PublicFormat.Raw)
    record = b"v=DKIM1; k=%b; p=%b" % (algorithm.encode(), base64.b64encode(public.public_bytes(*form)))
    mould = Mould(INBOX, KEY, Seal(signer("shop.example", "s1", made)))
    for message in (outbound("봄 소식 " * 20, "  Hello \n.\nFrom here\n\n\n"), outbound("x", "안녕", "<p>안녕</p>")):
        raw = sealed(mould, message)
        assert dkim.verify(raw, dnsfunc=lambda *_a, **_k: record)
        signed = message_from_bytes(raw)["DKIM-Signature"]
        assert "list-unsubscribe-post" in signed
        assert "list-unsubscribe:" in signed.replace(" ", "")
        assert not dkim.verify(raw.replace(b"/u/7", b"/u/8"), dnsfunc=lambda *_a, **_k: record)
