"""Queues for tests: a hall with agents who are here, and short verbs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from hall_kit import Hall
from sqlalchemy.orm import Session

from contact import attendance
from contact import conversation as conversations
from contact.attendance import Seen
from contact.conversation import Conversation
from contact.following import advance
from contact.log import Interaction, Name
from contact.response.queues import add, back, change, get, reader, router
from contact.response.queues.agent import Agent
from contact.response.queues.member import set_inboxes, set_members
from contact.response.queues.ways import Distribution, Ways
from contact.users import Role, create

LIVE = {"chat"}


@dataclass
class Floor:
    """A call centre's floor on a hall."""

    hall: Hall
    queues: dict[str, int] = field(default_factory=dict)
    here: dict[int, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.hall.now

    def agent(self, name: str, *, here: bool = True, language: str = "ko", **more: Any) -> int:
        with self.hall.db.write() as session:
            user = create(session, self.now, email=f"{name}@shop.example", name=name, role=Role.AGENT)
            user.language = language
            row = Agent.fresh(user.id)
            for key, value in more.items():
                setattr(row, key, value)
            session.add(row)
            number = user.id
        if here:
            self.comes(number)
        return number

    def comes(self, *users: int, state: str = "online") -> None:
        self.here |= dict.fromkeys(users, state)
        self.beat()

    def goes(self, *users: int) -> None:
        for user in users:
            self.here.pop(user, None)
        self.beat()

    def beat(self) -> None:
        """The web process says who is here."""
        seen = {user: Seen(state, self.now) for user, state in self.here.items()}  # type: ignore[arg-type]
        with self.hall.db.write() as session:
            attendance.write(session, self.now, "test:1", seen, news=True)

    def queue(self, name: str, *users: int, feeds: tuple[int, ...] = (), **ways: Any) -> int:
        given = {"distribution": Distribution.LOAD, "sticky_hours": 0, "return_minutes": 10} | ways
        with self.hall.db.write() as session:
            queue = add(session, self.now, name)
            change(session, queue, name, Ways(**given))
            set_members(session, queue.id, users)
            set_inboxes(session, self.now, queue.id, feeds)
            self.queues[name] = queue.id
            return queue.id

    def set(self, queue: int, **ways: Any) -> None:
        with self.hall.db.write() as session:
            one = get(session, queue)
            change(session, one, one.name, Ways.of({**Ways.of(one.settings).kept(), **ways}))

    def put(self, conversation: int, queue: int | None, user: int | None = 99) -> None:
        with self.hall.db.write() as session:
            conversations.enqueue(session, self.now, conversations.get(session, conversation), queue, user)

    def mail(self, queue: int, sender: str = "", **more: Any) -> int:
        """A mail that waits in the queue."""
        number = self.hall.mail_in(sender or f"c{next(self.hall.numbers)}@a.example", **more).conversation_id
        self.put(number, queue)
        return number

    def chat(self, queue: int) -> int:
        number = self.hall.chat_in(f"visitor-{next(self.hall.numbers):010d}").conversation_id
        self.put(number, queue)
        return number

    def act(self, verb: Any, conversation: int, *values: Any) -> None:
        with self.hall.db.write() as session:
            verb(session, self.hall.tick(1), conversations.get(session, conversation), *values)

    def read(self) -> None:
        """The reader reads all there is."""
        one = reader.reader(lambda: self.now)
        while True:
            with self.hall.db.write() as session:
                if not advance(session, one):
                    return

    def give(self) -> int:
        """Rounds until there is nothing to give."""
        given = 0
        while True:
            self.beat()
            with self.hall.db.read() as session:
                if not router.wanted(session, self.now, LIVE):
                    return given
            with self.hall.db.write() as session:
                more = router.give(session, self.now, LIVE, router.AT_ONCE)
            assert more, "a round was wanted and gave nothing"
            given += more

    def sweep(self) -> int:
        self.beat()
        with self.hall.db.read() as session:
            wanted = back.wanted(session, self.now)
        if not wanted:
            return 0
        with self.hall.db.write() as session:
            return back.sweep(session, self.now)

    def who(self, conversation: int) -> int | None:
        return self.one(conversation).assignee_id

    def one(self, conversation: int) -> Conversation:
        with self.hall.db.read() as session:
            return conversations.get(session, conversation)

    def rows(self, conversation: int, name: Name) -> list[Interaction]:
        with self.hall.db.read() as session:
            return list(_rows(session, conversation, name))


def _rows(session: Session, conversation: int, name: Name) -> Any:
    query = sa.select(Interaction).where(Interaction.conversation_id == conversation, Interaction.name == name.value)
    return session.scalars(query.order_by(Interaction.id)).all()
