"""Doors: how much one receiving domain is given at once and a second, and when it is left alone. Pure.

A receiver that is busy says so (421, 4.7.x) about mail to its own domain: then that door alone rests, longer each time,
and opens for one message at first; the others go on. What a door may take is counted in each worker for itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

RESTS: Final = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds a door rests, by how often in a row its receiver was busy."""
JITTER = 0.2
SLOW = 0.2
"""Seconds a message takes behind a door that is slow, when others are twice as quick or nothing is known of them."""
QUICK = 0.05
"""Seconds a message takes at least, as far as waiting for others goes."""
STRANGE = 5
"""So many doors that were closed one after the other, and none that took anything between: it is the relay."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`at_once`: messages on their way; `per_second` None: as many as it takes. `why`: where the numbers are from."""

    name: str
    domains: tuple[str, ...]
    at_once: int
    per_second: float | None
    why: str


_UNPUBLISHED = (
    "No number is published. Half of what Postfix opens to one place by default, and slow enough that a hundred "
    "thousand take an hour: receivers judge sudden rises (https://support.google.com/mail/answer/81126)"
)
ANY: Final = Limit("", (), 20, None, "Postfix: default_destination_concurrency_limit (postconf(5))")
LIMITS: Final = (
    Limit("naver", ("naver.com",), 10, 30, _UNPUBLISHED),
    Limit("kakao", ("daum.net", "hanmail.net", "kakao.com"), 10, 30, _UNPUBLISHED),
    Limit("google", ("gmail.com", "googlemail.com"), 10, 30, _UNPUBLISHED),
    Limit("microsoft", ("outlook.com", "outlook.kr", "hotmail.com", "live.com", "msn.com"), 10, 30, _UNPUBLISHED),
    Limit("yahoo", ("yahoo.com", "yahoo.co.jp", "yahoo.co.kr", "aol.com"), 10, 30, _UNPUBLISHED),
    Limit("apple", ("icloud.com", "me.com", "mac.com"), 10, 30, _UNPUBLISHED),
    Limit("nate", ("nate.com",), 10, 30, _UNPUBLISHED),
)
_OF: Final[Mapping[str, Limit]] = {domain: limit for limit in LIMITS for domain in limit.domains}


def door_of(value: str) -> str:
    """The door a mail address is behind: its provider, else its domain."""
    domain = value.rpartition("@")[2].lower()
    limit = _OF.get(domain)
    return limit.name if limit else domain


@dataclass(slots=True)
class Door:
    """One of them, by the clock of the loop."""

    limit: Limit = ANY
    busy: int = 0
    most: int = 0
    """At once, now: one after a rest, then more with each that is taken."""
    free_at: float = 0.0
    """When its rate allows the next one."""
    rests_until: float = 0.0
    refused: int = 0
    """How often in a row."""
    said: str = ""
    took: float = 0.0
    """Seconds a message takes, lately."""
    slow: bool = False

    def __post_init__(self) -> None:
        self.most = self.limit.at_once

    def is_open(self, now: float) -> bool:
        return self.busy < self.most and now >= self.rests_until and now >= self.free_at

    def begin(self, now: float) -> None:
        self.busy += 1
        if self.limit.per_second:  # some may leave together after a pause of a fifth of a second
            step = 1 / self.limit.per_second
            self.free_at = max(self.free_at, now - 0.2) + step

    def taken(self) -> None:
        self.refused, self.said = 0, ""
        self.most = min(self.most * 2, self.limit.at_once)

    def close(self, now: float, said: str, after: float | None = None) -> None:
        """Its receiver is busy. What was on its way together fails together: that is one refusal."""
        if now < self.rests_until:
            return
        wait = RESTS[min(self.refused, len(RESTS) - 1)] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        self.rests_until = now + (after if after is not None else wait)
        self.refused += 1
        self.most, self.said = 1, said

    def pace(self, share: int) -> float:
        """How many a second leave behind it, roughly: what stands at the back of its line is spread by that."""
        by_time = min(self.limit.at_once, share) / max(self.took, QUICK)
        return min(self.limit.per_second or by_time, by_time)


@dataclass(slots=True)
class Doors:
    """All of one worker: a domain is the same whichever campaign knocks."""

    known: dict[str, Door] = field(default_factory=dict)
    _strange: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Door:
        door = self.known.get(name)
        if door is None:
            limit = next((one for one in LIMITS if one.name == name), ANY)
            door = self.known[name] = Door(limit)
        return door

    def landed(self, name: str, took: float) -> None:
        """Whatever became of it."""
        door = self[name]
        door.busy -= 1
        door.took = door.took * 0.8 + took * 0.2 if door.took else took
        door.slow = door.took > SLOW and not any(
            one.took * 2 >= door.took for other, one in self.known.items() if other != name and one.took
        )

    def taken(self, name: str) -> None:
        self._strange.clear()
        self[name].taken()

    def close(self, name: str, now: float, said: str, after: float | None = None) -> bool:
        """Whether it is this door alone; False: all are closed, one after the other, so it is the relay."""
        self[name].close(now, said, after)
        self._strange.add(name)
        return len(self._strange) < STRANGE

    def closed(self, now: float) -> Iterator[tuple[str, Door]]:
        """Those that rest, or have not taken anything since."""
        return (
            (name, door) for name, door in self.known.items() if door.refused and now < door.rests_until + RESTS[-1]
        )
