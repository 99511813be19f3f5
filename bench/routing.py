"""One routing round: 10,000 conversations wait in 20 queues for 200 agents, in a house of 100,000.

    .venv/bin/python bench/routing.py [--waiting 10000] [--queues 20] [--agents 200] [--house 100000] [--profile]

CPU milliseconds of this thread, medians. Bars: a round with nothing to do (nothing waits; or all
waits and nobody is free), 1 and 10 ms; one that gives 25, 100 ms. The reference in the same run is
what the 25 rows cost by themselves: `conversations.assign`, 25 times in one transaction.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact import attendance, inbox, migrations
from contact import conversation as conversations
from contact.attendance import Seen
from contact.conversation import Conversation
from contact.db import Database
from contact.directory import Contact
from contact.following import ReaderState
from contact.log import Interaction
from contact.response.queues import back, router
from contact.response.queues.agent import Agent
from contact.response.queues.member import QueueMember
from contact.response.queues.queue import Queue
from contact.response.queues.ways import Distribution, Ways
from contact.users import Role, User

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LIVE = {"chat"}
SKILLS = ("환불", "배송", "VIP", "세금")


def furnish(db: Database, args: argparse.Namespace) -> None:
    chance = random.Random(1)
    with db.write() as session:
        for number in range(2):
            inbox.add(session, NOW, ["email", "chat"][number], f"box{number}", f"Box {number}")
        everyone = range(1, args.agents + 1)
        session.execute(sa.insert(User), [_user(number) for number in everyone])
        session.execute(sa.insert(Agent), [_agent(chance, number) for number in everyone])
        session.execute(sa.insert(Queue), [_queue(chance, number) for number in range(1, args.queues + 1)])
        members = [
            {"queue_id": queue, "user_id": user}
            for queue in range(1, args.queues + 1)
            for user in chance.sample(everyone, max(1, args.agents // 5))
        ]
        session.execute(sa.insert(QueueMember), members)
    in_hand = args.agents * 5
    for first in range(1, args.house + 1, 10_000):
        rows = [_talk(chance, n, args, in_hand) for n in range(first, min(first + 10_000, args.house + 1))]
        with db.write() as session:
            for model, place in ((Contact, 0), (Conversation, 1), (Interaction, 2)):
                session.execute(sa.insert(model), [row[place] for row in rows])
    with db.write() as session:
        session.add(ReaderState(name="rules", position=args.house))


def _user(number: int) -> dict[str, Any]:
    return {
        "id": number, "email": f"a{number}@shop.example", "handle": f"a{number}", "name": f"상담원 {number}",
        "role": Role.AGENT, "language": "ko", "preferences": {}, "created_at": NOW,
    }  # fmt: skip


def _agent(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "user_id": number, "skills": chance.sample(SKILLS, 2), "languages": ["ko", "en"][: 1 + (number % 3 == 0)],
        "capacity": 1000, "weights": {}, "takes_work": True,
    }  # fmt: skip


def _queue(chance: random.Random, number: int) -> dict[str, Any]:
    ways = Ways(
        distribution=(Distribution.TURN, Distribution.LOAD)[number % 2],
        skills=(chance.choice(SKILLS),) if number % 3 == 0 else (), languages=("en", "ko") if number % 4 == 0 else (),
        overflow_minutes=60, overflow_to=number % 20 + 1 if number % 5 == 0 else 0,
    )  # fmt: skip
    return {"id": number, "name": f"Queue {number}", "settings": ways.kept(), "position": number, "created_at": NOW}


def _talk(chance: random.Random, number: int, args: argparse.Namespace, in_hand: int) -> tuple[dict[str, Any], ...]:
    waits, held = number <= args.waiting, args.waiting < number <= args.waiting + in_hand
    at = NOW - timedelta(minutes=chance.randrange(1, 50))
    contact = {
        "id": number, "name": f"고객{number}", "organisation": "", "note": "", "root_id": number, "created_at": at,
        "language": chance.choice(("ko", "ko", "en", None)),
    }  # fmt: skip
    talk = {
        "id": number, "contact_id": number, "inbox_id": number % 2 + 1, "channel": ["email", "chat"][number % 2],
        "subject": "", "state": "open" if waits or held else "resolved",
        "assignee_id": chance.randrange(1, args.agents + 1) if held or not waits else None,
        "queue_id": chance.randrange(1, args.queues + 1), "queued_at": at,
        "priority": chance.choice((0, 1, 1, 1, 2, 3)),
        "tags": [], "waiting_since": at if waits or held else None, "last_id": number, "last_at": at, "preview": "",
        "created_at": at,
    }  # fmt: skip
    row = {
        "at": at, "name": "message.received", "conversation_id": number, "contact_id": number, "address_id": number,
        "inbox_id": 1, "channel": "email", "key": f"k{number}", "body": "", "content": {}, "data": {},
    }  # fmt: skip
    return contact, talk, row


def here(db: Database, agents: int) -> None:
    with db.write() as session:
        seen = {number: Seen("online", NOW) for number in range(1, agents + 1)}
        attendance.write(session, NOW, "bench:1", seen, news=True)


def cost(work: Callable[[], Any], times: int) -> float:
    """CPU milliseconds of this thread, the median; the first time compiles."""
    work()
    spent = []
    for _ in range(times):
        begun = time.thread_time()
        work()
        spent.append((time.thread_time() - begun) * 1000)
    return statistics.median(spent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("waiting", 10_000), ("queues", 20), ("agents", 200), ("house", 100_000), ("times", 15)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/bench.db")
        migrations.upgrade(db.engine)
        furnish(db, args)
        return measure(db, args)


def measure(db: Database, args: argparse.Namespace) -> int:
    def wanted() -> bool:
        with db.read() as session:
            return router.wanted(session, NOW, LIVE)

    def give() -> int:
        with db.write() as session:
            return router.give(session, NOW, LIVE, router.AT_ONCE)

    def look_back() -> bool:
        with db.read() as session:
            return back.wanted(session, NOW)

    def bare() -> None:
        with db.write() as session:
            for number in free[: router.AT_ONCE]:
                conversations.assign(session, NOW, conversations.get(session, number), 1, None)
            del free[: router.AT_ONCE]

    good = True

    def say(name: str, spent: float, bar: float | None = None) -> None:
        nonlocal good
        good = good and (bar is None or spent < bar)
        print(f"{name:<58} {spent:8.2f} ms{'' if bar is None or spent < bar else f'   <-- over {bar:g}'}", flush=True)

    say("all wait, nobody is here: look", cost(wanted, args.times), 10)
    here(db, args.agents)
    say("all wait, agents are free: look", cost(wanted, args.times), 50)
    say("what comes back: look", cost(look_back, args.times), 50)
    if args.profile:
        profile = cProfile.Profile()
        profile.enable()
        give()
        profile.disable()
        pstats.Stats(profile).sort_stats("cumulative").print_stats(35)
    say(f"a round that gives {router.AT_ONCE}", cost(give, args.times), 100)
    with db.read() as session:
        free = list(session.scalars(sa.select(Conversation.id).where(Conversation.assignee_id.is_(None)).limit(1000)))
    say(f"reference: {router.AT_ONCE} bare assignments", cost(bare, min(args.times, 20)))
    with db.write() as session:
        session.execute(sa.update(Agent).values(capacity=0))
    say("all wait, nobody has room: look", cost(wanted, args.times), 10)
    with db.write() as session:
        session.execute(sa.update(Conversation).values(state="resolved"))
    say("nothing waits: look", cost(wanted, args.times * 5), 1)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
