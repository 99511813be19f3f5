"""Letters a person posts, and letters that come back: the hall, its pages, and the worker that leaves them alone."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
import sqlalchemy as sa
from people_kit import Browser, House, house
from post_kit import HOME, TEXT, words
from post_office import PostOffice
from printers import Printer, poppler
from real import wait_for
from sqlalchemy.orm import Session

from channels.dispatcher import Dispatcher
from contact import caught, consent, conversation, directory, inbox, letters, log, outbox, postmark
from contact.channel import HAND, Asks
from contact.db import Database, utcnow
from contact.desk import writing
from contact.directory import Address
from contact.errors import Conflict, NotFound, Suppressed
from contact.letters import Returned
from contact.messages import AddressKind, DeliveryState, Fault, Party, Waiting, Wish
from contact.outbox import Delivery, Words
from contact.users import Role

OURS = "04524 서울특별시 중구 세종대로 110"


@dataclass
class Room:
    """A house with one inbox for letters, and short verbs."""

    house: House
    provider: str = HAND
    box: int = 0

    @property
    def db(self) -> Database:
        return self.house.db

    def __post_init__(self) -> None:
        with self.db.write() as session:
            self.box = inbox.add(session, utcnow(), "post", OURS, "한마루 상점", provider=self.provider).id

    def write(self, to: str = HOME, text: str = TEXT, at: datetime | None = None) -> int:
        """A letter that is due now; its delivery."""
        now = at or utcnow()
        with self.db.write() as session:
            from contact.address import post

            contact, address = directory.find_or_create(session, now, Party(AddressKind.POST, post(to), "김하나"))
            return self.put(session, now, contact.id, address, text).id

    def put(self, session: Session, now: datetime, contact_id: int, address: Address, text: str) -> Delivery:
        talk = conversation.open_for(
            session, now, contact_id=contact_id, inbox_id=self.box, channel="post", subject="배송", user_id=None
        )
        return outbox.put(
            session, now, conversation=talk, inbox=inbox.get(session, self.box), address=address,
            words=Words(text, subject="배송 지연"), can=self.house.service.channels["post"].capabilities,
            user_id=None, domain="shop.example",
        )  # fmt: skip

    def take(self) -> int:
        with self.db.write() as session:
            return letters.take(session, utcnow(), self.box, None).id

    def delivery(self, number: int) -> Delivery:
        with self.db.read() as session:
            return session.get_one(Delivery, number)

    def state(self, number: int) -> DeliveryState:
        return DeliveryState(self.delivery(number).state)

    def address(self, number: int) -> Address:
        with self.db.read() as session:
            return session.get_one(Address, self.delivery(number).address_id)

    def post(self, batch: int) -> int:
        with self.db.write() as session:
            return letters.posted(session, utcnow(), batch, 1)

    def come_back(self, number: int, why: Returned = Returned.MOVED) -> None:
        with self.db.write() as session:
            letters.returned(session, utcnow(), number, why, 1)

    def number(self, delivery: int) -> str:
        return postmark.number(delivery, self.house.service.settings.secret())


@pytest.fixture(params=["sqlite", "postgresql"])
def room(
    request: pytest.FixtureRequest, tmp_path: Path, _template: Path, new_db: Callable[[str], Database]
) -> Iterator[Room]:
    if request.param == "sqlite":
        made = house(tmp_path / "data", _template)
    else:
        url = new_db("postgresql").engine.url.render_as_string(hide_password=False)
        made = house(tmp_path / "data", database_url=url)
    yield Room(made)
    made.close()


def flat(number: int, name: str = "김하나") -> str:
    return f"06236 서울특별시 강남구 테헤란로 {number} | {name}"


# -- the hall -------------------------------------------------------------------------------


def test_a_letter_is_sent_when_a_person_has_posted_it(room: Room) -> None:
    first, second = room.write(flat(1)), room.write(flat(2))
    batch = room.take()
    assert [room.state(one) for one in (first, second)] == [DeliveryState.QUEUED] * 2
    later = room.write(flat(3))
    with room.db.read() as session:
        assert [(place, one.id) for place, one in letters.letters(session, batch)] == [(1, first), (2, second)]
        assert [one.id for one in letters.waiting(session, utcnow(), room.box)] == [later], (
            "nobody takes a letter twice"
        )
    assert room.post(batch) == 2
    assert [room.state(one) for one in (first, second, later)] == [DeliveryState.WIRED] * 2 + [DeliveryState.QUEUED]
    with pytest.raises(Conflict):
        room.post(batch)
    with room.db.read() as session:
        row = session.scalars(sa.select(log.Interaction).where(log.Interaction.name == "delivery.wired")).first()
        assert row is not None
        assert row.user_id == 1


def test_a_batch_that_was_not_posted_waits_again(room: Room) -> None:
    one = room.write()
    batch = room.take()
    with pytest.raises(Conflict):
        room.take()
    with room.db.write() as session:
        letters.put_back(session, utcnow(), batch, 1)
    assert room.state(one) is DeliveryState.QUEUED
    assert room.take() != batch
    with pytest.raises(Conflict):
        room.post(batch)


def test_a_letter_taken_back_is_pulled_from_the_pile(room: Room) -> None:
    one, other = room.write(flat(1)), room.write(flat(2))
    batch = room.take()
    with room.db.write() as session:
        outbox.cancel(session, utcnow(), one, None)
    with room.db.read() as session:
        assert letters.pulled(session, batch) == [1]
    assert room.post(batch) == 1
    assert [room.state(each) for each in (one, other)] == [DeliveryState.CANCELLED, DeliveryState.WIRED]


def test_the_worker_leaves_letters_of_people_alone(room: Room) -> None:
    """It neither claims them nor wakes for them."""
    number = room.write()
    with room.db.write() as session:
        assert outbox.claim(session, utcnow(), "w", ["post"]) == []
        assert outbox.due_at(session) is None
        inbox.get(session, room.box).provider = "sandbox"
    with room.db.write() as session:
        assert outbox.due_at(session) is not None
        assert outbox.claim(session, utcnow(), "w", ["post"]) == [number]


@pytest.mark.parametrize("why", list(Returned))
def test_a_returned_letter_shuts_its_address_for_post(room: Room, why: Returned) -> None:
    one, queued = room.write(), room.write()
    with room.db.write() as session:  # only the first goes
        session.get_one(Delivery, queued).next_at = utcnow() + timedelta(hours=1)
    room.post(room.take())
    room.come_back(one, why)
    delivery, address = room.delivery(one), room.address(one)
    assert (delivery.state, delivery.code, delivery.who) == ("bounced", why.value, "contact")
    assert address.unreachable_at is not None
    assert address.unreachable_reason == letters.RETURNED[why] == delivery.reason
    with pytest.raises(Suppressed, match="Correct it first"):
        room.write()
    with room.db.write() as session:
        session.get_one(Delivery, queued).next_at = utcnow()
    with pytest.raises(Conflict, match="No letter waits"):
        room.take()
    with pytest.raises(Conflict):
        room.come_back(one)


def test_what_was_promised_before_the_return_is_held(room: Room) -> None:
    gone, promised, other = room.write(flat(1)), 0, room.write(flat(2))
    room.post(room.take())
    promised = room.write(flat(1))
    third = room.write(flat(3))
    room.come_back(gone)
    batch = room.take()
    assert [room.state(each) for each in (promised, other, third)] == [
        DeliveryState.HELD, DeliveryState.WIRED, DeliveryState.QUEUED]  # fmt: skip
    assert room.delivery(promised).fault == Fault.ADDRESS_UNREACHABLE
    with room.db.read() as session:
        assert [one.id for _, one in letters.letters(session, batch)] == [third]


def test_a_corrected_address_takes_letters_again(room: Room) -> None:
    one = room.write(flat(1))
    room.post(room.take())
    room.come_back(one)
    old = room.address(one)
    with room.db.write() as session:
        new = letters.correct(session, utcnow(), old.id, flat(99), 1)
        assert (new.id != old.id, new.contact_id, new.unreachable_at) == (True, old.contact_id, None)
    room.write(flat(99))
    with pytest.raises(Suppressed):
        room.write(flat(1))
    with room.db.write() as session:
        assert letters.correct(session, utcnow(), old.id, "서울 강남구 테헤란로 1 06236\n김하나 귀하", 1).id == old.id
    room.write(flat(1))


def test_a_dead_mailbox_is_held_like_an_address_letters_came_back_from(room: Room) -> None:
    """Each with a sentence of its own, and by its own better news."""
    with room.db.write() as session:
        _, address = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, "kim@a.example"))
        address.unreachable_at = utcnow()
        session.flush()
        mail = inbox.add(session, utcnow(), "email", "help@shop.example", "Help")
        talk = conversation.open_for(session, utcnow(), contact_id=address.contact_id, inbox_id=mail.id,
                                     channel="email", subject="x", user_id=None)  # fmt: skip
        can = room.house.service.channels["email"].capabilities
        with pytest.raises(Suppressed, match="Mail to this address comes back"):
            outbox.put(session, utcnow(), conversation=talk, inbox=mail, address=address, words=Words("x", "y"),
                       can=can, user_id=None, domain="shop.example")  # fmt: skip


def test_who_wants_no_letters_gets_none(room: Room) -> None:
    one = room.write(flat(1))
    with room.db.write() as session:
        address = session.get_one(Address, room.address(one).id)
        consent.record(session, utcnow(), address, Wish(False, "agent", "no more letters"), channel="post")
    with pytest.raises(Conflict):
        room.take()
    other = room.write(flat(2))
    room.take()
    assert (room.state(one), room.state(other)) == (DeliveryState.HELD, DeliveryState.QUEUED)


def test_a_letter_that_never_left_cannot_return(room: Room) -> None:
    one = room.write()
    with pytest.raises(Conflict):
        room.come_back(one)
    with pytest.raises(NotFound):
        room.come_back(10_000)


def test_an_address_with_commas_is_one_address() -> None:
    (party,) = writing.parties("06236 서울 강남구 테헤란로 152, 3층 (역삼동)\n김하나 귀하", AddressKind.POST)
    assert party.value == "06236 서울특별시 강남구 테헤란로 152, 3층 (역삼동) | 김하나"


# -- the pages ------------------------------------------------------------------------------


def file_of(browser: Browser, path: str) -> Any:
    """Bytes: `Browser.get` looks for a form in every answer."""
    return browser.client.get(path, environ_base={"REMOTE_ADDR": browser.ip})


def words_of(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text[:500]
    return str(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def test_from_the_queue_into_the_post_box(room: Room) -> None:
    browser, _ = room.house.signed_in()
    for n in range(1, 4):
        room.write(flat(n, f"김하나{n}"))
    bad = room.write("서울 강남구 테헤란로 9 | 코드없음")
    assert "4 letters wait" in words_of(browser, "/desk/letters")
    taken = browser.post(f"/desk/letters/{room.box}/take")
    assert taken.status_code == 303
    path = taken.headers["Location"].partition("?")[0]
    shown = words_of(browser, taken.headers["Location"])
    assert "Some could not be printed" in shown
    assert (room.state(bad), room.delivery(bad).reason) == (
        DeliveryState.FAILED, "The postal code is missing: five digits.")  # fmt: skip
    pdf = file_of(browser, f"{path}/letters.pdf")
    assert (pdf.status_code, pdf.content_type) == (200, "application/pdf")
    assert pdf.headers["Content-Disposition"].startswith("attachment")
    assert len(pypdf.PdfReader(io.BytesIO(pdf.data)).pages) == 3
    told = json.loads(file_of(browser, f"{path}/manifest.json").data)
    assert [item["name"] for item in told["items"]] == ["김하나1", "김하나2", "김하나3"]
    assert told["letters"] == 3
    assert all(item["number"] in words(poppler("pdftotext", document=pdf.data)) for item in told["items"])
    assert file_of(browser, f"{path}/manifest.csv").data.count(b"\r\n") == 4
    labels = file_of(browser, f"{path}/labels.pdf?sheet=2x7&skip=13")
    assert len(pypdf.PdfReader(io.BytesIO(labels.data)).pages) == 2
    assert browser.get(f"{path}/labels.pdf?sheet=nothing").status_code == 400
    browser.get(path)
    done = browser.post(f"{path}/posted")
    assert "the letters are posted" in words_of(browser, done.headers["Location"])
    assert [room.state(item["delivery_id"]) for item in told["items"]] == [DeliveryState.WIRED] * 3
    again = browser.post(f"{path}/posted")
    assert again.status_code == 409


def test_a_scanned_number_leads_to_the_letter(room: Room) -> None:
    browser, _ = room.house.signed_in()
    one = room.write()
    room.post(room.take())
    found = browser.get(f"/desk/letters/returned?number={room.number(one).lower()}")
    assert found.status_code == 303
    assert "테헤란로 152" in words_of(browser, found.headers["Location"])
    noted = browser.post(f"/desk/letters/{one}/returned", {"why": "moved"})
    shown = words_of(browser, noted.headers["Location"])
    assert "has moved" in shown
    assert "Correct the address" in shown
    assert room.state(one) is DeliveryState.BOUNCED
    right = browser.post(f"/desk/letters/{one}/address", {"value": flat(7)})
    assert right.status_code == 303
    room.write(flat(7))


def test_a_machine_notes_a_return(room: Room) -> None:
    browser, _ = room.house.signed_in()
    one = room.write()
    room.post(room.take())
    browser.get("/me")
    answer = browser.post(f"/desk/letters/{one}/returned", {"why": "refused"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (200, {"delivery": one, "state": "bounced"})
    again = browser.post(f"/desk/letters/{one}/returned", {"why": "refused"}, headers={"Accept": "application/json"})
    assert (again.status_code, again.json["error"]) == (409, "conflict")


def test_what_is_no_letter_of_ours(room: Room) -> None:
    browser, _ = room.house.signed_in()
    one = room.write()
    wrong = room.number(one)[:-5] + "00000"
    assert browser.get(f"/desk/letters/returned?number={wrong}").status_code == 404
    assert browser.get("/desk/letters/returned?number=<script>").status_code == 404
    assert browser.get("/desk/letters/999").status_code == 404
    assert browser.get("/desk/letters/batches/999").status_code == 404
    assert browser.get("/desk/letters/batches/999/letters.pdf").status_code == 404
    assert browser.post(f"/desk/letters/{one}/returned", {"why": "eaten by a dog"}).status_code == 400
    assert browser.post(f"/desk/letters/{one}/returned", {"why": "moved"}).status_code == 409


def test_strangers_see_no_letters(room: Room) -> None:
    one = room.write()
    batch = room.take()
    stranger = room.house.browser()
    for path in ("", f"/batches/{batch}", f"/batches/{batch}/letters.pdf", f"/batches/{batch}/manifest.csv", f"/{one}"):
        answer = stranger.get(f"/desk/letters{path}")
        assert answer.status_code in (302, 303, 401), path
        assert "김하나" not in answer.text


def test_the_page_is_korean_for_koreans(room: Room) -> None:
    browser, user = room.house.signed_in(role=Role.SUPERVISOR)
    with room.db.write() as session:
        session.merge(user).language = "ko"
    room.write()
    batch = room.take()
    left = re.compile(r">\s*(Letters to post|Take them|not posted yet|They are in the post box|Labels|Place)\s*<")
    for path in ("/desk/letters", f"/desk/letters/batches/{batch}"):
        page = browser.get(path).text
        assert not left.search(page), path
    assert "부칠 편지" in browser.get("/desk/letters").text


# -- by the worker --------------------------------------------------------------------------


def carried(room: Room, provider: str, number: int, state: DeliveryState, **settings: str) -> Delivery:
    """Let the worker's dispatcher carry a letter by this provider until it is in `state`."""
    with room.db.write() as session:
        box = inbox.get(session, room.box)
        box.provider, box.settings = provider, settings
    office = PostOffice(room.house.service).open(Dispatcher().run)
    try:
        wait_for(lambda: room.state(number) is state, 60, lambda: f"{state}, is {room.state(number)}")
    finally:
        office.shut()
    return room.delivery(number)


def test_the_worker_hands_letters_to_the_sandbox(room: Room) -> None:
    number, bad = room.write(), room.write("서울 강남구 테헤란로 9 | 코드없음")
    sent = carried(room, "sandbox", number, DeliveryState.WIRED)
    assert sent.progress == {"done": 1, "total": 1, "unit": "page", "note": "", "over": False}
    assert (room.state(bad), room.delivery(bad).who) == (DeliveryState.FAILED, "us")
    with room.db.read() as session:
        (catch,) = caught.of_message(session, sent.message_id)
        assert (catch.channel, catch.content_type) == ("post", "application/pdf")
        kept = caught.get(session, catch.id).raw
    assert words(TEXT) in words(poppler("pdftotext", document=kept))


def test_the_worker_prints(room: Room, printer: Printer) -> None:
    sent = carried(room, "ipp", room.write(), DeliveryState.WIRED, printer_uri=printer.uri)
    assert sent.provider_ref == "1"
    wait_for(lambda: printer.printed, what="the paper")
    channel = room.house.service.channels["post"]
    assert isinstance(channel, Asks)
    with room.db.read() as session:
        facts = inbox.facts(inbox.get(session, room.box))
    waiting = Waiting(sent.id, sent.provider_ref, Party(AddressKind.POST, HOME), utcnow())

    def done() -> bool:
        for told in asyncio.run(channel.ask([waiting], facts)):  # type: ignore[arg-type]
            with room.db.write() as session:
                outbox.settle(session, utcnow(), told, room.box)
        progress = room.delivery(sent.id).progress
        return bool(progress and progress["note"])

    wait_for(done, what="the printer's word")
    assert room.state(sent.id) is DeliveryState.WIRED, "printed is not delivered"
    said = "Printed; not posted yet as far as the printer knows."
    assert room.delivery(sent.id).progress == {"done": 2, "total": 2, "unit": "page", "note": said, "over": True}
    room.come_back(sent.id)
    assert room.state(sent.id) is DeliveryState.BOUNCED


def test_a_printer_that_is_away_is_tried_again(room: Room, printer: Printer) -> None:
    printer.kill()
    number = room.write()
    with room.db.write() as session:
        box = inbox.get(session, room.box)
        box.provider, box.settings = "ipp", {"printer_uri": printer.uri}
    office = PostOffice(room.house.service).open(Dispatcher().run)
    try:
        wait_for(lambda: room.delivery(number).reason, 60, "the first try")
    finally:
        office.shut()
    tried = room.delivery(number)
    assert (tried.state, tried.fault) == ("queued", "provider_down")
    assert tried.next_at > utcnow()
