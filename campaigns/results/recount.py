"""The proof: what the log says by one query, beside what was folded and beside the rows of the recipients.

`campaigns check` runs it for every campaign; the page "how is this counted" shows the query word for word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.results import fold, what
from campaigns.results.counted import Counted
from campaigns.results.table import Cut, Responder
from contact import log

QUERY = """
SELECT name, {who} AS who, {to} AS resolved_to, count(*) AS in_rows,
       count(DISTINCT {recipient}) AS people, count(*) - count({recipient}) AS naming_nobody
FROM interaction
WHERE about_id = :launch AND (interaction.name LIKE 'recipient.%' OR interaction.name LIKE 'response.%')
GROUP BY 1, 2, 3
"""
"""Every number of a campaign: rows of what became of recipients, people of what came back."""
PARTS = """
SELECT name, {who} AS who, coalesce({goal}, {link}) AS part, count(*) AS in_rows,
       count(DISTINCT {recipient}) AS people, count(*) - count({recipient}) AS naming_nobody
FROM interaction
WHERE about_id = :launch AND (interaction.name LIKE 'recipient.%' OR interaction.name LIKE 'response.%')
      AND name IN ('response.clicked', 'response.goal')
GROUP BY 1, 2, 3
"""
"""The same of each link and each goal."""


def worded(session: Session, query: str = QUERY) -> str:
    """A query in the words of this database."""
    link = "data->>'link'" if log.is_postgresql(session) else "CAST(data->>'link' AS text)"
    cells = {one: f"data->>'{one}'" for one in ("who", "to", "goal", "recipient")}
    return query.format(link=link, **cells).strip()


def numbers(session: Session, launch_id: int) -> dict[str, int]:
    """Every number of the results that does not depend on time, from the log alone."""
    found: Counter[str] = Counter()
    asked = {"launch": launch_id}
    for name, who, to, rows, people, nobody in session.execute(text(worded(session)), asked):
        if name.startswith("recipient."):
            found[name] += rows
            if name == "recipient.resolved":
                found[f"{name}.{to}"] += rows
        elif deed := _deed(name, who):
            found[deed] += people
            found[f"visits.{deed}"] += nobody
    for name, who, part, _rows, people, nobody in session.execute(text(worded(session, PARTS)), asked):
        deed = f"link.{part or 0}.{_who(who)}" if name == "response.clicked" else f"goal.{(part or '')[:55]}"
        if deed != "goal.":
            found[deed] += people
            found[f"visits.{deed}"] += nobody
    found["refused"] = refusals(session, launch_id)
    return {name: n for name, n in found.items() if n}


def refusals(session: Session, launch_id: int) -> int:
    """People who refused within a fortnight of it."""
    after = fold.refusals(session, Campaign.launch_id == launch_id).order_by(None)
    people = after.with_only_columns(func.count(Recipient.id.distinct()), maintain_column_froms=True)
    return session.scalar(people) or 0


def _who(told: str | None) -> str:
    return told if told in what.WHO else "unknown"


def _deed(name: str, who: str | None) -> str:
    match name:
        case "response.clicked" | "response.opened":
            return f"{name.removeprefix('response.')}.{_who(who)}"
        case "response.goal":
            return "goal"
        case "response.replied":
            return "replied"
    return ""


@dataclass(frozen=True, slots=True)
class Difference:
    campaign_id: int
    number: str
    folded: int
    counted: int

    def __str__(self) -> str:
        return f"campaign {self.campaign_id}: {self.number} is {self.folded}, the log says {self.counted}"


def check(session: Session, campaign: Campaign) -> Iterator[Difference]:
    """Everything of a campaign that is not as the log says."""
    if campaign.launch_id is None:
        return
    counted = Counted.read(session, campaign.launch_id)
    proved = numbers(session, campaign.launch_id)
    for name in sorted({*proved, *_shown(counted)}):
        if (shown := _shown(counted).get(name, 0)) != proved.get(name, 0):
            yield Difference(campaign.id, name, shown, proved.get(name, 0))
    yield from _rows(session, campaign, counted)
    yield from _sums(session, campaign, counted)


def _shown(counted: Counted) -> dict[str, int]:
    """The folded numbers by the names of `numbers`."""
    found: dict[str, int] = {}
    for (cut, name, key), n in counted.cells.items():
        if cut == Cut.ROWS:
            found[name] = found.get(name, 0) + n
            if key:
                found[f"{name}.{key}"] = n
        elif cut in (Cut.PEOPLE, Cut.VISITS) and name not in ("complained", what.ANSWERED):
            found[name if cut == Cut.PEOPLE else f"visits.{name}"] = n
    return {name: n for name, n in found.items() if n}


def _rows(session: Session, campaign: Campaign, counted: Counted) -> Iterator[Difference]:
    """The recipients' own rows say the same as the log."""
    states = recipients.counts(session, campaign.id)
    for end in what.ENDS:
        if states[end] != counted.fate(end):
            yield Difference(campaign.id, f"recipients that are {end}", states[end], counted.fate(end))


def _sums(session: Session, campaign: Campaign, counted: Counted) -> Iterator[Difference]:
    """What is cut in parts adds up, and each number of people is as many people."""
    for end in what.ENDS:
        name = f"recipient.{end}"
        rows, parts = counted.rows(name), sum(n for _key, n in counted.of(Cut.DOMAIN, name))
        if parts != rows:
            yield Difference(campaign.id, f"{name} by domain", parts, rows)
    if counted.pending:
        return
    query = select(Responder.what, func.count()).where(Responder.launch_id == campaign.launch_id)
    for deed, n in session.execute(query.group_by(Responder.what)):
        if n != counted.people(deed):
            yield Difference(campaign.id, f"people behind {deed}", counted.people(deed), n)
