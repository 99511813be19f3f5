"""The inbound path: once, whoever brings it how often, and always kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from real import both

from contact import conversation as conversations
from contact import directory, files, inbox, intake, log, raw
from contact.conversation import Conversation, State, reading
from contact.db import Database
from contact.errors import KeyReused, NotFound, TooLarge
from contact.files import File
from contact.log import Interaction
from contact.messages import AddressKind, Envelope, Nature, Party, Thread


def count(hall: Hall, model: type) -> int:
    with hall.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_the_same_message_again_is_the_same_row(hall: Hall) -> None:
    first = hall.chat_in(text="한 번", key="c-1")
    again = hall.chat_in(text="한 번", key="c-1")
    assert (first.new, again.new) == (True, False)
    assert (again.interaction_id, again.conversation_id, again.at) == (
        first.interaction_id,
        first.conversation_id,
        first.at,
    )
    assert count(hall, Interaction) == 2  # opened, received
    with pytest.raises(KeyReused):
        hall.chat_in(text="다른 말", key="c-1")
    assert count(hall, Interaction) == 2
    assert hall.chat_in(text="한 번").new, "two equal texts are two messages"


def test_the_same_message_from_many_at_once_is_one_row(hall: Hall) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(
            pool.map(lambda n: hall.chat_in(f"visitor-00000000{n % 3:02}", "동시", key=f"c-{n % 3}"), range(24))
        )
    assert sum(one.new for one in taken) == 3
    assert len({one.interaction_id for one in taken}) == 3
    assert count(hall, directory.Contact) == count(hall, Conversation) == 3


def test_two_first_messages_at_once_open_one_chat(hall: Hall) -> None:
    """A lock for each message is not a lock for each person."""
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda n: hall.chat_in(text=f"m{n}"), range(12)))
    assert len({one.conversation_id for one in taken}) == 1
    assert count(hall, directory.Contact) == 1


def test_a_message_reopens_and_wakes(hall: Hall) -> None:
    talk = hall.chat_in().conversation_id
    for verb in (
        lambda s, c: conversations.pend(s, hall.tick(), c, 1),
        lambda s, c: conversations.snooze(s, hall.tick(), c, hall.now + timedelta(days=1), 1),
        lambda s, c: conversations.resolve(s, hall.tick(), c, 1),
    ):
        with hall.db.write() as session:
            verb(session, conversations.get(session, talk))
        assert hall.chat_in().conversation_id == talk
        with hall.db.read() as session:
            one = conversations.get(session, talk)
            assert (one.state, one.snoozed_until, one.waiting_since is not None) == (State.OPEN, None, True)


def test_a_chat_that_ended_long_ago_begins_anew(hall: Hall) -> None:
    talk = hall.chat_in().conversation_id
    with hall.db.write() as session:
        conversations.resolve(session, hall.now, conversations.get(session, talk), 1)
    hall.tick(intake.RETURN[AddressKind.VISITOR].total_seconds() - 120)
    assert hall.chat_in().conversation_id == talk
    with hall.db.write() as session:
        conversations.resolve(session, hall.now, conversations.get(session, talk), 1)
    hall.tick(intake.RETURN[AddressKind.VISITOR].total_seconds() + 120)
    assert hall.chat_in().conversation_id != talk


@pytest.mark.parametrize("nature", [Nature.AUTO_REPLY, Nature.BOUNCE, Nature.COMPLAINT])
def test_machines_are_nobody_s_work(hall: Hall, nature: Nature) -> None:
    alone = hall.mail_in("robot@a.example", nature=nature)
    talk = hall.mail_in("kim@a.example", subject="문의").conversation_id
    with hall.db.write() as session:
        conversations.resolve(session, hall.tick(), conversations.get(session, talk), 1)
    answer = hall.mail_in(
        "kim@a.example", "부재중", nature=nature, thread=Thread(token=talk), nature_reason="Auto-Submitted"
    )
    assert answer.conversation_id == talk
    with hall.db.read() as session:
        for number in (alone.conversation_id, talk):
            one = conversations.get(session, number)
            assert (one.state, one.waiting_since) == (State.RESOLVED, None)
        row = session.get_one(Interaction, answer.interaction_id)
        assert row.name == f"{nature.value}.received"
        assert row.content is not None
        assert (row.content["nature"], row.content["nature_reason"]) == (nature.value, "Auto-Submitted")


def test_bulk_mail_is_somebody_s_words(hall: Hall) -> None:
    with hall.db.read() as session:
        assert hall.mail_in(nature=Nature.BULK)
        assert conversations.get(session, 1).state == State.OPEN


def test_cc_become_participants_once_and_never_we_ourselves(hall: Hall) -> None:
    others = (
        Party(AddressKind.EMAIL, "boss@a.example", "Boss"),
        Party(AddressKind.EMAIL, "help@shop.example"),
        Party(AddressKind.EMAIL, "help+token@shop.example"),
    )
    talk = hall.mail_in(others=others).conversation_id
    hall.mail_in(others=others, thread=Thread(token=talk))
    with hall.db.read() as session:
        parts = session.scalars(sa.select(conversations.Participant)).all()
        assert len(parts) == 1
        assert session.get_one(directory.Address, parts[0].address_id).value == "boss@a.example"
        assert directory.get(session, session.get_one(directory.Address, parts[0].address_id).contact_id).name == "Boss"
    crowd = tuple(Party(AddressKind.EMAIL, f"p{n}@c.example") for n in range(300))
    hall.mail_in("lee@b.example", others=crowd)
    assert count(hall, conversations.Participant) == 1 + intake.OTHERS


def test_what_no_database_keeps_is_replaced(hall: Hall) -> None:
    taken = hall.mail_in(
        text="a\0b \ud83d half", name="\0\udc00" * 200, subject="s\0", quoted="\ud800", html="<p>\0</p>",
        facts={"defects": ["\0", {"x\0": "\ud800"}], "n": 1},
    )  # fmt: skip
    with hall.db.read() as session:
        row = session.get_one(Interaction, taken.interaction_id)
        assert row.body == "a�b � half"
        assert row.content is not None
        assert row.content["facts"] == {"defects": ["�", {"x�": "�"}], "n": 1}
        assert directory.get(session, 1).name == "��" * 100
    assert hall.chat_in(text="🙂 한글 그대로").new
    with hall.db.read() as session:
        assert reading.thread(session, 2)[-1].body == "🙂 한글 그대로"


def test_a_visitor_is_proved_by_the_token_a_mail_is_not(hall: Hall) -> None:
    hall.mail_in("kim@a.example")
    hall.chat_in()
    with hall.db.read() as session:
        by_kind = {one.kind: one.verified_at for one in session.scalars(sa.select(directory.Address))}
    assert by_kind["email"] is None
    assert by_kind["visitor"] is not None


def test_files_stand_with_their_message(hall: Hall) -> None:
    given = [File("../../etc/passwd", "text/plain", b"1"), File("그림.png", "image/png", b"2", "cid1", True)]
    items = files.keep(hall.store, given)
    with hall.db.write() as session:
        taken = intake.take(session, NOON, hall.letter("kim@a.example", "x"), inbox.get(session, hall.mail), items)
    with hall.db.read() as session:
        kept = files.of(session, [taken.interaction_id])[taken.interaction_id]
        assert [(one.name, one.position, one.content_id, one.inline) for one in kept] == [
            ("passwd", 0, "", False),
            ("그림.png", 1, "cid1", True),
        ]
        with hall.store.open(kept[1].sha256) as stream:
            assert stream.read() == b"2"


def test_the_store_keeps_whole_files_or_none(lite: Hall) -> None:
    with pytest.raises(TooLarge):
        lite.store.put([b"x" * 10, b"y" * 10], limit=15)
    with pytest.raises(NotFound):
        lite.store.open("a" * 64)
    with pytest.raises(NotFound):
        lite.store.open("../../../etc/passwd")
    assert [path for path in lite.store.folder.rglob("*") if path.is_file()] == []
    one, other = lite.store.put([b"ab", b"c"]), lite.store.put([b"a", b"bc"])
    assert (one, other.size) == (other, 3)
    assert len([*lite.store.folder.glob("??/*")]) == 1
    assert [*lite.store.folder.glob(".new-*")] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.txt", "a.txt"), ("C:\\x\\견적.pdf", "견적.pdf"), ("..", "file"), ("", "file"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("x" * 400 + ".pdf", "x" * 196 + ".pdf"), ("a\r\nb: c", "ab c"), ("\ud800.txt", "txt"),
    ],
)  # fmt: skip
def test_file_names_play_no_tricks(given: str, kept: str) -> None:
    assert files.clean_name(given) == kept


# -- raw messages -----------------------------------------------------------------------------

ENVELOPE = Envelope("email", 1, "help@shop.example", "smtp", sender="kim@a.example", recipients=("help@shop.example",))


def test_raw_messages_are_kept_before_anybody_reads_them(hall: Hall) -> None:
    with hall.db.write() as session:
        one = raw.keep(session, NOON, ENVELOPE, b"From: kim\r\n\0\xff", key="imap:1:7")
        assert raw.keep(session, NOON, ENVELOPE, b"From: kim\r\n\0\xff", key="imap:1:7") == one
        two = raw.keep(session, NOON, ENVELOPE, b"the same bytes")
        assert raw.keep(session, NOON, ENVELOPE, b"the same bytes") not in (one, two), "two arrivals are two messages"
    with hall.db.read() as session:
        row = session.get_one(raw.Raw, one)
        assert raw.content_of(row, hall.store) == b"From: kim\r\n\0\xff"
        back = raw.envelope_of(row)
        assert (back.sender, back.recipients, back.received_at) == ("kim@a.example", ("help@shop.example",), NOON)
        assert raw.waiting(session) == [one, two, two + 1]


def test_the_tally_always_adds_up(hall: Hall) -> None:
    with hall.db.write() as session:
        ids = [raw.keep(session, NOON, ENVELOPE, bytes([n])) for n in range(6)]
        rows = [session.get_one(raw.Raw, number) for number in ids]
        raw.parsed(rows[0], None)
        raw.failed(rows[1], "no charset named x-\0")
        raw.failed(rows[2], "y" * 5000)
        assert raw.retry(session, ids[2]).state == raw.RawState.KEPT
        assert raw.retry(session, ids[0]).state == raw.RawState.PARSED, "what was read is not read again"
        session.flush()
        assert raw.tally(session) == {"parsed": 1, "failed": 1, "kept": 4}
        assert raw.waiting(session, 2) == [ids[2], ids[3]]
        with pytest.raises(NotFound):
            raw.retry(session, 999)


def test_large_messages_go_to_the_store(hall: Hall) -> None:
    big = b"x" * (raw.IN_ROW + 1)
    stored = raw.large(hall.store, big)
    assert raw.large(hall.store, big[:-1]) is None
    with hall.db.write() as session:
        number = raw.keep(session, NOON, ENVELOPE, big, stored=stored)
    with hall.db.read() as session:
        row = session.get_one(raw.Raw, number)
        assert row.content is None
        assert raw.content_of(row, hall.store) == big


@both
def test_two_fetchers_keep_one_message_once(db: Database) -> None:
    with db.write() as session:
        inbox.add(session, NOON, "email", "help@shop.example", "Help")

    def fetch(n: int) -> int:
        with db.write() as session:
            return raw.keep(session, NOON, ENVELOPE, b"x", key=f"imap:1:{n % 5}")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(fetch, range(40)))) == 5


def test_a_failed_transaction_takes_nothing_in(hall: Hall) -> None:
    with pytest.raises(ZeroDivisionError), hall.db.write() as session:
        intake.take(session, NOON, hall.letter("kim@a.example", "x"), inbox.get(session, hall.mail))
        raise ZeroDivisionError
    assert count(hall, Interaction) == count(hall, directory.Contact) == count(hall, Conversation) == 0
    with hall.db.read() as session:
        assert log.head(session) == 0
