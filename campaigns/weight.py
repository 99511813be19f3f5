"""Weight: what a campaign's messages come to on their channel: parts and pages, price, and what cannot be sent to whom.

The channel says so itself, as it does for the composer (`Channel.preview`); nothing is counted here a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from contact.channel import Binds, Bulk, Channel, ChannelError, Preview
from contact.messages import InboxFacts, Outbound, Party

MOST = 2_000
"""Messages that are weighed."""
DRAWN = 12
"""Letters that are set for it, the longest among them: each takes some hundredths of a second."""
SHOWN = 20


@dataclass(slots=True)
class Weight:
    """`looked` messages were asked about, `weighed` of them drawn. Empty where a message weighs nothing (mail)."""

    looked: int = 0
    weighed: int = 0
    sizes: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """Kind (SMS, LMS), units, unit: for how many."""
    cost: Decimal = Decimal()
    currency: str = ""
    longest: tuple[int, int, str] | None = None
    """Contact, units, unit of the one with the most."""
    problems: Counter[str] = field(default_factory=Counter)
    """Why it cannot be sent, and to how many; they would fail."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """The first of those: contact and reason."""

    @property
    def is_whole(self) -> bool:
        """Whether every message that can be sent was weighed, of those that were looked at."""
        return self.weighed == self.looked - self.problems.total()

    def cost_of(self, many: int) -> tuple[Decimal, str] | None:
        """What it costs to write to so many, when those who were not looked at are like those who were."""
        if not self.weighed or not self.currency:
            return None
        sent = many * (self.looked - self.problems.total()) / self.looked
        return self.cost * Decimal(round(sent)) / self.weighed, self.currency


class Scales:
    """Weighs messages of one campaign, as they come."""

    def __init__(self, channel: Channel, inbox: InboxFacts) -> None:
        self._channel, self._inbox = channel, inbox
        self._kept: list[tuple[int, Outbound]] = []
        self.found = Weight()
        self._draws = isinstance(channel, Binds)

    @property
    def wants(self) -> bool:
        return not isinstance(self._channel, Bulk) and self.found.looked < MOST

    def put(self, contact: int, message: Outbound) -> None:
        self.found.looked += 1
        if isinstance(self._channel, Binds):
            if (no := self._channel.hindrance(message, self._inbox)) is not None:
                self._wrong(contact, no.reason)
            else:
                self._kept.append((contact, message))
            return
        self._weigh(contact, message)

    def end(self) -> Weight:
        """With the letters drawn: the longest, and some from all over the list."""
        rest = sorted(self._kept, key=lambda one: -len(one[1].text))
        step = max(1, len(rest) // DRAWN)
        for contact, message in rest[::step][:DRAWN]:
            self._weigh(contact, message)
        self._kept.clear()
        return self.found

    def _weigh(self, contact: int, message: Outbound) -> None:
        try:
            told = self._channel.preview(message, self._inbox)
        except ChannelError as error:
            self._wrong(contact, error.reason)
            return
        if told.problems:
            self._wrong(contact, told.problems[0][1])
            return
        found, size = self.found, _size(told)
        found.weighed += 1
        found.sizes[size] += 1
        if told.cost is not None:
            found.cost, found.currency = found.cost + told.cost[0], told.cost[1]
        if found.longest is None or size[1] > found.longest[1]:
            found.longest = (contact, size[1], size[2])

    def _wrong(self, contact: int, why: str) -> None:
        self.found.problems[why] += 1
        if len(self.found.rows) < SHOWN:
            self.found.rows.append((contact, why))


def _size(told: Preview) -> tuple[str, int, str]:
    if told.unit != "byte":
        return "", told.units, told.unit
    return str(told.facts.get("form", "")).upper(), int(told.facts.get("segments") or 1), "segment"


def message(
    channel: Channel, to: Mapping[str, Any], subject: str, text: str, html: str, unsubscribe: str = ""
) -> Outbound:
    """As it would leave to `to` (value, name)."""
    can = channel.capabilities
    made = Outbound(0, 0, "preview", Party(can.address, to["value"], to["name"]), text, unsubscribe=unsubscribe)
    return replace(made, subject=subject if can.subject else "", html=html if can.html else "")
