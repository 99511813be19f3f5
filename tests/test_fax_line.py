"""Real faxes over real (soft) modems: out, in, no answer, called back. Takes minutes: a fax is as slow as its sound."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from fax_kit import KOREAN, fax, message, pages_of, pdf, same
from hylafax import HylaFax
from real import House, wait_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.fax import render
from channels.fax.adapter import Fax
from channels.fax.settings import Paper
from contact import conversation as conversations
from contact import directory, files, outbox
from contact import inbox as inboxes
from contact.channel import ChannelError
from contact.db import Database, utcnow
from contact.directory import Address
from contact.files import DiskStore
from contact.log import Interaction, Name
from contact.messages import AddressKind, Fault, InboxFacts, Outbound, Party, Receipt, Waiting, Who
from contact.outbox import Delivery, Words
from contact.settings import Settings
from contact.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
KEY = "only-for-tests-" * 3
FAR = "+8221234567"
TAG_LINE = 60
"""Rows at the head of a page that HylaFAX writes over: sender, time, page."""


class Desk:
    """What an agent does in a running house, through its database: the house's own processes do the rest."""

    def __init__(self, house: House) -> None:
        self.db = Database(f"sqlite:///{house.data / 'hanmaru.db'}")
        self.store = DiskStore(house.data / "files")
        settings = Settings(_env_file=None, data_dir=house.data, secret_key=KEY)  # type: ignore[call-arg]
        self.can, self.vault = Fax(settings).capabilities, Vault(settings.secret())

    def inbox(self, address: str, settings: dict[str, Any], secret: str = "") -> int:
        with self.db.write() as session:
            box = inboxes.add(session, utcnow(), "fax", address, "한마루", provider="hylafax", settings=settings)
            box.secrets = self.vault.seal_all({"hook_secret": secret})
            return box.id

    def send(self, inbox_id: int, to: str, letter: Outbound) -> int:
        items = files.keep(self.store, letter.files)
        with self.db.write() as session:
            contact, address = directory.find_or_create(session, utcnow(), Party(AddressKind.FAX, to, "김하나"))
            talk = conversations.open_for(
                session, utcnow(), contact_id=contact.id, inbox_id=inbox_id, channel="fax", subject=letter.subject
            )
            delivery = outbox.put(
                session, utcnow(), conversation=talk, inbox=inboxes.get(session, inbox_id), address=address,
                words=Words(letter.text, subject=letter.subject, items=tuple(items)), can=self.can, user_id=None,
                domain="shop.example",
            )  # fmt: skip
            return delivery.id

    def read(self, question: Callable[[Session], Any]) -> Any:
        with self.db.read() as session:
            return question(session)

    def delivery(self, number: int) -> Delivery:
        return self.read(lambda session: session.get_one(Delivery, number))  # type: ignore[no-any-return]

    def received(self) -> Interaction | None:
        row = select(Interaction).where(Interaction.name == Name.MESSAGE_RECEIVED.value)
        return self.read(lambda session: session.scalar(row))  # type: ignore[no-any-return]


def test_out_and_in_and_no_answer(hylafax: HylaFax, make_house: Callable[..., House]) -> None:
    """An agent's fax leaves and its pages are counted; what the far modem received comes in by the hook as a
    conversation, dot for dot what was sent. Meanwhile another one rings where nobody answers."""
    house = make_house(HANMARU_SECRET_KEY=KEY, HANMARU_UNDO_SECONDS="0").start()
    desk, secret = Desk(house), secrets.token_hex(16)
    ours = desk.inbox("+82210000000", hylafax.settings(0))
    other = desk.inbox("+82210000002", hylafax.settings(2))
    far = desk.inbox(FAR, hylafax.settings(1), secret)
    hylafax.tell(f"{house.url}/hooks/fax/{far}/received", secret)
    letter = message(KOREAN, pdf())

    before = hylafax.sessions()
    sent = desk.send(ours, FAR, letter)
    lost = desk.send(other, "+8229999999", message("아무도 없습니까?"))
    wait_for(lambda: (desk.delivery(sent).progress or {}).get("total") == 2, 60, "the job to be on the line")
    hylafax.dialling(before)

    seen: set[int] = set()

    def arrived() -> bool:
        delivery = desk.delivery(sent)
        seen.add((delivery.progress or {}).get("done", 0))
        return delivery.state == "delivered"

    wait_for(arrived, 150, lambda: f"the fax to arrive: {desk.delivery(sent).reason}\n{hylafax.log()}")
    assert {0, 1} <= seen, "the first page showed before the second had arrived"
    assert desk.delivery(sent).progress == {"done": 2, "total": 2, "unit": "page", "note": "", "over": False}

    wait_for(desk.received, 60, lambda: f"the received fax\n{hylafax.log()}")
    row = desk.received()
    assert row
    content = row.content or {}
    assert (row.inbox_id, row.channel, content["subject"]) == (far, "fax", "팩스 2쪽")
    assert content["facts"] | {"modem": "", "call": ""} == {
        "pages": 2, "dialled": FAR, "caller": "0210000000", "station": "HANMARU 0", "modem": "", "call": "",
    }  # fmt: skip
    assert desk.read(lambda session: session.get_one(Address, row.address_id)).value == "+82210000000"
    _same_pages(desk, ours, sent, row.id)

    wait_for(
        lambda: desk.delivery(lost).state == "failed", 120, lambda: f"{desk.delivery(lost).state}\n{hylafax.log()}"
    )
    nobody = desk.delivery(lost)
    assert (nobody.code, nobody.fault, nobody.who) == ("E003", "address_unreachable", "contact"), nobody.reason
    assert nobody.reason == "No answer from remote; too many attempts to dial"
    assert house.stop() == 0


def _same_pages(desk: Desk, inbox_id: int, delivery_id: int, row: int) -> None:
    """What arrived is what was rendered: an error-corrected fax changes no dot below the server's tag line."""

    def rendered(session: Session) -> list[bytes]:
        left = outbox.outbound(session, delivery_id, desk.store)
        return render.message(left, inboxes.facts(inboxes.get(session, inbox_id)), Paper())

    attached = desk.read(lambda session: files.of(session, [row])[row])
    with desk.store.open(next(one.sha256 for one in attached if one.content_type == "image/tiff")) as stream:
        came = pages_of(stream.read())
    left = [pages_of(page)[0] for page in desk.read(rendered)]
    assert len(came) == len(left) == 2
    for one, other in zip(came, left, strict=True):
        below = (0, TAG_LINE, one.width, one.height)
        assert same(one.crop(below), other.crop(below))


def _ask(hylafax: HylaFax, reference: str) -> list[Receipt]:
    waiting = Waiting(17, reference, message().to, utcnow())
    return list(asyncio.run(fax(hylafax.home).ask([waiting], hylafax.box())))


def _send(hylafax: HylaFax, letter: Outbound, box: InboxFacts) -> str:
    return asyncio.run(fax(hylafax.home).send(letter, box)).provider_ref


def _with_id(letter: Outbound) -> Outbound:
    from dataclasses import replace

    return replace(letter, message_id=f"{secrets.token_hex(6)}@shop.example")


def test_a_fax_on_the_line_is_called_back(hylafax: HylaFax) -> None:
    """And an unknown one is found by our own id; what has ended cannot be called back."""
    wait_for(hylafax.idle, 60, "idle modems")
    adapter, letter, before = fax(hylafax.home), _with_id(message(KOREAN)), hylafax.sessions()
    reference = _send(hylafax, letter, hylafax.box(1))
    found = asyncio.run(adapter.look_up(letter, utcnow(), hylafax.box(1)))
    assert found
    assert (found.state.value, found.provider_ref, found.delivery_id) == ("wired", reference, 17)
    assert asyncio.run(adapter.look_up(_with_id(letter), utcnow(), hylafax.box(1))) is None

    hylafax.dialling(before)
    wait_for(
        lambda: _ask(hylafax, reference)[0].exchange["state"] == "R", 100,
        lambda: f"the call: {_ask(hylafax, reference)}\n{hylafax.log()}",
    )  # fmt: skip
    waiting = Waiting(17, reference, letter.to, utcnow())
    asyncio.run(adapter.recall(waiting, hylafax.box(1)))
    wait_for(lambda: _ask(hylafax, reference)[0].state.value == "failed", 60, "the end of the call")
    (receipt,) = _ask(hylafax, reference)
    assert (receipt.code, receipt.fault, receipt.who) == ("E345", Fault.OTHER, Who.US)
    assert receipt.reason == "The fax was stopped."
    with pytest.raises(ChannelError, match="failed already"):
        asyncio.run(adapter.recall(waiting, hylafax.box(1)))
    with pytest.raises(ChannelError, match="does not know"):
        asyncio.run(adapter.recall(Waiting(17, "9999/x", letter.to, utcnow()), hylafax.box(1)))


def test_a_broken_submit_leaves_nothing_behind(hylafax: HylaFax) -> None:
    """Prepared and then given up, as a worker does that comes too late: the server forgets it with the connection."""
    from channels.fax.handing import Handing

    letter, queue = _with_id(message(KOREAN)), hylafax.spool / "sendq"
    before = set(queue.glob("q*"))
    handing = Handing(letter, hylafax.box())
    handing.prepare()
    handing.abandon()
    wait_for(lambda: set(queue.glob("q*")) <= before, 30, "the queue to be as it was")
    assert asyncio.run(fax(hylafax.home).look_up(letter, utcnow(), hylafax.box())) is None


def test_a_server_that_is_away_is_tried_again(hylafax: HylaFax) -> None:
    with pytest.raises(ChannelError) as away:
        _send(hylafax, message(), hylafax.box(port=9))
    assert (away.value.fault, away.value.retryable, away.value.who) == (Fault.PROVIDER_DOWN, True, Who.US)


@pytest.mark.parametrize("queue", ["sendq", "docq"])
def test_a_server_that_cannot_count_its_jobs_is_tried_again(hylafax: HylaFax, queue: str) -> None:
    """As the second of two who send the first faxes of a new server: one makes the file, the other is refused."""
    counter = hylafax.spool / queue / "seqf"
    aside = counter.rename(counter.with_name("aside")) if counter.exists() else None
    counter.mkdir()
    try:
        with pytest.raises(ChannelError, match="sequence number file") as refused:
            _send(hylafax, message(), hylafax.box())
        assert (refused.value.fault, refused.value.retryable) == (Fault.PROVIDER_DOWN, True)
    finally:
        counter.rmdir()
        if aside is not None:
            aside.rename(counter)
