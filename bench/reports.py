"""Reports over a million rows of the log.

    .venv/bin/python -m bench.reports [--talks 100000] [--keep FOLDER] [--database URL]

Makes a year of conversations (some ten rows each) by bulk insert, lets the reader count them, then asks
every report, cut in every way, for 30 days and for the year, and the rows behind. Judged by CPU time of
this process, which a busy machine lengthens least: the median of some rounds, and the worst of them.
Bars: 300 ms for what a page asks of 30 days; the reader 250 us a row. Exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact import inbox, migrations
from contact.conversation import Conversation, ConversationTag
from contact.db import Database
from contact.directory import Contact
from contact.log import Interaction
from contact.response.reports import Measure, behind, read_all
from contact.response.reports import report as reports
from contact.response.reports.asked import BY, ask
from contact.response.reports.behind import Behind
from contact.response.reports.figures import REPORTS

NOW = datetime(2026, 3, 12, 5, 40, tzinfo=UTC)
YEAR = timedelta(days=365)
PART = 5_000
BAR, READER_BAR = 0.300, 250e-6
TAGS = ("배송", "환불", "결제", "교환", "문의", "칭찬")


def make(db: Database, talks: int) -> None:
    """Conversations with in, answers, resolution; times as people write: by day, seldom at night."""
    chance = random.Random(4)
    with db.write() as session:
        boxes = [inbox.add(session, NOW - YEAR, ("email", "chat")[n % 2], f"box{n}", f"Box {n}").id for n in range(6)]
    begins = sorted(NOW - YEAR * chance.random() for _ in range(talks))
    for start in range(0, talks, PART):
        part = range(start, min(start + PART, talks))
        rows = sorted((row for n in part for row in _talk(chance, n + 1, begins[n], boxes)), key=lambda row: row["at"])
        with db.write() as session:
            session.execute(sa.insert(Contact), [{"id": n + 1, "root_id": n + 1, "created_at": NOW} for n in part])
            session.execute(sa.insert(Conversation), [_conversation(n + 1, begins[n], boxes) for n in part])
            session.execute(sa.insert(ConversationTag), [{"conversation_id": n + 1, "tag": TAGS[n % 6]} for n in part])
            session.execute(sa.insert(Interaction), rows)


def _conversation(number: int, at: datetime, boxes: list[int]) -> dict[str, Any]:
    box = number % 6
    return {"id": number, "contact_id": number, "inbox_id": boxes[box], "channel": ("email", "chat")[box % 2],
            "last_at": at, "created_at": at, "state": "resolved", "tags": [TAGS[number % 6]]}  # fmt: skip


def _talk(chance: random.Random, number: int, at: datetime, boxes: list[int]) -> Iterator[dict[str, Any]]:
    box, agent = number % 6, number % 40 + 1
    empty = {"conversation_id": number, "contact_id": number, "inbox_id": boxes[box], "user_id": None,
             "channel": ("email", "chat")[box % 2], "body": None, "data": {}}  # fmt: skip

    def row(name: str, minutes: float, **more: Any) -> dict[str, Any]:
        nonlocal at
        at += timedelta(minutes=chance.expovariate(1) * minutes, microseconds=1)
        return {**empty, "name": name, "at": at, **more}

    yield row("conversation.opened", 0)
    yield row("message.received", 0)
    yield row("conversation.queued", 1, data={"queue": number % 8 + 1, "from": None})
    yield row("conversation.assigned", 10, user_id=agent, data={"assignee": agent, "from": None})
    for _ in range(chance.randrange(1, 4)):
        yield row("message.queued", 40, user_id=agent, data={"due": at.isoformat()})
        yield row("delivery.wired", 0.2)
        yield row("message.received", 100)
    yield row("message.queued", 40, user_id=agent, data={"due": at.isoformat()})
    yield row("conversation.tagged", 1, user_id=agent, data={"tag": TAGS[number % 6]})
    if chance.random() < 0.97:
        yield row("conversation.resolved", 90, user_id=agent)
    if chance.random() < 0.3:
        yield row("chat.rated", 30, data={"score": chance.choice((1, 3, 4, 5, 5))})


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(db: Database, work: Callable[[Session], object], rounds: int) -> tuple[float, float]:
    """Median and worst CPU seconds."""
    took = []
    for _ in range(rounds):
        with db.read() as session:
            begin = cpu()
            work(session)
            took.append(cpu() - begin)
    return statistics.median(took), max(took)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--talks", type=int, default=100_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--database")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    db = Database(given.database or f"sqlite:///{folder / 'reports.db'}")
    migrations.upgrade(db.engine)
    with db.read() as session:
        kept = session.scalar(sa.select(sa.func.max(Interaction.id))) or 0
    missed = 0
    if not kept:
        begin = time.perf_counter()
        make(db, given.talks)
        print(f"made in {time.perf_counter() - begin:.0f} s")
    begin, wall = cpu(), time.perf_counter()
    if read := read_all(db):
        each = (cpu() - begin) / read
        pace = read / (time.perf_counter() - wall)
        print(f"reader: {read} rows, {each * 1e6:.0f} us CPU a row, {pace:.0f} rows a second")
        missed += each > READER_BAR
    with db.write() as session:
        session.execute(sa.text("ANALYZE"))
    with db.read() as session:
        print(f"{session.scalar(sa.select(sa.func.max(Interaction.id)))} rows of the log, "
              f"{session.scalar(sa.select(sa.func.count()).select_from(Measure))} measured")  # fmt: skip
    worst: dict[str, tuple[float, str]] = {}
    year = {"period": "own", "from": "2025-03-13", "to": "2026-03-12"}
    for name, given_period in (("30 days", {"period": "30d"}), ("a year", year), ("the year's first month",
                               {"period": "own", "from": "2025-03-13", "to": "2025-04-12"})):  # fmt: skip
        for report in REPORTS:
            for by in BY:
                question = ask(report, {**given_period, "by": by}, NOW, "Asia/Seoul")
                median, _most = timed(db, lambda session, q=question: reports.build(session, q, NOW), given.rounds)  # type: ignore[misc]
                worst[name] = max(worst.get(name, (0.0, "")), (median, f"{report} by {by}"))
                missed += name == "30 days" and median > BAR
            figure = question.spec.figures[0]
            one = Behind(question, figure)
            for what, work in (("its rows", behind.page), ("their sum", behind.summary)):
                median, _most = timed(db, lambda session, w=work, b=one: w(session, b, NOW), given.rounds)  # type: ignore[misc,operator]
                worst[f"{name}, {what}"] = max(worst.get(f"{name}, {what}", (0.0, "")), (median, report))
    for name, (median, where) in worst.items():
        print(f"{name:<36} worst {median * 1000:7.1f} ms CPU  ({where})")
    db.close()
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
