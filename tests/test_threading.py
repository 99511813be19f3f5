"""Which conversation a mail belongs to: by what it names, never by what it only says."""

from __future__ import annotations

import json
import mailbox
import random
from pathlib import Path

import pytest
from hall_kit import Hall

from contact import conversation as conversations
from contact import directory, outbox, thread
from contact.conversation import reading
from contact.messages import AddressKind, Party, Thread


def ids(*values: str) -> tuple[str, ...]:
    return values


def test_in_reply_to_then_references_then_token(hall: Hall) -> None:
    first = hall.mail_in("kim@a.example", thread=Thread("m1@a")).conversation_id
    second = hall.mail_in("lee@b.example", thread=Thread("m2@b")).conversation_id
    assert first != second
    for named, wanted in (
        (Thread("n1@c", ids("m1@a")), first),
        (Thread("n2@c", ids("m2@b"), ids("m1@a")), second),
        (Thread("n3@c", ids("lost@x"), ids("m1@a", "gone@x")), first),
        (Thread("n4@c", (), ids("m1@a", "m2@b")), second),  # the nearest ancestor
        (Thread("n5@c", ids("m1@a"), (), token=second), first),
        (Thread("n6@c", ids("lost@x"), (), token=second), second),
    ):
        assert hall.mail_in("somebody@c.example", thread=named).conversation_id == wanted, named


def test_our_own_message_ids_bring_answers_back(hall: Hall) -> None:
    talk = hall.mail_in("kim@a.example", thread=Thread("m1@a")).conversation_id
    number = hall.reply(talk)
    with hall.db.read() as session:
        ours = session.get_one(outbox.Delivery, number)
        assert ours.message is not None
        assert (ours.message["in_reply_to"], ours.message["references"]) == ("m1@a", ["m1@a"])
    answer = Thread("m2@a", ids(ours.message_id))
    assert hall.mail_in("colleague@a.example", thread=answer).conversation_id == talk
    second = hall.reply(talk)
    with hall.db.read() as session:
        message = session.get_one(outbox.Delivery, second).message
        assert message is not None
        assert message["references"] == ["m1@a", ours.message_id, "m2@a"]


def test_a_bare_number_joins_only_who_is_in_it_and_asks_for_all_others(hall: Hall) -> None:
    cc = (Party(AddressKind.EMAIL, "boss@a.example"),)
    talk = hall.mail_in("kim@a.example", others=cc).conversation_id
    numbered = Thread(number=talk)
    assert hall.mail_in("kim@a.example", thread=numbered).conversation_id == talk
    assert hall.mail_in("boss@a.example", thread=numbered).conversation_id == talk
    stranger = hall.mail_in("mallory@x.example", thread=numbered)
    assert stranger.conversation_id != talk
    with hall.db.read() as session:
        opened = [row for row in reading.thread(session, stranger.conversation_id) if row.name == "conversation.opened"]
        assert opened[0].data == {"joins": talk}
    assert hall.mail_in("kim@a.example", thread=Thread(number=99999)).conversation_id not in (talk, 99999)


def test_participants_answer_the_original_mail(hall: Hall) -> None:
    cc = (Party(AddressKind.EMAIL, "boss@a.example"), Party(AddressKind.EMAIL, "help@shop.example"))
    talk = hall.mail_in("kim@a.example", others=cc, thread=Thread("m1@a")).conversation_id
    assert hall.mail_in("boss@a.example", thread=Thread("m2@a", ids("m1@a"))).conversation_id == talk
    with hall.db.read() as session:
        assert directory.find(session, AddressKind.EMAIL, "help@shop.example") is None, (
            "our own inbox is no participant"
        )


def test_an_answer_that_overtakes_its_question(hall: Hall) -> None:
    """The customer's second mail is read before the first one it names."""
    second = hall.mail_in("kim@a.example", thread=Thread("m2@a", ids("m1@a"), ids("m0@a", "m1@a"))).conversation_id
    assert hall.mail_in("kim@a.example", thread=Thread("m1@a", ids("m0@a"))).conversation_id == second
    assert hall.mail_in("kim@a.example", thread=Thread("m0@a")).conversation_id == second


def test_answers_to_one_newsletter_stay_apart(hall: Hall) -> None:
    """Two people answer a mail that another system sent to both: neither may read the other's words."""
    one = hall.mail_in("kim@a.example", thread=Thread("a1@a", ids("news@shop"))).conversation_id
    other = hall.mail_in("lee@b.example", thread=Thread("b1@b", ids("news@shop"))).conversation_id
    assert one != other
    assert hall.mail_in("kim@a.example", thread=Thread("a2@a", ids("news@shop"))).conversation_id == one
    assert hall.mail_in("lee@b.example", thread=Thread("b2@b", ids("news@shop"))).conversation_id == other


def test_a_mailer_with_one_message_id_for_all(hall: Hall) -> None:
    one = hall.mail_in("kim@a.example", "하나", thread=Thread("same@mailer")).conversation_id
    other = hall.mail_in("lee@b.example", "둘", thread=Thread("same@mailer")).conversation_id
    again = hall.mail_in("kim@a.example", "셋", thread=Thread("same@mailer")).conversation_id
    assert one != other
    assert again == one


def test_loops_and_lies_are_survived(hall: Hall) -> None:
    own = hall.mail_in("kim@a.example", thread=Thread("x@a", ids("x@a"), ids("x@a", "x@a"))).conversation_id
    assert hall.mail_in("lee@b.example", thread=Thread("y@b", ids("x@a"), ids("y@b"))).conversation_id == own
    many = tuple(f"r{n}@z" for n in range(5000))
    assert hall.mail_in("lee@b.example", thread=Thread("z@b", (), (*many, "x@a"))).conversation_id == own
    long = Thread("l" * 900 + "@a", ids("m" * 900 + "@a"))
    number = hall.mail_in("park@c.example", thread=long).conversation_id
    assert hall.mail_in("park@c.example", thread=Thread("n@a", ids("l" * 900 + "@a"))).conversation_id == number
    assert hall.mail_in("park@c.example", thread=Thread("", (), ("",))).conversation_id not in (own, number)


def test_merged_conversations_take_the_answers_of_both(hall: Hall) -> None:
    one = hall.mail_in("kim@a.example", thread=Thread("m1@a")).conversation_id
    other = hall.mail_in("kim@a.example", thread=Thread("m2@a")).conversation_id
    with hall.db.write() as session:
        conversations.merge(session, hall.now, conversations.get(session, other), conversations.get(session, one), 1)
    assert hall.mail_in("kim@a.example", thread=Thread("m3@a", ids("m2@a"))).conversation_id == one
    with hall.db.read() as session:
        assert thread.chain(session, conversations.members(session, one)) == ["m1@a", "m2@a", "m3@a"]


def test_the_chain_keeps_the_first_and_the_newest(hall: Hall) -> None:
    talk = hall.mail_in("kim@a.example", thread=Thread("m0@a")).conversation_id
    for n in range(1, 40):
        hall.mail_in("kim@a.example", thread=Thread(f"m{n}@a", ids(f"m{n - 1}@a"), tuple(f"m{k}@a" for k in range(n))))
    with hall.db.read() as session:
        chain = thread.chain(session, [talk])
    assert chain == ["m0@a", *(f"m{n}@a" for n in range(40 - thread.CHAIN + 1, 40))]


def test_the_labelled_threads(hall: Hall, corpora: Path) -> None:
    labels = json.loads((corpora / "threading" / "labels.json").read_text())
    kept = {name: case for name, case in labels.items() if case["label"].get("algorithm") == "REFERENCES"}
    assert kept
    for name, case in kept.items():
        box = mailbox.mbox(corpora / "threading" / case["file"], create=False)
        used = case["label"].get("messages_used") or [n for group in case["label"]["conversations"] for n in group]
        found: dict[int, int] = {}
        for number, mail in enumerate(box, 1):
            if number in used:
                named = _thread(mail, name)
                found[number] = hall.mail_in(f"{name.replace('/', '.')}@d.example", thread=named).conversation_id
        box.close()
        groups = {tuple(sorted(n for n in found if found[n] == talk)) for talk in found.values()}
        assert groups == {tuple(group) for group in case["label"]["conversations"]}, name


def _thread(mail: mailbox.mboxMessage, name: str) -> Thread:
    """Ids as the adapter gives them, made different for each case."""

    def of(header: str) -> tuple[str, ...]:
        return tuple(f"{name}-{part.strip('<>')}" for part in str(mail[header] or "").split())

    return Thread((of("Message-ID") or ("",))[0], of("In-Reply-To"), of("References"))


@pytest.mark.parametrize("seed", range(8))
def test_a_thread_in_any_order_is_one_conversation(lite: Hall, seed: int) -> None:
    """A week of one customer's mail, fetched in any order, each naming all its ancestors."""
    chance = random.Random(seed)
    parents: list[int | None] = [None, *(chance.randrange(n) for n in range(1, 12))]

    def ancestors(n: int) -> list[int]:
        found: list[int] = []
        while (parent := parents[n]) is not None:
            found.insert(0, parent)
            n = parent
        return found

    order = list(range(12))
    chance.shuffle(order)
    talks = set()
    for n in order:
        named = Thread(f"t{n}@a", tuple(f"t{a}@a" for a in ancestors(n)[-1:]), tuple(f"t{a}@a" for a in ancestors(n)))
        talks.add(lite.mail_in("kim@a.example", thread=named).conversation_id)
    assert len(talks) == 1
