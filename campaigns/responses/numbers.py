"""Numbers of a campaign, counted from the log by one query. Every page shows these, none keeps a count of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.responses.judging import Who
from contact import log
from contact.log import Interaction, Name

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
    """`ends`: recipients by the name of their last row. `people`: who replied, clicked or opened, by what they are."""

    ends: Mapping[Name, int] = field(default_factory=dict)
    people: Mapping[tuple[Name, Who | None], int] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """All for whom there is an end; the audience, once the campaign is over."""
        return sum(self.ends.values())

    def of(self, name: Name, who: Who | None = None) -> int:
        return self.people.get((name, who), 0)


def numbers(session: Session, launch_id: int) -> Numbers:
    """Of the campaign whose launch is this row of the log. Somebody who clicked ten times is one."""
    row = Interaction
    who = row.data["who"].as_string()
    query = (
        select(row.name, who, func.count(), func.count(row.address_id.distinct()))
        .where(row.about_id == launch_id, log.OF_CAMPAIGNS)
        .where(row.name.in_([name.value for name in (*ENDS, *CAME_BACK)]))
        .group_by(row.name, who)
    )
    ends: dict[Name, int] = {}
    people: dict[tuple[Name, Who | None], int] = {}
    for name, told, rows, persons in session.execute(query):
        if Name(name) in ENDS:
            ends[Name(name)] = rows
        else:
            people[Name(name), Who(told) if told else None] = persons or rows  # without personal tracking: visits
    return Numbers(ends, people)
