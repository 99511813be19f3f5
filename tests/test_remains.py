"""An erased person in the words of others: found and listed, kept until somebody decides, then emptied whole."""

from __future__ import annotations

import os
from pathlib import Path

import people_kit
import pytest
import sqlalchemy as sa
from hall_kit import Hall

from channels.receiver import Read, take
from contact import conversation as conversations
from contact import directory, erasure, following, inbox, intake, outbox, raw, remains, search, sweeping, verify
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Envelope, Fault, Party, Receipt, Thread
from contact.outbox import Delivery, Words
from contact.raw import Raw
from contact.remains import Why
from contact.users import Role
from contact.users.audit import AuditRow

SAID = "제 주문 번호는 비밀입니다 절대로 말하지 마세요"


def shared_talk(hall: Hall) -> dict[str, int]:
    """Boss owns a talk; Kim takes part, is quoted, named and copied; Park never heard of Kim."""
    kim, boss = Party(AddressKind.EMAIL, "kim@a.example", "김비밀"), "boss@b.example"
    rows: dict[str, int] = {}

    def take(key: str, sender: str, text: str, **more: object) -> int:
        with hall.db.write() as session:
            letter = hall.letter(sender, text, **more)  # type: ignore[arg-type]
            taken = intake.take(session, hall.tick(), letter, inbox.get(session, hall.mail))
            envelope = Envelope("email", hall.mail, "help@shop.example", "smtp", sender=sender)
            number = raw.keep(session, hall.now, envelope, f"{key}: {text} {more}".encode(), key=key)
            raw.parsed(session.get_one(Raw, number), taken.interaction_id)
        rows[key] = taken.interaction_id
        return taken.conversation_id or 0

    first = take("boss first", boss, "우리 주문을 봐 주세요", others=(kim,), subject="주문")
    in_it = Thread(in_reply_to=("in1@a.example",))
    assert take("kim", "kim@a.example", SAID, name="김비밀", thread=in_it) == first
    wrapped = "> 제 주문 번호는\n> 비밀입니다 절대로\n> 말하지 마세요"
    take("boss quotes", boss, "알겠습니다", quoted=wrapped, thread=in_it)
    take("boss innocent", boss, "그럼 내일 봅시다 감사합니다", thread=in_it)
    take("boss html", boss, "봐", html="<p>연락처: <b>kim@a.example</b></p>", thread=in_it)
    other = take("park cc", "park@c.example", "서류를 kim@a.example 로 보내 주세요")
    take(
        "park phone",
        "park@c.example",
        "담당자 전화는 010-9999-8888 입니다",
        thread=Thread(in_reply_to=("in6@a.example",)),
    )
    take("park innocent", "park@c.example", "김비밀번호라는 상품이 있나요")
    with hall.db.write() as session:
        talk = conversations.get(session, first)
        rows["note"] = conversations.note(session, hall.tick(), talk, "김비밀 님이 화가 났음", 3).id
        owner = directory.find(session, AddressKind.EMAIL, "kim@a.example")
        assert owner
        directory.add_address(
            session, hall.tick(), directory.get(session, owner.contact_id), AddressKind.TEL, "010-9999-8888", 3
        )
        while following.advance(session, search.reader):
            pass
    return {**rows, "talk": first, "other": other, "contact": owner.contact_id}


def erase(hall: Hall, contact: int) -> erasure.Erased:
    with hall.db.write() as session:
        return erasure.erase(session, hall.tick(), contact, 9)


def test_every_message_that_speaks_of_the_person_is_listed_with_its_reason(hall: Hall) -> None:
    made = shared_talk(hall)
    done = erase(hall, made["contact"])
    names = {row: name for name, row in made.items() if name not in ("talk", "other", "contact")}
    assert {names[one.row]: one.why for one in done.remains} == {
        "boss first": Why.ADDRESS,  # in its line Cc
        "boss quotes": Why.WORDS,
        "boss html": Why.ADDRESS,
        "park cc": Why.ADDRESS,
        "park phone": Why.ADDRESS,
        "note": Why.NAME,
    }
    with hall.db.read() as session:
        assert erasure.reported(session, made["contact"]) == list(done.remains)
        kept = session.get_one(Interaction, made["boss quotes"])
        assert kept.body == "알겠습니다"  # another's words stay until somebody decides
        assert session.get_one(Interaction, made["kim"]).body is None
        told = session.scalars(sa.select(Interaction).where(Interaction.name == Name.CONTACT_ERASED.value)).one()
        assert "kim" not in str(told.data)  # numbers only
        assert list(verify.verify(session)) == []


def test_what_is_chosen_is_emptied_whole_and_the_rest_stays(hall: Hall) -> None:
    made = shared_talk(hall)
    done = erase(hall, made["contact"])
    chosen = [made["boss quotes"], made["park cc"], made["note"]]
    with hall.db.write() as session:
        assert erasure.empty(session, hall.tick(), chosen) == 3
        assert erasure.empty(session, hall.tick(), chosen) == 0  # once
    with hall.db.read() as session:
        for row in chosen:
            gone = session.get_one(Interaction, row)
            assert (gone.body, gone.content, gone.erased_at is None) == (None, None, False)
        for name in ("boss quotes", "park cc"):
            kept = session.scalars(sa.select(Raw).where(Raw.interaction_id == made[name])).one()
            assert (kept.content, kept.sha256, kept.size) == (None, "", 0)
        assert search.search(session, "알겠습니다") == []
        assert [hit.interaction_id for hit in search.search(session, "내일 봅시다")] == [made["boss innocent"]]
        assert [one.row for one in erasure.reported(session, made["contact"])] == [
            one.row for one in done.remains if one.row not in chosen
        ]
        assert list(verify.verify(session, store=hall.store)) == []
    reply = hall.mail_in("boss@b.example", "답장", thread=Thread(in_reply_to=("in3@a.example",)))
    assert reply.conversation_id == made["talk"], "the thread of the emptied message still holds"


def test_a_bounce_goes_with_the_person_it_is_about(hall: Hall) -> None:
    """The raw report names the address; it hangs on our message, though it made no row of its own."""
    talk = hall.mail_in("kim@a.example", "안녕하세요").conversation_id
    assert talk
    sent = hall.reply(talk, "답", words=Words("답", "Re"))
    with hall.db.write() as session:
        outbox.claim(session, hall.tick(60), "w", ["email"])
        assert outbox.begin(session, hall.now, sent, "w") is not None
        outbox.settle(session, hall.tick(), Receipt(DeliveryState.WIRED, delivery_id=sent))
        envelope = Envelope("email", hall.mail, "help@shop.example", "smtp", sender="")
        bounce = raw.keep(session, hall.now, envelope, b"Final-Recipient: rfc822; kim@a.example", key="dsn")
        big = b"kim@a.example" * 9
        late = raw.keep(session, hall.now, envelope, big, stored=hall.store.put([big]).sha256)
    receipt = Receipt(DeliveryState.BOUNCED, delivery_id=sent, fault=Fault.ADDRESS_INVALID, reason="no kim@a.example")
    with hall.db.write() as session:
        ours = inbox.facts(inbox.get(session, hall.mail))
        for number in (bounce, late):  # the second says nothing new
            take(session, Read(number, ours, ((receipt, ()),)))
        promised = session.get_one(Delivery, sent).interaction_id
        assert {session.get_one(Raw, number).interaction_id for number in (bounce, late)} == {promised}
    erase(hall, 1)
    with hall.db.write() as session:
        assert session.get_one(Raw, bounce).content is None
        assert session.get_one(Raw, late).sha256 == ""
    for path in hall.store.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    with hall.db.write() as session:
        assert sweeping.doomed(session, hall.store) == 0
    assert not list(hall.store.folder.glob("[0-9a-f][0-9a-f]/*"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("그 사람은 KIM@A.example 입니다", Why.ADDRESS),
        ("김비밀님 안녕하세요", Why.NAME),
        ("박김비밀 씨", None),
        ("> one two three\n> four five", Why.WORDS),
        ("one two three", None),
        ("<b>one</b> two <i>three</i> four", Why.WORDS),
        ("", None),
    ],
)
def test_by_what_a_person_is_recognised(text: str, why: Why | None) -> None:
    known = remains.Known(("kim@a.example",), ("김비밀",), remains.said(iter(["One two, three four!", "네"])))
    assert remains.recognised(text, None, known) == why
    assert remains.recognised(None, {"quoted": text, "to": [], "n": 3}, known) == why


def test_the_administrator_sees_and_decides_on_the_page(tmp_path: Path) -> None:
    house = people_kit.house(tmp_path / "data")
    hall = Hall(house.db, tmp_path / "data")
    made = shared_talk(hall)
    path = f"/desk/contacts/{made['contact']}"
    boss, _ = house.signed_in("boss@shop.example", Role.ADMIN)
    agent, _ = house.signed_in("mina@shop.example")
    assert "What others still say" not in boss.get(path).text
    erase(hall, made["contact"])
    page = boss.get(path).text
    assert "What others still say" in page
    assert page.count('name="row"') == 6
    assert f"#row-{made['note']}" in page
    assert "What others still say" not in agent.get(path).text
    assert agent.post(f"{path}/remains", {"row": made["note"]}).status_code == 403
    foreign = {"row": [made["note"], made["boss innocent"], 10**12]}
    assert boss.post(f"{path}/remains", foreign).status_code == 303
    with house.db.read() as session:
        assert session.get_one(Interaction, made["note"]).body is None
        assert session.get_one(Interaction, made["boss innocent"]).body  # only what was listed
        written = session.scalars(sa.select(AuditRow).where(AuditRow.what == "contact.remains_emptied")).one()
        assert written.after == {"rows": [made["note"]]}
    assert boss.get(path).text.count('name="row"') == 5
    assert "emptied messages of others" in boss.get("/people/audit").text
    house.close()


def test_the_commands_say_what_remains(tmp_path: Path) -> None:
    house = people_kit.house(tmp_path / "data")
    hall = Hall(house.db, tmp_path / "data")
    made = shared_talk(hall)
    run = house.app.test_cli_runner()
    told = run.invoke(args=["contact", "erase", str(made["contact"]), "--yes"]).output
    assert "6 messages of others still speak of this person" in told
    assert run.invoke(args=["contact", "empty", str(made["note"]), "--yes"]).output == "1 rows emptied.\n"
    told = run.invoke(args=["contact", "remains", str(made["contact"])]).output
    assert "5 messages of others" in told
    assert "words" in told
    house.close()
