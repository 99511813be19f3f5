"""The ladder as a value: by what, and how many days after it came to somebody. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from board.notice.attempt import Channel
from contact.errors import Invalid

MOST = 10
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class Step:
    channel: Channel
    days: int

    def as_json(self) -> dict[str, Any]:
        return {"channel": self.channel.value, "days": self.days}


DEFAULT: Final = (
    Step(Channel.BOARD, 0), Step(Channel.EMAIL, 0), Step(Channel.SMS, 1), Step(Channel.PAPER, 3), Step(Channel.TASK, 5),
)  # fmt: skip


def parse(given: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Checked, by day; what is on the board is there from the first day, whoever else is told. Raises `Invalid`."""
    found = {_step(one) for one in given} - {Step(Channel.BOARD, n) for n in range(1, MOST_DAYS + 1)}
    steps = (Step(Channel.BOARD, 0), *sorted(found - {Step(Channel.BOARD, 0)}, key=_place))
    if len(steps) > MOST:
        raise Invalid("A ladder has up to %(n)s steps.", n=MOST)
    return steps


def _step(given: Mapping[str, Any]) -> Step:
    days = str(given.get("days", "")).strip()
    if not (days.isascii() and days.isdecimal()) or int(days[:6]) > MOST_DAYS:
        raise Invalid("A step comes 0 to %(n)s days after the first.", n=MOST_DAYS)
    try:
        return Step(Channel(str(given.get("channel"))), int(days))
    except ValueError:
        raise Invalid("What was chosen does not exist any more.") from None


def _place(step: Step) -> tuple[int, int]:
    return step.days, list(Channel).index(step.channel)
