"""What the other web processes told: their agents, who looks at what there, who types there.

A process tells each change as it happens, and all of it together now and then: so what got lost
on the way is mended, and of a process that died everything ends when it has been silent too long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contact.signs import KINDS, Sign, State, Typing, Viewing


@dataclass(slots=True)
class Told:
    """The last word of one process."""

    heard: float
    agents: dict[int, State] = field(default_factory=dict)
    views: dict[tuple[int, int], Viewing] = field(default_factory=dict)
    typing: dict[tuple[int, str, int], Typing] = field(default_factory=dict)


class Elsewhere:
    """All other processes, as far as they were heard in the last `believe_for` seconds."""

    def __init__(self, believe_for: float) -> None:
        self._believe_for = believe_for
        self._told: dict[str, Told] = {}

    def knows(self, process: str) -> bool:
        return process in self._told

    def agents(self) -> Iterator[dict[int, State]]:
        now = time.monotonic()
        return (told.agents for told in self._told.values() if now - told.heard < self._believe_for)

    def views(self) -> Iterator[Viewing]:
        return (view for told in self._told.values() for view in told.views.values())

    def view(self, key: tuple[int, int]) -> Viewing | None:
        """Whether that agent looks at that conversation in any other process."""
        return next((told.views[key] for told in self._told.values() if key in told.views), None)

    def heard(self, process: str, word: Mapping[str, Any]) -> list[Sign]:
        """Take the word of a process; returns what has changed by it."""
        told = self._told.setdefault(process, Told(time.monotonic()))
        told.heard = time.monotonic()
        if "agents" in word:
            told.agents = {int(user): state for user, state in word["agents"].items()}
        signs = [kind(*word[name]) for name, kind in KINDS.items() if name in word]
        if "views" in word:
            views = [Viewing(*one) for one in word["views"]]
            typing = [Typing(*one) for one in word["types"]]
            signs += [*self._missing(told, views, typing), *views, *typing]
        return [sign for sign in signs if self._new(told, sign)]

    def silent(self) -> list[Sign]:
        """Forget processes that fell silent; returns what ended with them."""
        limit = time.monotonic() - self._believe_for
        gone = [process for process, told in self._told.items() if told.heard < limit]
        ended: list[Sign] = []
        for process in gone:
            ended += self._missing(self._told.pop(process), (), ())
        return ended

    @staticmethod
    def _missing(told: Told, views: Iterable[Viewing], typing: Iterable[Typing]) -> list[Sign]:
        """The end of everything it had told and does not tell any more."""
        seen, typed = {view.key for view in views}, {one.key for one in typing}
        return [
            *(replace(view, state="gone") for key, view in told.views.items() if key not in seen),
            *(replace(one, on=False) for key, one in told.typing.items() if key not in typed),
        ]

    @staticmethod
    def _new(told: Told, sign: Sign) -> bool:
        """Keep it; whether it says something new."""
        if isinstance(sign, Viewing):
            return keep(told.views, sign, on=sign.state != "gone")
        if isinstance(sign, Typing):
            return keep(told.typing, sign, on=sign.on)
        return True


def keep(known: dict[Any, Any], sign: Viewing | Typing, *, on: bool) -> bool:
    """Remember the last word under its key, or forget it; whether it is another one than before."""
    if not on:
        return known.pop(sign.key, None) is not None
    if known.get(sign.key) == sign:
        return False
    known[sign.key] = sign
    return True
