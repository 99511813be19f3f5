"""The console's pages and verbs over HTTP: the real app on a real database, no browser."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import people_kit
import pytest
import sqlalchemy as sa
from desk_kit import PASSWORD, Shop, Town, furnish
from sqlalchemy import event

from contact import conversation as conversations
from contact import directory, outbox
from contact.conversation import Conversation, Mention
from contact.desk import draft, seen
from contact.log import Interaction, Name
from contact.messages import AddressKind
from contact.outbox import Delivery


@dataclass
class Desk:
    """A furnished house with two agents and an administrator signed in."""

    house: people_kit.House
    town: Town

    def sit(self, who: str = "mina") -> Seat:
        browser = self.house.browser()
        assert browser.sign_in(f"{who}@shop.example", PASSWORD).status_code == 303
        browser.get("/desk")
        return Seat(self, browser)

    def one(self, name: str) -> Conversation:
        with self.house.db.read() as session:
            return conversations.get(session, self.town.talks[name])

    def rows(self, number: int, name: Name) -> list[Interaction]:
        with self.house.db.read() as session:
            return list(
                session.scalars(
                    sa.select(Interaction)
                    .where(Interaction.conversation_id == number, Interaction.name == name.value)
                    .order_by(Interaction.id)
                )
            )

    def way(self, number: int) -> str:
        with self.house.db.read() as session:
            one = conversations.get(session, number)
            kind = AddressKind.VISITOR if one.channel == "chat" else AddressKind.EMAIL
            address = session.scalars(
                sa.select(directory.Address).where(
                    directory.Address.contact_id == one.contact_id, directory.Address.kind == kind.value
                )
            ).first()
            assert address is not None
            return f"{one.inbox_id}:{address.id}"


@dataclass
class Seat:
    """One browser at the console."""

    desk: Desk
    browser: people_kit.Browser

    def page(self, path: str, status: int = 200) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == status, answer.text[:500]
        return str(answer.text)

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        answer = self.browser.client.open(
            path, method=method, json=body or {}, headers={"X-CSRF": self.browser.csrf, "Accept": "application/json"}
        )
        assert answer.status_code == status, answer.text[:600]
        return dict(answer.json)

    def act(self, verb: str, ids: list[int], value: Any = None, status: int = 200, **more: Any) -> dict[str, Any]:
        return self.call("POST", "/desk/api/act", {"verb": verb, "ids": ids, "value": value, **more}, status)

    def send(self, number: int, text: str, status: int = 200, **more: Any) -> dict[str, Any]:
        body = {"text": text, "way": self.desk.way(number), "key": text, **more}
        return self.call("POST", f"/desk/api/conversations/{number}/messages", body, status)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Town]:
    """A furnished house, made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("town")
    house = people_kit.house(folder)
    town = furnish(house.service)
    house.close()
    return folder, town


@pytest.fixture
def desk(template: tuple[Path, Town], tmp_path: Path) -> Iterator[Desk]:
    folder, town = template
    shutil.copytree(folder, tmp_path / "data")
    house = people_kit.house(tmp_path / "data")
    shop = Shop(house.service, town.shop.now, itertools.count(1000))
    yield Desk(house, replace(town, shop=shop))
    house.close()


# -- lists


def test_lists_show_mine_unassigned_and_all(desk: Desk) -> None:
    mina = desk.sit()
    mine = mina.page("/desk?list=mine")
    assert "박하나" in mine
    assert "최민수" not in mine
    unassigned = mina.page("/desk/list?list=unassigned")
    assert "최민수" in unassigned
    assert "박하나" not in unassigned
    assert "Grace Hall" in mina.page("/desk/list?list=all&state=resolved")
    assert "윤서준" in mina.page("/desk/list?list=all&state=snoozed")
    assert "강도현" in mina.page("/desk/list?list=all&state=pending")


def test_a_list_goes_on_by_key_and_never_repeats(desk: Desk) -> None:
    shop, seat = desk.town.shop, desk.sit()
    for number in range(95):
        shop.mail(desk.town.mailbox, f"many{number}@customers.example", f"Many {number}", f"Matter {number:03}", "text")
    import re

    found: list[str] = []
    path = "/desk/list?list=unassigned"
    while path:
        page = seat.page(path)
        found += re.findall(r'id="card-(\d+)"', page)
        more = re.search(r'data-more href="/desk\?([^"]+)"', page)
        path = f"/desk/list?{more[1].replace('&amp;', '&')}" if more else ""
    assert len(found) == len(set(found)) > 95


def test_the_page_costs_few_statements_however_long_the_list(desk: Desk) -> None:
    seat = desk.sit()
    before = _statements(desk, lambda: seat.page("/desk/list?list=unassigned"))
    for number in range(30):
        desk.town.shop.mail(desk.town.mailbox, f"n{number}@customers.example", f"N{number}", "More", "text")
    after = _statements(desk, lambda: seat.page("/desk/list?list=unassigned"))
    assert after == before <= 14


def test_a_thread_costs_few_statements_however_long(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["chat0"]
    path = f"/desk/conversations/{number}?part=thread"
    before = _statements(desk, lambda: seat.page(path))
    for count in range(25):
        desk.town.shop.chat(desk.town.chatbox, "visitor-0000000000", f"and {count}")
        desk.town.shop.reply(number, desk.town.mina, f"answer {count}")
    after = _statements(desk, lambda: seat.page(path))
    assert after == before <= 48


def _statements(desk: Desk, work: Any) -> int:
    told: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            told.append(statement)

    event.listen(desk.house.db.engine, "before_cursor_execute", count)
    work()
    event.remove(desk.house.db.engine, "before_cursor_execute", count)
    return len(told)


def test_unread_follows_the_reader(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    assert _is_unread(seat, number)
    last = desk.one("최민수").last_id
    seat.call("POST", f"/desk/api/conversations/{number}/seen", {"last": last})
    assert not _is_unread(seat, number)
    desk.town.shop.mail(
        desk.town.mailbox, "minsu@customers.example", "최민수", "Re", "아직인가요?", thread=_thread(number)
    )
    assert _is_unread(seat, number)
    seat.call("POST", f"/desk/api/conversations/{number}/seen", {"last": desk.one("최민수").last_id})
    seat.act("unread", [number])
    assert _is_unread(seat, number)


def _is_unread(seat: Seat, number: int) -> bool:
    page = seat.page("/desk/list?list=all")
    return f'id="card-{number}" class="card-line unread' in page


def _thread(number: int) -> Any:
    from contact.messages import Thread

    return Thread(token=number)


def test_the_tab_counts_only_own_and_unassigned_work(desk: Desk) -> None:
    mina, number = desk.town.mina, desk.town.talks["최민수"]
    with desk.house.db.read() as session:
        before = seen.waiting(session, mina.id)
    desk.sit("jun").act("assign", [number], desk.town.jun.id)
    with desk.house.db.read() as session:
        assert seen.waiting(session, mina.id) == before - 1


def test_saved_views_filter_and_count(desk: Desk) -> None:
    jun = desk.sit("jun")
    form = {"csrf": jun.browser.csrf, "name": "급한 일", "states": ["open"], "priority": "urgent", "shared": "on"}
    answer = jun.browser.client.post("/desk/views/new", data=form)
    assert answer.status_code == 303
    page = desk.sit().page(answer.headers["Location"])
    assert "정지우" in page
    assert "최민수" not in page
    assert "급한 일" in page
    refused = desk.sit().browser.client.post("/desk/views/new", data={"name": "x", "shared": "on"})
    assert refused.status_code in (400, 403)


def test_views_by_waiting_time_keep_paging_right(desk: Desk) -> None:
    seat = desk.sit("jun")
    form = {"csrf": seat.browser.csrf, "name": "오래", "states": ["open"], "waiting_minutes": "60"}
    answer = seat.browser.client.post("/desk/views/new", data=form)
    page = seat.page(answer.headers["Location"])
    assert "최민수" in page
    assert "Anna Kowalska" not in page  # answered: nobody waits there


def test_search_finds_two_korean_syllables_people_and_numbers(desk: Desk) -> None:
    from contact import following, search

    with desk.house.db.write() as session:
        while following.advance(session, search.reader, 500):
            pass
    seat = desk.sit()
    assert "<mark>교환</mark>" in seat.page("/desk/search?q=교환&part=list")
    assert "Tom Becker" in seat.page("/desk/search?q=Becker&part=list")
    assert "jiwoo@customers.example" in seat.page("/desk/search?q=jiwoo&part=list")
    assert f"/desk/conversations/{desk.town.talks['최민수']}" in seat.page(
        f"/desk/search?q=%23{desk.town.talks['최민수']}&part=list"
    )


# -- the thread


def test_a_thread_shows_messages_notes_events_and_states(desk: Desk) -> None:
    page = desk.sit("jun").page(f"/desk/conversations/{desk.town.talks['박하나']}")
    for expected in (
        "찻잔 세트",
        "송장 번호는",
        "Internal note",
        "Delivered",
        "김민아 took the conversation.",
        "Quoted text",
    ):
        assert expected in page
    tom = desk.sit("jun").page(f"/desk/conversations/{desk.town.talks['Tom Becker']}")
    assert "Automatic reply" in tom
    assert "Auto-Submitted" in tom


def test_failures_say_why_and_who_can_act(desk: Desk) -> None:
    anna = desk.sit("jun").page(f"/desk/conversations/{desk.town.talks['Anna Kowalska']}")
    assert "mailbox full" in anna
    assert "ask for another address" in anna
    li = desk.sit("jun").page(f"/desk/conversations/{desk.town.talks['Li Wei']}")
    assert "It is not known" in li or "may have arrived or not" in li
    assert 'data-decide="arrived"' in li


def test_a_person_decides_about_an_unknown_message(desk: Desk) -> None:
    number = desk.town.talks["Li Wei"]
    with desk.house.db.read() as session:
        delivery = session.scalar(sa.select(Delivery.id).where(Delivery.conversation_id == number))
    desk.sit("jun").call("POST", f"/desk/api/deliveries/{delivery}/arrived")
    with desk.house.db.read() as session:
        assert session.get_one(Delivery, delivery).state == "wired"
    desk.sit("jun").call("POST", f"/desk/api/deliveries/{delivery}/arrived", status=409)


def test_rows_since_n_are_exactly_what_was_missed(desk: Desk) -> None:
    seat, number = desk.sit("jun"), desk.town.talks["chat0"]
    head = desk.one("chat0").last_id
    head = max(row.id for row in desk.rows(number, Name.DELIVERY_DELIVERED)) if head else head
    desk.town.shop.chat(desk.town.chatbox, "visitor-0000000000", "missed one")
    told = seat.call("GET", f"/desk/conversations/{number}/rows?after={head}")
    assert told["rows"].count('class="row said') == 1
    assert "missed one" in told["rows"]
    again = seat.call("GET", f"/desk/conversations/{number}/rows?after={told['after']}")
    assert "missed one" not in again["rows"]


def test_text_is_text_and_links_are_safe(desk: Desk) -> None:
    shop = desk.town.shop
    evil = '<script>alert(1)</script> https://x.example/?a="b" javascript:alert(1)'
    number = shop.mail(desk.town.mailbox, "evil@customers.example", "<b>Evil</b>", "<i>x</i>", evil).conversation_id
    page = desk.sit("jun").page(f"/desk/conversations/{number}")
    assert "<script>alert" not in page
    assert "<b>Evil</b>" not in page
    assert '<a href="https://x.example/?a=" target="_blank" rel="noopener noreferrer">' in page
    assert 'href="javascript' not in page


def test_html_mail_comes_from_a_sandboxed_route(desk: Desk) -> None:
    row = desk.rows(desk.town.talks["Mike O’Neil"], Name.MESSAGE_RECEIVED)[-1]
    answer = desk.sit("jun").browser.get(f"/desk/mail/{row.id}")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "tracker.example" not in answer.text
    assert answer.headers["X-Held-Pictures"] == "1"
    shown = desk.sit("jun").browser.get(f"/desk/mail/{row.id}?pictures=1")
    assert "tracker.example" in shown.text


def test_pictures_of_a_trusted_sender_are_shown_to_that_agent_only(desk: Desk) -> None:
    row = desk.rows(desk.town.talks["Mike O’Neil"], Name.MESSAGE_RECEIVED)[-1]
    jun = desk.sit("jun")
    jun.call("POST", f"/desk/mail/{row.id}/trust")
    assert "tracker.example" in jun.page(f"/desk/mail/{row.id}")
    assert "tracker.example" not in desk.sit("mina").page(f"/desk/mail/{row.id}")


def test_files_are_streamed_with_safe_headers(desk: Desk) -> None:
    import re

    seat = desk.sit("jun")
    page = seat.page(f"/desk/conversations/{desk.town.talks['이소라']}")
    paths = dict(
        reversed(one) for one in re.findall(r'href="(/desk/files/\d+/[^"?]+)[^"]*"[^>]*>.*?(pdf|png)', page, re.S)
    )
    pdf, png = seat.browser.client.get(paths["pdf"]), seat.browser.client.get(paths["png"])
    assert pdf.headers["Content-Type"] == "application/octet-stream"
    assert pdf.headers["Content-Disposition"].startswith("attachment")
    assert png.headers["Content-Type"] == "image/png"
    for answer in (pdf, png):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


# -- writing


def test_a_reply_is_promised_once_whatever_is_clicked(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    first = seat.send(number, "네, 가능합니다.", seen=desk.one("최민수").last_id)
    again = seat.send(number, "네, 가능합니다.", seen=0)
    assert first["delivery"] == again["delivery"]
    assert len(desk.rows(number, Name.MESSAGE_QUEUED)) == 1
    assert seat.send(number, "다른 글", key="네, 가능합니다.", status=409)["error"] == "key_reused"
    assert desk.one("최민수").assignee_id == desk.town.mina.id


def test_something_arrived_stops_the_second(desk: Desk) -> None:
    number = desk.town.talks["한유나"]
    seen_by_both = desk.one("한유나").last_id
    desk.sit("jun").send(number, "first", seen=seen_by_both)
    told = desk.sit("mina").send(number, "second", seen=seen_by_both, status=409)
    assert told["error"] == "something_arrived"
    desk.sit("mina").send(number, "second", seen=desk.one("한유나").last_id)


def test_undo_makes_the_customer_wait_again(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    since = desk.one("최민수").waiting_since
    sent = seat.send(number, "nein")
    assert desk.one("최민수").waiting_since is None
    seat.call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel")
    assert desk.one("최민수").waiting_since == since


def test_undo_returns_words_subject_and_copies(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    sent = seat.send(
        number, "잘못된 답", subject="Re: 교환", cc="boss@customers.example, x@customers.example", then="resolve"
    )
    assert desk.one("최민수").state == "resolved"
    kept = seat.call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel", {"reopen": True})["draft"]
    assert (kept["text"], kept["fields"]["subject"]) == ("잘못된 답", "Re: 교환")
    assert kept["fields"]["cc"] == "boss@customers.example, x@customers.example"
    assert desk.one("최민수").state == "open"
    seat.call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel", status=409)


def test_nobody_takes_back_a_colleagues_message(desk: Desk) -> None:
    sent = desk.sit("boss").send(desk.town.talks["최민수"], "from the boss")
    desk.sit("mina").call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel", status=403)


def test_send_later_waits_and_chat_leaves_at_once(desk: Desk) -> None:
    later = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    sent = desk.sit().send(desk.town.talks["최민수"], "나중에", later=later.isoformat())
    assert datetime.fromisoformat(sent["leaves"]) == later
    assert desk.sit().send(desk.town.talks["chat2"], "Yes, we do.")["state"] == "wired"


def test_files_travel_from_draft_to_message(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    data = {"file": (io.BytesIO(b"hello"), "안내문.txt", "text/plain")}
    kept = seat.browser.client.post("/desk/api/files", data=data, headers={"X-CSRF": seat.browser.csrf}).json
    seat.send(number, "첨부합니다", files=[kept["token"]])
    page = seat.page(f"/desk/conversations/{number}")
    assert "안내문.txt" in page
    assert seat.send(number, "forged", files=[kept["token"] + "x"], status=400)["error"] == "invalid"


def test_a_stranger_to_the_conversation_cannot_be_written_to(desk: Desk) -> None:
    other = desk.way(desk.town.talks["Tom Becker"])
    told = desk.sit("jun").send(desk.town.talks["최민수"], "wrong person", way=other, status=400)
    assert "does not take part" in told["message"]


def test_the_signature_stands_under_mails_only(desk: Desk) -> None:
    with desk.house.db.write() as session:
        from contact import users

        users.update(session, users.get(session, desk.town.mina.id), signature="Mina · Hanmaru")
    seat = desk.sit()
    seat.send(desk.town.talks["최민수"], "mail")
    seat.send(desk.town.talks["chat2"], "chat")
    assert desk.rows(desk.town.talks["최민수"], Name.MESSAGE_QUEUED)[-1].body == "mail\n\nMina · Hanmaru"
    assert desk.rows(desk.town.talks["chat2"], Name.MESSAGE_QUEUED)[-1].body == "chat"


def test_a_note_calls_colleagues_by_name(desk: Desk) -> None:
    number = desk.town.talks["최민수"]
    desk.sit().call("POST", f"/desk/api/conversations/{number}/notes", {"text": "@jun, please look. mail@jun.example"})
    jun = desk.sit("jun")
    assert "최민수" in jun.page("/desk/list?list=mentions")
    jun.call("POST", f"/desk/api/conversations/{number}/seen", {"last": 1})
    assert "최민수" not in jun.page("/desk/list?list=mentions")
    with desk.house.db.read() as session:
        told = session.scalars(sa.select(Mention.user_id).where(Mention.conversation_id == number)).all()
    assert list(told) == [desk.town.jun.id]


def test_drafts_are_kept_and_never_overwritten(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    path = f"/desk/api/conversations/{number}/draft"
    first = seat.call("PUT", path, {"mode": "reply", "text": "one", "fields": {}, "version": 0})["draft"]
    assert first["version"] == 1
    moved = seat.call("PUT", path, {"mode": "reply", "text": "two", "fields": {}, "version": 0}, 409)
    assert (moved["error"], moved["draft"]["text"]) == ("draft_moved", "one")
    seat.call("PUT", path, {"mode": "note", "text": "two", "fields": {}, "version": 1})
    assert desk.sit("jun").call("GET", path)["draft"] is None
    seat.call("PUT", path, {"mode": "note", "text": "", "fields": {}, "version": 2})
    assert seat.call("GET", path)["draft"] is None


def test_sending_removes_the_draft(desk: Desk) -> None:
    seat, number = desk.sit(), desk.town.talks["최민수"]
    seat.call(
        "PUT", f"/desk/api/conversations/{number}/draft", {"mode": "reply", "text": "x", "fields": {}, "version": 0}
    )
    assert "초안" in seat.page("/desk/list?list=all")
    seat.send(number, "x")
    with desk.house.db.read() as session:
        assert draft.find(session, desk.town.mina.id, number) is None


# -- verbs


def test_verbs_on_one_and_on_many(desk: Desk) -> None:
    seat, ids = desk.sit(), [desk.town.talks["최민수"], desk.town.talks["한유나"]]
    seat.act("assign", ids, desk.town.mina.id)
    seat.act("tag", ids, "교환")
    seat.act("priority", ids, "high")
    seat.act("snooze", ids, (datetime.now(UTC) + timedelta(days=1)).isoformat())
    for name in ("최민수", "한유나"):
        one = desk.one(name)
        assert (one.assignee_id, one.tags, one.priority, one.state) == (desk.town.mina.id, ["교환"], 2, "snoozed")
    seat.act("resolve", ids)
    seat.act("reopen", ids)
    assert {desk.one("최민수").state, desk.one("한유나").state} == {"open"}


def test_a_refused_bulk_action_changes_nothing(desk: Desk) -> None:
    seat, number = desk.sit("jun"), desk.town.talks["최민수"]
    seat.act("resolve", [number, 999_999], status=404)
    assert desk.one("최민수").state == "open"
    assert seat.act("dance", [number], status=400)["error"] == "invalid"
    assert (
        seat.act("snooze", [number], "2001-01-01T00:00:00+00:00", status=400)["message"]
        == "This time has passed already."
    )


def test_transfer_with_a_note_tells_the_colleague(desk: Desk) -> None:
    number = desk.town.talks["최민수"]
    desk.sit().act("assign", [number], desk.town.jun.id, note="@jun knows this customer")
    assert desk.one("최민수").assignee_id == desk.town.jun.id
    assert "최민수" in desk.sit("jun").page("/desk/list?list=mentions")


def test_merging_two_conversations_and_back(desk: Desk) -> None:
    seat = desk.sit("jun")
    winner, loser = desk.town.talks["chat1"], desk.town.talks["정지우"]
    before = seat.page(f"/desk/conversations/{loser}")
    seat.act("merge", [loser], winner)
    assert (
        seat.browser.get(f"/desk/conversations/{loser}").headers["Location"].startswith(f"/desk/conversations/{winner}")
    )
    assert "카드 결제" in seat.page(f"/desk/conversations/{winner}")
    seat.act("unmerge", [loser])
    assert "카드 결제" not in seat.page(f"/desk/conversations/{winner}?part=thread").split('id="customer"')[0]
    after = seat.page(f"/desk/conversations/{loser}")
    assert before.count("카드 결제") == after.count("카드 결제")


def test_a_bare_number_asks_and_an_agent_answers(desk: Desk) -> None:
    with desk.house.db.read() as session:
        asking = session.scalar(sa.select(Conversation.id).where(Conversation.subject.like("About conversation%")))
    assert asking is not None
    seat = desk.sit("jun")
    assert "Does this belong there?" in seat.page(f"/desk/conversations/{asking}")
    seat.act("apart", [asking])
    assert "Does this belong there?" not in seat.page(f"/desk/conversations/{asking}")


# -- the customer


def test_one_timeline_over_all_channels_and_back(desk: Desk) -> None:
    seat = desk.sit("jun")
    mail, chat = desk.one("정지우"), desk.one("chat1")
    page = seat.page(f"/desk/conversations/{mail.id}/customer")
    assert "may be the same person" in page
    seat.call("POST", f"/desk/api/contacts/{mail.contact_id}/merge", {"other": chat.contact_id})
    page = seat.page(f"/desk/conversations/{mail.id}/customer")
    assert "쿠폰이 적용되지 않아요" in page
    assert "카드 결제" in page
    assert "쿠폰" not in seat.page(f"/desk/conversations/{mail.id}/customer?only=email")
    seat.call("POST", f"/desk/api/contacts/{chat.contact_id}/unmerge")
    assert "쿠폰" not in seat.page(f"/desk/conversations/{mail.id}/customer")


def test_not_the_same_person_is_not_asked_again(desk: Desk) -> None:
    seat, mail, chat = desk.sit(), desk.one("정지우"), desk.one("chat1")
    seat.call("POST", f"/desk/api/contacts/{mail.contact_id}/dismiss", {"other": chat.contact_id})
    assert "hint-card" not in seat.page(f"/desk/conversations/{mail.id}/customer")


def test_editing_a_contact_and_its_addresses(desk: Desk) -> None:
    seat, one = desk.sit("jun"), desk.one("최민수")
    seat.call(
        "POST", f"/desk/api/contacts/{one.contact_id}", {"name": "최민수 님", "zone": "Europe/Berlin", "language": "ko"}
    )
    seat.call("POST", f"/desk/api/contacts/{one.contact_id}/addresses", {"kind": "tel", "value": "010-1234-5678"})
    page = seat.page(f"/desk/conversations/{one.id}/customer")
    assert "010-1234-5678" in page
    assert "Europe/Berlin" in page
    refused = {"kind": "email", "value": "tom@customers.example"}
    assert (
        "belongs to another contact"
        in seat.call("POST", f"/desk/api/contacts/{one.contact_id}/addresses", refused, 409)["message"]
    )


def test_erasing_needs_an_administrator_and_the_name(desk: Desk) -> None:
    one = desk.one("Grace Hall")
    path = f"/desk/api/contacts/{one.contact_id}/erase"
    desk.sit("jun").call("POST", path, {"confirm": "Grace Hall"}, 403)
    boss = desk.sit("boss")
    boss.call("POST", path, {"confirm": "Grace"}, 400)
    boss.call("POST", path, {"confirm": "Grace Hall"})
    page = boss.page(f"/desk/conversations/{one.id}")
    assert "careful packing" not in page
    assert "Grace" not in page


# -- doors


def test_nobody_gets_in_without_signing_in(desk: Desk) -> None:
    for path in ("/desk", "/desk/conversations/1", "/desk/files/1/x", "/desk/mail/1", "/desk/raw/1"):
        assert desk.house.browser().get(path).status_code in (303, 401)
    refused = desk.house.browser().client.post("/desk/api/act", json={"verb": "resolve", "ids": [1]})
    assert refused.status_code in (401, 403)


def test_verbs_need_the_token_of_the_page(desk: Desk) -> None:
    seat = desk.sit()
    answer = seat.browser.client.post("/desk/api/act", json={"verb": "resolve", "ids": [1]})
    assert answer.status_code == 403


def test_pages_hold_no_inline_script_or_style(desk: Desk) -> None:
    import re

    seat = desk.sit("boss")
    for path in ("/desk", f"/desk/conversations/{desk.town.talks['박하나']}", "/desk/search?q=x", "/desk/views/new"):
        page = seat.page(path)
        assert not re.search(r"<script(?![^>]*(?:src=|application/json))", page)
        assert not re.search(r"\s(?:style|on\w+)=", re.sub(r">[^<]*<", "><", page))
        assert "http://" not in re.sub(r'href="https?://[^"]*"', "", page)


def test_setup_speaks_the_readers_language(desk: Desk) -> None:
    import re

    page = desk.sit("mina").page("/desk")
    found = re.search(r'<script type="application/json" id="setup">(.*?)</script>', page, re.S)
    assert found is not None
    assert json.loads(found[1])["words"]["resolve"] == "종료"
    assert json.loads(found[1])["aliases"]["resolve"] == "Resolve"


def test_cancelled_words_are_not_sent(desk: Desk) -> None:
    sent = desk.sit().send(desk.town.talks["최민수"], "nie")
    desk.sit().call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel")
    with desk.house.db.write() as session:
        due = outbox.claim(session, datetime.now(UTC) + timedelta(hours=1), "test", ["email"])
    assert sent["delivery"] not in due
