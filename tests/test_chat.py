"""The chat's server side, against the real process: once, in order, nothing missed, nobody locked out."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import socketio
from chat_kit import Chat, Visitor, running
from real import both, missing, wait_for
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from channels.chat.adapter import Chat as Adapter
from channels.chat.said import MAX_TEXT, Said, inbound
from channels.chat.visitor import Ticket, Visitors
from contact import conversation as conversations
from contact import directory, intake
from contact import inbox as inboxes
from contact.answering import after, expected_seconds, working
from contact.channel import Forged, Unreadable
from contact.conversation import Conversation
from contact.db import Database
from contact.directory import Address
from contact.log import Interaction, Name
from contact.messages import Envelope
from contact.outbox import Delivery
from contact.presence import Agents, Change, Looked, Presence, Typing
from contact.quick import Going, Line, Quick
from contact.response import hours as business

HERE = Path(__file__).parent
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    with running() as chat:
        yield chat


# -- once, in order


def test_the_same_id_twice_is_one_row_and_the_same_answer(chat: Chat) -> None:
    number = str(uuid.uuid4())
    with chat.visitor() as visitor:
        first = visitor.send("두 번 보낸 말", number)
        assert first["ok"]
        assert visitor.send("두 번 보낸 말", number) == first
    assert chat.bodies().count("두 번 보낸 말") == 1


def test_the_same_ids_at_the_same_moment_over_two_sockets(chat: Chat) -> None:
    with chat.visitor() as one, chat.visitor(one.token) as two:
        one.send("시작")
        numbers = [str(uuid.uuid4()) for _ in range(9)]
        with ThreadPoolExecutor(8) as pool:
            said = [(socket, number) for number in numbers for socket in (one, two)]
            answers = list(pool.map(lambda pair: pair[0].send(f"동시 {pair[1]}", pair[1]), said))
        assert all(answer["ok"] for answer in answers)
        for number, a, b in zip(numbers, answers[::2], answers[1::2], strict=True):
            assert a["n"] == b["n"]
            assert chat.bodies().count(f"동시 {number}") == 1


def test_other_words_under_a_used_id_are_refused(chat: Chat) -> None:
    number = str(uuid.uuid4())
    with chat.visitor() as visitor:
        assert visitor.send("처음 한 말", number)["ok"]
        refused = visitor.send("바꾼 말", number)
        assert (refused["ok"], refused["error"]) == (False, "key_reused")
    assert "바꾼 말" not in chat.bodies()


def test_two_equal_texts_are_two_messages(chat: Chat) -> None:
    with chat.visitor() as visitor:
        a, b = visitor.send("네"), visitor.send("네")
        assert a["n"] < b["n"]
        items = visitor.ask("since", {"n": 0})["items"]
        assert [item["text"] for item in items] == ["네", "네"]


def test_messages_keep_their_order_without_waiting_for_answers(chat: Chat) -> None:
    """The official client, over both transports."""
    for scenario, transport in (("order", "websocket"), ("polling", "polling")):
        answer = node(scenario, chat)
        assert answer["transport"] == transport
        assert answer["sent"] == answer["stored"]


def node(scenario: str, chat: Chat) -> dict[str, Any]:
    program = shutil.which("node")
    if program is None or not (HERE.parent / "node_modules/socket.io-client").is_dir():
        missing("Node with socket.io-client", "make node_modules")
    run = subprocess.run(
        [program or "node", str(HERE / "chat_client.mjs"), scenario, chat.url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


# -- nothing missed


def test_after_any_gaps_the_list_equals_the_log(chat: Chat) -> None:
    """Random disconnects while both sides write; the widget's rules, in a few lines."""
    dice = random.Random(7)
    with chat.visitor() as first:
        token, n = first.token, first.send("첫 마디")["n"]
    known, cursor, said = {n: "첫 마디"}, n, 1
    for turn in range(8):
        for _ in range(dice.choice([0, 1, 3, 40])):
            chat.reply(n, f"답 {said}")
            said += 1
        with chat.visitor(token) as visitor:
            assert visitor.hello["known"]
            cursor = catch_up(visitor, known, cursor)
            for _ in range(dice.choice([0, 1, 4])):
                if dice.random() < 0.5:
                    answer = visitor.send(f"말 {said}")
                    known[answer["n"]] = f"말 {said}"
                else:
                    chat.reply(n, f"답 {said}")
                said += 1
            if dice.random() < 0.5 and turn < 7:  # what came by itself counts too
                assert visitor.ask("since", {"n": cursor})["ok"]
                known |= {item["n"]: item["text"] for item in visitor.items}
    with chat.visitor(token) as visitor:
        catch_up(visitor, known, cursor)
    with chat.service.db.read() as session:
        address = session.get_one(Interaction, n).address_id
        rows = session.scalars(select(Interaction).where(Interaction.address_id == address).order_by(Interaction.id))
        bodies = {row.id: row.body for row in rows}
        wired = list(session.scalars(select(Interaction).where(Interaction.address_id == address)))
    reference = {
        row.id: bodies[row.id] if row.name == Name.MESSAGE_RECEIVED else bodies[row.about_id or 0]
        for row in wired
        if row.name in (Name.MESSAGE_RECEIVED, Name.DELIVERY_WIRED)
    }
    assert dict(sorted(known.items())) == dict(sorted(reference.items()))
    assert len(known) == said


def catch_up(visitor: Visitor, known: dict[int, str], cursor: int) -> int:
    while True:
        page = visitor.ask("since", {"n": cursor})
        assert not page["resync"]
        assert [item["n"] for item in page["items"]] == sorted(item["n"] for item in page["items"])
        known |= {item["n"]: item["text"] for item in page["items"]}
        cursor = page["n"]
        if not page["more"]:
            return cursor


def test_a_large_gap_comes_in_pages(chat: Chat) -> None:
    with chat.visitor() as visitor:
        n = visitor.send("긴 하루")["n"]
    replies = 330
    for number in range(replies):
        chat.reply(n, f"{number}")
    with chat.visitor(visitor.token) as back:
        known: dict[int, str] = {}
        catch_up(back, known, n)
        assert list(known.values()) == [str(number) for number in range(replies)]
        page = back.ask("since", {"n": 0})
        assert page["resync"]
        assert page["older"]
        older = back.ask("before", {"n": page["items"][0]["n"]})
        assert older["items"][-1]["n"] < page["items"][0]["n"]


@pytest.mark.parametrize("place", [2**40, 1, -5, "x", None, 2**70, True])
def test_a_place_that_is_not_in_the_list_means_start_again(chat: Chat, place: object) -> None:
    with chat.visitor() as visitor:
        visitor.send("하나")
        page = visitor.ask("since", {"n": place})
        assert page["resync"]
        assert [item["text"] for item in page["items"]] == ["하나"]


def test_a_browser_that_was_away_too_long_starts_again(session: Session, now: datetime) -> None:
    from channels.chat import items

    inbox = inboxes.add(session, now, "chat", "key", "상점")
    old = now - timedelta(days=31)
    first = intake.take(session, old, inbound(Said("id-000001", "작년"), "v" * 24, "ko"), inbox)
    intake.take(session, now, inbound(Said("id-000002", "오늘"), "v" * 24, "ko"), inbox)
    contact = session.get_one(Address, first.address_id).contact_id
    reading = items.since(session, now, first.address_id, contact, first.interaction_id, lambda _: "")
    assert reading.resync
    assert [item["text"] for item in reading.items] == ["작년", "오늘"]


# -- both sides


def test_an_agents_answer_is_shown_then_delivered_then_read(chat: Chat) -> None:
    with chat.visitor() as visitor:
        n = visitor.send("계세요?")["n"]
        delivery = chat.reply(n, "네, 있습니다.")
        item = visitor.wait_item("네, 있습니다.")
        assert (item["from"], item["id"]) == ("agent", None)
        assert item["name"]
        wait_for(lambda: visitor.heard("seen"), what="that the agent has read")
        assert chat.state(delivery) == "wired"
        visitor.ask("got", {"n": item["n"]})
        assert chat.state(delivery) == "delivered"
        visitor.ask("seen", {"n": item["n"]})
        assert chat.state(delivery) == "read"
        visitor.ask("got", {"n": item["n"]})
        assert chat.state(delivery) == "read"


def test_every_tab_of_a_visitor_shows_what_one_tab_said(chat: Chat) -> None:
    with chat.visitor() as one, chat.visitor(one.token) as two:
        answer = one.send("다른 탭에서 한 말", "tab-message-1")
        item = two.wait_item("다른 탭에서 한 말")
        assert (item["n"], item["id"]) == (answer["n"], "tab-message-1")
        assert one.items == []  # it has its answer


def test_a_visitor_sees_only_its_own(chat: Chat) -> None:
    with chat.visitor() as one, chat.visitor() as two:
        n = one.send("비밀")["n"]
        two.send("다른 사람")
        chat.reply(n, "비밀 답")
        one.wait_item("비밀 답")
        assert two.items == []
        assert [item["text"] for item in two.ask("since", {"n": 0})["items"]] == ["다른 사람"]
        assert two.ask("since", {"n": n})["resync"]


def test_nobody_online_says_so_and_takes_the_message_and_the_address(chat: Chat) -> None:
    with chat.visitor() as visitor:
        assert visitor.hello["agents_online"] == 0
        assert visitor.hello["asks_address"]
        n = visitor.send("밤이라 아무도 없네요")["n"]
        assert visitor.ask("address", {"email": "bam@x.example", "name": "밤손님"})["ok"]
        bad = visitor.ask("address", {"email": "아무말"})
        assert (bad["ok"], bad["error"]) == (False, "invalid_address")
    with chat.service.db.read() as session:
        row = session.get_one(Interaction, n)
        mail = session.scalars(select(Address).where(Address.value == "bam@x.example")).one()
        assert mail.contact_id == row.contact_id
        assert mail.verified_at is None  # saying so proves nothing
        assert directory.get(session, mail.contact_id).name == "밤손님"
    with chat.visitor(visitor.token) as back:
        assert not back.hello["asks_address"]


def test_ending_and_rating(chat: Chat) -> None:
    with chat.visitor() as visitor:
        n = visitor.send("해결됐어요")["n"]
        chat.reply(n, "다행이에요")
        visitor.wait_item("다행이에요")
        assert visitor.ask("end", {})["ok"]
        wait_for(lambda: visitor.heard("ended"), what="the end")
        assert visitor.ask("rate", {"score": 5, "text": "친절해요"})["ok"]
        for score in (0, 6, "5", None, True, 2.5):
            assert visitor.ask("rate", {"score": score})["error"] == "invalid"
    rated = chat.rows(Name.CHAT_RATED)[-1]
    assert (rated.data["score"], rated.body) == (5, "친절해요")
    with chat.visitor(visitor.token) as back:
        assert back.hello["conversation"] == {"open": False}
        back.send("하나 더요")
    with chat.visitor(visitor.token) as again:
        assert again.hello["conversation"] == {"open": True}


def test_ending_leaves_open_what_nobody_has_answered(chat: Chat) -> None:
    with chat.visitor() as visitor:
        n = visitor.send("급해서 나갑니다")["n"]
        assert visitor.ask("end", {})["ok"]
    with chat.service.db.read() as session:
        conversation = conversations.get(session, session.get_one(Interaction, n).conversation_id or 0)
        assert conversation.state == "open"


def test_pages_are_kept_only_with_consent(chat: Chat) -> None:
    page = {"url": "https://shop.example/a?p=1", "title": "그릇"}
    with chat.visitor() as visitor:
        visitor.send("보이나요")
        before = len(chat.rows(Name.CHAT_PAGE_VISITED))
        visitor.ask("page", page)
        assert len(chat.rows(Name.CHAT_PAGE_VISITED)) == before
        visitor.ask("consent", {"pages": True})
        visitor.ask("page", page)
        visitor.ask("page", {"url": "javascript:alert(1)", "title": "x"})
        assert [row.content for row in chat.rows(Name.CHAT_PAGE_VISITED)[before:]] == [page]
        visitor.ask("consent", {"pages": False})
        visitor.ask("page", {**page, "url": "https://shop.example/b"})
        assert len(chat.rows(Name.CHAT_PAGE_VISITED)) == before + 1
    assert [row.data["on"] for row in chat.rows(Name.CHAT_PAGES_SHARED)[-2:]] == [True, False]


def test_a_transcript_is_promised_by_mail(chat: Chat) -> None:
    with chat.visitor() as visitor:
        n = visitor.send("기록을 보내 주세요")["n"]
        chat.reply(n, "네, 보내 드릴게요")
        answer = visitor.ask("transcript", {"email": "log@x.example"})
        assert answer["ok"], answer
    with chat.service.db.read() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.channel == "email").order_by(Delivery.id)).all()[-1]
        row = session.get_one(Interaction, delivery.interaction_id)
        assert "기록을 보내 주세요" in (row.body or "")
        assert "네, 보내 드릴게요" in (row.body or "")
        assert delivery.automatic


# -- nobody locked out, nobody let in


def test_an_office_of_fifty_behind_one_address(chat: Chat) -> None:
    with ThreadPoolExecutor(10) as pool:
        visitors = list(pool.map(lambda _: chat.visitor(), range(50)))
        try:
            answers = list(pool.map(lambda one: [one.send(f"말 {turn}")["ok"] for turn in range(4)], visitors))
        finally:
            list(pool.map(lambda one: one.close(), visitors))
    assert all(all(each) for each in answers)


def test_a_flood_is_told_in_words_when_it_goes_on_and_hits_nobody_else(chat: Chat) -> None:
    with chat.visitor() as loud, chat.visitor() as calm:
        answers = [loud.send(f"도배 {number}") for number in range(40)]
        refused = [answer for answer in answers if not answer["ok"]]
        assert refused
        assert refused[0]["error"] == "too_many"
        assert 1 <= refused[0]["retry_after"] <= 60
        assert refused[0]["message"]
        assert calm.send("조용히 한마디")["ok"]


def test_a_forged_token_is_a_new_visitor(chat: Chat) -> None:
    with chat.visitor() as visitor:
        visitor.send("내 것")
        token = visitor.token
    for forged in (token[:-2], token + "x", f"x{token}", "", "a.b.c", 7, ["x"], {"token": token}, "x" * 100_000, None):
        with chat.visitor(forged) as other:  # type: ignore[arg-type]
            assert not other.hello["known"]
            assert other.token != token
            assert other.ask("since", {"n": 0})["items"] == []


def test_a_token_of_another_inbox_is_not_ours(chat: Chat, now: datetime) -> None:
    with chat.service.db.write() as session:
        inboxes.add(session, now, "chat", "other-key", "다른 상점")
    with chat.visitor(inbox="other-key") as there:
        there.send("저쪽에서")
        with chat.visitor(there.token) as here:
            assert not here.hello["known"]


@pytest.mark.parametrize("inbox", ["no-such-key", "", None, 5, "x" * 1000, "help@shop.example"])
def test_an_unknown_inbox_is_refused_in_words(chat: Chat, inbox: object) -> None:
    with pytest.raises((socketio.exceptions.ConnectionError, AssertionError)):
        chat.visitor(inbox=inbox)


def test_a_chat_may_be_bound_to_its_sites(now: datetime) -> None:
    with running() as chat:
        with chat.service.db.write() as session:
            session.execute(update(inboxes.Inbox).values(settings={"origins": ["https://shop.example"]}))
        with pytest.raises((socketio.exceptions.ConnectionError, AssertionError)):
            chat.visitor()


HOSTILE: list[Any] = [
    None, 0, "", "x", [], [[]], {}, {"id": None}, {"id": "x" * 10_000}, {"id": "../../../x", "text": "x"},
    {"id": "good-id-1", "text": None}, {"id": "good-id-2", "text": ["x"]}, {"id": "good-id-3", "text": "x" * 40_000},
    {"id": "good-id-4", "text": "\x00\x01"}, {"id": "good-id-5", "text": "x", "files": "x"},
    {"id": "good-id-6", "text": "x", "files": [None, 1, {}]}, {"id": "good-id-7", "text": "x", "files": ["x"] * 50},
    {"n": float("1e308")}, {"n": "1"}, {"n": -1}, {"n": 2**63}, {"score": 10**30}, {"email": ["x"]},
    {"email": "x" * 9000}, {"url": {}, "title": []}, {"pages": "yes"}, {"on": 5}, {"text": {"__proto__": 1}},
]  # fmt: skip
EVENTS = [
    "message", "since", "before", "typing", "got", "seen", "end", "rate", "address", "transcript", "page", "consent",
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_hostile_payloads_get_an_answer_and_change_nothing(chat: Chat, event: str) -> None:
    before = len(chat.rows(*Name))
    for few in (HOSTILE[:14], HOSTILE[14:]):
        with chat.visitor() as visitor:
            for payload in few:
                answer = visitor.ask(event, payload)
                assert isinstance(answer.get("ok"), bool)
                assert answer["ok"] or answer["message"], payload
    assert len(chat.rows(*Name)) == before


def test_text_is_cleaned_and_kept_as_it_was_meant(chat: Chat) -> None:
    with chat.visitor() as visitor:
        visitor.send("  한글\r\n<b>x</b> & \u0007끝  ")
        assert chat.bodies()[-1] == "한글\n<b>x</b> & 끝"
        assert visitor.send("가" * (MAX_TEXT + 1))["error"] == "too_large"
        assert visitor.send("가" * MAX_TEXT)["ok"]


# -- files


def test_a_file_goes_up_with_a_ticket_and_comes_down_behind_a_signed_address(chat: Chat) -> None:
    with chat.visitor() as visitor, chat.visitor() as thief:
        status, ticket = chat.upload(visitor.token, "사진.png", PNG)
        assert (status, ticket["name"], ticket["type"], ticket["size"]) == (200, "사진.png", "image/png", len(PNG))
        assert thief.send("", files=[ticket["id"]])["error"] == "invalid"
        assert visitor.send("", "file-message", files=[ticket["id"]])["ok"]
        item = wait_for(lambda: visitor.items and visitor.items[-1], what="the file's address")
        url = item["files"][0]["url"]
    with urllib.request.urlopen(chat.url + url[url.index("/chat/") :], timeout=45) as answer:
        assert answer.read() == PNG
        assert answer.headers["Content-Type"] == "image/png"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(chat.url + url[url.index("/chat/") :] + "x", timeout=45)


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.html", b"<script>1</script>", 415), ("a.svg", b"<svg/>", 415), ("a.exe", b"MZ", 415),
        ("noending", b"x", 415), ("a.png.js", b"x", 415), ("empty.png", b"", 400),
        ("../../a.png", PNG, 200), ("a.PNG", PNG, 200),
    ],
)  # fmt: skip
def test_what_may_be_uploaded(chat: Chat, name: str, content: bytes, status: int) -> None:
    with chat.visitor() as visitor:
        got, answer = chat.upload(visitor.token, name, content, "text/html")
    assert got == status, answer
    assert "/" not in answer.get("name", "")


def test_uploads_need_a_visitor_and_have_a_limit() -> None:
    with running(HANMARU_FILES_LIMIT_MB="1") as chat:
        assert chat.upload("nobody", "a.png", PNG)[0] == 403
        with chat.visitor() as visitor:
            assert visitor.hello["limits"]["file_bytes"] == 1024 * 1024
            assert chat.upload(visitor.token, "a.png", b"x" * (1024 * 1024 + 1))[0] == 413


def test_a_shop_elsewhere_may_ask_before_it_uploads(chat: Chat) -> None:
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    request = urllib.request.Request(f"{chat.url}/chat/files", method="OPTIONS", headers=headers)
    with urllib.request.urlopen(request, timeout=45) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


# -- the quick way into the log


@both
def test_the_quick_way_writes_what_the_plain_way_writes(db: Database, now: datetime) -> None:
    with db.write() as session:
        inbox = inboxes.add(session, now, "chat", "key", "상점")
    visitors = {"plain": "p" * 24, "quick": "q" * 24}
    quick = Quick(db)
    for way, visitor in visitors.items():
        going = _start(db, now, inbox, visitor)
        for number in range(3):
            message = inbound(Said(f"line-{number:04}", f"줄 {number}\n둘째  줄"), visitor, "ko")
            at = now + timedelta(seconds=number + 1)
            if way == "quick":
                (taken,) = quick.take([Line(at, message, inbox.id, going)])
                assert taken is not None
            else:
                with db.write() as session:
                    intake.take(session, at, message, inbox)
    with db.read() as session:
        pairs = [_written(session, visitor) for visitor in visitors.values()]
    assert pairs[0] == pairs[1]


def _start(db: Database, now: datetime, inbox: inboxes.Inbox, visitor: str) -> Going:
    with db.write() as session:
        taken = intake.take(session, now, inbound(Said("line-first", "처음"), visitor, "ko"), inbox)
        contact = session.get_one(Address, taken.address_id).contact_id
    return Going(contact, taken.address_id, taken.conversation_id)


def _written(session: Session, visitor: str) -> list[Any]:
    address = session.scalars(select(Address).where(Address.value == visitor)).one()
    rows = session.scalars(
        select(Interaction).where(Interaction.address_id == address.id).order_by(Interaction.id)
    ).all()
    conversation = session.get_one(Conversation, rows[0].conversation_id)
    fields = ("at", "name", "inbox_id", "channel", "user_id", "about_id", "delivery_id", "body", "content", "data")
    told = [tuple(getattr(row, name) for name in fields) for row in rows]
    snapshot = conversation.snapshot()
    return [told, snapshot.preview, snapshot.waiting_since, snapshot.last_at, snapshot.state, snapshot.channel]


@both
def test_the_quick_way_leaves_alone_what_is_not_plain(db: Database, now: datetime) -> None:
    with db.write() as session:
        inbox = inboxes.add(session, now, "chat", "key", "상점")
    quick = Quick(db)
    going = _start(db, now, inbox, "v" * 24)
    fresh = Line(now, inbound(Said("line-0002", "새 말"), "v" * 24, "ko"), inbox.id, going)
    seen = Line(now, inbound(Said("line-first", "처음"), "v" * 24, "ko"), inbox.id, going)
    stranger = Line(now, inbound(Said("line-0003", "남의 말"), "x" * 24, "ko"), inbox.id, going)
    taken = quick.take([seen, fresh, stranger])
    assert [one is not None for one in taken] == [False, True, False]
    with db.write() as session:
        conversations.resolve(session, now, conversations.get(session, going.conversation_id), None)
    again = Line(now, inbound(Said("line-0004", "다시"), "v" * 24, "ko"), inbox.id, going)
    assert quick.take([again]) == [None]


# -- pure parts


def test_the_adapter_reads_one_message_and_refuses_forged_ones() -> None:
    visitors = Visitors(b"secret" * 8)
    adapter = Adapter(visitors)
    from contact.messages import InboxFacts

    inbox = InboxFacts(3, "chat", "chat", "key", "상점")
    envelope = Envelope("chat", 3, "key", "socket")
    raw = json.dumps({"token": visitors.token("v" * 24, 3), "id": "message-1", "text": "안녕"}).encode()
    adapter.verify(raw, envelope, inbox)
    (one,) = adapter.parse(raw, envelope, inbox)
    assert one == adapter.parse(raw, envelope, inbox)[0]
    forged = json.dumps({"token": visitors.token("v" * 24, 4), "id": "message-1", "text": "안녕"}).encode()
    for bad in (forged, b"", b"\xff\xfe", b"[]", b"null"):
        with pytest.raises(Forged):
            adapter.verify(bad, envelope, inbox)
        with pytest.raises(Unreadable):
            adapter.parse(bad, envelope, inbox)


def test_tickets_are_good_for_their_visitor_alone() -> None:
    visitors = Visitors(b"secret" * 8)
    ticket = Ticket("a" * 64, 5, "가.png", "image/png")
    assert visitors.redeem("me", visitors.ticket("me", ticket)) == ticket
    assert visitors.redeem("you", visitors.ticket("me", ticket)) is None
    assert visitors.redeem("me", visitors.token("me", 1)) is None
    assert Visitors(b"another" * 8).redeem("me", visitors.ticket("me", ticket)) is None


SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("began", "ended", "hours"),
    [
        ((2, 9, 0), (2, 12, 0), 3),  # a Monday
        ((2, 17, 0), (3, 10, 0), 2),  # over night
        ((6, 17, 0), (9, 10, 0), 2),  # over a weekend
        ((7, 12, 0), (7, 12, 30), 0.5),  # a quick answer on a Saturday counts as it was
        ((7, 10, 0), (8, 20, 0), 0),
    ],
)
def test_how_long_an_answer_took_in_working_hours(began: tuple[int, ...], ended: tuple[int, ...], hours: float) -> None:
    a, b = (datetime(2026, 3, *moment, tzinfo=SEOUL) for moment in (began, ended))
    assert working(a, b) == timedelta(hours=hours)


def test_when_nobody_is_there_the_time_until_the_door_opens_counts() -> None:
    friday_night = datetime(2026, 3, 6, 21, 0, tzinfo=SEOUL)
    assert after(friday_night, timedelta(minutes=30)) == datetime(2026, 3, 9, 9, 30, tzinfo=SEOUL)
    monday = datetime(2026, 3, 9, 17, 30, tzinfo=SEOUL)
    assert after(monday, timedelta(hours=1)) == datetime(2026, 3, 10, 9, 30, tzinfo=SEOUL)


def test_the_expected_time_is_the_median_of_answers(chat: Chat) -> None:
    with running() as fresh:
        now = datetime.now(UTC)
        with fresh.service.db.read() as session:
            assert expected_seconds(session, now, "Asia/Seoul", True) is None
        with fresh.visitor() as visitor:
            fresh.reply(visitor.send("얼마나 걸려요?")["n"], "금방요")
        with fresh.service.db.read() as session:
            assert 0 <= (expected_seconds(session, now, "Asia/Seoul", True) or 0) < 60


def test_presence_counts_people_not_pages() -> None:
    presence, heard = Presence(), list[Change]()
    presence.listen(heard.append)
    presence.agent_online(1, "a")
    presence.agent_online(1, "b", "away")
    presence.agent_online(2, "c", "away")
    assert presence.online() == {1}
    presence.agent_gone("a")
    assert presence.online() == set()
    assert presence.states() == {1: "away", 2: "away"}
    assert heard == [Agents(frozenset({1})), Agents(frozenset())]
    presence.typing(5, "agent", 1, "김", True)
    presence.looked(5, 100)
    presence.looked(5, 90)
    assert heard[2:] == [Typing(5, "agent", 1, "김", True), Looked(5, 100)]
    assert presence.read_up_to(5) == 100


def test_presence_of_other_processes_is_believed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence()
    clock = [1000.0]
    monkeypatch.setattr("contact.elsewhere.time.monotonic", lambda: clock[0])
    presence.heard("other", {"agents": {"7": "online"}})
    assert presence.online() == {7}
    clock[0] += 46
    assert presence.online() == set()


def test_out_of_hours_the_welcome_says_when_we_open(chat: Chat) -> None:
    """One opening a week, three days from now: closed today in every zone."""
    assert chat.visitor().hello["closed"] == "", "a house without business hours is never closed"
    day = (datetime.now(ZoneInfo("Asia/Seoul")) + timedelta(days=3)).weekday()
    week = [[["09:00", "10:00"]] if number == day else [] for number in range(7)]
    with running() as own:
        with own.service.db.write() as session:
            business.add(session, datetime.now(UTC), "Office", "Asia/Seoul", week=week)
        assert "오전 9:00에 다시 시작합니다." in own.visitor().hello["closed"]
        assert own.visitor(lang="en").hello["closed"].endswith("at 09:00. Leave a message and we will answer then.")
