"""The real worker as a process that tests kill, freeze and start again, with a relay of moods beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mail_doubles import Sink
from post_office import PostOffice
from real import RAN, ROOT, answers, free_port, freeze, wait_for


@dataclass
class WorkerProcess:
    """`python wsgi.py worker` (or `short_lease.py`) that can be killed, frozen and started again."""

    office: PostOffice
    smtp_port: int
    relay_port: int
    lease: float | None = None
    process: subprocess.Popen[bytes] | None = None
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.office.service.settings.data_dir / f"worker-{self.smtp_port}.log"

    def start(self) -> WorkerProcess:
        settings = self.office.service.settings
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
        environment = {
            "HANMARU_DATA_DIR": str(settings.data_dir),
            "HANMARU_DATABASE_URL": settings.database_url,
            "HANMARU_SECRET_KEY": settings.secret_key,
            "HANMARU_SMTP_LISTEN": f"127.0.0.1:{self.smtp_port}",
            "HANMARU_RELAY_URL": f"smtp://127.0.0.1:{self.relay_port}",
            "HANMARU_RELAY_TLS": "none",
            "HANMARU_LOG_FORMAT": "json",
        }
        script = [str(ROOT / "wsgi.py"), "worker"]
        if self.lease:
            script = [str(ROOT / "tests" / "short_lease.py"), str(self.lease)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *script], cwd=settings.data_dir, env=kept | environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        RAN.add("server")
        return self

    def wait_open(self) -> WorkerProcess:
        wait_for(lambda: answers(self.smtp_port), what=lambda: f"the worker:\n{self.output.read_text()[-2000:]}")
        return self

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP while it holds no lock: frozen in the middle of a write, it would let nobody else write."""
        assert self.process
        freeze(self.process, self.office.service.db)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(60) == 0


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink().running() as sink:
        yield sink


@pytest.fixture
def make_worker(make_office: Callable[..., PostOffice], sink: Sink) -> Iterator[Callable[..., WorkerProcess]]:
    """Workers of one house; all are killed at the end."""
    offices: list[PostOffice] = []
    made: list[WorkerProcess] = []

    def make(kind: str = "sqlite", **more: float) -> WorkerProcess:
        if not offices:
            offices.append(make_office(kind, relay_url=f"smtp://127.0.0.1:{sink.port}", relay_tls="none"))
        made.append(WorkerProcess(offices[0], free_port(), sink.port, **more))
        return made[-1]

    yield make
    for worker in made:
        with contextlib.suppress(ProcessLookupError):
            worker.send(signal.SIGCONT)
        worker.kill()
