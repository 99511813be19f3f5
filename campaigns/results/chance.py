"""Chance: how far two shares differ, and whether that could be chance. Pure.

The interval is Newcombe's hybrid score interval without correction for continuity (R. G. Newcombe, "Interval estimation
for the difference between independent proportions", Statistics in Medicine 17, 1998, 873-890, method 10), made of two
of Wilson's (E. B. Wilson, JASA 22, 1927, 209-212). It holds for small numbers and for none at all, where the one taught
in schools breaks down.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

SURE = 0.95
Z = NormalDist().inv_cdf(0.5 + SURE / 2)


@dataclass(frozen=True, slots=True)
class Share:
    """`n` of `of`."""

    n: int
    of: int

    @property
    def value(self) -> float:
        return self.n / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """Second less first, as a part of one; in 95 of 100 such comparisons the truth lies from `low` to `high`."""

    value: float
    low: float
    high: float

    @property
    def may_be_chance(self) -> bool:
        """Whether no difference at all would fit what was counted."""
        return self.low <= 0 <= self.high


def wilson(share: Share, z: float = Z) -> tuple[float, float]:
    """Between which shares the truth lies."""
    p, n = share.value, share.of
    middle, width = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((middle - width) / scale, 0.0), min((middle + width) / scale, 1.0)


def difference(first: Share, second: Share, z: float = Z) -> Difference | None:
    """None where there is nobody to compare."""
    if not first.of or not second.of:
        return None
    a, b = first.value, second.value
    (a_low, a_high), (b_low, b_high) = wilson(first, z), wilson(second, z)
    d = b - a
    low, high = d - sqrt((b - b_low) ** 2 + (a_high - a) ** 2), d + sqrt((b_high - b) ** 2 + (a - a_low) ** 2)
    return Difference(d, max(low, -1.0), min(high, 1.0))
