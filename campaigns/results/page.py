"""What the page of results shows of one campaign, made of its counts in one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses.link import CampaignLink
from campaigns.results import fold, what
from campaigns.results.counted import Counted
from campaigns.results.table import OTHERS, Cut

SHOWN = 12
"""Reasons, links and domains of a table; the rest is one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its key, what it is called if it has a name of its own, and its numbers."""

    key: str
    numbers: tuple[int, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """`audience` is the sum of `fates`. `reached`: the accepted, of whom what came back is counted."""

    counted: Counted
    audience: int
    fates: dict[str, int]
    links: Sequence[Row]
    failures: Sequence[Row]
    left_out: Sequence[Row]
    domains: Sequence[Row]
    goals: Sequence[Row]
    hits: Sequence[tuple[str, str, Sequence[Row]]]
    """For clicks and opens, of people, machines and what cannot be told: the reasons."""
    visits: Sequence[Row]

    @property
    def reached(self) -> int:
        return self.fates["accepted"]

    @property
    def came_back(self) -> bool:
        people = (
            "replied",
            "goal",
            "refused",
            *(f"{kind}.{who}" for kind in ("clicked", "opened") for who in what.WHO),
        )
        return any(self.counted.people(deed) for deed in people) or bool(self.visits)


def build(session: Session, campaign: Campaign) -> Results:
    """Some milliseconds, whatever the size of the campaign."""
    counted = Counted.read(session, campaign.launch_id or 0)
    fates = {end: counted.fate(end) for end in what.ENDS}
    audience = _audience(session, campaign, counted)
    fates["waiting"] = max(audience - sum(fates.values()), 0)
    return Results(
        counted, sum(fates.values()), fates, _links(session, campaign.id, counted),
        _most(counted.of(Cut.WHY, "recipient.failed")), _most(counted.of(Cut.WHY, "recipient.suppressed")),
        _domains(counted), _goals(counted), _hits(counted), _visits(counted),
    )  # fmt: skip


def _audience(session: Session, campaign: Campaign, counted: Counted) -> int:
    """Counted once, when it was frozen; until then as many as are written down."""
    frozen = dict(counted.of(Cut.DOMAIN, fold.AUDIENCE))
    if frozen and campaign.frozen_at is not None:
        return sum(frozen.values())
    return session.scalar(select(func.count()).where(Recipient.campaign_id == campaign.id)) or 0


def _most(found: Sequence[tuple[str, int]]) -> list[Row]:
    return [Row(key, (n,)) for key, n in found[:SHOWN]]


def _links(session: Session, campaign_id: int, counted: Counted) -> list[Row]:
    """Those people followed most first; also those that nobody followed."""
    query = select(CampaignLink.number, CampaignLink.url).where(CampaignLink.campaign_id == campaign_id)
    rows = [
        Row(str(number), tuple(_either(counted, f"link.{number}.{who}") for who in what.WHO), url)
        for number, url in session.execute(query.order_by(CampaignLink.number))
    ]
    return sorted(rows, key=lambda row: (-row.numbers[0], int(row.key)))


def _either(counted: Counted, deed: str) -> int:
    """People; where nobody is named, visits."""
    return counted.people(deed) or counted.visits(deed)


def _domains(counted: Counted) -> list[Row]:
    """Accepted, failed, came back; the largest first, the rest last."""
    names = ("recipient.accepted", "recipient.failed", "recipient.returned")
    cut = [dict(counted.of(Cut.DOMAIN, name)) for name in names]
    rows = [Row(key, tuple(one.get(key, 0) for one in cut)) for key in {key for one in cut for key in one}]
    return sorted(rows, key=lambda row: (row.key == OTHERS, -sum(row.numbers), row.key))


def _goals(counted: Counted) -> list[Row]:
    kinds = (Cut.PEOPLE.value, Cut.VISITS.value)
    found = {
        name.removeprefix("goal."): n
        for (cut, name, _key), n in counted.cells.items()
        if cut in kinds and name.startswith("goal.")
    }
    return [Row(name, (n,), name) for name, n in sorted(found.items(), key=lambda one: -one[1])]


def _hits(counted: Counted) -> list[tuple[str, str, Sequence[Row]]]:
    found: list[tuple[str, str, Sequence[Row]]] = []
    for kind in ("clicked", "opened"):
        for who in what.WHO:
            rows = counted.of(Cut.WHY, f"{kind}.{who}")
            if rows:
                found.append((kind, who, [Row(key, (n,)) for key, n in rows]))
    return found


def _visits(counted: Counted) -> list[Row]:
    """Visits that name nobody."""
    deeds = [f"{kind}.{who}" for kind in ("clicked", "opened") for who in what.WHO]
    return [Row(deed, (n,)) for deed in deeds if (n := counted.visits(deed))]


def over_time(found: Results) -> dict[str, dict[str, dict[int, int]]]:
    """What left, and what came back: how many in which minute."""
    slots = found.counted.slots
    left = {end: dict(slots(f"recipient.{end}")) for end in ("accepted", "failed")}
    back = {deed: dict(slots(deed)) for deed in ("clicked.human", "replied", "goal", "refused")}
    return {"left": _some(left), "back": _some(back)}


def _some(slots: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in slots.items() if one}
