"""What one message costs on its way in: `intake.take` for a chat message of an existing conversation, commit included.

    python bench/log_writes.py [--messages 4000] [--postgres URL] [--profile]

Prints messages a second and CPU microseconds a message, beside the least that SQLite itself
needs for the same rows (plain `sqlite3`, prepared statements, commit each) in the same run. The
ratio is what to trust: the machine's noise is in both.

What helped: from 15 times the floor to 6 by one statement that knows the sender and the talk, in
place of five and of ORM objects; to 4 by compiling the statements once and handing them to the
driver. What did not: a plainer context manager around the Session (1 us of 100).
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact import inbox, intake, migrations
from contact.db import Database, utcnow
from contact.messages import AddressKind, Inbound, Party

VISITORS = 200
TEXT = (
    "안녕하세요, 어제 주문한 상품의 배송이 언제쯤 되는지 궁금해서 문의드립니다. "
    "주문번호는 20260302-12345 입니다. 빠른 답변 부탁드려요."
)


def message(number: int, visitor: int, inbox_id: int) -> Inbound:
    return Inbound(
        channel="chat",
        key=f"chat:{inbox_id}:{number:08x}",
        fingerprint=f"{number:064x}",
        sender=Party(AddressKind.VISITOR, f"visitor-{visitor:016}"),
        text=TEXT,
        facts={"page": "https://shop.example/cart"},
    )


def measured(work: Callable[[int], None], first: int, n: int) -> tuple[float, float]:
    """Messages a second, CPU microseconds a message."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(first, first + n):
        work(number)
    return n / (time.perf_counter() - wall), (time.process_time() - cpu) / n * 1e6


def ours(db: Database) -> Callable[[int], None]:
    """One message as the chat's door takes it: its own transaction."""
    with db.write() as session:
        box = inbox.find(session, "chat", "bench") or inbox.add(session, utcnow(), "chat", "bench", "Bench")

    def work(number: int) -> None:
        with db.write() as session:
            intake.take(session, utcnow(), message(number, number % VISITORS, box.id), box)

    return work


def least(path: Path) -> Callable[[int], None]:
    """The same two rows by `sqlite3` alone, on the same schema: a floor, not a product."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")

    def work(number: int) -> None:
        conversation = number % VISITORS + 1
        now = utcnow().replace(tzinfo=None).isoformat(" ")
        connection.execute("BEGIN IMMEDIATE")
        row = connection.execute(
            """INSERT INTO interaction (at, name, conversation_id, contact_id, address_id, inbox_id, channel, "key",
            fingerprint, body, content, data) VALUES (?, 'message.received', ?, ?, ?, 1, 'chat', ?, ?, ?, ?, '{}')
            RETURNING id""",
            (now, conversation, conversation, conversation, f"least:{number:08x}", f"{number:064x}", TEXT, '{"a":"b"}'),
        ).fetchone()[0]
        connection.execute(
            "UPDATE conversation SET last_id = ?, last_at = ?, preview = ? WHERE id = ?",
            (row, now, TEXT[:140], conversation),
        )
        connection.execute("COMMIT")

    return work


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=4000)
    arguments.add_argument("--postgres", default="")
    arguments.add_argument("--profile", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as folder:
        path = Path(folder) / "bench.db"
        db = Database(given.postgres or f"sqlite:///{path}")
        migrations.upgrade(db.engine)
        work, n = ours(db), given.messages
        first = int(time.time() * 1000)
        measured(work, first, VISITORS * 2)  # everybody has a conversation, every statement is compiled
        first += VISITORS * 2
        if given.profile:
            profile = cProfile.Profile()
            profile.runcall(measured, work, first, n)
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
            return
        floor = None if given.postgres else least(path)
        for _ in range(3):
            rate, cpu = measured(work, first, n)
            first += n
            print(f"intake.take    {rate:8.0f}/s  {cpu:6.0f} us CPU a message")
            if floor:
                rate, cpu = measured(floor, first, n)
                first += n
                print(f"sqlite3 alone  {rate:8.0f}/s  {cpu:6.0f} us CPU a message")
        db.close()


if __name__ == "__main__":
    main()
