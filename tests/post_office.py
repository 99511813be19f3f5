"""A worker in this process for mail tests: real parts, real sockets, a database of its own."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import pytest
from real import Dovecot, wait_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels.dispatcher import Dispatcher
from channels.email import sandbox
from channels.email.adapter import Email
from channels.email.listener import Listener
from channels.email.mailbox import Mailboxes
from channels.receiver import Receiver
from contact import caught, outbox, raw
from contact import inbox as inboxes
from contact.channel import Channels
from contact.conversation import Conversation
from contact.db import Database, utcnow
from contact.directory import Address
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.messages import AddressKind, Party
from contact.outbox import Delivery, Words
from contact.raw import Raw
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault
from contact.worker import Context

HELP = "help@shop.example"
Run = Callable[[Context], Awaitable[None]]


@dataclass
class PostOffice:
    """The house's mail with an inbox `help@shop.example`; `open` starts parts, `shut` drains them."""

    service: Service
    listener: Listener = field(default_factory=Listener)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _context: Context | None = None
    errors: list[BaseException] = field(default_factory=list)

    @classmethod
    def build(cls, home: Path, database: str, **changes: Any) -> PostOffice:
        values: dict[str, Any] = {
            "data_dir": home,
            "database_url": database,
            "secret_key": "only-for-tests-" * 3,
            "smtp_listen": ("127.0.0.1", 0),
            "undo_seconds": 0,
            **changes,
        }
        settings = Settings(_env_file=None, **values)
        service = Service.of(settings, Channels(Email(settings)))
        with service.db.write() as session:
            if inboxes.find(session, "email", HELP) is None:
                inboxes.add(session, utcnow(), "email", HELP, "Shop")
        return cls(service)

    # -- the worker --------------------------------------------------------------------------

    def open(self, *parts: Run) -> PostOffice:
        """Run parts (default: all of them) in a thread until `shut`."""
        runs = parts or self.everything
        ready = threading.Event()

        async def run() -> None:
            self._loop, self._context = asyncio.get_running_loop(), Context(self.service)
            ready.set()
            results = await asyncio.gather(*(part(self._context) for part in runs), return_exceptions=True)
            self.errors += [result for result in results if isinstance(result, BaseException)]
            for channel in self.service.channels:
                await channel.close()
            self._context.close()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="post office", daemon=True)
        self._thread.start()
        assert ready.wait(60)
        if self.listener.run in runs:
            wait_for(lambda: self.listener.port, what="the listener")
        return self

    @property
    def everything(self) -> Sequence[Run]:
        return (
            self.listener.run,
            Receiver().run,
            Dispatcher({"email": self.service.settings.relay_connections}).run,
            sandbox.run,
            Mailboxes().run,
        )

    def freeze(self) -> Callable[[], None]:
        """The worker's loop stands still, as in a process that was stopped; returns what wakes it."""
        assert self._loop
        stands, thaw = threading.Event(), threading.Event()

        def stand() -> None:
            stands.set()
            thaw.wait(60)

        self._loop.call_soon_threadsafe(stand)
        assert stands.wait(60)
        return thaw.set

    def shut(self) -> None:
        """As SIGTERM does; whatever a part raised comes out here."""
        if self._thread is not None and self._loop is not None and self._context is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._context.end)
            self._thread.join(60)
            assert not self._thread.is_alive()
            self._thread = None
        if self.errors:
            raise self.errors.pop()

    def close(self) -> None:
        self.shut()
        self.service.close()

    # -- the world outside -------------------------------------------------------------------

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.listener.port, timeout=60)

    def post(self, mail: EmailMessage | bytes, sender: str = "kim@customer.example", to: str = HELP) -> None:
        """Send one mail into the listener as any mail server would."""
        with self.smtp() as smtp:
            smtp.sendmail(sender, [to], mail if isinstance(mail, bytes) else mail.as_bytes())

    def post_and_take(self, mail: EmailMessage | bytes, **more: Any) -> Interaction:
        """Send one mail and wait until it is read; its row of the log."""
        before = self.one(lambda session: session.scalar(select(func.max(Raw.id))) or 0)
        self.post(mail, **more)
        self.settled()
        number = self.one(lambda session: session.scalar(select(Raw.interaction_id).where(Raw.id > before)))
        assert number is not None
        return self.one(lambda session: session.get_one(Interaction, number))

    def fetch_from(self, dovecot: Dovecot, user: str, **more: Any) -> None:
        """Let the inbox be fetched from a mailbox."""
        imap = {"host": "127.0.0.1", "port": dovecot.imap_port, "tls": "none", "user": user, **more}
        secret = Vault.of(self.service.settings).seal_all({"imap_password": dovecot.password})
        with self.service.db.write() as session:
            inbox = inboxes.find(session, "email", HELP)
            assert inbox
            inbox.settings, inbox.secrets = {"imap": imap}, secret

    # -- what the house knows ------------------------------------------------------------------

    def one(self, question: Callable[[Session], Any]) -> Any:
        with self.service.db.read() as session:
            return question(session)

    def settled(self, seconds: float = 60) -> None:
        """Wait until no raw message waits any more."""
        wait_for(lambda: not self.tally().get("kept"), seconds, "all mail to be read")

    def tally(self) -> dict[str, int]:
        return dict(self.one(raw.tally))

    def received(self) -> list[Interaction]:
        rows = select(Interaction).where(Interaction.name == Name.MESSAGE_RECEIVED.value).order_by(Interaction.id)
        return list(self.one(lambda session: session.scalars(rows).all()))

    def conversations(self) -> list[Conversation]:
        return list(self.one(lambda session: session.scalars(select(Conversation).order_by(Conversation.id)).all()))

    def failures(self) -> list[str]:
        rows = select(Raw.error).where(Raw.state == "failed").order_by(Raw.id)
        return list(self.one(lambda session: session.scalars(rows).all()))

    def delivery(self, number: int) -> Delivery:
        return self.one(lambda session: session.get_one(Delivery, number))  # type: ignore[no-any-return]

    def deliveries(self) -> list[Delivery]:
        return list(self.one(lambda session: session.scalars(select(Delivery).order_by(Delivery.id)).all()))

    def in_state(self, number: int, state: str, seconds: float = 60) -> Delivery:
        """The delivery once it is in `state`."""
        wait_for(
            lambda: self.delivery(number).state == state,
            seconds,
            lambda: f"{state}, it is {self.delivery(number).state}",
        )
        return self.delivery(number)

    def caught(self, message_id: str) -> list[bytes]:
        """The copies the sandbox got."""
        rows = self.one(lambda session: [mail.id for mail in caught.of_message(session, message_id)])
        return [self.one(lambda session, number=number: caught.get(session, number).raw) for number in rows]

    # -- what agents do ------------------------------------------------------------------------

    def reply(self, conversation_id: int, text: str = "Thank you.", **words: Any) -> int:
        """Promise an answer to the contact of a conversation; the delivery's id."""
        with self.service.db.write() as session:
            conversation = session.get_one(Conversation, conversation_id)
            address = session.scalars(
                select(Address).where(Address.contact_id == conversation.contact_id).order_by(Address.id)
            ).first()
            assert address is not None
            return self._put(session, conversation, address, Words(text, subject="Re: order", **words))

    def write_to(self, address: str, text: str = "Hello.", **words: Any) -> int:
        """A mail of ours out of nothing, to anybody."""
        from contact import conversation as conversations
        from contact import directory, log

        with self.service.db.write() as session:
            log.lock(session)
            contact, found = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, address))
            ours = inboxes.find(session, "email", HELP)
            assert ours is not None
            opened = conversations.open_for(
                session, utcnow(), contact_id=contact.id, inbox_id=ours.id, channel="email", subject="Hello"
            )
            return self._put(session, opened, found, Words(text, subject="Hello", **words))

    def _put(self, session: Session, conversation: Conversation, address: Address, words: Words) -> int:
        delivery = outbox.put(
            session,
            utcnow(),
            conversation=conversation,
            inbox=session.get_one(Inbox, conversation.inbox_id),
            address=address,
            words=words,
            can=self.service.channels["email"].capabilities,
            user_id=None,
            domain="shop.example",
        )
        return delivery.id


def letter(
    text: str = "Where is my order?", *, sender: str = "kim@customer.example", to: str = HELP, **headers: str
) -> EmailMessage:
    """A customer's mail. Header names with underscores: `In_Reply_To="<a@b>"`; `Message_ID=""` leaves it out."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = headers.pop("Subject", "Order")
    number = headers.pop("Message_ID", None)
    if number != "":
        mail["Message-ID"] = number or make_msgid(domain="customer.example")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


@pytest.fixture
def make_office(new_db: Callable[[str], Database], tmp_path: Path) -> Iterator[Callable[..., PostOffice]]:
    """Post offices that are not open yet: `make_office(undo_seconds=1)`."""
    offices: list[PostOffice] = []

    def make(kind: str = "sqlite", **changes: Any) -> PostOffice:
        url = new_db(kind).engine.url.render_as_string(hide_password=False)
        offices.append(PostOffice.build(tmp_path / f"data{len(offices)}", url, **changes))
        return offices[-1]

    yield make
    for office in offices:
        office.close()


@pytest.fixture
def office(make_office: Callable[..., PostOffice]) -> PostOffice:
    """A house whose mail moves: listener, receiver, dispatcher, sandbox, mailboxes."""
    return make_office().open()
