"""What the tests of the board share: a hall with partners and their people, and its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import partner_kit
import pytest
import sqlalchemy as sa
from hall_kit import Hall, print_of

import board
import wsgi
from board import thread
from board.notice import carrying, life
from board.notice import receipt as receipts
from board.notice.attempt import NoticeAttempt
from board.notice.plan import Plan
from board.notice.receipt import NoticeReceipt
from board.notice.wording import Wording
from board.partner.member import MemberRole
from board.partner.partner import Stage
from contact import following, inbox, intake, outbox, users
from contact.conversation import Conversation
from contact.db import Database
from contact.directory import Address
from contact.files import DiskStore
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Inbound, Party, Receipt, Thread
from contact.nudge import Nudges
from contact.outbox import Delivery
from contact.service import Service
from contact.settings import Settings

PHONE = "+821012345678"
SAID = Wording("가격 인상", "<div>10월부터 적용합니다.</div>", "")


class Board(Hall):
    """A hall whose first partner is 대한상사, with somebody who signs in."""

    service: Service

    def furnish(self) -> None:
        settings = Settings(  # type: ignore[call-arg]
            _env_file=None, data_dir=self.folder, public_url="https://help.shop.example", zone="UTC",
            secret_key="only-for-tests-" * 3,
        )  # fmt: skip
        store = DiskStore(self.folder / "files")
        self.service = Service(settings, self.db, wsgi.channels(settings), store, Nudges.of(settings))

        with self.db.write() as session:
            for channel, address in (("sms", "+8215001234"), ("fax", "+82215001235"), ("post", "sender")):
                inbox.add(session, self.now, channel, address, channel)

    def firm(self, name: str = "대한상사") -> int:
        return partner_kit.firm(self, name, Stage.PROSPECT)

    def person(self, firm: int, email: str, role: MemberRole = MemberRole.OWNER, name: str = "") -> int:
        """Somebody who has said nothing of the language they read."""
        return partner_kit.person(self, firm, email, role, name, language="")

    def answer(self, delivery_id: int, sender: str, text: str, **more: object) -> intake.Taken:
        """A mail that names the message of this delivery."""
        with self.db.read() as session:
            named = session.get_one(Delivery, delivery_id).message_id
        taken = self.mail_in(sender, text, thread=Thread(in_reply_to=(named,)), **more)
        self.read()
        return taken

    def reach(self, user: int, kind: AddressKind, value: str) -> None:
        """Another address of this person."""
        with self.db.write() as session:
            mine = users.get(session, user).contact_id or 0
            session.add(Address(contact_id=mine, kind=kind.value, value=value, created_at=self.now))

    def publish(self, **plan: Any) -> int:
        """A notice to everybody that must be acknowledged."""
        with self.db.write() as session:
            made = life.create(session, self.now, Plan(**({"needs_ack": True} | plan)), SAID, None)
            life.publish(session, self.tick(), made.id, None)
            return made.id

    def carry(self, days: float = 0) -> None:
        """So many days later everything that is due is carried."""
        self.tick(days * 86400 + 1)
        for _ in range(100):
            with self.db.write() as session:
                if not carrying.waits(session, self.now) or not carrying.carry(session, self.now, self.service):
                    return
        raise AssertionError("it never ends")

    def fates(self, notice: int, user: int, round_: int = 1) -> dict[str, tuple[str, str]]:
        """By channel: what became of the step, and why."""
        row = NoticeAttempt
        query = sa.select(row).where(row.notice_id == notice, row.user_id == user, row.round == round_)
        with self.db.read() as session:
            return {one.channel: (one.state, one.reason) for one in session.scalars(query.order_by(row.step))}

    def sent(self, channel: str = "") -> list[Delivery]:
        with self.db.read() as session:
            query = sa.select(Delivery).where(Delivery.channel == channel if channel else sa.true())
            return list(session.scalars(query.order_by(Delivery.id)))

    def body(self, delivery: Delivery) -> str:
        with self.db.read() as session:
            return session.get_one(Interaction, delivery.interaction_id).body or ""

    def told(self, delivery: Delivery, state: DeliveryState, reason: str = "") -> None:
        """The provider's word about it."""
        with self.db.write() as session:
            if state in (DeliveryState.DELIVERED, DeliveryState.BOUNCED):  # it was handed over before
                outbox.settle(session, self.tick(), Receipt(DeliveryState.WIRED, delivery_id=delivery.id))
            outbox.settle(session, self.tick(), Receipt(state, delivery_id=delivery.id, reason=reason))
        self.read()

    def receipt(self, notice: int, user: int) -> NoticeReceipt:
        with self.db.read() as session:
            found = receipts.of(session, notice, user)
            assert found is not None
            return found

    def sms_in(self, text: str, sender: str = PHONE) -> intake.Taken:
        number = next(self.numbers)
        inbound = Inbound("sms", f"s{number}", print_of(text), Party(AddressKind.TEL, sender), text)
        with self.db.write() as session:
            box = inbox.first(session, "sms")
            assert box is not None
            taken = intake.take(session, self.tick(), inbound, box)
        self.read()
        return taken

    def read(self) -> None:
        """Let the board's readers catch up."""
        for reader in board.readers(self.service):
            while True:
                with self.db.write() as session:
                    if not following.advance(session, reader):
                        break

    def state(self, conversation_id: int) -> str:
        with self.db.read() as session:
            return session.get_one(Conversation, conversation_id).state

    def rows(self, name: Name) -> list[Interaction]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(Interaction).where(Interaction.name == name.value)))

    def about(self, conversation_id: int) -> tuple[str, int, int] | None:
        with self.db.read() as session:
            found = thread.of(session, conversation_id)
            return found and (found.about, found.about_id, found.user_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def board_hall(request: pytest.FixtureRequest, new_db: Callable[[str], Database], tmp_path: Path) -> Iterator[Board]:
    """On each database."""
    made = Board(new_db(request.param), tmp_path)
    made.furnish()
    yield made
    made.service.nudges.close()


@pytest.fixture
def small(new_db: Callable[[str], Database], tmp_path: Path) -> Iterator[Board]:
    """On SQLite, where the database makes no difference."""
    made = Board(new_db("sqlite"), tmp_path)
    made.furnish()
    yield made
    made.service.nudges.close()
