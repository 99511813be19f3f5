"""What one row of the log says about a campaign: pure. Both the fold and the proof of it read rows by this.

People do a thing once, however often: who clicked ten times is one who clicked. So a row gives the things its
recipient did, as words: `replied`, `clicked.human`, `link.2.human`, `opened.machine`, `goal`, `goal.order`,
`refused`, `complained`. What names nobody is a visit, and is counted as often as it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ENDS = ("accepted", "failed", "unknown", "suppressed", "expired", "cancelled")
"""Exactly one of them ends each recipient."""
WHO = ("human", "machine", "unknown")
DRAWN = frozenset({
    "recipient.accepted", "recipient.failed", "replied", "clicked.human", "goal", "refused",
})  # fmt: skip
"""What is shown over time."""
REFUSED = "consent.withdrawn"
ANSWERED = "answered"
"""Replied, or followed a link as a person."""
MINUTE, QUARTER = 1, 15
LONGEST = 255
"""Characters of a reason that are counted by."""


@dataclass(frozen=True, slots=True)
class Said:
    """One row of the log about the launch of a campaign. `value`: the address of an end, "" where it is not asked."""

    id: int
    at: datetime
    name: str
    launch_id: int
    recipient_id: int | None
    data: Mapping[str, Any]
    value: str = ""

    @property
    def is_end(self) -> bool:
        return self.name.startswith("recipient.") and self.name[10:] in ENDS

    @property
    def reason(self) -> str:
        """Why, as a word of the log."""
        if self.name.startswith("response."):
            return str(self.data.get("why") or self.data.get("how") or "")[:LONGEST]
        if self.name == REFUSED:
            return str(self.data.get("how") or "")[:LONGEST]
        return str(self.data.get("code") or self.data.get("why") or "")[:LONGEST]

    @property
    def slot(self) -> int:
        """The minute of a recipient's end, the quarter of an hour of what people did."""
        length = MINUTE if self.name.startswith("recipient.") else QUARTER
        return int(_when(self).timestamp()) // 60 // length * length


def deeds(said: Said) -> Iterator[str]:
    """What somebody did, by this row."""
    data = said.data
    match said.name:
        case "response.replied":
            yield "replied"
            yield ANSWERED
        case "response.clicked":
            yield f"clicked.{who(data)}"
            yield f"link.{int(data.get('link') or 0)}.{who(data)}"
            if who(data) == "human":
                yield ANSWERED
        case "response.opened":
            yield f"opened.{who(data)}"
        case "response.goal":
            yield "goal"
            if goal := str(data.get("goal") or ""):
                yield f"goal.{goal[:55]}"
        case "consent.withdrawn":
            yield "refused"
            if data.get("how") == "complaint":
                yield "complained"


def who(data: Mapping[str, Any]) -> str:
    told = str(data.get("who"))
    return told if told in WHO else "unknown"


def domain(value: str) -> str:
    """Of an address; "" of what has none, and of somebody erased."""
    return value.rpartition("@")[2].lower()[:255]


def _when(said: Said) -> datetime:
    """A visit is judged a while after it came, and says when that was."""
    try:
        at = datetime.fromisoformat(str(said.data["visited"]))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return said.at
