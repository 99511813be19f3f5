"""The console's pages over a million conversations, as a browser gets them from the running service.

    python bench/inbox.py --keep FOLDER     # makes the house
    python -m bench.pages FOLDER [--rounds 40]

Starts `python wsgi.py`, web process and worker, on that house, signs an agent in and asks for the
pages in turn over one kept connection: wall time from the request to the last byte. Wanted at p95: every
page under 150 ms. Other work on the machine lengthens it; how much there was is shown.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil

from bench.cold_start import free_port
from bench.processes import Strangers, family, spent
from contact.db import Database, utcnow
from contact.settings import Settings
from contact.users import Role, by_login, create, sessions

ROOT = Path(__file__).parents[1]
LIMIT = 150.0
LOGIN = "bench@shop.example"
FIXED = {
    "where the day begins": "/desk",
    "mine": "/desk?list=mine",
    "unassigned": "/desk?list=unassigned",
    "all, longest waiting": "/desk?list=all&sort=waiting",
    "all, resolved": "/desk?list=all&state=resolved",
    "a common tag": "/desk?list=all&tag=tag0",
    "the list alone": "/desk/list?list=all",
    "search, two words": "/desk/search?q=%EB%B0%B0%EC%86%A1+%EC%A7%80%EC%97%B0",
    "search, a number": "/desk/search?q=12345",
    "people": "/desk/contacts",
    "people, search": "/desk/contacts?q=%EA%B9%80",
    "today": "/desk/home",
    "failed work": "/desk/failed",
}


def cookie(settings: Settings) -> str:
    """An agent of the house, signed in."""
    db = Database(settings.database)
    with db.write() as session:
        user = by_login(session, LOGIN) or create(session, utcnow(), email=LOGIN, name="Bench", role=Role.AGENT)
        token = sessions.open_(session, user, settings, utcnow(), ip="127.0.0.1", agent="bench")
    db.close()
    return f"{sessions.cookie_name(settings)}={token}"


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    """`python wsgi.py` until the end, ready; its process id."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
    given = {
        "HANMARU_DATA_DIR": str(settings.data_dir), "HANMARU_DATABASE_URL": settings.database,
        "HANMARU_LISTEN": f"127.0.0.1:{settings.listen[1]}", "HANMARU_SMTP_LISTEN": "127.0.0.1:0",
        "HANMARU_LOG_LEVEL": "warning",
    }  # fmt: skip
    with (settings.data_dir / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "wsgi.py")], env=kept | given, stdout=output, stderr=output
        )
    try:
        while not _ready(settings.listen[1]):
            if process.poll() is not None:
                raise SystemExit("the service ended: " + (settings.data_dir / "output").read_text()[-2000:])
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _ready(port: int) -> bool:
    try:
        return ask(HTTPConnection("127.0.0.1", port, timeout=5), "/health/ready", "") == 200
    except OSError:
        return False


def ask(line: HTTPConnection, path: str, cookie: str) -> int:
    line.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html", "Accept-Encoding": "gzip"})
    answer = line.getresponse()
    answer.read()
    return answer.status


def paths(count: int) -> Iterator[tuple[str, str]]:
    """What agents ask for; threads and people somewhere else each time."""
    yield from FIXED.items()
    yield "a conversation", f"/desk/conversations/{random.randint(1, count)}"
    yield "a thread, no frame", f"/desk/conversations/{random.randint(1, count)}?part=thread"
    yield "a person", f"/desk/contacts/{random.randint(1, count // 4)}"


@contextmanager
def strangers(pid: int) -> Iterator[None]:
    """Says how busy others were while this ran."""
    ours = [psutil.Process(), *family(pid)]
    before = [spent(one.pid) for one in ours]
    others = Strangers()
    yield
    cores = others.cores(spent(one.pid) - had for one, had in zip(ours, before, strict=True))
    print(f"others used {cores:.2f} cores meanwhile{'' if cores < 0.3 else '   <-- too busy for wall times'}")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--conversations", type=int, default=1_000_000)
    given = arguments.parse_args()
    home = given.home.absolute()
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None, data_dir=home, database_url=f"sqlite:///{home / 'inbox.db'}", listen=("127.0.0.1", free_port())
    )
    signed_in, found = cookie(settings), defaultdict[str, list[float]](list)
    with serving(settings) as pid:
        line = HTTPConnection("127.0.0.1", settings.listen[1], timeout=30)
        for _ in range(3):
            for _name, path in paths(given.conversations):
                ask(line, path, signed_in)
        with strangers(pid):
            for _ in range(given.rounds):
                for name, path in paths(given.conversations):
                    started = time.perf_counter()
                    status = ask(line, path, signed_in)
                    found[name].append((time.perf_counter() - started) * 1000)
                    if status != 200:
                        raise SystemExit(f"{path}: {status} instead of a page")
    good = True
    for name, times in found.items():
        times.sort()
        p95 = times[int(len(times) * 0.95)]
        good = good and p95 < LIMIT
        told = f"p50 {times[len(times) // 2]:7.1f}  p95 {p95:7.1f}  worst {times[-1]:7.1f} ms"
        print(f"{name:<28} {told}{'' if p95 < LIMIT else f'   <-- over {LIMIT:.0f}'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
