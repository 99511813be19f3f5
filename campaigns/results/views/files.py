"""Results as files: every number as one table, the people behind one however many they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, stream_with_context
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.results import people, words
from campaigns.results.page import Results
from campaigns.results.people import Asked, Listed
from campaigns.results.views import door, telling
from contact.db import utcnow
from contact.errors import Invalid
from contact.response.reports import grid
from contact.response.reports.grid import Column, Grid, Shape
from contact.web import here
from contact.web.offload import offload

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@door.pages.get("/<int:campaign_id>/results/people.<any(csv, xlsx):form>")
def behind_file(campaign_id: int, form: str) -> Any:
    """The same as a file: CSV flows however many they are."""
    kept, asked = door.asked(campaign_id)
    facts = _facts(kept, asked)
    columns = [
        Column(str(_("Name")), Shape.TEXT), Column(str(_("Address")), Shape.TEXT), Column(str(_("When")), Shape.MOMENT),
        Column(str(_("Why")), Shape.TEXT), Column(str(_("Contact")), Shape.NUMBER),
        Column(str(_("Conversation")), Shape.NUMBER),
    ]  # fmt: skip

    def made(rows: Iterator[Listed]) -> Grid:
        lines = (
            [one.name, telling.value(one), one.at, telling.why(asked, one), one.contact_id, one.conversation_id]
            for one in rows
        )
        return Grid(f"{kept.name}: {telling.title(asked)}", facts, columns, lines, here().settings.zone)

    name = f"campaign-{kept.id}-{asked.of}"
    if form == "csv":
        return _csv(made(_flowing(asked)), name)
    total = offload(here().db, door.total, asked)
    if total is not None and total > grid.MOST:
        told = "These are %(n)s rows; an Excel file holds %(most)s. Take the CSV file, or a shorter time."
        raise Invalid(told, n=total, most=grid.MOST)
    return _xlsx(offload(here().db, lambda session: grid.as_xlsx(made(_every(session, asked)))), name)


@door.pages.get("/<int:campaign_id>/results/file.<any(csv, xlsx):form>")
def file(campaign_id: int, form: str) -> Any:
    """Every number of the page as one table."""
    kept, found = door.found(campaign_id)
    columns = [
        Column(str(_("What")), Shape.TEXT),
        Column(str(_("How many")), Shape.NUMBER),
        Column(str(_("Of")), Shape.NUMBER),
    ]
    made = Grid(kept.name, _facts(kept), columns, _table(found), here().settings.zone)
    name = f"campaign-{kept.id}"
    return _csv(made, name) if form == "csv" else _xlsx(grid.as_xlsx(made), name)


def _facts(kept: Campaign, asked: Asked | None = None) -> list[tuple[str, str]]:
    zone = here().settings.zone
    facts = [(str(_("Campaign")), kept.name), (str(_("Time zone")), zone)]
    if asked is not None:
        facts.append((str(_("What")), telling.title(asked)))
    return [*facts, (str(_("Made")), utcnow().astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))]


def _table(found: Results) -> Iterator[Sequence[Any]]:
    counted = found.counted
    yield [str(_("Audience")), found.audience, None]
    for fate, n in found.fates.items():
        yield [str(_(words.FATES[fate])), n, found.audience]
    for fate in ("delivered", "returned"):
        if n := counted.rows(f"recipient.{fate}"):
            yield [str(_(words.DEEDS[fate])), n, found.reached]
    for deed, name in words.DEEDS.items():
        if n := counted.people(deed):
            yield [str(_(name)), n, found.reached]
    for row in found.visits:
        yield [str(_("%(what)s: visits that name nobody", what=_(words.DEEDS[row.key]))), row.numbers[0], None]
    for row in found.failures:
        yield [
            str(_("failed: %(why)s", why=f"{telling.failure(row.key)} {row.key}".strip())),
            row.numbers[0],
            found.fates["failed"],
        ]
    for row in found.left_out:
        yield [str(_("left out: %(why)s", why=telling.reason(row.key))), row.numbers[0], found.fates["suppressed"]]
    for row in found.links:
        yield [row.name, row.numbers[0], found.reached]
    for row in found.domains:
        yield [row.key or str(_("other domains")), row.numbers[0], sum(row.numbers[:2])]


def _flowing(asked: Asked) -> Iterator[Listed]:
    """Every row, each part read in a thread: others are served between two."""
    after = None
    while found := offload(here().db, people.page, asked, after, people.EACH):
        yield from found
        after = found[-1].key


def _every(session: Session, asked: Asked) -> Iterator[Listed]:
    after, left = None, grid.MOST
    while left > 0 and (found := people.page(session, asked, after, min(people.EACH, left))):
        yield from found
        after, left = found[-1].key, left - len(found)


def _csv(made: Grid, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(stream_with_context(grid.as_csv(made)), mimetype="text/csv", headers=headers)


def _xlsx(content: bytes, name: str) -> Response:
    return Response(content, mimetype=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'})
