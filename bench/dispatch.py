"""The dispatcher alone: what one message costs besides its provider's own library.

    python bench/dispatch.py [messages] [rounds] [--tree OTHER] [--hands 4] [--pace] [--profile FILE]

The provider's library is a send that says yes at once; everything else is ours: claim, begin,
load, settle, the row of the log. A round furnishes a house with so many replies, one conversation
each, and measures the CPU clock of a process of its own from the start of the part to the
last settled message. `--tree` is another checkout of this project: rounds of both alternate.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(os.environ.get("BENCH_TREE", Path(__file__).parents[1]))


def round_(count: int, hands: int, paced: bool) -> None:
    """One round in this process; prints CPU microseconds a message and messages a second."""
    sys.path[:0] = [str(TREE), str(TREE / "tests")]
    from post_office import PostOffice

    from channels.dispatcher import Dispatcher
    from contact import migrations
    from contact.channel import Channels
    from contact.db import Database
    from contact.inbox import Inbox
    from contact.messages import DeliveryState, Receipt
    from contact.worker import Context

    class Null:
        """A provider whose library costs nothing."""

        def __init__(self, inner: object) -> None:
            self.name, self.capabilities = "email", inner.capabilities  # type: ignore[attr-defined]

        async def send(self, message: object, _inbox: object) -> Receipt:
            return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id, provider_ref=f"r{message.delivery_id}")  # type: ignore[attr-defined]

        async def close(self) -> None:
            """Nothing is open."""

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/hanmaru.db"
        db = Database(url)
        migrations.upgrade(db.engine)
        db.close()
        office = PostOffice.build(Path(folder), url)
        object.__setattr__(office.service, "channels", Channels(Null(office.service.channels["email"])))  # type: ignore[arg-type]
        text = "Thank you for your order, it leaves today and arrives tomorrow.\n" * 30
        for number in range(count):
            office.write_to(f"c{number}@customer.example", text)
        if paced:
            with office.service.db.write() as session:
                session.get_one(Inbox, 1).settings = {"pace": [[100000, 1], [1000000, 60]]}

        def done() -> bool:
            with office.service.db.engine.connect() as connection:
                left = "select 1 from delivery where state in ('queued', 'sending') limit 1"
                return connection.exec_driver_sql(left).first() is None

        async def run() -> tuple[float, float]:
            context = Context(office.service)
            cpu, started = time.process_time(), time.perf_counter()
            part = asyncio.create_task(Dispatcher({"email": hands}).run(context))
            while not done():
                await asyncio.sleep(0.1)
            spent = time.process_time() - cpu, time.perf_counter() - started
            context.end()
            await part
            context.close()
            return spent

        cpu, wall = asyncio.run(run())
        with office.service.db.engine.connect() as connection:
            wired = connection.exec_driver_sql("select count(*) from delivery where state = 'wired'").scalar()
        assert wired == count, wired
        print(f"{cpu / count * 1e6:.0f} {count / wall:.0f}")
        office.service.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("messages", nargs="?", type=int, default=2000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--hands", type=int, default=4)
    parser.add_argument("--pace", action="store_true")
    parser.add_argument("--round", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.round:
        round_(given.messages, given.hands, given.pace)
        return
    trees = [TREE, *([given.tree] if given.tree else [])]
    told: dict[Path, list[tuple[float, float]]] = {tree: [] for tree in trees}
    for _ in range(given.rounds):
        for tree in trees:
            command = [sys.executable, __file__, str(given.messages), "--round", "--hands", str(given.hands)]
            environment = {**os.environ, "BENCH_TREE": str(tree)}
            more = ["--pace"] if given.pace else []
            answer = subprocess.run([*command, *more], env=environment, check=True, capture_output=True, text=True)
            cpu, rate = map(float, answer.stdout.split()[-2:])
            told[tree].append((cpu, rate))
    load = os.getloadavg()[0]
    print(f"{given.messages} messages, {given.hands} hands, medians of {given.rounds} rounds, load {load:.1f}")
    for tree, figures in told.items():
        cpu, rate = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{tree}: {cpu:.0f} us CPU a message, {rate:.0f} messages/s")


if __name__ == "__main__":
    main()
