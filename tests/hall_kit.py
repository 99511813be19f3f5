"""What the tests of the hall share: a furnished hall and short verbs."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, files, inbox, intake, outbox
from contact.channel import Capabilities
from contact.db import Database
from contact.messages import AddressKind, Inbound, Party, Thread
from contact.outbox import Delivery, Words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MAIL = Capabilities(AddressKind.EMAIL, subject=True, html=True, cc=True)
CHAT = Capabilities(AddressKind.VISITOR, live=True, undo=timedelta(0))


def print_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Hall:
    """A house with a mail inbox and a chat inbox, and its own clock."""

    db: Database
    folder: Path
    mail: int = 0
    chat: int = 0
    now: datetime = NOON
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        with self.db.write() as session:
            self.mail = inbox.add(session, self.now, "email", "help@shop.example", "Help").id
            self.chat = inbox.add(session, self.now, "chat", "widget-1", "Shop").id

    @property
    def store(self) -> files.DiskStore:
        return files.DiskStore(self.folder / "files")

    def tick(self, seconds: float = 60) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def mail_in(self, sender: str = "kim@a.example", text: str = "안녕하세요", **more: Any) -> intake.Taken:
        with self.db.write() as session:
            return intake.take(session, self.tick(), self.letter(sender, text, **more), inbox.get(session, self.mail))

    def letter(self, sender: str, text: str, *, thread: Thread | None = None, name: str = "", **more: Any) -> Inbound:
        number = next(self.numbers)
        party = Party(AddressKind.EMAIL, sender, name)
        thread = replace(thread or Thread(), message_id=(thread and thread.message_id) or f"in{number}@a.example")
        return Inbound("email", more.pop("key", f"k{number}"), print_of(text), party, text, thread=thread, **more)

    def chat_in(self, visitor: str = "visitor-0000000001", text: str = "hi", **more: Any) -> intake.Taken:
        key = more.pop("key", f"c{next(self.numbers)}")
        party = Party(AddressKind.VISITOR, visitor)
        with self.db.write() as session:
            inbound = Inbound("chat", key, print_of(text), party, text, **more)
            return intake.take(session, self.tick(), inbound, inbox.get(session, self.chat))

    def reply(self, conversation_id: int, text: str = "답장", **more: Any) -> int:
        with self.db.write() as session:
            return self.put(session, conversation_id, text, **more).id

    def put(self, session: Session, conversation_id: int, text: str, **more: Any) -> Delivery:
        conversation = conversations.top(session, conversations.get(session, conversation_id))
        can = CHAT if conversation.channel == "chat" else MAIL
        address = self.address(session, conversation.contact_id, can.address)
        return outbox.put(
            session,
            self.tick(),
            conversation=conversation,
            inbox=inbox.get(session, conversation.inbox_id),
            address=address,
            words=more.pop("words", Words(text, subject="Re")),
            can=can,
            user_id=more.pop("user_id", 7),
            domain="shop.example",
            **more,
        )

    def address(self, session: Session, contact_id: int, kind: AddressKind) -> directory.Address:
        query = sa.select(directory.Address).where(
            directory.Address.contact_id == contact_id, directory.Address.kind == kind.value
        )
        return (
            session.scalars(query).first()
            or directory.find_or_create(session, self.now, Party(kind, f"spare{contact_id}@b.example"))[1]
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def hall(request: pytest.FixtureRequest, new_db: Callable[[str], Database], tmp_path: Path) -> Hall:
    """A furnished hall; the test runs on each database."""
    return Hall(new_db(request.param), tmp_path)


@pytest.fixture
def lite(new_db: Callable[[str], Database], tmp_path: Path) -> Hall:
    """A furnished hall on SQLite, where the database makes no difference."""
    return Hall(new_db("sqlite"), tmp_path)
