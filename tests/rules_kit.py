"""What the tests of rules and macros share: a house with queues and people, and short verbs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hall_kit import Hall
from sqlalchemy.orm import Session

import wsgi
from contact import conversation as conversations
from contact import following, log
from contact.conversation import Conversation
from contact.log import Interaction, Name
from contact.response import queues
from contact.response.deeds import Saying
from contact.response.rules import Rule, Rules, draft, rule, vocabulary
from contact.response.rules.draft import Said
from contact.service import Service
from contact.settings import Settings
from contact.users import Role, User, create


@dataclass
class Desk:
    """A hall with rules at work: `read` lets the reader read everything that is new."""

    hall: Hall
    service: Service
    rules: Rules
    mina: User
    returns: int

    @classmethod
    def of(cls, hall: Hall, folder: Path) -> Desk:
        url = hall.db.engine.url.render_as_string(hide_password=False)
        settings = Settings(_env_file=None, data_dir=folder / "house", database=url)  # type: ignore[call-arg]
        service = wsgi.compose(settings)
        with hall.db.write() as session:
            mina = create(session, hall.now, email="mina@shop.example", name="김민아", role=Role.AGENT)
            returns = queues.add(session, hall.now, "반품").id
        return cls(hall, service, Rules(Saying(service)), mina, returns)

    def parse(self, session: Session, body: dict[str, Any]) -> Said:
        known = vocabulary.known(session, self.service.channels)
        return draft.parse(session, body, known, Saying(self.service))

    def rule(self, then: list[dict[str, Any]], on: bool = True, **body: Any) -> int:
        """A rule at the end of the order; switched on."""
        with self.hall.db.write() as session:
            said = self.parse(session, {"name": "규칙", "when": {"on": "received"}, "then": then} | body)
            made = rule.add(session, self.hall.tick(), said, None)
            if on:
                rule.switch(session, self.hall.now, made, True)
            return made.id

    def read(self, now: datetime | None = None) -> None:
        """All that is new, row by row, as the worker does."""

        def take(session: Session, row: Interaction) -> None:
            self.rules.take(session, row, now or max(self.hall.now, row.at))

        reader = following.Reader("rules", take)
        while True:
            with self.hall.db.write() as session:
                if not following.advance(session, reader, 50):
                    return

    def one(self, number: int) -> Conversation:
        with self.hall.db.read() as session:
            return conversations.get(session, number)

    def rows(self, name: Name, number: int | None = None) -> list[Interaction]:
        with self.hall.db.read() as session:
            return [
                row
                for row in log.tail(session, 0, 100_000)
                if row.name == name and number in (None, row.conversation_id)
            ]

    def kept(self, number: int) -> Rule:
        with self.hall.db.read() as session:
            return session.get_one(Rule, number)


def test(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


test.__test__ = False  # type: ignore[attr-defined]
