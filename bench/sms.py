"""A hundred text messages at once: our adapter and the whole dispatcher beside the bare SDK, in the same run.

    python bench/sms.py [messages] [rounds]

Against the tests' double of Twilio in a process of its own; rounds alternate, the table shows medians:

* sdk      `twilio` alone with its own async client, nothing kept
* adapter  `Sms.send`: checked, counted, handed over, the exchange kept ready
* house    promised in the database, claimed, begun, handed over, settled, logged, by the dispatcher

CPU is this process's own: what Twilio (the double) needs is not in it. Bars: a hundred in less than 1.5 s by the
house, and less than 1 ms CPU a message besides the SDK.
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
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from real import answers, free_port, wait_for  # noqa: E402
from sqlalchemy import func, select  # noqa: E402
from twilio.http.async_http_client import AsyncTwilioHttpClient  # noqa: E402
from twilio.http.response import Response  # noqa: E402
from twilio.rest import Client  # noqa: E402
from twilio_double import OURS, SID, TOKEN, Twilio  # noqa: E402

from channels.dispatcher import Dispatcher  # noqa: E402
from channels.sms.adapter import Sms  # noqa: E402
from contact import conversation as conversations  # noqa: E402
from contact import directory, inbox, log, migrations, outbox  # noqa: E402
from contact.channel import Channels  # noqa: E402
from contact.db import utcnow  # noqa: E402
from contact.messages import AddressKind, InboxFacts, Outbound, Party, Receipt  # noqa: E402
from contact.outbox import Delivery, Words  # noqa: E402
from contact.service import Service  # noqa: E402
from contact.settings import Settings  # noqa: E402
from contact.vault import Vault  # noqa: E402
from contact.worker import Context  # noqa: E402

TEXT = "안녕하세요, 한마루입니다. 주문하신 상품이 오늘 출발했습니다."
PUBLIC = "http://127.0.0.1:1"
Cost = tuple[float, float]
"""Seconds on the wall, and of CPU."""


class Loopback(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's own client, pointed at the double."""

    base = ""

    async def request(self, method: str, url: str, *args: object, **more: object) -> Response:
        asked, to = urlsplit(url), urlsplit(self.base)
        return await super().request(
            method, urlunsplit((to.scheme, to.netloc, asked.path, asked.query, "")), *args, **more
        )


async def timed(work: Callable[[], Awaitable[None]]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


async def sdk(url: str, count: int) -> Cost:
    http = Loopback()
    http.base = url
    http.logger.setLevel("WARNING")
    client = Client(SID, TOKEN, http_client=http)
    more = {"from_": OURS, "body": TEXT, "validity_period": 14400, "status_callback": f"{PUBLIC}/x"}

    async def work() -> None:
        await asyncio.gather(*(client.messages.create_async(to=f"+8210{n:08d}", **more) for n in range(count)))

    try:
        return await timed(work)
    finally:
        await http.close()


async def adapter(url: str, count: int) -> Cost:
    one = Sms(PUBLIC, b"key")
    box = InboxFacts(3, "sms", "twilio", OURS, "Text", settings={"account_sid": SID, "base_url": url},
                     secrets={"auth_token": TOKEN})  # fmt: skip

    def message(n: int) -> Outbound:
        return Outbound(n, 1, f"{n}@shop.example", Party(AddressKind.TEL, f"+8210{n:08d}"), TEXT)

    async def work() -> None:
        await asyncio.gather(*(one.send(message(n), box) for n in range(count)))

    try:
        return await timed(work)
    finally:
        await one.close()


class House:
    """A database of its own with an SMS inbox; `round` sends what was promised before its clock began."""

    def __init__(self, home: Path, url: str) -> None:
        settings = Settings(_env_file=None, data_dir=home, secret_key="bench " * 8)  # type: ignore[call-arg]
        self.sms = Sms(PUBLIC, b"key")
        self.service = Service.of(settings, Channels(self.sms))
        migrations.upgrade(self.service.db.engine)
        with self.service.db.write() as session:
            box = inbox.add(session, utcnow(), "sms", OURS, "Text", provider="twilio")
            box.settings = {"account_sid": SID, "base_url": url}
            box.secrets = Vault.of(settings).seal_all({"auth_token": TOKEN})
            self.box = box.id
        self.sent = 0

    def promise(self, count: int) -> None:
        can = self.service.channels["sms"].capabilities
        with self.service.db.write() as session:
            log.lock(session)
            ours = inbox.get(session, self.box)
            for _ in range(count):
                self.sent += 1
                to = Party(AddressKind.TEL, f"+8210{self.sent:08d}")
                contact, address = directory.find_or_create(session, utcnow(), to)
                talk = conversations.open_for(
                    session, utcnow(), contact_id=contact.id, inbox_id=ours.id, channel="sms", subject=""
                )
                outbox.put(session, utcnow(), conversation=talk, inbox=ours, address=address, words=Words(TEXT),
                           can=can, user_id=None, domain="shop.example")  # fmt: skip

    def waiting(self) -> int:
        with self.service.db.read() as session:
            open_ = select(func.count()).select_from(Delivery).where(Delivery.state.in_(("queued", "sending")))
            return session.scalar(open_) or 0

    async def round(self, count: int) -> Cost:
        self.promise(count)
        context = Context(self.service)
        handed = asyncio.Semaphore(0)  # looking into the database all the while would be half of the cost
        send = self.sms.send

        async def counted(message: Outbound, box: InboxFacts) -> Receipt:
            try:
                return await send(message, box)
            finally:
                handed.release()

        self.sms.send = counted  # type: ignore[method-assign]

        async def work() -> None:
            part = asyncio.create_task(Dispatcher({"sms": count}).run(context))
            for _ in range(count):
                await handed.acquire()
            while await asyncio.to_thread(self.waiting):
                await asyncio.sleep(0.01)
            context.end()
            await part

        try:
            return await timed(work)
        finally:
            self.sms.send = send  # type: ignore[method-assign]
            await self.sms.close()
            context.close()


def main(count: int, rounds: int) -> None:
    port = free_port()
    double = subprocess.Popen([sys.executable, __file__, "--double", str(port)])
    try:
        wait_for(lambda: answers(port), what="the double")
        with tempfile.TemporaryDirectory() as home:
            told = asyncio.run(measure(f"http://127.0.0.1:{port}", count, rounds, Path(home)))
    finally:
        double.terminate()
        double.wait(20)
    show(told, count)


async def measure(url: str, count: int, rounds: int, home: Path) -> dict[str, list[Cost]]:
    house = House(home, url)
    told: dict[str, list[Cost]] = {"sdk": [], "adapter": [], "house": []}
    for turn in range(rounds + 1):
        for name, cost in (
            ("sdk", await sdk(url, count)),
            ("adapter", await adapter(url, count)),
            ("house", await house.round(count)),
        ):
            if turn:  # the first one imports and warms up
                told[name].append(cost)
    house.service.close()
    return told


def show(told: dict[str, list[Cost]], count: int) -> None:
    print(f"{count} at once, {len(told['sdk'])} rounds, {platform.processor() or platform.machine()}, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    middle = {name: [statistics.median(column) for column in zip(*costs, strict=True)] for name, costs in told.items()}
    for name, (wall, cpu) in middle.items():
        beside = (cpu - middle["sdk"][1]) / count * 1000
        print(f"{name:8}{wall:8.3f} s{cpu / count * 1000:8.2f} ms CPU a message{beside:+8.2f} ms beside the SDK")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--double"]:
        with Twilio(port=int(sys.argv[2])).running():
            while True:
                time.sleep(3600)
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, about aiohttp's BasicAuth
    given = [int(one) for one in sys.argv[1:]]
    main(*(given + [100, 7][len(given) :]))
