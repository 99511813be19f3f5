"""What a chat message costs the worker in the readers of the log, beside what it cost to take it in.

    .venv/bin/python -m bench.readers [--talks 400] [--rounds 10]

A house on SQLite without rules, policies and automatic answers. CPU time; see bench/README.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import wsgi
from contact import following, inbox, intake, migrations
from contact.db import utcnow
from contact.following import Reader
from contact.inbox import Inbox
from contact.messages import AddressKind, Inbound, Party
from contact.readers import BATCH
from contact.service import Service
from contact.settings import Settings

TOGETHER = 100
"""Messages of one transaction of intake."""
NUMBERS = count(1)


def spoken(service: Service, box: int, talks: int) -> float:
    """Every visitor says one thing; CPU seconds."""
    begun = time.process_time()
    for start in range(0, talks, TOGETHER):
        with service.db.write() as session:
            where = session.get_one(Inbox, box)
            for talk in range(start, min(talks, start + TOGETHER)):
                number = next(NUMBERS)
                who = Party(AddressKind.VISITOR, f"visitor-{talk:010d}")
                said = Inbound("chat", f"k{number}", f"f{number}", who, f"{number} 배송이 언제 되나요")
                intake.take(session, utcnow(), said, where)
    return time.process_time() - begun


def read(service: Service, readers: Sequence[Reader]) -> float:
    """To the end, as the worker does it; CPU seconds."""
    begun = time.process_time()
    while True:
        with service.db.write() as session:
            if not following.advance_together(session, readers, BATCH):
                return time.process_time() - begun


def measured(talks: int, rounds: int, *, apart: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as folder:
        service = wsgi.compose(Settings(data_dir=Path(folder), secret_key="x" * 40))
        migrations.upgrade(service.db.engine)
        with service.db.write() as session:
            box = inbox.add(session, utcnow(), "chat", "demo", "Chat").id
        readers = wsgi.readers(service)
        groups = [[reader] for reader in readers] if apart else [readers]
        spoken(service, box, talks)
        first = [read(service, group) for group in groups]
        taken = sum(spoken(service, box, talks) for _ in range(rounds))
        then = [read(service, group) for group in groups]
        if not apart:
            print(f"{'taken in':16} {taken / talks / rounds * 1e6:5.0f} us a message")
        for group, one, more in zip(groups, first, then, strict=True):
            name, each = group[0].name if apart else "all together", more / talks / rounds
            print(f"{name:16} {each * 1e6:5.0f} us a message, {one / talks * 1e6:.0f} the first of a talk")
        service.db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talks", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=10)
    plan = parser.parse_args()
    for apart in (False, True):
        measured(plan.talks, plan.rounds, apart=apart)


if __name__ == "__main__":
    main()
