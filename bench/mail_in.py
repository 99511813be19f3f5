"""Inbound mail: how many 20 KB multipart mails a second are accepted, and how many reach the log.

    python bench/mail_in.py [mails] [connections] [runs]

Two figures, medians over the runs, from real SMTP over loopback into the real worker process:

* acceptance: mails answered 250 (committed raw) while nothing reads them yet
* intake: the same mails parsed, threaded and appended while the listener takes them; mails a
  CPU second = divided by the CPU time of listener, receiver, database and parser children
* everything: the same with all parts of the worker, the search index of each mail included

Every mail is different (id, text, attachment); a third answers an earlier one.
What did not help is told at the end of docs/mail.md.
"""

from __future__ import annotations

import base64
import os
import platform
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from real import free_port  # noqa: E402


def mail(number: int, rng: random.Random) -> bytes:
    """19-20 KB: text, HTML, a 4 KB attachment, Korean headers."""
    words = " ".join(
        rng.choice(["배송", "문의", "드립니다", "주문", "환불", "언제", "확인", "부탁"]) for _ in range(380)
    )
    subject = base64.b64encode(f"배송 문의 {number}".encode()).decode()
    answers = f"In-Reply-To: <{number - 7}@bench.example>\r\n" if number % 3 == 0 and number > 7 else ""
    text = base64.encodebytes(f"{number} 안녕하세요.\n{words}\n\n> 이전 내용\n> {words[:300]}\n".encode())
    html = base64.encodebytes(f"<html><body><p>{number} 안녕하세요.</p><p>{words}</p></body></html>".encode() * 2)
    file = base64.encodebytes(rng.randbytes(4096))
    head = (
        f"From: =?UTF-8?B?6rmA7LKg7IiY?= <customer{number % 500}@bench.example>\r\nTo: help@shop.example\r\n"
        f"Subject: =?UTF-8?B?{subject}?=\r\nMessage-ID: <{number}@bench.example>\r\n{answers}"
        "Date: Mon, 02 Mar 2026 12:00:00 +0900\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n'
        'Content-Type: multipart/alternative; boundary="a"\r\n\r\n--a\r\n'
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ).encode()
    return (
        head + text
        + b"--a\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + html
        + b'--a--\r\n--m\r\nContent-Type: image/png; name="photo.png"\r\n'
        + b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=photo.png\r\n\r\n"
        + file + b"--m--\r\n"
    ).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")  # fmt: skip


WORDS = ["배송", "문의", "드립니다", "주문", "환불", "언제", "확인", "부탁"]


class Worker:
    """`python wsgi.py worker` on a database of its own."""

    def __init__(self, home: Path, *names: str) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            **os.environ,
            "HANMARU_DATA_DIR": str(home),
            "HANMARU_SMTP_LISTEN": f"127.0.0.1:{self.port}",
            "HANMARU_LOG_LEVEL": "warning",
        }
        if not (home / "hanmaru.db").exists():
            prepare = "import wsgi;from contact import migrations,opening;from contact.db import utcnow\n"
            prepare += "s=wsgi.compose();migrations.upgrade(s.db.engine);opening.welcome(s,utcnow())"
            subprocess.run([sys.executable, "-c", prepare], cwd=ROOT, env=self.environment, check=True)
        only = f"parts=[p for p in parts if p.name in {names!r}];" if names else ""
        run = "import wsgi;from contact import worker,logs;s=wsgi.compose();logs.configure(s.settings,'bench');"
        run += f"parts=wsgi.parts(s);{only}worker.main(s,parts)"
        self.process = subprocess.Popen([sys.executable, "-c", run], cwd=ROOT, env=self.environment)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)

    def cpu(self) -> float:
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family)

    def count(self, query: str) -> int:
        with sqlite3.connect(self.home / "hanmaru.db") as connection:
            return int(connection.execute(query).fetchone()[0])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def pour(port: int, mails: list[bytes], connections: int) -> float:
    """All mails over a few kept connections; seconds. A plain socket client: the cheapest there is."""

    def one(share: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:

            def say(words: bytes, expected: bytes) -> None:
                connection.sendall(words)
                while (line := answers.readline())[3:4] == b"-":
                    pass
                assert line.startswith(expected), line

            say(b"", b"220")
            say(b"EHLO bench.example\r\n", b"250")
            for each in share:
                say(b"MAIL FROM:<c@bench.example>\r\n", b"250")
                say(b"RCPT TO:<help@shop.example>\r\n", b"250")
                say(b"DATA\r\n", b"354")
                say(each + b".\r\n", b"250")
            say(b"QUIT\r\n", b"221")

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(one, [mails[start::connections] for start in range(connections)]))
    return time.perf_counter() - started


def acceptance(mails: list[bytes], connections: int) -> tuple[float, float]:
    """Mails accepted a second, and CPU microseconds of the worker for each."""
    with tempfile.TemporaryDirectory() as home:
        worker = Worker(Path(home), "smtp listener")
        try:
            before = worker.cpu()
            seconds = pour(worker.port, mails, connections)
            cpu = worker.cpu() - before
            assert worker.count("select count(*) from raw") == len(mails)
        finally:
            worker.stop()
    return len(mails) / seconds, cpu / len(mails) * 1e6


def intake(mails: list[bytes], connections: int, *names: str) -> tuple[float, float]:
    """Mails in the log a second of wall time, and a second of CPU time."""
    with tempfile.TemporaryDirectory() as home:
        worker = Worker(Path(home), *names)
        try:
            before, started = worker.cpu(), time.perf_counter()
            pour(worker.port, mails, connections)
            while worker.count("select count(*) from raw where state = 'kept'"):
                time.sleep(0.02)
            seconds, cpu = time.perf_counter() - started, worker.cpu() - before
            received = worker.count("select count(*) from interaction where name = 'message.received'")
            assert received == len(mails), f"{received} of {len(mails)}"
        finally:
            worker.stop()
    return len(mails) / seconds, len(mails) / cpu


def main(count: int = 1500, connections: int = 10, runs: int = 3) -> None:
    rng = random.Random(7)
    mails = [mail(number, rng) for number in range(count)]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{count} mails of {statistics.mean(map(len, mails)) / 1000:.1f} KB, {connections} connections, {runs} runs")
    accepted = [acceptance(mails, connections) for _ in range(runs)]
    rate, cost = (statistics.median(column) for column in zip(*accepted, strict=True))
    print(f"acceptance  {rate:7.0f} mails/s   {cost:6.0f} us CPU a mail")
    for label, names in (("intake", ("smtp listener", "receiver")), ("everything", ())):
        taken = [intake(mails, connections, *names) for _ in range(runs)]
        wall, core = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{label:11} {wall:7.0f} mails/s   {core:6.0f} mails a CPU second")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
