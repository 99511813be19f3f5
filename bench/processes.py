"""What processes cost: their CPU clocks, how long they waited for a core, how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds used, and seconds spent ready to run but without a core."""

    cpu: float
    waited: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.cpu - other.cpu, self.waited - other.waited)


def spent(pid: int) -> Spent:
    """The clocks of all threads of one process, to the nanosecond (clock_getcpuclockid(3), proc(5) schedstat)."""
    waited = sum(_run_queue(task) for task in Path(f"/proc/{pid}/task").iterdir())
    return Spent(time.clock_gettime((~pid << 3) | 2), waited / 1e9)


def _run_queue(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):  # the thread has ended, or the kernel does not count
        return 0


def family(pid: int) -> list[psutil.Process]:
    """A process and its children."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


class Strangers:
    """How much of the machine others used between two looks: what makes a measurement doubtful."""

    def __init__(self) -> None:
        self._at, self._busy = time.monotonic(), _busy()

    def cores(self, ours: Iterable[Spent]) -> float:
        """Cores that were busy with something else than `ours` since the beginning."""
        seconds = time.monotonic() - self._at
        return max(0.0, (_busy() - self._busy - sum(one.cpu for one in ours)) / seconds)


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "softirq", 0.0))
