"""How long from `python wsgi.py` to the first answered request, and to a ready worker.

    .venv/bin/python bench/cold_start.py [ROUNDS]

Each round is a fresh process on an existing, migrated house with compiled bytecode, as
`make run` leaves it. The bare interpreter and the imports alone are printed beside it, so
that figures from different machines can be compared as ratios.
"""

from __future__ import annotations

import compileall
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("contact", "channels", "campaigns", "board")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answered(url: str, process: subprocess.Popen[bytes]) -> bytes:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            if process.poll() is not None:
                sys.exit("the server ended")
            time.sleep(0.005)


def start(home: Path) -> tuple[float, float]:
    """Seconds to the first answer, and until everything is ready."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
    variables = {
        "HANMARU_DATA_DIR": str(home / "data"),
        "HANMARU_LISTEN": f"127.0.0.1:{port}",
        "HANMARU_SMTP_LISTEN": f"127.0.0.1:{free_port()}",
    }
    began = time.perf_counter()
    with (home / "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "wsgi.py")], cwd=home, env=kept | variables,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        answered(f"http://127.0.0.1:{port}/health/live", process)
        first = time.perf_counter() - began
        answered(f"http://127.0.0.1:{port}/health/ready", process)  # a 503 is an error, too: asked again
        return first, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - began


def main(rounds: int) -> None:
    for room in ROOMS:
        compileall.compile_dir(ROOT / room, quiet=2)
    bare = statistics.median(seconds("pass") for _ in range(rounds))
    libraries = "from gevent import monkey; monkey.patch_all(); import flask, flask_socketio, sqlalchemy.orm, pydantic"
    imports = statistics.median(seconds(libraries) for _ in range(rounds))
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        start(home)  # makes and migrates the house
        found = [start(home) for _ in range(rounds)]
    firsts, readies = zip(*found, strict=True)
    print(f"bare interpreter          {bare:6.3f} s")
    print(f"its libraries alone       {imports:6.3f} s")
    print(f"first answered request    {statistics.median(firsts):6.3f} s   (of {rounds}, worst {max(firsts):.3f})")
    print(f"ready, worker too         {statistics.median(readies):6.3f} s   (worst {max(readies):.3f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
