"""Counted: the numbers of one campaign as pages show them: what was folded, and what the log says since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.results import fold, what
from campaigns.results.table import Count, Cut
from contact import log
from contact.log import Interaction

MOST = 20_000
"""Rows a page counts itself; where more wait the worker is behind, and the page says so."""


@dataclass(slots=True)
class Counted:
    """`pending`: rows of the log that were added to what is folded. `behind`: how many more are not in it."""

    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    pending: int = 0
    behind: int = 0

    @classmethod
    def read(cls, session: Session, launch_id: int) -> Counted:
        """A few milliseconds while the worker keeps up."""
        cells: Counter[tuple[str, str, str]] = Counter()
        query = select(Count.cut, Count.name, Count.key, Count.n).where(Count.launch_id == launch_id)
        for cut, name, key, n in session.execute(query):
            cells[cut, name, key] = n
        place = fold.place(session)
        waits = log.head(session) - place
        if waits > MOST:
            about = select(func.count()).where(Interaction.about_id == launch_id, log.OF_CAMPAIGNS)
            waits = session.scalar(about.where(Interaction.id > place)) or 0
        if waits > MOST:
            return cls(cells, 0, waits)
        rows = fold.behind(session, launch_id, place) if waits else []
        found = fold.fold(rows, fold.known(session, rows), fold.named(session, [launch_id]))
        for (_launch, cut, name, key), n in found.counts.items():
            cells[str(cut), name, key] += n
        return cls(cells, len(rows))

    def rows(self, name: str, key: str = "") -> int:
        return self.cells.get((Cut.ROWS.value, name, key), 0)

    def people(self, deed: str) -> int:
        return self.cells.get((Cut.PEOPLE.value, deed, ""), 0)

    def visits(self, deed: str) -> int:
        return self.cells.get((Cut.VISITS.value, deed, ""), 0)

    def fate(self, end: str) -> int:
        """Recipients who ended so. An unknown that was resolved later is what it was resolved to, or nothing yet."""
        resolved = {to: self.rows("recipient.resolved", to) for to in (*what.ENDS, "planned")}
        own = self.rows(f"recipient.{end}")
        return own - sum(resolved.values()) if end == "unknown" else own + resolved[end]

    @property
    def ended(self) -> int:
        """All for whom there is an end: the audience, once the campaign is over."""
        return sum(self.fate(end) for end in what.ENDS)

    def of(self, cut: Cut, name: str) -> list[tuple[str, int]]:
        """Keys and numbers, the largest first."""
        found = [(key, n) for (kind, called, key), n in self.cells.items() if kind == cut.value and called == name]
        return sorted((one for one in found if one[1]), key=lambda one: (-one[1], one[0]))

    def slots(self, name: str) -> Mapping[int, int]:
        """How many in which minute."""
        return {int(key): n for key, n in self.of(Cut.SLOT, name)}
