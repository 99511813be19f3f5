"""Campaigns: mail from one worker to Postfix's smtp-sink, beside smtp-source and nodemailer in the same run.

    python bench/campaigns.py [mails] [connections] [runs] [--small] [--signed] [--core]
                               [--freeze N] [--nodemailer FOLDER]

* smtp-source   Postfix's own generator in C, as many kept connections (-d), mails of the same size (-l)
* nodemailer    with its pool, when FOLDER holds node_modules/nodemailer
* house         a worker process with nothing but the pipe, and what a campaign asks of a real house: a content with
                fields, consent of each recipient in the ledger, a signed link to unsubscribe; claims, journal,
                settling, log. Start-up and freezing are not counted: from the first accepted to the last
* --small       mails of 3 kB (text and HTML), as small houses send them; else 22 kB
* --signed      the same signed by RSA-2048, beside `openssl speed rsa2048`
* --core        the worker has one core to itself alone, all else the others
* --freeze      an audience of N recipients, frozen

Ratios are of one run on one machine, the two in turn; medians over the runs. CPU us a mail is user and system of the
process; on a busy machine it says more than the rate. smtp-sink and smtp-source come with Debian's postfix.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from campaign_kit import PipeProcess, Shop, Words  # noqa: E402
from mail_doubles import Sink  # noqa: E402
from post_office import PostOffice  # noqa: E402
from real import free_port  # noqa: E402
from sqlalchemy import text  # noqa: E402

from campaigns import audience  # noqa: E402
from campaigns.campaign import Campaign  # noqa: E402
from campaigns.content import compiled  # noqa: E402
from campaigns.content import content as contents  # noqa: E402
from campaigns.content.wording import Draft  # noqa: E402
from channels.email.mould import Mould  # noqa: E402
from contact import migrations  # noqa: E402
from contact.db import Database, utcnow  # noqa: E402
from contact.messages import AddressKind, InboxFacts, Outbound, Party  # noqa: E402

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin"


_LINE = "안녕하세요. 봄을 맞아 새 상품을 소개해 드립니다. Spring is here, and so are we.\n"


def draft(lines: int) -> Draft:
    """A newsletter: the name in subject and greeting, an own link at the end."""
    page = "".join(f'<p style="color:#333333">{_LINE.strip()}</p>\n' for _ in range(lines))
    greeting = "{{ name | default('고객') }} 님"
    return Draft(
        f"{greeting}, 봄 소식",
        f"{greeting}\n{_LINE * lines}\n{{{{ unsubscribe_url }}}}\n",
        f'<p>{greeting}</p>\n{page}<p><a href="{{{{ unsubscribe_url }}}}">수신거부</a></p>\n',
    )


LINES = {"large": 68, "small": 5}


def size(words: Draft) -> int:
    """Bytes of a mail of the house, so that the others send as many."""
    link = "https://shop.example/u/1234-a-" + "k" * 24
    filled = compiled(words).fill({"name": "김1234", "unsubscribe_url": link})
    to = Party(AddressKind.EMAIL, "c1234@customer.example")
    message = Outbound(1, 0, "0" * 32 + "@shop.example", to, filled.text, filled.subject, filled.html, unsubscribe=link)
    return len(Mould(InboxFacts(1, "email", "smtp", "help@shop.example", "Shop"), b"k" * 32, None).cast(message).raw)


@contextlib.contextmanager
def smtp_sink() -> Iterator[int]:
    program, port = shutil.which("smtp-sink", path=SBIN), free_port()
    assert program, "apt-get install postfix"
    process = subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "4096"], stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def source(port: int, count: int, connections: int, length: int) -> tuple[float, float]:
    """Mails a second, and CPU us a mail: on a busy machine the second says more."""
    program = shutil.which("smtp-source", path=SBIN)
    assert program
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [program, "-d", "-s", str(connections), "-m", str(count), "-l", str(length), f"127.0.0.1:{port}"]
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / seconds, used / count * 1e6


_NODE = """
const nodemailer = require("nodemailer");
const [port, count, connections, size] = process.argv.slice(1).map(Number);
const pool = nodemailer.createTransport({host: "127.0.0.1", port, pool: true, maxConnections: connections,
  maxMessages: Infinity, secure: false, ignoreTLS: true});
const text = "Spring is here, and so are we.\\n".repeat(size / 31);
(async () => {
  const started = process.hrtime.bigint(); let sent = 0;
  const one = async () => { while (sent < count) { const n = sent++;
    await pool.sendMail({from: "help@shop.example", to: `c${n}@customer.example`, subject: "봄 소식",
      text: `김${n} 님\\n${text}`}); } };
  await Promise.all(Array.from({length: connections * 2}, one));
  console.log(count / (Number(process.hrtime.bigint() - started) / 1e9)); pool.close();
})();
"""


def nodemailer(folder: Path, port: int, count: int, connections: int, length: int) -> float:
    command = ["node", "-e", _NODE, str(port), str(count), str(connections), str(length)]
    return float(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)


def shop(home: Path, count: int, port: int, connections: int) -> Shop:
    url = f"sqlite:///{home / 'hanmaru.db'}"
    db = Database(url)
    migrations.upgrade(db.engine)
    db.close()
    office = PostOffice.build(
        home, url, relay_url=f"smtp://127.0.0.1:{port}", relay_tls="none", relay_connections=connections
    )
    made = Shop(office, Sink())
    for start in range(1, count + 1, 20_000):
        made.customers(min(20_000, count + 1 - start), start)
    return made


def agreed(made: Shop, words: Draft) -> int:
    """A content, and everybody's consent to advertising in the ledger; the number of the content's version."""
    service = made.office.service
    with service.db.write() as session:
        session.execute(
            text("""
                INSERT INTO consent (at, address_id, contact_id, channel, purpose, night, scope, given, how, words,
                    proof, said_at, salt, sealed, hash)
                SELECT created_at, id, contact_id, 'email', 'advertising', 0, 'address', 1, 'form', '', '',
                    created_at, '', '', '' FROM address
            """)
        )
        can = service.channels["email"].capabilities
        version = contents.add(session, utcnow(), contents.Wording("봄", words), "email", can, None)
        return version.id


def house(
    home: Path, port: int, count: int, connections: int, words: Draft, core: bool, **more: str
) -> tuple[float, float, float, float]:
    """Mails a second from the first to the last, CPU us a mail, seconds to freeze, highest MiB of memory."""
    made = shop(home, count, port, connections)
    number = made.launch(version_id=agreed(made, words), definition={"all": []})
    worker = made.worker()
    worker.extra, worker.ports = {"PUBLIC_URL": "https://shop.example", **more}, "house"
    worker.start()
    assert worker.process
    process = psutil.Process(worker.process.pid)
    if core:
        apart(process)
    began = cpu = most = 0.0
    started = time.perf_counter()
    frozen = 0.0
    while made.state(number) != "finished":
        most = max(most, process.memory_info().rss / 2**20)
        if not began and (before := made.counts(number)["accepted"]):
            began, cpu = time.perf_counter(), sum(process.cpu_times()[:2])
            frozen = began - started
        time.sleep(0.25)
    ended = made.office.one(lambda session: session.get_one(Campaign, number).ended_at)
    seconds = time.perf_counter() - began - (utcnow() - ended).total_seconds()
    rate = (count - before) / seconds
    used = (sum(process.cpu_times()[:2]) - cpu) / (count - before) * 1e6
    assert made.counts(number)["accepted"] == count, made.told(number)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait()
    made.office.close()
    return rate, used, frozen, most


def apart(process: psutil.Process) -> None:
    """The last core for this one, the others for all else that is ours."""
    *others, last = range(os.cpu_count() or 1)
    process.cpu_affinity([last])
    for one in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        if one.pid != process.pid and others:
            one.cpu_affinity(others)


def rsa() -> float:
    told = subprocess.run(["openssl", "speed", "-seconds", "2", "rsa2048"], capture_output=True, text=True, check=True)
    found = re.search(r"rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)", told.stdout)
    assert found, told.stdout
    return float(found[1])


def freeze(count: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        made = shop(Path(folder), count, 1, 1)
        number = made.launch()
        with made.office.service.db.read() as session:
            campaign = session.get_one(Campaign, number)
        started = time.perf_counter()
        who = Words().audience({}, channel="email", now=utcnow())
        assert audience.freeze(made.office.service.db, utcnow(), campaign, who)
        seconds = time.perf_counter() - started
        assert made.counts(number)["planned"] == count
        most = psutil.Process().memory_info().rss / 2**20
        made.office.close()
        return seconds, most


def key(folder: Path) -> dict[str, str]:
    path = folder / "dkim.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(path), "2048"], check=True, capture_output=True)
    return {"DKIM_KEY": str(path), "DKIM_DOMAIN": "shop.example", "DKIM_SELECTOR": "s1"}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("mails", nargs="?", type=int, default=20_000)
    asked.add_argument("connections", nargs="?", type=int, default=20)
    asked.add_argument("runs", nargs="?", type=int, default=3)
    asked.add_argument("--small", action="store_true")
    asked.add_argument("--signed", action="store_true")
    asked.add_argument("--core", action="store_true")
    asked.add_argument("--freeze", type=int, default=0)
    asked.add_argument("--nodemailer", type=Path)
    given = asked.parse_args()
    words = draft(LINES["small" if given.small else "large"])
    length = size(words)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, mails of {length:,} bytes")
    if given.freeze:
        seconds, most = freeze(given.freeze)
        print(f"freeze {given.freeze:,}: {seconds:.1f} s, {most:.0f} MiB")
        return
    told: dict[str, list[float]] = {}
    for _ in range(given.runs):
        with smtp_sink() as port, tempfile.TemporaryDirectory() as folder:
            more = key(Path(folder)) if given.signed else {}
            base, base_cpu = rsa(), 0.0
            if not given.signed:
                base, base_cpu = source(port, given.mails, given.connections, length)
            told.setdefault("openssl" if given.signed else "smtp-source", []).append(base)
            if given.nodemailer and not given.signed:
                count = given.mails // 4
                told.setdefault("nodemailer", []).append(
                    nodemailer(given.nodemailer, port, count, given.connections, length)
                )
            rate, cpu, frozen, most = house(
                Path(folder), port, given.mails, given.connections, words, given.core, **more
            )
            told.setdefault("house", []).append(rate)
            told.setdefault("house/base", []).append(rate / base)
            print({name: round(values[-1], 2) for name, values in told.items()}, flush=True)
            print(f"  CPU us a mail: {cpu:.0f}, the base {base_cpu or 1e6 / base:.0f}; {frozen:.1f} s, {most:.0f} MiB")
    print("medians", {name: round(statistics.median(values), 2) for name, values in told.items()})


if __name__ == "__main__":
    main()


__all__ = ["PipeProcess"]
