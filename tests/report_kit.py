"""A shop with six weeks behind it, for the tests of the reports and for looking at them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, inbox, intake, outbox
from contact.channel import Capabilities
from contact.db import Database
from contact.log import Name
from contact.messages import AddressKind, Inbound, Party, Thread
from contact.outbox import Words
from contact.response import queues
from contact.response.reports import read_all
from contact.users import Role, User, create

MAIL = Capabilities(AddressKind.EMAIL, subject=True, html=True, cc=True)
CHAT = Capabilities(AddressKind.VISITOR, live=True, undo=timedelta(0))
TAGS = ("배송", "환불", "결제", "=cmd|'/c calc'!A1")
"""The last one would be a formula in a careless file."""


@dataclass
class Past:
    """What `past` made."""

    agents: list[User]
    mail: int
    chat: int
    queues: list[int]


def past(
    db: Database, now: datetime, talks: int = 60, days: int = 42, seed: int = 7, agents: tuple[str, ...] = ()
) -> Past:
    """`talks` conversations in the `days` before `now`, each with its own fate; everything by the house's own verbs."""
    chance = random.Random(seed)
    with db.write() as session:
        people = [_agent(session, now, name) for name in agents or ("김민아", "Jun Park", "이하늘")]
        made = Past(
            people,
            inbox.add(session, now, "email", "past@shop.example", "고객센터").id,
            inbox.add(session, now, "chat", "past", "=웹 채팅").id,
            [queues.add(session, now, name).id for name in ("일반 문의", "반품·환불")],
        )
    deeds: list[tuple[datetime, int, str]] = []
    for number in range(talks):
        deeds += [(at, number, deed) for at, deed in _fate(chance, now - timedelta(days=days), now)]
    numbers: dict[int, int] = {}
    for at, number, deed in sorted(deeds):
        if at < now:
            with db.write() as session:
                _do(session, chance, made, numbers, at, number, deed)
    read_all(db)
    return made


def _agent(session: Session, now: datetime, name: str) -> User:
    known = session.scalar(sa.select(User).where(User.name == name))
    return known or create(session, now, email=f"a{abs(hash(name)) % 9999}@shop.example", name=name, role=Role.AGENT)


def _fate(chance: random.Random, begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    day = begin + (end - begin) * chance.random()
    at = day.replace(
        hour=int(chance.triangular(0, 23.9, 5)), minute=chance.randrange(60), microsecond=chance.randrange(10**6)
    )
    told = [(at, "in")]

    def after(deed: str, most: float) -> None:
        told.append((told[-1][0] + timedelta(minutes=chance.expovariate(1) * most), deed))

    if chance.random() < 0.8:
        after("sort", 1)
    after("take", 10)
    if chance.random() < 0.15:
        after("auto", 1)
    for _ in range(chance.randrange(3)):
        after("in", 5)
    after("reply", 45)
    if chance.random() < 0.1:
        told.append((told[-1][0] + timedelta(seconds=1), "undo"))
        after("reply", 20)
    while chance.random() < 0.45:
        after("in", 200)
        after("reply", 90)
    if chance.random() < 0.8:
        after("tag", 5)
    if chance.random() < 0.85:
        after("resolve", 300)
        if chance.random() < 0.4:
            after("rate", 30)
        if chance.random() < 0.2:
            after("in", 3000)
            after("reply", 60)
            after("resolve", 60)
    if chance.random() < 0.05:
        after("merge", 10)
    return told


def _do(
    session: Session, chance: random.Random, past: Past, numbers: dict[int, int], at: datetime, number: int, deed: str
) -> None:
    if deed == "in":
        numbers[number] = _write(session, past, at, number, numbers.get(number))
        return
    one = conversations.get(session, numbers[number])
    agent = past.agents[number % len(past.agents)].id
    if deed in ("reply", "auto"):
        _answer(session, at, one, None if deed == "auto" else agent)
    elif deed == "undo":
        last = session.scalars(
            sa.select(outbox.Delivery)
            .where(outbox.Delivery.conversation_id == one.id)
            .order_by(outbox.Delivery.id.desc())
        ).first()
        if last is not None and last.state == "queued":
            outbox.cancel(session, at, last.id, agent)
    elif deed == "rate":
        conversations.record(session, at, one, Name.CHAT_RATED, data={"score": chance.choice((1, 3, 4, 5, 5, 5))})
    elif deed == "merge":
        other = numbers[chance.choice(list(numbers))]
        if other != one.id and conversations.top(session, conversations.get(session, other)).id != one.id:
            conversations.merge(session, at, one, conversations.get(session, other), agent)
    elif one.merged_into is None:
        given: dict[str, tuple[Any, ...]] = {
            "sort": ("enqueue", past.queues[number % 2], None), "take": ("assign", agent, agent),
            "tag": ("tag", chance.choice(TAGS), agent), "resolve": ("resolve", agent),
        }  # fmt: skip
        verb, *more = given[deed]
        getattr(conversations, verb)(session, at, one, *more)


def _write(session: Session, past: Past, at: datetime, number: int, talk: int | None) -> int:
    mail = number % 3 != 0
    party = (
        Party(AddressKind.EMAIL, f"p{number}@x.example", f"고객 {number}")
        if mail
        else Party(AddressKind.VISITOR, f"visitor-{number:010d}")
    )
    key = f"past{number}-{at.timestamp()}"
    thread = Thread(f"{key}@x.example", token=talk) if mail else Thread()
    subject = f"주문 {20_000 + number} 문의" if mail else ""
    inbound = Inbound("email" if mail else "chat", key, key, party, "안녕하세요", subject=subject, thread=thread)
    return intake.take(session, at, inbound, inbox.get(session, past.mail if mail else past.chat)).conversation_id


def _answer(session: Session, at: datetime, one: Any, agent: int | None) -> None:
    one = conversations.top(session, one)
    can = MAIL if one.channel == "email" else CHAT
    query = sa.select(directory.Address).where(
        directory.Address.contact_id == one.contact_id, directory.Address.kind == can.address.value
    )
    outbox.put(
        session, at, conversation=one, inbox=inbox.get(session, one.inbox_id), address=session.scalars(query).one(),
        words=Words("답장", subject="Re" if can.subject else "", automatic=agent is None), can=can, user_id=agent,
        domain="shop.example", not_before=at + timedelta(seconds=10) if agent and can is MAIL else None,
    )  # fmt: skip


NOW = datetime(2026, 3, 12, 5, 40, tzinfo=UTC)
"""A Thursday afternoon in Seoul."""
