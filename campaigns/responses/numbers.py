"""Numbers of a campaign as its progress shows them, made of the counts of `campaigns/results/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from campaigns.responses.judging import Who
from campaigns.results.counted import Counted
from contact.log import Name

ENDS = (
    Name.RECIPIENT_ACCEPTED,
    Name.RECIPIENT_FAILED,
    Name.RECIPIENT_UNKNOWN,
    Name.RECIPIENT_SUPPRESSED,
    Name.RECIPIENT_EXPIRED,
    Name.RECIPIENT_CANCELLED,
)
CAME_BACK = (Name.RESPONSE_REPLIED, Name.RESPONSE_CLICKED, Name.RESPONSE_OPENED)


@dataclass(frozen=True, slots=True)
class Numbers:
    """`ends`: recipients by the name of their last row; an `unknown` that was resolved later counts where it belongs.

    `people`: who replied, clicked or opened, by what they are. `delivered`, `returned`: of the accepted, what was
    heard of later.
    """

    ends: Mapping[Name, int] = field(default_factory=dict)
    delivered: int = 0
    returned: int = 0
    people: Mapping[tuple[Name, Who | None], int] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """All for whom there is an end; the audience, once the campaign is over."""
        return sum(self.ends.values())

    def of(self, name: Name, who: Who | None = None) -> int:
        return self.people.get((name, who), 0)


def numbers(session: Session, launch_id: int) -> Numbers:
    """Of the campaign whose launch is this row of the log. Somebody who clicked ten times is one.

    Folded once and exact at every moment (`campaigns/results/`); `results/recount.py` proves it by one query.
    """
    counted = Counted.read(session, launch_id)
    ends = {name: n for name in ENDS if (n := counted.fate(name.removeprefix("recipient.")))}
    people: dict[tuple[Name, Who | None], int] = {}
    for name in CAME_BACK:
        deed = name.removeprefix("response.")
        for who in (None, *Who):
            one = deed if who is None else f"{deed}.{who}"
            if n := counted.people(one) or counted.visits(one):  # without personal tracking: visits
                people[name, who] = n
    told = [counted.rows(name) for name in (Name.RECIPIENT_DELIVERED, Name.RECIPIENT_RETURNED)]
    return Numbers(ends, told[0], told[1], people)
