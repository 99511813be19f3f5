"""A large CSV with every third row broken, taken in.

    python bench/imports.py [--rows 1000000] [--limit SECONDS] [--consents]

Rows a second in the worker's own way (a transaction for each 200 rows), peak memory, and beside it what reading the
file with the standard library's `csv` alone takes in the same run. With `--limit` it stops there and says how far it
came; the first and the last tenth are compared, so that slowing down shows. With `--consents` each row holds one.
"""

# ruff: noqa: E501 - tables are wide

from __future__ import annotations

import argparse
import csv
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from contact import migrations
from contact.db import Database
from contact.imports import book
from contact.imports.shape import recognise
from contact.imports.work import Work

BROKEN = ("{n},no-address,,", '{n},"never closed@a.example,,', "{n},a{n}@a.example,010-1,x,too,many,cells", "{n},,,")


def write(path: Path, n: int, consents: bool) -> None:
    chance = random.Random(1)
    more, wish = (",동의,동의일", ",예,2026-10-01") if consents else ("", "")
    with path.open("w") as file:
        file.write(f"이름,이메일,휴대폰,태그{more}\n")
        for number in range(n):
            if number % 3 == 2:
                file.write(chance.choice(BROKEN).format(n=number) + "\n")
            else:
                file.write(
                    f"고객{number},c{number}@shop{number % 50}.example,010-{number // 10000:04}-{number % 10000:04},vip{wish}\n"
                )


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--limit", type=float, default=0)
    arguments.add_argument("--consents", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as name:
        home = Path(name)
        source = home / "contacts.csv"
        write(source, given.rows, given.consents)
        begun = time.process_time()
        with source.open(newline="") as file:
            plain = sum(1 for _ in csv.reader(file))
        alone = time.process_time() - begun
        db = Database(f"sqlite:///{home / 'imports.db'}")
        migrations.upgrade(db.engine)
        with source.open("rb") as file:
            sha256, size = book.keep(home, file, 1 << 30)
        settings = {
            "shape": recognise(book.folder(home) / sha256).as_json(), "header": True, "mode": "fill",
            "fields": ["name", "email", "phone", "tags", *(["consent", "consent_when"] if given.consents else [])],
            "proof": {"text": "Spring news by mail", "how": "form"},
        }  # fmt: skip
        now = datetime.now(UTC)
        with db.write() as session:
            kept = book.add(
                session, now, name="x.csv", sha256=sha256, size=size, settings=settings, total=given.rows, user_id=None
            )
            book.start(session, now, kept, settings)
            number = kept.id
        work, before = Work.of(db, home, number, "Asia/Seoul"), memory()
        begun, used, steps = time.perf_counter(), time.process_time(), []
        while work.step():
            steps.append(time.process_time())
            if given.limit and time.perf_counter() - begun > given.limit:
                break
        wall, cpu = time.perf_counter() - begun, time.process_time() - used
        with db.read() as session:
            done = book.get(session, number)
            tenth = max(1, len(steps) // 10)
            first, last = steps[tenth] - steps[0], steps[-1] - steps[-1 - tenth]
            print(
                f"{done.position} of {given.rows} rows: {done.made} new, {done.broken} broken, {done.noted} with a remark"
            )
            print(
                f"{done.position / wall:.0f} rows/s ({done.position / cpu:.0f} a second of CPU), memory +{memory() - before:.0f} MiB"
            )
            print(
                f"the last tenth took {last / first:.2f} times the CPU of the first; csv alone {plain / alone:.0f} rows/s"
            )
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
