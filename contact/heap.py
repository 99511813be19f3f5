"""The heap of a process that runs for weeks: what was loaded at its start is never looked through again."""

from __future__ import annotations

import gc


def load() -> None:
    """Call it before all is loaded. Half a million objects come and none goes: looking for cycles among them again
    and again was a fifth of a start.
    """
    gc.disable()


def settle() -> None:
    """Call it once all is loaded. A full collection of it would stop everybody for 50 to 100 ms."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 1000)  # small and often: a page leaves 2,000 cycles, and 50,000 at once are 80 ms
