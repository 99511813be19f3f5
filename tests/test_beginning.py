"""An agent begins a conversation: whom to, from where, once, and what the answer joins."""

# ruff: noqa: E501, F811 - sentences in scripts; fixtures of another file

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import real
import sqlalchemy as sa
from desk_kit import Town
from test_console import Agent, agent, house, until  # noqa: F401 - fixtures
from test_desk import Desk, Seat, desk, template  # noqa: F401 - fixtures

from contact import conversation as conversations
from contact import directory, verify
from contact.conversation import Conversation
from contact.desk import draft, writing
from contact.errors import InvalidAddress
from contact.log import Name
from contact.messages import AddressKind, Thread
from contact.outbox import Delivery

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def begin(seat: Seat, to: str, status: int = 200, **more: Any) -> dict[str, Any]:
    body = {
        "way": f"{seat.desk.town.mailbox.id}:",
        "to": to,
        "subject": "주문이 준비되었습니다",
        "text": "안녕하세요",
        "key": "k",
    }
    return seat.call("POST", "/desk/api/conversations", {**body, **more}, status)


def count(desk: Desk) -> tuple[int, ...]:
    with desk.house.db.read() as session:
        tables = (Conversation, Delivery, directory.Contact, directory.Address)
        return tuple(session.scalar(sa.select(sa.func.count()).select_from(one)) or 0 for one in tables)


def test_a_letter_to_a_stranger_begins_a_conversation_of_ours(desk: Desk) -> None:
    seat = desk.sit()
    told = begin(
        seat, '"Kim, Hana" <New@Customers.Example>', cc="boss@customers.example", html="<div><b>안녕하세요</b></div>"
    )
    with desk.house.db.read() as session:
        one = conversations.get(session, told["conversation"])
        assert (one.state, one.assignee_id, one.subject) == ("open", desk.town.mina.id, "주문이 준비되었습니다")
        address = directory.find(session, AddressKind.EMAIL, "new@customers.example")
        assert address is not None
        assert address.verified_at is None, "writing to somebody proves nothing"
        assert directory.get(session, address.contact_id).name == "Kim, Hana"
        made = session.get_one(Delivery, told["delivery"])
        assert made.message is not None
        assert (made.message["cc"][0]["value"], made.message["in_reply_to"]) == ("boss@customers.example", "")
        assert [str(each) for each in verify.verify(session)] == []
    assert "Kim, Hana" in seat.page(f"/desk/contacts/{address.contact_id}")


def test_the_answer_joins_it(desk: Desk) -> None:
    told = begin(desk.sit(), "grace@customers.example")
    with desk.house.db.read() as session:
        ours = session.get_one(Delivery, told["delivery"]).message_id
    taken = desk.town.shop.mail(
        desk.town.mailbox, "grace@customers.example", "Grace Hall", "Re: ready", "Thanks!",
        thread=Thread(in_reply_to=(ours,), references=(ours,)),
    )  # fmt: skip
    assert taken.conversation_id == told["conversation"]


def test_two_clicks_are_one_conversation(desk: Desk) -> None:
    seat = desk.sit()
    one = begin(seat, "two@customers.example")
    stood = count(desk)
    assert begin(seat, "two@customers.example") == one
    assert count(desk) == stood
    assert begin(seat, "two@customers.example", 409, text="another")["error"] == "key_reused"


@pytest.mark.parametrize(
    ("to", "more", "word"),
    [
        ("", {}, "주소"),
        ("nobody", {}, "nobody"),
        ("a@b.example, c@d.example", {}, "참조"),
        ("a@b.example", {"subject": " "}, "제목"),
        ("a@b.example", {"cc": "x@y.example; not an address"}, "not an address"),
        ("a@b.example", {"text": " "}, "비어"),
        ("help@shop.example", {}, "help@shop.example"),
    ],
)
def test_what_cannot_be_sent_leaves_nothing_behind(desk: Desk, to: str, more: dict[str, Any], word: str) -> None:
    seat = desk.sit()
    body = {"mode": "reply", "text": "words", "fields": {"to": to, "subject": "s"}, "seen": 0, "version": 0}
    seat.call("PUT", "/desk/api/conversations/0/draft", body)
    stood = count(desk)
    assert word in begin(seat, to, 400, **more)["message"]
    assert count(desk) == stood
    with desk.house.db.read() as session:
        assert draft.find(session, desk.town.mina.id, 0) is not None


def test_a_chat_cannot_be_begun(desk: Desk) -> None:
    told = begin(desk.sit(), "a@b.example", 400, way=f"{desk.town.chatbox.id}:")
    assert "먼저" in told["message"]
    assert f'value="{desk.town.chatbox.id}:"' not in desk.sit().page("/desk/new")


def test_a_draft_to_a_person_waits_apart_and_goes_with_the_person(desk: Desk) -> None:
    seat, boss = desk.sit(), desk.sit("boss")
    contact = desk.one("Grace Hall").contact_id
    for place, to in ((-contact, "grace@customers.example"), (0, "GRACE@customers.example")):
        body = {"mode": "reply", "text": f"to {to}", "fields": {"to": to}, "seen": 0, "version": 0}
        seat.call("PUT", f"/desk/api/conversations/{place}/draft", body)
    assert "to grace@customers.example" in seat.page(f"/desk/new?contact={contact}")
    assert "to GRACE@customers.example" in seat.page("/desk/new")
    seat.call("PUT", "/desk/api/conversations/-99999/draft", {"text": "x"}, 404)
    boss.call("POST", f"/desk/api/contacts/{contact}/erase", {"confirm": "Grace Hall"})
    with desk.house.db.read() as session:
        assert draft.find(session, desk.town.mina.id, -contact) is None
        assert draft.find(session, desk.town.mina.id, 0) is None
    assert seat.browser.get(f"/desk/new?contact={contact}").status_code == 404


def test_taken_back_it_stays_with_its_writer(desk: Desk) -> None:
    seat = desk.sit()
    told = begin(seat, "back@customers.example", html="<div><i>안녕하세요</i></div>")
    kept = seat.call("POST", f"/desk/api/deliveries/{told['delivery']}/cancel")["draft"]
    assert (kept["conversation"], kept["fields"]["html"]) == (told["conversation"], "<div><i>안녕하세요</i></div>")
    with desk.house.db.read() as session:
        one = conversations.get(session, told["conversation"])
        assert (one.state, one.assignee_id, one.waiting_since) == ("open", desk.town.mina.id, None)
        assert [str(each) for each in verify.verify(session)] == []
    assert len(desk.rows(told["conversation"], Name.CONVERSATION_OPENED)) == 1


def test_lines_of_addresses_are_read_as_people_write_them() -> None:
    line = '김하나 <hana@a.example>; "Lee, Tom" <TOM@b.example>,\nplain@c.example, hana@a.example'
    assert [(one.value, one.name) for one in writing.parties(line)] == [
        ("hana@a.example", "김하나"), ("tom@b.example", "Lee, Tom"), ("plain@c.example", ""),
    ]  # fmt: skip
    with pytest.raises(InvalidAddress):
        writing.parties('" <a@b.example')
    with pytest.raises(InvalidAddress):
        writing.parties("x" * 5000 + "," * 40)


def test_from_the_key_to_the_sent_letter(house: tuple[real.House, Town], agent: Callable[..., Agent]) -> None:
    page = agent("jun").go("/desk?list=all")
    page.keyboard.press("c")
    page.wait_for_selector("#to:focus")
    page.keyboard.type("grac")
    page.wait_for_selector("#people li[aria-selected=true]:has-text('grace@customers.example')")
    page.keyboard.press("Enter")
    assert page.input_value("#to") == "grace@customers.example"
    page.fill("#to", "not an address")
    page.fill("#subject", "Ready")
    page.press("#subject", "Enter")
    page.keyboard.type("It is ready.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".toast.bad:has-text('not an address')")
    page.wait_for_selector("#to:focus")
    assert page.input_value("#text") == "It is ready."
    page.wait_for_selector("#draft-state[data-state=saved]")
    page.reload()
    until(
        page,
        "document.querySelector('#text').value === 'It is ready.' && document.querySelector('#subject').value === 'Ready'",
    )
    page.fill("#to", "grace@customers.example")
    page.evaluate(
        "() => { const form = document.querySelector('#composer'); form.requestSubmit(); form.requestSubmit(); }"
    )
    page.wait_for_url(re.compile(r"/desk/conversations/\d+"))
    page.wait_for_selector("#rows .reply:has-text('It is ready.')")
    page.wait_for_selector("#thread-head .who:has-text('Jun Park')")
    page.wait_for_selector("#customer:has-text('Grace Hall')")
    assert page.locator("#cards .card-line:has-text('Ready')").count() <= 1
    page.keyboard.press("Control+k")
    page.keyboard.type("new mess")
    page.keyboard.press("Enter")
    page.wait_for_selector("#to:focus")
    assert page.input_value("#text") == ""
