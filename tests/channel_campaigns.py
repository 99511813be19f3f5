"""What the tests of campaigns on other channels share: a running house, people with numbers, a campaign to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from real import House, wait_for
from sqlalchemy import func, select

import wsgi
from campaigns import campaign as campaigns
from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.content import content as contents
from campaigns.content.content import Wording
from campaigns.content.wording import Draft
from campaigns.recipient import Recipient
from contact import directory, inbox, log
from contact.db import utcnow
from contact.directory import Address
from contact.log import Interaction
from contact.messages import AddressKind, Party
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

KINDS = {"sms": AddressKind.TEL, "fax": AddressKind.FAX, "post": AddressKind.POST}


@dataclass
class Crier:
    """A house that says things to many, and its database from outside."""

    house: House
    service: Service
    channel: str
    people: list[int] = field(default_factory=list)
    """Addresses of whom it is said to."""

    @classmethod
    def of(cls, house: House, channel: str) -> Crier:
        settings = Settings(
            _env_file=None, data_dir=house.data, listen=("127.0.0.1", house.port), **_environment(house)
        )  # type: ignore[call-arg]
        return cls(house, Service.of(settings, wsgi.channels(settings)), channel)

    def inbox(self, address: str, provider: str, settings: dict[str, Any], **secrets: str) -> int:
        with self.service.db.write() as session:
            box = inbox.find(session, self.channel, address)
            box = box or inbox.add(session, utcnow(), self.channel, address, "한마루", provider=provider)
            box.provider, box.settings = provider, settings
            box.secrets = Vault.of(self.service.settings).seal_all(secrets) if secrets else None
            inbox.resume(session, box)
            return box.id

    def knows(self, *values: str, name: str = "김하나") -> list[int]:
        """People reached there, for the next campaign; the ids of their addresses."""
        with self.service.db.write() as session:
            log.lock(session)
            found = []
            for value in values:
                contact, address = directory.find_or_create(session, utcnow(), Party(KINDS[self.channel], value, name))
                contact.organisation = "campaign"
                found.append(address.id)
        self.people += found
        return found

    def content(self, text: str, subject: str = "") -> int:
        can = self.service.channels[self.channel].capabilities
        with self.service.db.write() as session:
            made = contents.add(session, utcnow(), Wording("봄", Draft(subject, text)), self.channel, can, None)
            return made.id

    def launch(self, inbox_id: int, text: str, subject: str = "", **more: Any) -> int:
        """A campaign to everybody it knows; the law asleep."""
        version = self.content(text, subject)
        given = {"purpose": "informational", "definition": {"all": []}, "version_id": version, **more}
        with self.service.db.write() as session:
            made = campaigns.create(session, utcnow(), "봄", inbox_id=inbox_id, channel=self.channel, **given)
            campaigns.launch(session, utcnow(), made.id, None, check=lambda *_: [])
            return made.id

    def do(self, verb: Callable[..., Any], number: int) -> None:
        with self.service.db.write() as session:
            verb(session, utcnow(), number, None)

    def one(self, question: Callable[..., Any]) -> Any:
        with self.service.db.read() as session:
            return question(session)

    def campaign(self, number: int) -> Campaign:
        return self.one(lambda session: session.get_one(Campaign, number))  # type: ignore[no-any-return]

    def rows(self, number: int) -> dict[str, Recipient]:
        """Recipients by where they are reached."""
        query = select(Recipient).where(Recipient.campaign_id == number)
        return {one.value: one for one in self.one(lambda session: session.scalars(query).all())}

    def counts(self, number: int) -> dict[str, int]:
        found = self.one(lambda session: recipients.counts(session, number))
        return {state: many for state, many in found.items() if many}

    def logged(self, number: int) -> dict[str, int]:
        """Rows of the log about the campaign, by name."""
        launch = self.campaign(number).launch_id
        query = select(Interaction.name, func.count()).where(Interaction.about_id == launch)
        query = query.where(Interaction.name.like("recipient.%")).group_by(Interaction.name)
        return dict(iter(self.one(lambda session: session.execute(query).all())))

    def until(self, number: int, counts: dict[str, int], seconds: float = 60) -> None:
        wait_for(lambda: self.counts(number) == counts, seconds, lambda: f"{counts}: {self.told(number)}")

    def finished(self, number: int, seconds: float = 60) -> None:
        wait_for(lambda: self.campaign(number).state == "finished", seconds, lambda: f"the end: {self.told(number)}")

    def told(self, number: int) -> str:
        rows = [(one.value, one.state, one.code, one.reason) for one in self.rows(number).values()][:20]
        return f"{self.campaign(number).state} {self.campaign(number).reason} {rows}\n{self.house.output[-3000:]}"


def _environment(house: House) -> dict[str, Any]:
    return {name.removeprefix("HANMARU_").lower(): value for name, value in house.environment.items()}


def numbers(many: int, start: int = 0) -> list[str]:
    """Korean mobile numbers."""
    return [f"+8210{20000000 + start + n}" for n in range(many)]


def sole(values: Sequence[str]) -> None:
    """Nobody twice."""
    twice = {value: n for value, n in Counter(values).items() if n > 1}
    assert not twice, twice


@pytest.fixture
def make_crier(make_house: Callable[..., House]) -> Iterator[Callable[..., Crier]]:
    """A house of its own for each test: a campaign to everybody must find nobody else's people."""
    made: list[Crier] = []

    def make(channel: str, **environment: str) -> Crier:
        made.append(Crier.of(make_house(**environment).start(), channel))
        return made[-1]

    yield make
    for one in made:
        one.service.close()


__all__ = ["Address", "Crier", "make_crier", "numbers", "sole"]
