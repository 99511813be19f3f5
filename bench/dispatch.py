"""The dispatcher alone: what one message costs besides its provider's own library.

    python bench/dispatch.py [messages] [rounds] [--tree OTHER] [--hands 4] [--pace]

The provider's library is a send that says yes at once; everything else is ours: whose turn it
is, begin, load, settle, the row of the log. Each round furnishes a house with so many replies of
2 KB, one conversation each, and reads the CPU clock of a process of its own from the start of
the part to the last settled message. `--tree` is another checkout of this project: rounds of both alternate.
`--pace` gives the inbox two limits that are never reached.
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
from typing import Any

TREE = Path(os.environ.get("BENCH_TREE", Path(__file__).parents[1]))
sys.path[:0] = [str(TREE), str(TREE / "tests")]

from post_office import PostOffice  # noqa: E402

from channels.dispatcher import Dispatcher  # noqa: E402
from contact import migrations  # noqa: E402
from contact.channel import Capabilities, Channels  # noqa: E402
from contact.db import Database  # noqa: E402
from contact.inbox import Inbox  # noqa: E402
from contact.messages import DeliveryState, InboxFacts, Outbound, Receipt  # noqa: E402
from contact.worker import Context  # noqa: E402

TEXT = "Thank you for your order, it leaves today and arrives tomorrow.\n" * 30
PACE = [[1_000_000, 1], [10_000_000, 60]]


class Null:
    """A provider whose library costs nothing."""

    name = "email"

    def __init__(self, can: Capabilities) -> None:
        self.capabilities = can

    async def send(self, message: Outbound, _inbox: InboxFacts) -> Receipt:
        number = message.delivery_id
        return Receipt(DeliveryState.WIRED, delivery_id=number, provider_ref=f"ref-{number}")

    async def close(self) -> None:
        """Nothing is open."""


def furnished(home: Path, count: int, paced: bool) -> PostOffice:
    """A house with `count` replies in its outbox."""
    url = f"sqlite:///{home / 'hanmaru.db'}"
    db = Database(url)
    migrations.upgrade(db.engine)
    db.close()
    office = PostOffice.build(home, url)
    null: Any = Null(office.service.channels["email"].capabilities)
    object.__setattr__(office.service, "channels", Channels(null))
    for number in range(count):
        office.write_to(f"c{number}@customer.example", TEXT)
    if paced:
        with office.service.db.write() as session:
            session.get_one(Inbox, 1).settings = {"pace": PACE}
    return office


def left(office: PostOffice) -> int:
    with office.service.db.engine.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from delivery where state <> 'wired'").scalar() or 0)


async def sent(office: PostOffice, hands: int) -> tuple[float, float]:
    """CPU and wall seconds until all have left."""
    context = Context(office.service)
    cpu, started = time.process_time(), time.perf_counter()
    part = asyncio.create_task(Dispatcher({"email": hands}).run(context))
    while left(office):
        await asyncio.sleep(0.1)
    spent = time.process_time() - cpu, time.perf_counter() - started
    context.end()
    await part
    context.close()
    return spent


def one_round(given: argparse.Namespace) -> None:
    """Prints microseconds of CPU a message and messages a second."""
    with tempfile.TemporaryDirectory() as folder:
        office = furnished(Path(folder), given.messages, given.pace)
        cpu, wall = asyncio.run(sent(office, given.hands))
        office.service.close()
    print(f"{cpu / given.messages * 1e6:.0f} {given.messages / wall:.0f}")


def measured(tree: Path) -> tuple[float, float]:
    """One round of a tree, in a process of its own."""
    environment = {**os.environ, "BENCH_TREE": str(tree)}
    command = [sys.executable, __file__, *sys.argv[1:], "--round"]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    cpu, rate = map(float, answer.stdout.split()[-2:])
    return cpu, rate


def compare(given: argparse.Namespace) -> None:
    trees = [TREE, *([given.tree] if given.tree else [])]
    told: dict[Path, list[tuple[float, float]]] = {tree: [] for tree in trees}
    loads = [os.getloadavg()[0]]
    for _ in range(given.rounds):
        for tree in trees:
            told[tree].append(measured(tree))
        loads.append(os.getloadavg()[0])
    what = f"{given.messages} messages, {given.hands} hands{', paced' * given.pace}"
    print(
        f"{what}, medians of {given.rounds} rounds; load {min(loads):.1f} to {max(loads):.1f}, {os.cpu_count()} cores"
    )
    for tree, figures in told.items():
        cpu, rate = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{cpu:6.0f} us CPU a message {rate:6.0f} messages/s  {tree}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("messages", nargs="?", type=int, default=2000)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--hands", type=int, default=4)
    parser.add_argument("--pace", action="store_true")
    parser.add_argument("--round", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    one_round(asked) if asked.round else compare(asked)
