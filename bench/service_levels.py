"""Service levels: what a message costs the reader, and what the sweep costs over many open conversations.

    .venv/bin/python bench/service_levels.py [CONVERSATIONS]     # two minutes; the exit status tells of the bar

Makes a house on SQLite in a temporary folder: a calendar of Seoul with holidays, three policies, and CONVERSATIONS
open conversations that wait for a first answer. The reader reads their rows; then the sweep looks with nothing due,
with one in a hundred due at once, each told in the log, and with as many that are escalated, too. CPU time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import func, select

from contact import conversation as conversations
from contact import directory, following, inbox, log, migrations
from contact.db import Database
from contact.log import Interaction, Name
from contact.messages import AddressKind, Party
from contact.response import hours
from contact.response.levels import policy, sweep
from contact.response.levels.reader import reader

BAR = 1.0
"""Seconds of CPU for a sweep over 100,000 conversations of which one in a hundred is due."""
MONDAY = datetime(2026, 11, 16, 0, 30, tzinfo=UTC)
ROUNDS = 5


def cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def furnish(db: Database, count: int) -> None:
    """One conversation in a hundred is due an hour before most, and another one half an hour before."""
    with db.write() as session:
        box = inbox.add(session, MONDAY, "email", "help@shop.example", "Help")
        hours.add(session, MONDAY, "Seoul", "Asia/Seoul", **hours.usual("KR"))
        people = [
            directory.find_or_create(session, MONDAY, Party(AddressKind.EMAIL, f"c{n}@a.example"))[0].id
            for n in range(200)
        ]
        for name, applies in (("VIP", {"tags": ["VIP"]}), ("Urgent", {"priorities": ["urgent"]}), ("All", {})):
            targets = {"first": 240, "next": 480, "resolution": 1620}
            made = policy.add(session, MONDAY, name=name, applies=applies, targets=targets, warn={})
            made.since = MONDAY - timedelta(days=1)
        number = box.id
    for start in range(0, count, 1000):
        with db.write() as session:
            for n in range(start, min(count, start + 1000)):
                at = MONDAY + timedelta(minutes={0: 0, 1: 30}.get(n % 100, 60))
                person = people[n % len(people)]
                talk = conversations.begin(
                    session, at, contact_id=person, root_id=person, inbox_id=number, channel="email"
                )
                conversations.record(
                    session, at, talk, Name.MESSAGE_RECEIVED, inbox_id=number, channel="email", body="?"
                )


def read(db: Database) -> int:
    rows = 0
    while True:
        with db.write() as session:
            done = following.advance(session, reader)
        if not done:
            return rows
        rows += done


def swept(db: Database, now: datetime) -> None:
    """As the worker does it: until nothing is due."""
    while True:
        with db.read() as session:
            upcoming = sweep.next_look(session)
        if upcoming is None or upcoming >= now:
            return
        with db.write() as session:
            sweep.sweep(session, now)


def breached(db: Database) -> int:
    with db.read() as session:
        query = select(func.count()).where(Interaction.name == Name.SERVICE_LEVEL_BREACHED.value)
        return session.scalar(query) or 0


def main(count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/bench.db")
        migrations.upgrade(db.engine)
        furnish(db, count)
        with db.read() as session:
            rows = log.head(session)
        reading = cpu(lambda: read(db))
        print(f"reader: {rows} rows, {reading / rows * 1e6:.0f} us CPU a row, {reading / count * 1e6:.0f} a message")
        quiet = median(cpu(lambda: swept(db, MONDAY + timedelta(hours=3))) for _ in range(ROUNDS))
        print(f"sweep over {count}, nothing due: {quiet * 1e3:.2f} ms CPU")
        some = cpu(lambda: swept(db, MONDAY + timedelta(hours=4, minutes=1)))
        told = breached(db)
        print(f"sweep over {count}, {told} due: {some:.2f} s CPU, {some / max(1, told) * 1e3:.2f} ms each")
        with db.write() as session:
            for one in policy.every(session):
                policy.change(session, MONDAY, one, escalation={"priority": "high", "tag": "late"})
        more = cpu(lambda: swept(db, MONDAY + timedelta(hours=4, minutes=31)))
        told = breached(db) - told
        print(
            f"the same with priority and tag by escalation: {more:.2f} s CPU, {more / max(1, told) * 1e3:.2f} ms each"
        )
        db.close()
    return 0 if some < BAR and quiet < BAR else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
