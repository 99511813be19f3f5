"""What the chat's tests share: a running web process, an agent's hands on its log, and visitors."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import socketio
from real import House, answers, folder, wait_for
from sqlalchemy import select

import wsgi
from contact import conversation as conversations
from contact import inbox as inboxes
from contact import outbox
from contact.db import utcnow
from contact.directory import Address
from contact.files import Item
from contact.log import Interaction, Name
from contact.outbox import Words
from contact.service import Service
from contact.settings import Settings

INBOX = "demo"


@contextlib.contextmanager
def running(**environment: str) -> Iterator[Chat]:
    """A web process without its worker: all that a chat needs."""
    with folder("chat") as home:
        house = House(home, environment=environment)
        with contextlib.ExitStack() as stack:
            stack.callback(house.end)
            house.start("web", ready=False)
            wait_for(lambda: answers(house.port), 120, lambda: f"the web process:\n{house.output[-3000:]}")
            chat = Chat(house)
            stack.callback(chat.close)
            yield chat


@dataclass
class Chat:
    """The running house, and its database at hand."""

    house: House
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        settings = Settings(_env_file=None, data_dir=self.house.data)  # type: ignore[call-arg]
        self.service = wsgi.compose(settings)

    def close(self) -> None:
        self.service.close()

    @property
    def url(self) -> str:
        return self.house.url

    def visitor(self, token: str | None = None, **auth: Any) -> Visitor:
        return Visitor(self, token, auth)

    def rows(self, *names: Name) -> list[Interaction]:
        """Rows of the log by name, in order."""
        with self.service.db.read() as session:
            query = select(Interaction).where(Interaction.name.in_([name.value for name in names]))
            return list(session.scalars(query.order_by(Interaction.id)))

    def bodies(self, *names: Name) -> list[str | None]:
        return [row.body for row in self.rows(*(names or (Name.MESSAGE_RECEIVED,)))]

    def reply(self, n: int, text: str, files: Sequence[Item] = ()) -> int:
        """An agent answers the visitor whose message is row `n`; returns the delivery."""
        with self.service.db.write() as session:
            row = session.get_one(Interaction, n)
            delivery = outbox.put(
                session,
                utcnow(),
                conversation=conversations.get(session, row.conversation_id or 0),
                inbox=inboxes.get(session, row.inbox_id or 0),
                address=session.get_one(Address, row.address_id or 0),
                words=Words(text, items=tuple(files)),
                can=self.service.channels["chat"].capabilities,
                user_id=1,
                domain="shop.example",
            )
            return delivery.id

    def resolve(self, n: int) -> None:
        with self.service.db.write() as session:
            row = session.get_one(Interaction, n)
            conversation = conversations.get(session, row.conversation_id or 0)
            conversations.resolve(session, utcnow(), conversation, 1)

    def state(self, delivery: int) -> str:
        with self.service.db.read() as session:
            return session.get_one(outbox.Delivery, delivery).state

    def upload(self, token: str, name: str, content: bytes, kind: str = "image/png") -> tuple[int, dict[str, Any]]:
        edge = uuid.uuid4().hex
        body = (
            (
                f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                f"Content-Type: {kind}\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--{edge}--\r\n".encode()
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Accept": "application/json",
        }
        request = urllib.request.Request(f"{self.url}/chat/files?lang=ko", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=45) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


class Visitor:
    """A widget reduced to its socket: python-socketio's client, which several threads may use here."""

    def __init__(self, chat: Chat, token: str | None, auth: dict[str, Any]) -> None:
        self.hello: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []
        self.events: list[tuple[str, Any]] = []
        self._greeted = threading.Event()
        self._line = threading.Lock()
        self._client = socketio.Client(reconnection=False)
        self._client.on("hello", self._on_hello, namespace="/chat")
        self._client.on("item", self.items.append, namespace="/chat")
        for name in ("typing", "presence", "seen", "ended"):
            self._client.on(name, lambda data, name=name: self.events.append((name, data)), namespace="/chat")
        said = {"token": token, "inbox": INBOX, "lang": "ko", **auth}
        self._client.connect(chat.url, auth=said, namespaces=["/chat"], transports=["websocket"], wait_timeout=45)
        assert self._greeted.wait(45), "no hello"

    @property
    def token(self) -> str:
        return str(self.hello["token"])

    def ask(self, event: str, data: Any) -> dict[str, Any]:
        """The answer. (The client's own `call` numbers its questions wrongly when two threads ask at once.)"""
        answers: queue.Queue[Any] = queue.Queue()
        with self._line:
            self._client.emit(event, data, namespace="/chat", callback=answers.put)
        return dict(answers.get(timeout=45))

    def send(self, text: str, number: str | None = None, files: Sequence[str] = ()) -> dict[str, Any]:
        return self.ask("message", {"id": number or str(uuid.uuid4()), "text": text, "files": list(files)})

    def heard(self, name: str) -> list[Any]:
        return [data for event, data in self.events if event == name]

    def wait_item(self, text: str) -> dict[str, Any]:
        return dict(wait_for(lambda: next((one for one in self.items if one["text"] == text), None), what=text))

    def close(self) -> None:
        self._client.disconnect()

    def _on_hello(self, hello: dict[str, Any]) -> None:
        self.hello = hello
        self._greeted.set()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
