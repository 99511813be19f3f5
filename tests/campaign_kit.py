"""What the tests of the campaign pipe share: a house with customers, a text, and workers to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from mail_doubles import Sink
from post_office import HELP, PostOffice
from real import ROOT, freeze, wait_for
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.recipient import Fate, Recipient
from contact import consent, log
from contact import inbox as inboxes
from contact.consent.law.launch import Problem
from contact.db import Database, utcnow
from contact.directory import Address, Contact
from contact.messages import Wish
from contact.settings import Settings
from contact.vault import derive


@dataclass(frozen=True)
class Text:
    subject: str
    text: str
    html: str = ""


class Letter:
    """A fixed text with a name in it."""

    fields = ("name",)

    def fill(self, fields: Mapping[str, str]) -> Text:
        return Text("봄 소식", f"{fields.get('name', '')} 님, 안녕하세요.\nSpring is here.\n")


_BODY = "안녕하세요. 봄을 맞아 새 상품을 소개해 드립니다. Spring is here, and so are we.\n" * 70
_HTML = "".join(f"<p style='color:#333'>{line}</p>" for line in _BODY.splitlines())


class Large:
    """A mail of 29 kB with text and HTML, as shops send them."""

    fields = ("name",)

    def fill(self, fields: Mapping[str, str]) -> Text:
        name = fields.get("name", "")
        return Text(f"{name} 님, 봄 소식", f"{name} 님\n{_BODY}", f"<p>{name} 님</p>{_HTML}")


@dataclass(frozen=True)
class Refusal:
    reason: str = "refused"
    until: datetime | None = None


def anything(_session: Session, _now: datetime, _campaign: Campaign) -> list[Problem]:
    """The law, asleep."""
    return []


class Words:
    """What a campaign needs of the other concerns, as plainly as can be."""

    def __init__(self, letter: Any = None) -> None:
        self.letter = letter or Letter()

    def audience(self, definition: Mapping[str, Any], *, channel: str, now: datetime) -> Select[Any]:
        kind = {"email": "email", "sms": "tel", "fax": "fax", "post": "post"}[channel]
        query = select(Address.contact_id, Address.id).where(Address.kind == kind)
        if most := definition.get("below"):
            query = query.where(Address.contact_id <= most)
        return query.order_by(Address.contact_id)

    def fill(self, session: Session, campaign: Campaign) -> Any:
        return self.letter

    def fields(
        self, session: Session, contact_ids: Collection[int], names: Collection[str]
    ) -> Mapping[int, Mapping[str, str]]:
        query = select(Contact.id, Contact.name).where(Contact.id.in_(contact_ids))
        return {number: {"name": name} for number, name in session.execute(query)}

    def verdicts(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str
    ) -> Mapping[int, Refusal]:
        return {number: Refusal() for number in consent.refused(session, addresses)}

    def closings(self, session: Session, now: datetime, addresses: Collection[int], **_: str) -> Mapping[int, datetime]:
        return {}

    def zones(self, session: Session, addresses: Collection[int]) -> Mapping[int, Sequence[ZoneInfo]]:
        return consent.zones(session, addresses)

    def reserved(self, campaign: Campaign, recipient_id: int, address_id: int, value: str) -> Mapping[str, str]:
        return {"unsubscribe_url": f"https://shop.example/u/{recipient_id}"}


@dataclass
class PipeProcess:
    """`python campaign_worker.py`: the pipe and the clock in a process of their own."""

    settings: Settings
    lease: float = 60
    process: subprocess.Popen[bytes] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    """More settings by name."""
    ports: str = ""
    """What is said: "" a short text, "large" one with HTML, "house" what the house has for it."""
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.settings.data_dir / f"pipe-{id(self)}.log"

    def start(self) -> PipeProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
        values = {
            "DATA_DIR": self.settings.data_dir, "DATABASE_URL": self.settings.database_url,
            "SECRET_KEY": self.settings.secret_key, "RELAY_URL": self.settings.relay_url, "RELAY_TLS": "none",
            "RELAY_CONNECTIONS": self.settings.relay_connections, "LOG_FORMAT": "json", **self.extra,
        }  # fmt: skip
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "campaign_worker.py"), str(self.lease), self.ports],
                cwd=self.settings.data_dir, env=kept | {f"HANMARU_{name}": str(one) for name, one in values.items()},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def freeze(self, db: Database) -> None:
        """See `real.freeze`."""
        assert self.process
        freeze(self.process, db)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        assert self.process.wait(60) == 0, self.output.read_text()[-2000:]


@dataclass
class Shop:
    """A house whose customers are written to."""

    office: PostOffice
    sink: Sink
    workers: list[PipeProcess] = field(default_factory=list)

    def customers(self, count: int, start: int = 1) -> None:
        """Contacts `start` and up, one address each."""
        now = utcnow()
        with self.office.service.db.write() as session:
            people = [
                {"id": n, "name": f"김{n}", "organisation": "", "note": "", "root_id": n, "created_at": now}
                for n in range(start, start + count)
            ]
            session.execute(Contact.__table__.insert(), people)  # type: ignore[attr-defined]
            places = [
                {"id": n, "contact_id": n, "kind": "email", "value": f"c{n}@customer.example",
                 "unreachable_reason": "", "created_at": now}
                for n in range(start, start + count)
            ]  # fmt: skip
            session.execute(Address.__table__.insert(), places)  # type: ignore[attr-defined]
            if log.is_postgresql(session):  # or the next one takes a number that is taken
                for table in ("contact", "address"):
                    session.execute(text(f"select setval('{table}_id_seq', (select max(id) from {table}))"))

    def draft(self, **more: Any) -> int:
        with self.office.service.db.write() as session:
            inbox = inboxes.find(session, "email", HELP)
            assert inbox
            given = {"purpose": "advertising", "version_id": 1, **more}
            return campaigns.create(session, utcnow(), "봄", inbox_id=inbox.id, channel="email", **given).id

    def launch(self, **more: Any) -> int:
        number = self.draft(**more)
        self.do(campaigns.launch, number, check=anything)
        return number

    def do(self, verb: Callable[..., Any], number: int, **more: Any) -> None:
        with self.office.service.db.write() as session:
            verb(session, utcnow(), number, None, **more)

    def refuse(self, address_id: int) -> None:
        with self.office.service.db.write() as session:
            address = session.get_one(Address, address_id)
            consent.record(session, utcnow(), address, Wish(False, "keyword", "STOP"), channel="email")

    def worker(self, **more: float) -> PipeProcess:
        self.workers.append(PipeProcess(self.office.service.settings, **more))
        return self.workers[-1]

    def state(self, number: int) -> str:
        return str(self.office.one(lambda session: session.get_one(Campaign, number).state))

    def counts(self, number: int) -> dict[str, int]:
        return dict(self.office.one(lambda session: recipients.counts(session, number)))

    def rows(self, number: int) -> list[Any]:
        query = select(Recipient.id, Recipient.value, Recipient.state, Recipient.attempts, Recipient.reason)
        return list(
            self.office.one(lambda session: session.execute(query.where(Recipient.campaign_id == number)).all())
        )

    def finished(self, number: int, seconds: float = 60) -> None:
        wait_for(lambda: self.state(number) == "finished", seconds, lambda: f"the end: {self.told(number)}")

    def told(self, number: int) -> str:
        tails = "\n".join(worker.output.read_text()[-1500:] for worker in self.workers if worker.output.exists())
        return f"{self.state(number)} {self.counts(number)}\n{tails}"

    def ids(self, number: int) -> dict[str, str]:
        """State by Message-ID."""
        settings = self.office.service.settings
        key, domain = settings.secret(), settings.mail_domain
        return {recipients.message_id(key, row.id, domain): row.state for row in self.rows(number)}

    def sound(self, number: int) -> Counter[str]:
        """Each at most once, exactly once where accepted; the log says the same, in one row each. The states."""
        states, copies = self.ids(number), Counter(self.sink.ids())
        for name, state in states.items():
            n = copies.pop(name, 0)
            assert n == 1 if state == "accepted" else n <= 1, (name, state, n)
            assert not (n and state in ("planned", "suppressed", "cancelled", "expired")), (name, state, n)
        assert not copies
        assert self.logged(number) == {
            f"recipient.{k}": n for k, n in Counter(states.values()).items() if k in recipients.ENDS
        }
        return Counter(states.values())

    def logged(self, number: int) -> dict[str, int]:
        count = "count(*), count(distinct address_id)"
        query = text(f"select name, {count} from interaction where name like 'recipient.%' group by name")
        found = self.office.one(lambda session: session.execute(query).all())
        assert all(rows == people for _, rows, people in found)
        return {name: rows for name, rows, _ in found}

    def journals(self) -> list[Path]:
        return list((self.office.service.settings.data_dir / "journals").glob("*"))


@pytest.fixture
def make_shop(make_office: Callable[..., PostOffice]) -> Iterator[Callable[..., Shop]]:
    """A house with `count` customers; all workers are killed at the end."""
    with contextlib.ExitStack() as stack:

        def make(count: int, kind: str = "sqlite", **more: Any) -> Shop:
            sink = stack.enter_context(Sink().running())
            office = make_office(kind, relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none", **more)
            shop = Shop(office, sink)
            stack.callback(_end, shop)
            for start in range(1, count + 1, 5000):
                shop.customers(min(5000, count + 1 - start), start)
            return shop

        yield make


def _end(shop: Shop) -> None:
    for worker in shop.workers:
        with contextlib.suppress(ProcessLookupError, AssertionError):
            worker.send(signal.SIGCONT)
        worker.kill()


__all__ = ["Campaign", "Fate", "Shop", "derive", "func", "make_shop", "timedelta"]
