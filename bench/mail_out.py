"""Outbound mail: what the dispatcher costs a message, beside plain aiosmtplib in the same run.

    python bench/mail_out.py [mails] [connections] [runs]

Against one SMTP sink in a process of its own, medians over the runs:

* plain    aiosmtplib `sendmail` of ready bytes over kept connections, nothing written down
* relay    our transaction alone (envelope, text, drain, dot)
* house    promised in the database, claimed, begun, composed, handed over, settled, logged

What did not help is told in docs/mail.md.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosmtplib

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from post_office import PostOffice  # noqa: E402

from channels.dispatcher import Dispatcher  # noqa: E402
from channels.email.compose import Mailing  # noqa: E402
from channels.email.relay import Relay, Target  # noqa: E402
from contact import migrations  # noqa: E402
from contact.db import Database  # noqa: E402
from contact.worker import Context  # noqa: E402

RAW = b"From: help@shop.example\r\nTo: kim@customer.example\r\nSubject: Re: order\r\nMessage-ID: <1@x>\r\n\r\n" + (
    b"Thank you for your order, it leaves today and arrives tomorrow.\r\n" * 30
)


class Sink(asyncio.Protocol):
    """Says yes to everything, cheaply."""

    def __init__(self) -> None:
        self.data, self.buffer = False, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.data else b"\r\n"
            words, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.data:
                self.data = False
                self.transport.write(b"250 queued\r\n")
            else:
                self.data = words[:4].upper() == b"DATA"
                self.transport.write(b"354 go\r\n" if self.data else b"250 ok\r\n")


async def sink(port_file: str) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    Path(port_file).write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


async def plain(port: int, count: int, connections: int) -> None:
    todo = iter(range(count))

    async def one() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for _ in todo:
                await client.sendmail("help@shop.example", ["kim@customer.example"], RAW)

    await asyncio.gather(*(one() for _ in range(connections)))


async def relay(port: int, count: int, connections: int) -> None:
    pool = Relay(Target("127.0.0.1", port, tls="none", connections=connections))
    mailing, todo = Mailing("help@shop.example", ("kim@customer.example",), False), iter(range(count))

    async def one() -> None:
        for _ in todo:
            await pool.send(mailing, RAW)

    await asyncio.gather(*(one() for _ in range(connections)))
    await pool.close()


async def house(office: PostOffice, count: int, connections: int) -> None:
    context = Context(office.service)
    part = asyncio.create_task(Dispatcher({"email": connections}).run(context))
    while (states := _states(office)) != {"wired": count}:
        assert set(states) <= {"queued", "sending", "wired"}, states
        await asyncio.sleep(0.02)
    context.end()
    await part
    for channel in office.service.channels:
        await channel.close()
    context.close()


def _states(office: PostOffice) -> dict[str, int]:
    with office.service.db.engine.connect() as connection:
        rows = connection.exec_driver_sql("select state, count(*) from delivery group by state").all()
    return {str(state): int(number) for state, number in rows}


def measured(count: int, work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Mails a second, CPU microseconds a mail of this process."""

    async def run() -> None:
        await work()

    cpu, started = time.process_time(), time.perf_counter()
    asyncio.run(run())
    return count / (time.perf_counter() - started), (time.process_time() - cpu) / count * 1e6


def promised(home: Path, port: int, count: int, connections: int) -> PostOffice:
    """A house with `count` replies of about 2 KB in its outbox, one conversation each."""
    url = f"sqlite:///{home / 'hanmaru.db'}"
    db = Database(url)
    migrations.upgrade(db.engine)
    db.close()
    office = PostOffice.build(
        home, url, relay_url=f"smtp://127.0.0.1:{port}", relay_tls="none", relay_connections=connections
    )
    text = "Thank you for your order, it leaves today and arrives tomorrow.\n" * 30
    for number in range(count):
        office.write_to(f"c{number}@customer.example", text)
    return office


def main(count: int = 1500, connections: int = 4, runs: int = 3) -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    told: dict[str, list[tuple[float, float]]] = {"plain": [], "relay": [], "house": []}
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        process = subprocess.Popen([sys.executable, __file__, "sink", str(port_file)])
        try:
            while not port_file.exists() or not port_file.read_text():
                time.sleep(0.05)
            port = int(port_file.read_text())
            for run in range(runs):
                home = Path(folder) / str(run)
                home.mkdir()
                office = promised(home, port, count, connections)
                told["plain"].append(measured(count, lambda: plain(port, count, connections)))
                told["relay"].append(measured(count, lambda: relay(port, count, connections)))
                told["house"].append(measured(count, lambda office=office: house(office, count, connections)))
                office.service.close()
        finally:
            process.kill()
            process.wait()
    print(f"{count} mails of {len(RAW) / 1000:.1f} KB, {connections} connections, medians of {runs} runs")
    base = statistics.median(cpu for _, cpu in told["plain"])
    for name, figures in told.items():
        rate, cpu = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{name:6} {rate:7.0f} mails/s  {cpu:6.0f} us CPU a mail  {cpu / base:5.2f} of plain")


if __name__ == "__main__":
    if sys.argv[1:2] == ["sink"]:
        asyncio.run(sink(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
