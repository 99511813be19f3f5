"""Fold: the rows of the log about campaigns become counts, a few thousand at a time, each row once.

A campaign of a million has millions of rows; counted at every look a page would take seconds. The worker's clock
moves a position along the log (the reader `results`), and what it counts is written in the same transaction. A page
adds the rows behind that position by the same function, so it is exact at every moment, and `recount.py` compares
it with one query over the whole log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.results import what
from campaigns.results.table import FEWEST, OTHERS, Count, Cut, Responder
from campaigns.results.what import Said
from contact import log
from contact.following import ReaderState
from contact.jobs import Job
from contact.log import Interaction
from contact.worker import Context

NAME = "results"
EVERY = timedelta(seconds=5)
SPAN = 4_000
"""Rows of the log looked at in one transaction."""
AFTER = timedelta(days=14)
"""A refusal so long after it was written to somebody counts as one that came after the campaign."""
DOMAINS = 40
"""The largest domains of an audience that are counted by name."""
AUDIENCE = "audience"
_PART = 400

Cell = tuple[int, str, str, str]
"""launch, cut, name, key."""
Doer = tuple[int, str, int]
"""launch, what, recipient."""


@dataclass(slots=True)
class Folded:
    """What some rows come to. `doers`: who did something for the first time, and the row that says so."""

    counts: Counter[Cell] = field(default_factory=Counter)
    doers: dict[Doer, int] = field(default_factory=dict)


def fold(rows: Iterable[Said], known: Collection[Doer], named: Mapping[int, Collection[str]]) -> Folded:
    """Pure. `known`: who did what before; `named`: the domains of each launch that are counted by name."""
    found = Folded()
    for row in rows:
        if row.name.startswith("recipient."):
            _fate(row, found.counts, named.get(row.launch_id, ()))
        else:
            for deed in what.deeds(row):
                _deed(row, deed, found, known)
    return found


def _fate(row: Said, counts: Counter[Cell], named: Collection[str]) -> None:
    launch, name = row.launch_id, row.name
    counts[launch, Cut.ROWS, name, str(row.data.get("to") or "") if name == "recipient.resolved" else ""] += 1
    if name in what.DRAWN:
        counts[launch, Cut.SLOT, name, str(row.slot)] += 1
    if row.is_end or name == "recipient.returned":
        domain = what.domain(row.value)
        counts[launch, Cut.DOMAIN, name, domain if domain in named else OTHERS] += 1
    if name not in ("recipient.accepted", "recipient.delivered", "recipient.reported"):
        counts[launch, Cut.WHY, name, row.reason] += 1


def _deed(row: Said, deed: str, found: Folded, known: Collection[Doer]) -> None:
    launch = row.launch_id
    if row.recipient_id is None:
        if deed == what.ANSWERED:
            return
        cut = Cut.VISITS
    else:
        doer = (launch, deed, row.recipient_id)
        if doer in known or doer in found.doers:
            return
        found.doers[doer] = row.id
        cut = Cut.PEOPLE
    found.counts[launch, cut, deed, ""] += 1
    found.counts[launch, Cut.WHY, deed, row.reason] += 1
    if deed in what.DRAWN:
        found.counts[launch, Cut.SLOT, deed, str(row.slot)] += 1


# -- rows of the log --------------------------------------------------------------------------------

_SAID = (Interaction.id, Interaction.at, Interaction.name, Interaction.about_id, Interaction.data)
_RECIPIENT = Interaction.data["recipient"].as_integer()


def about_campaigns(*where: Any) -> Select[Any]:
    """Rows about launches, with the address of each recipient that is named."""
    return (
        select(*_SAID, Recipient.value)
        .outerjoin(Recipient, Recipient.id == _RECIPIENT)
        .where(log.OF_CAMPAIGNS, Interaction.about_id.is_not(None), *where)
        .order_by(Interaction.id)
    )


def refusals(session: Session, *where: Any) -> Select[Any]:
    """Refusals of those a campaign was said to, within `AFTER`; a list that was taken in refuses nothing."""
    how = Interaction.data["how"].as_string()
    return (
        select(*_SAID[:3], Campaign.launch_id, Interaction.data, Recipient.id)
        .join(Recipient, Recipient.address_id == Interaction.address_id)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Interaction.name == what.REFUSED, how != "import", Campaign.launch_id.is_not(None))
        .where(Recipient.state.in_(["accepted", "unknown"]), Interaction.at >= Recipient.settled_at)
        .where(_within(session), *where)
        .order_by(Interaction.id)
    )


def _within(session: Session) -> Any:
    days = AFTER.days
    if log.is_postgresql(session):
        return text(f"interaction.at <= recipient.settled_at + interval '{days} days'")
    return text(f"interaction.at <= datetime(recipient.settled_at, '+{days} days')")


def between(session: Session, start: int, end: int) -> list[Said]:
    """Everything about campaigns behind `start`, up to `end`."""
    span = (Interaction.id > start, Interaction.id <= end)
    return [*said(session, about_campaigns(*span)), *refused(session, *span)]


def behind(session: Session, launch_id: int, place: int) -> list[Said]:
    """What was said about one launch behind a place."""
    names = (*(f"recipient.{end}" for end in what.ENDS), *MORE)
    mine = (Interaction.about_id == launch_id, Interaction.id > place, Interaction.name.in_(names))
    return [
        *said(session, about_campaigns(*mine)),
        *refused(session, Interaction.id > place, Campaign.launch_id == launch_id),
    ]


MORE = (
    "recipient.reported", "recipient.delivered", "recipient.returned", "recipient.resolved", "response.replied",
    "response.clicked", "response.opened", "response.goal",
)  # fmt: skip


def said(session: Session, query: Select[Any]) -> Iterator[Said]:
    for number, at, name, launch, data, value in session.execute(query):
        recipient = (data or {}).get("recipient")
        yield Said(number, at, name, launch, recipient if isinstance(recipient, int) else None, data or {}, value or "")


def refused(session: Session, *where: Any) -> Iterator[Said]:
    for number, at, name, launch, data, recipient in session.execute(refusals(session, *where)):
        yield Said(number, at, name, launch, recipient, data or {})


# -- what is known -----------------------------------------------------------------------------------


def known(session: Session, rows: Sequence[Said]) -> set[Doer]:
    """Who of those did what they do now before."""
    asked: dict[tuple[int, str], set[int]] = {}
    for row in rows:
        if row.recipient_id is not None:
            for deed in what.deeds(row):
                asked.setdefault((row.launch_id, deed), set()).add(row.recipient_id)
    found: set[Doer] = set()
    for (launch, deed), whom in asked.items():
        mine = select(Responder.recipient_id).where(Responder.launch_id == launch, Responder.what == deed)
        wanted = sorted(whom)
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            found.update((launch, deed, one) for one in session.scalars(mine.where(Responder.recipient_id.in_(part))))
    return found


def named(session: Session, launches: Collection[int]) -> dict[int, set[str]]:
    """The domains of each launch that are counted by name."""
    query = select(Count.launch_id, Count.key).where(Count.launch_id.in_(launches), Count.cut == Cut.DOMAIN.value)
    found: dict[int, set[str]] = {}
    for launch, key in session.execute(query.where(Count.name == AUDIENCE, Count.key != OTHERS)):
        found.setdefault(launch, set()).add(key)
    return found


def unnamed(session: Session) -> list[tuple[int, int]]:
    """Campaign and launch of those whose audience stands and whose domains are not known yet."""
    there = select(Count.n).where(Count.launch_id == Campaign.launch_id, Count.cut == Cut.DOMAIN.value)
    query = select(Campaign.id, Campaign.launch_id).where(
        Campaign.launch_id.is_not(None), Campaign.frozen_at.is_not(None),
        ~there.where(Count.name == AUDIENCE).exists(),
    )  # fmt: skip
    return [(number, launch) for number, launch in session.execute(query) if launch is not None]


def domains(session: Session, campaign_id: int) -> dict[str, int]:
    """The largest domains of an audience, and under `OTHERS` the rest of it. A second for a million."""
    sign = "strpos(value, '@')" if log.is_postgresql(session) else "instr(value, '@')"
    query = text(f"""
        SELECT lower(substr(value, {sign} + 1)), count(*) FROM recipient
        WHERE campaign_id = :campaign AND value LIKE '%@%' GROUP BY 1 HAVING count(*) >= :fewest
        ORDER BY 2 DESC, 1 LIMIT :most
    """)  # noqa: S608 - our own word
    given = {"campaign": campaign_id, "fewest": FEWEST, "most": DOMAINS}
    found = {name[:255]: number for name, number in session.execute(query, given) if name}
    total = session.scalar(select(func.count()).where(Recipient.campaign_id == campaign_id)) or 0
    return {**found, OTHERS: total - sum(found.values())}


# -- one step ----------------------------------------------------------------------------------------


def place(session: Session) -> int:
    """The last row that is counted."""
    return session.scalar(select(ReaderState.position).where(ReaderState.name == NAME)) or 0


def name_domains(session: Session, launch_id: int, found: Mapping[str, int]) -> None:
    _add(session, Counter({(launch_id, Cut.DOMAIN.value, AUDIENCE, key): n for key, n in found.items()}), once=True)


@dataclass(slots=True)
class Step:
    """What the rows behind `start`, up to `end`, come to. Read without a lock, written in a moment."""

    start: int
    end: int
    found: Folded
    until: int


def look(session: Session, until: int) -> Step | None:
    """The next rows, up to `until`; None when there are none."""
    start = place(session)
    end = min(until, start + SPAN)
    if end <= start:
        return None
    rows = between(session, start, end)
    domains_ = named(session, {row.launch_id for row in rows})
    return Step(start, end, fold(rows, known(session, rows), domains_), until)


def write(session: Session, step: Step) -> bool:
    """Write it down, unless somebody else has moved the place since; whether there may be more.

    Whoever moves the place is alone with the rows up to it, so what was read before still holds.
    """
    if not _take(session, step.start, step.end):
        return False
    _add(session, step.found.counts)
    doers = [
        {"launch_id": launch, "what": deed, "recipient_id": recipient, "row_id": row}
        for (launch, deed, recipient), row in step.found.doers.items()
    ]
    if doers:
        session.execute(insert(Responder), doers)
    return step.end < step.until


def _take(session: Session, start: int, end: int) -> bool:
    dialect: Any = postgresql if log.is_postgresql(session) else sqlite
    session.execute(dialect.insert(ReaderState).values(name=NAME, position=0).on_conflict_do_nothing())
    moved = (
        update(ReaderState)
        .where(ReaderState.name == NAME, ReaderState.position == start)
        .values(position=end)
        .returning(ReaderState.position)
        .execution_options(synchronize_session=False)
    )
    return session.execute(moved).first() is not None


def _add(session: Session, counts: Mapping[Cell, int], once: bool = False) -> None:
    """`once`: what stands already stays."""
    if not counts:
        return
    dialect: Any = postgresql if log.is_postgresql(session) else sqlite
    adding = dialect.insert(Count)
    keys = ["launch_id", "cut", "name", "key"]
    adding = (
        adding.on_conflict_do_nothing()
        if once
        else adding.on_conflict_do_update(index_elements=keys, set_={"n": Count.n + adding.excluded.n})
    )
    cells = [
        {"launch_id": launch, "cut": str(cut), "name": name, "key": key, "n": n}
        for (launch, cut, name, key), n in sorted(counts.items())
    ]
    session.execute(adding, cells)


def forget(session: Session) -> None:
    """Count everything anew: the worker does it, from the first row on."""
    session.execute(delete(Count))
    session.execute(delete(Responder))
    session.execute(update(ReaderState).where(ReaderState.name == NAME).values(position=0))


async def count(context: Context, _slot: datetime) -> None:
    """Everything that stands in the log by now."""
    until = await context.read(log.head)
    for campaign_id, launch_id in await context.read(unnamed):
        found = await context.read(domains, campaign_id)
        await context.write(name_domains, launch_id, found)
    while not context.stop.is_set() and (step := await context.read(look, until)) is not None:
        if not await context.write(write, step):
            return


JOBS = (Job("count results", count, every=EVERY),)
