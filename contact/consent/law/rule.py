"""One rule of the law, or of those whose doors we send through: what it says, where it stands, whom it binds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the tables. `name` is a sentence for people (a msgid); `key` never changes."""

    key: str
    name: str
    source: str
    """Article or section, as one would cite it."""
    url: str
    channels: tuple[str, ...] = ()
    """Where it holds; empty = everywhere."""
    country: str = ""
    """Of the recipient; empty = any."""
    closed: tuple[time, time] | None = None
    """Local time between which nothing may be sent: from, until."""
    years: int = 0
    months: int = 0
    days: int = 0
    since: date | None = None
    """In force from this day on."""

    def binds(self, channel: str, countries: frozenset[str], day: date | None = None) -> bool:
        """Whether it holds for messages on this channel to recipients in these countries."""
        here = not self.channels or channel in self.channels
        theirs = not self.country or self.country in countries
        return here and theirs and (self.since is None or day is None or day >= self.since)
