"""May we write to these 500? A million rows of the ledger, SQLite, against one bare look-up of the same addresses.

    .venv/bin/python -m bench.consent            # two minutes; the exit status says whether 500 take less than 25 ms

The reference is the least that could be done: `SELECT address_id, max(id) FROM consent WHERE address_id IN (500)`
with the bare driver. What a campaign adds is who they are, refusals of the person, consent and its age, the night.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contact import consent, migrations
from contact.consent import Purpose
from contact.consent.law.launch import launch_problems  # noqa: F401 - loads the tables as a worker does
from contact.db import Database

ROWS = 1_000_000
AT_ONCE = 500
ROUNDS = 200
BAR = 0.025
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul


def fill(path: Path, rows: int) -> None:
    """As many contacts, addresses and wishes: nine of ten agreed, one of ten refused, some for all of them."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    at = (NOW - timedelta(days=100)).strftime("%Y-%m-%d %H:%M:%S.%f")
    contacts = ((n, "", "", "", n, at) for n in range(1, rows + 1))
    db.executemany(
        "INSERT INTO contact (id, name, organisation, note, root_id, created_at) VALUES (?,?,?,?,?,?)", contacts
    )
    kinds = ((n, n, "tel", f"+8210{n:08d}", "", at) for n in range(1, rows + 1))
    db.executemany(
        "INSERT INTO address (id, contact_id, kind, value, unreachable_reason, created_at) VALUES (?,?,?,?,?,?)", kinds
    )
    chance = random.Random(7)
    order = list(range(1, rows + 1))
    chance.shuffle(order)
    wishes = ((at, n, n, "person" if n % 100 == 0 else "address", int(n % 10 != 0), at) for n in order)
    db.executemany(
        "INSERT INTO consent (at, address_id, contact_id, channel, purpose, night, scope, given, how, words, proof,"
        " said_at, salt, sealed, hash) VALUES (?,?,?,'sms','advertising',0,?,?,'form','','',?,'','','')",
        wishes,
    )
    db.execute("ANALYZE")
    db.commit()
    db.close()


def median(work: Callable[[list[int]], object], rows: int) -> float:
    """CPU seconds of this process for one batch of addresses."""
    chance, taken = random.Random(3), []
    for _ in range(ROUNDS):
        wanted = chance.sample(range(1, rows + 1), AT_ONCE)
        began = time.process_time()
        work(wanted)
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main(rows: int = ROWS) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hanmaru.db"
        db = Database(f"sqlite:///{path}")
        migrations.upgrade(db.engine)
        fill(path, rows)
        bare = sqlite3.connect(path)
        marks = ",".join("?" * AT_ONCE)
        query = f"SELECT address_id, max(id) FROM consent WHERE address_id IN ({marks}) GROUP BY address_id"

        def ours(wanted: list[int]) -> None:
            with db.read() as session:
                consent.verdicts(session, NOW, wanted, channel="sms", purpose=Purpose.ADVERTISING)

        for _ in range(2):
            reference = median(lambda wanted: bare.execute(query, wanted).fetchall(), rows)
            took = median(ours, rows)
        bare.close()
        db.close()
    each = took / AT_ONCE * 1e6
    print(f"{rows:,} rows, {AT_ONCE} addresses: {took * 1e3:.1f} ms ({each:.0f} us each)")
    print(f"bare look-up of the same: {reference * 1e3:.1f} ms; ratio {took / reference:.1f}")
    return 0 if took < BAR else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
