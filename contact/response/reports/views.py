"""Reports: figures, the rows behind each of them, and both as files. Agents see their own alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask_babel import get_timezone
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.conversation import Conversation
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import number
from contact.directory import people
from contact.errors import Invalid
from contact.response.reports import asked, grid, labels, pictures, reader
from contact.response.reports import behind as behinds
from contact.response.reports import report as reports
from contact.response.reports.asked import Question
from contact.response.reports.behind import Behind, Listed
from contact.response.reports.figures import REPORTS, TARGETS, Unit
from contact.response.reports.grid import Column, Grid, Shape
from contact.response.reports.measure import Kind
from contact.response.reports.period import NAMES, TIMES
from contact.response.reports.report import Report
from contact.users import Role
from contact.web import here
from contact.web.offload import offload
from contact.web.security import Rule, me, rule_for

pages = Blueprint("reports", __name__, url_prefix="/desk/reports")
rule_for(pages, Rule(role=Role.AGENT))

MOST_PARTS, MOST_GROUPS = 400, 40
"""Groups a picture shows: parts of a time, and others."""
NEARLY = 50
"""Rows of the log the counting may be behind before a page says so."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHAPES = {Unit.COUNT: Shape.NUMBER, Unit.TIME: Shape.TIME, Unit.SHARE: Shape.SHARE, Unit.SCORE: Shape.SCORE}


@pages.get("")
def index() -> Any:
    return show("summary")


@pages.get("/words")
def meaning() -> Any:
    """What each figure means."""
    return render_template("response/reports_words.html", reports=REPORTS, labels=labels)


@pages.get("/<report>")
def show(report: str) -> Any:
    """One report: figures, picture, table."""
    now = utcnow()
    question = _ask(report, now)
    found = offload(here().db, reports.build, question, now)
    with here().db.read() as session:
        known, progress = labels.names(session, words.CHANNEL), reader.progress(session)
    return render_template(
        "response/reports.html",
        report=found,
        question=question,
        before=question.earlier(now).period,
        known=known,
        progress=progress,
        nearly=NEARLY,
        reports=REPORTS,
        periods=NAMES,
        cuts=[name for name in asked.BY if not (name == "agent" and _only_own() is not None)],
        targets=TARGETS,
        own=_only_own() is not None,
        timed=any(one.unit is Unit.TIME for one in found.figures),
        labels=labels,
        pictures=pictures,
        heat=_heat(found),
        chart=_chart(found),
        link=_link(question),
        NONE=asked.NONE,
    )


@pages.get("/<report>/rows")
def rows(report: str) -> Any:
    """The rows behind one figure, by key."""
    now = utcnow()
    behind = _behind(report, now)
    summary = offload(here().db, behinds.summary, behind, now)
    found = offload(here().db, behinds.page, behind, now, _after(), behinds.PAGE + 1)
    more = behinds.cursor(behind, found[behinds.PAGE - 1]) if len(found) > behinds.PAGE else None
    with here().db.read() as session:
        known = labels.names(session, words.CHANNEL)
        talks, persons = _talks(session, found)
    return render_template(
        "response/reports_rows.html",
        behind=behind,
        question=behind.question,
        summary=summary,
        rows=found[: behinds.PAGE],
        more=more,
        talks=talks,
        people=persons,
        known=known,
        labels=labels,
        words=words,
        own=_only_own() is not None,
        link=_link(behind.question),
        most=grid.MOST,
        Unit=Unit,
        Kind=Kind,
    )


@pages.get("/<report>/file.<any(csv, xlsx):form>")
def file(report: str, form: str) -> Any:
    """The table of a report."""
    now = utcnow()
    question = _ask(report, now)
    found = offload(here().db, reports.build, question, now)
    with here().db.read() as session:
        known = labels.names(session, words.CHANNEL)
    title = str(_(question.spec.name))
    columns = [Column(labels.by_name(question.by), Shape.DATE if question.by in TIMES else Shape.TEXT)]
    columns += [Column(_headed(labels.called(one), one.unit, form), SHAPES[one.unit]) for one in found.figures]
    lines: list[Sequence[Any]] = [(str(_("Total")), *found.total)]
    lines += [(_first(question, line.key, known), *line.cells) for line in found.lines]
    made = Grid(title, _facts(question, known, now), columns, lines, question.period.zone)
    name = f"{report}-{question.period.first}-{question.period.last}"
    return _csv(made, name) if form == "csv" else _xlsx(grid.as_xlsx(made), name)


@pages.get("/<report>/rows.<any(csv, xlsx):form>")
def rows_file(report: str, form: str) -> Any:
    """The rows behind one figure: a CSV file flows, an XLSX file is made in a thread of its own."""
    now = utcnow()
    behind = _behind(report, now)
    question = behind.question
    with here().db.read() as session:
        known = labels.names(session, words.CHANNEL)
    facts = _facts(question, known, now, behind)
    kinds = {int(kind): str(_(name)) for kind, name in labels.KINDS.items()}
    title = str(_("%(figure)s: rows", figure=labels.called(behind.figure)))
    name = f"{report}-{behind.figure.key}-{question.period.first}-{question.period.last}"
    columns, zone = _row_columns(behind, form), question.period.zone

    def made(found: Iterator[Listed]) -> Grid:
        return Grid(title, facts, columns, (_row_line(one, behind, known, kinds) for one in found), zone)

    if form == "csv":
        return _csv(made(_flowing(behind, now)), name)
    _not_too_many(offload(here().db, behinds.summary, behind, now).count)
    return _xlsx(
        offload(here().db, lambda session: grid.as_xlsx(made(behinds.every(session, behind, now, grid.MOST)))), name
    )


def _not_too_many(count: int) -> None:
    if count > grid.MOST:
        told = "These are %(n)s rows; an Excel file holds %(most)s. Take the CSV file, or a shorter time."
        raise Invalid(told, n=count, most=grid.MOST)


# -- what is asked ----------------------------------------------------------------------------------


def _only_own() -> int | None:
    """Whose figures alone this reader may see; None = everybody's."""
    return None if me().may(Role.SUPERVISOR) else me().id


def _ask(report: str, now: datetime) -> Question:
    return asked.ask(report, request.args, now, str(get_timezone()), _only_own())


def _behind(report: str, now: datetime) -> Behind:
    question = _ask(report, now)
    figure = asked.figure(question.spec, request.args.get("of", ""))
    key = request.args.get("group")
    if key is not None:
        asked.check_group(question, key)
    behind = Behind(question, figure, key, longest=request.args.get("order") == "longest")
    return behind if behind.timed and not question.clock else Behind(question, figure, key)


def _after() -> tuple[int, int] | None:
    first, second = number("after"), number("id")
    return (first, second) if first is not None and second is not None else None


def _link(question: Question) -> Any:
    """`link(of, group)`: the address of the rows behind a cell; `link()` that of the report itself."""
    base = f"/desk/reports/{question.report}"

    def link(of: str = "", group: str | None = None, path: str = "/rows", **changes: Any) -> str:
        given = question.address(**changes)
        if of:
            given["of"] = of
            if group is not None:
                given["group"] = group
        return f"{base}{path if of or path != '/rows' else ''}?{urlencode(given)}"

    return link


# -- pictures ---------------------------------------------------------------------------------------


def _chart(found: Report) -> dict[str, Any] | None:
    """What the template draws: geometry, the figures of its bars and of its line. The heat map is another."""
    spec, by = found.question.spec, found.question.by
    if by == "heat" or not found.lines:
        return None
    bars = [found.column(key) for key in spec.bars]
    line = next((found.column(one.key) for one in found.figures if one.key == spec.line), None)
    if by not in TIMES and line is not None and by not in ("hour", "weekday"):
        bars, line = [*bars, line], None
    lines = found.lines[: MOST_PARTS if by in TIMES else MOST_GROUPS]
    unit = found.figures[bars[0]].unit
    drawn = pictures.chart(
        [[one.cells[place] for one in lines] for place in bars],
        [one.cells[line] for one in lines] if line is not None else [],
        unit,
    )
    if drawn is None:
        return None
    line_figure = found.figures[line] if line is not None else None
    return {"chart": drawn, "bars": [found.figures[place] for place in bars], "line": line_figure, "unit": unit,
            "lines": lines, "left_out": len(found.lines) - len(lines)}  # fmt: skip


def _heat(found: Report) -> dict[str, Any] | None:
    if found.question.by != "heat":
        return None
    figure = found.question.shown()
    if all(one.key != figure.key for one in found.figures):
        raise Invalid("This figure cannot be shown by the hour.")
    place = found.column(figure.key)
    return {"figure": figure, "squares": pictures.heat([line.cells[place] for line in found.lines])}


# -- rows -------------------------------------------------------------------------------------------


def _talks(session: Session, found: Sequence[Listed]) -> tuple[dict[int, Conversation], dict[int, Any]]:
    """The conversations of these rows, and who is spoken with."""
    numbers = {one.row.conversation_id for one in found}
    talks = {one.id: one for one in session.scalars(select(Conversation).where(Conversation.id.in_(numbers)))}
    return talks, people(session, {one.contact_id for one in talks.values()})


def _flowing(behind: Behind, now: datetime) -> Iterator[Listed]:
    """Every row, part by part, each part read in a thread: others are served between two."""
    after = None
    while found := offload(here().db, behinds.page, behind, now, after, behinds.EACH):
        yield from found
        after = behinds.cursor(behind, found[-1])


def _row_columns(behind: Behind, form: str) -> list[Column]:
    value = {Kind.SCORE: (_("Rating"), Unit.COUNT)}.get(behind.figure.kind, (_("Measured"), Unit.TIME))
    shape = SHAPES[value[1]]
    return [
        Column(str(_("Moment")), Shape.MOMENT),
        Column(str(_("What")), Shape.TEXT),
        Column(_headed(str(value[0]), value[1], form), shape),
        Column(str(_("Conversation")), Shape.NUMBER),
        *(Column(labels.by_name(by), Shape.TEXT) for by in ("channel", "inbox", "queue", "agent")),
    ]


def _row_line(one: Listed, behind: Behind, known: labels.Names, kinds: dict[int, str]) -> list[Any]:
    row = one.row
    value = one.value if behind.timed or behind.figure.kind is Kind.SCORE else None
    named = {
        by: getattr(row, "channel" if by == "channel" else f"{by}_id") for by in ("channel", "inbox", "queue", "agent")
    }
    texts = [getattr(known, by).get(str(key), str(key)) if key is not None else "" for by, key in named.items()]
    return [row.at, kinds[row.kind], value, row.conversation_id, *texts]


# -- files ------------------------------------------------------------------------------------------


def _first(question: Question, key: str, known: labels.Names) -> str | date:
    return date.fromisoformat(key) if question.by in TIMES else labels.group(question.by, key, known)


def _headed(name: str, unit: Unit, form: str) -> str:
    """CSV knows no formats: the unit stands in the head."""
    if form == "csv" and unit is Unit.TIME:
        return str(_("%(name)s (seconds)", name=name))
    return name


def _facts(
    question: Question, known: labels.Names, now: datetime, behind: Behind | None = None
) -> list[tuple[str, str]]:
    """What a file says about itself."""
    facts = [
        (str(_("Period")), labels.period(question.period)),
        (str(_("Time zone")), labels.zone(question.period)),
        *labels.filters(question, known),
    ]
    if behind is not None and behind.key is not None:
        facts.append((labels.by_name(question.by), labels.group(question.by, behind.key, known)))
    if question.clock:
        facts.append((str(_("Time counted")), str(_("Business hours"))))
    if question.target:
        facts.append((str(_("Target")), labels.duration(question.target * 1000, brief=True)))
    local = now.astimezone(question.period.local)
    return [*facts, (str(_("Made")), local.strftime("%Y-%m-%d %H:%M"))]


def _csv(made: Grid, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(stream_with_context(grid.as_csv(made)), mimetype="text/csv", headers=headers)


def _xlsx(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(content, mimetype=XLSX, headers=headers)
