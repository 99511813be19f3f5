"""What the chat bench found, as a table, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

ALLOWED_RATIO, ALLOWED_P99 = 2.5, 100.0
LOADED = 0.25
"""Cores busy with others from which on the figures of latency say little."""


@dataclass(frozen=True, slots=True)
class Round:
    """One server, once: memory, as fast as it goes, and (in the last round) at a fixed rate."""

    idle_kb: float
    flood: dict[str, Any]
    paced: dict[str, Any] | None

    def __str__(self) -> str:
        phases = (("flood", self.flood), ("paced", self.paced))
        return " | ".join(f"{name} {_line(phase)}" for name, phase in phases if phase)


def _line(phase: dict[str, Any]) -> str:
    speed = f"{phase['main_us']:.0f}+{phase['helpers_us']:.0f} us/msg, {phase['messages'] / phase['seconds']:.0f}/s"
    return f"{speed}, p99 {phase['shown99']:.0f} ms, others busy {phase['strangers']:.2f}"


def report(rounds: Mapping[str, Sequence[Round]], pairs: int, rate: int) -> int:
    """Print the table; 0 = both bars are met."""
    print(f"\n{pairs} pairs; medians of the rounds")
    columns = {name: _column(found) for name, found in rounds.items()}
    titles = list(next(iter(columns.values())))
    print(f"{'':44}" + "".join(f"{name:>12}" for name in columns) + f"{'ratio':>10}")
    for title in titles:
        values = [column[title] for column in columns.values()]
        ratio = f"{values[1] / values[0]:>10.2f}" if len(values) == 2 and values[0] and "us/msg" in title else ""
        print(f"{title:44}" + "".join(f"{value:>12.1f}" for value in values) + ratio)
    if len(columns) < 2:
        return 0
    return _verdict(columns, rounds["hanmaru"][-1].paced, rate)


def _column(rounds: Sequence[Round]) -> dict[str, float]:
    floods, paced = [one.flood for one in rounds], rounds[-1].paced
    column = {
        "as fast as it goes: server CPU us/msg": median(one["main_us"] for one in floods),
        "  worker (search index) us/msg, on top": median(one["helpers_us"] for one in floods),
        "  messages/s": median(one["messages"] / one["seconds"] for one in floods),
        "  shown to the agent, p50 ms": median(one["shown50"] for one in floods),
        "  shown to the agent, p99 ms": median(one["shown99"] for one in floods),
        "memory: KB a connection, idle": median(one.idle_kb for one in rounds),
    }
    return column | (_paced(paced) if paced else {})


def _paced(paced: dict[str, Any]) -> dict[str, float]:
    return {
        "at the fixed rate: server CPU us/msg": paced["main_us"],
        "  worker us/msg, on top, there": paced["helpers_us"],
        "  for seconds": paced["seconds"],
        "  shown to the agent there: p50 ms": paced["shown50"],
        "  p95 ms": paced["shown95"],
        "  p99 ms": paced["shown99"],
        "  longest ms": paced["shownmax"],
        "  acknowledged to the visitor: p99 ms": paced["ack99"],
        "  server: busy, % of its core": 100 * paced["main_share"],
        "  server: ready but without a core, %": 100 * paced["main_waited"],
        "  load: busy, % of its core": 100 * paced["load_share"],
        "  load: ready but without a core, %": 100 * paced["load_waited"],
        "  load: behind its timetable, p99 ms": paced["late99"],
        "  load: longest stop of its own loop, ms": paced["loopmax"],
        "  cores busy with other things": paced["strangers"],
    }


def _verdict(columns: Mapping[str, Mapping[str, float]], paced: dict[str, Any] | None, rate: int) -> int:
    ours, theirs = columns["hanmaru"], columns["node"]
    web, worker = (list(ours)[number] for number in (0, 1))
    ratio, whole = ours[web] / theirs[web], (ours[web] + ours[worker]) / theirs[web]
    print(f"\nCPU per message, stored and shown: {ratio:.2f} x the reference (bar {ALLOWED_RATIO})")
    print(f"  with the search index, which the reference does not have: {whole:.2f} x")
    good = ratio <= ALLOWED_RATIO
    if paced:
        print(f"p99 at {rate}/s: {paced['shown99']:.1f} ms (bar {ALLOWED_P99:.0f})")
        good = good and paced["shown99"] <= ALLOWED_P99
        if paced["strangers"] > LOADED:
            print(f"  {paced['strangers']:.2f} cores were busy with other things: take p99 again when it is quiet")
    return 0 if good else 1
