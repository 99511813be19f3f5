"""Import of contacts for supervisors: upload, what the columns are, what would become of the first rows, progress."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.desk.told import back, notice, same_or
from contact.directory import Address, Contact
from contact.directory import fields as own_fields
from contact.directory.fields import ContactField
from contact.errors import HanmaruError, Invalid
from contact.imports import book, columns, shape
from contact.imports.book import ContactImport, ImportProblem, Mode, Step
from contact.imports.entry import Entry, Plan, place_of, understood
from contact.imports.rows import Row, counted, rows
from contact.imports.shape import CSV, Shape
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.offload import apart
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("imports", __name__, url_prefix="/desk/imports")
rule_for(pages, Rule(role=Role.SUPERVISOR))

LARGEST = 512 << 20
FIRST = 10
"""Rows that are looked at on the page."""
MODES = {
    Mode.FILL: N_("Add what we do not know yet"),
    Mode.REPLACE: N_("The file is right: replace name, organisation and language"),
    Mode.NEW: N_("Leave contacts we know alone"),
}


@pages.url_value_preprocessor
def _large(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A list of a million contacts is larger than an attachment may be."""
    if endpoint == "imports.upload":
        request.max_content_length = LARGEST + (1 << 20)


@pages.get("")
def index() -> Any:
    return _index()


def _index(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "campaigns/imports.html", imports=book.every(session), notice=notice(), error=told(error)
        )
    return refused(page, error)


@pages.post("")
def upload() -> Any:
    """Keep the file and look at it; nothing is taken yet."""
    given, folder = request.files.get("file"), here().settings.data_dir
    try:
        if given is None or not given.filename:
            raise Invalid(N_("Choose a file first."))
        sha256, size = apart(lambda: book.keep(folder, cast(BinaryIO, given.stream), LARGEST))
        path = book.folder(folder) / sha256
        settings, total = apart(lambda: _looked(path))
        with here().db.write() as session:
            settings = _by_heading(session, path, settings)
            made = book.add(
                session, utcnow(), name=given.filename, sha256=sha256, size=size, settings=settings, total=total,
                user_id=me().id,
            )  # fmt: skip
            number = made.id
    except HanmaruError as error:
        return _index(error)
    return back("imports.one", import_id=number)


def _looked(path: Any) -> tuple[dict[str, Any], int]:
    found = shape.recognise(path)
    return _settings(found, list(islice(rows(path, found), FIRST + 1)), None), counted(path, found)


def _settings(found: Shape, first: Sequence[Row], header: bool | None) -> dict[str, Any]:
    usable = [row.cells for row in first if row.cells]
    has = columns.looks_like_header(usable[0]) if header is None and usable else bool(header)
    top = usable[0] if has and usable else ()
    fields = columns.guessed(top, usable[1:] if has else usable)
    return {"shape": found.as_json(), "header": has, "fields": fields, "mode": Mode.FILL.value}


@pages.get("/<int:import_id>")
def one(import_id: int) -> Any:
    return _one(import_id)


def _one(import_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        kept = book.get(session, import_id)
        first, own = _first(session, kept) if kept.state == Step.LOOKED else None, book.own_of(session)
        page = render_template(
            "campaigns/import.html", kept=kept, first=first, problems=book.problems(session, kept.id), shown=book.SHOWN,
            fields=columns.FIELDS, own=own, fresh=columns.NEW, modes=MODES, encodings=shape.ENCODINGS,
            own_names={place_of(name): one.label for name, one in own.items()}, delimiters=shape.DELIMITERS,
            notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _first(session: Session, kept: ContactImport) -> dict[str, Any]:
    """The first rows as they are, and what would become of each."""
    path = book.path(here().settings.data_dir, kept)
    own = book.own_of(session)
    try:
        found = list(islice(rows(path, kept.shape), FIRST + 1)) if path.exists() else []
    except Invalid:
        found = []
    width = max((len(row.cells) for row in found), default=0)
    fields = [*kept.settings["fields"], *[""] * width][:width]
    header = found[0].cells if found and kept.header else ()
    plan = Plan(tuple(fields), zone=here().settings.zone, own=own, proof=kept.proof)
    lines = []
    for row in found[1:] if kept.header else found:
        entry = understood(row, plan)
        lines.append((row, _fate(session, entry, kept.mode), entry))
    return {"header": header, "fields": fields, "width": width, "lines": lines, "proof": columns.unproved(fields)}


def _fate(session: Session, entry: Entry | None, mode: Mode) -> str:
    """What would become of a row, in a word."""
    if entry is None:
        return str(_("empty"))
    if entry.broken:
        return str(_("broken"))
    for kind, value in entry.addresses:
        query = select(Contact.name).join(Address, Address.contact_id == Contact.id)
        name = session.scalar(query.where(Address.kind == kind.value, Address.value == value))
        if name is not None:
            left = _("known: %(name)s, left alone", name=name or value)
            return str(left if mode is Mode.NEW else _("joins %(name)s", name=name or value))
    return str(_("new contact"))


@pages.post("/<int:import_id>")
def start(import_id: int) -> Any:
    """Look again with other settings, or (`go`) hand it to the worker."""
    form, anew = request.form, False
    try:
        with here().db.write() as session:
            kept = book.get(session, import_id)
            own = book.own_of(session)
            settings = _chosen(kept, own)
            anew = settings["fields"] != form.getlist("field")  # columns that nobody has seen yet
            if "go" in form and not anew:
                columns.checked(settings["fields"], own)
                if not settings["shape"]["sure"] and not form.get("seen"):
                    raise Invalid(N_("Look at the rows first: are all letters right? Then say so."))
                settings["fields"] = _made(session, kept, settings)
                book.start(session, utcnow(), kept, settings)
                audit.append(
                    session, utcnow(), "import.started", by=me().id, ip=client_ip(), subject=f"import:{import_id}",
                    after={"mode": settings["mode"]},
                )  # fmt: skip
            elif kept.state == Step.LOOKED:
                kept.settings = settings
    except HanmaruError as error:
        return _one(import_id, error)
    return back("imports.one", "columns_anew" if "go" in form and anew else "", import_id=import_id)


def _made(session: Session, kept: ContactImport, settings: dict[str, Any]) -> list[str]:
    """The columns, those that make a field of their heading with the field they made."""
    path, found = book.path(here().settings.data_dir, kept), Shape(**settings["shape"])
    top = next(rows(path, found), Row(0)).cells if settings["header"] else ()
    made: list[str] = []
    for place, field in enumerate(settings["fields"]):
        if field not in columns.NEW:
            made.append(field)
            continue
        heading = top[place] if place < len(top) else ""
        one = own_fields.add(session, utcnow(), heading, field.partition(":")[2])
        audit.append(
            session, utcnow(), "field.made", by=me().id, ip=client_ip(), subject=f"field:{one.id}",
            after={"name": one.name, "kind": one.kind},
        )  # fmt: skip
        made.append(f"{columns.OWN}{one.name}")
    return made


def _by_heading(session: Session, path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Columns nobody knows, by the names and labels of the house's own fields."""
    top = next(rows(path, Shape(**settings["shape"])), Row(0)).cells if settings["header"] else ()
    named = {word.casefold(): name for name, one in book.own_of(session).items() for word in (one.name, one.label)}
    guessed = [
        field or named.get(top[place].strip().casefold() if place < len(top) else "", "")
        for place, field in enumerate(settings["fields"])
    ]
    return settings | {
        "fields": [field if field in columns.SEVERAL or field not in guessed[:place] else ""
                   for place, field in enumerate(guessed)]
    }  # fmt: skip


def _chosen(kept: ContactImport, own: Mapping[str, ContactField]) -> dict[str, Any]:
    form, before = request.form, kept.shape
    encoding, delimiter = form.get("encoding", before.encoding), form.get("delimiter", before.delimiter)
    if before.encoding == f"{encoding}-sig":  # the page says no more of it
        encoding = before.encoding
    if encoding not in (*shape.ENCODINGS, before.encoding) or delimiter not in shape.DELIMITERS:
        raise Invalid
    found = Shape(before.format, encoding, delimiter, before.sure)
    proof = {part: " ".join(form.get(part, "").split())[:1000] for part in columns.PROOF}
    mode, header = Mode(form["mode"]) if form.get("mode") in tuple(Mode) else kept.mode, "header" in form
    same = (encoding, delimiter, header) == (before.encoding, before.delimiter, kept.header)
    if before.format == CSV and not same:
        path = book.path(here().settings.data_dir, kept)
        anew = _settings(found, list(islice(rows(path, found), FIRST + 1)), header)
        return anew | {"mode": mode.value, "proof": proof}
    known = {*columns.FIELDS, *columns.NEW, *own}
    fields = [field if field in known else "" for field in form.getlist("field")]
    header = header or before.format == shape.VCARD
    return {"shape": found.as_json(), "header": header, "fields": fields, "mode": mode.value, "proof": proof}


@pages.post("/<int:import_id>/stop")
def stop(import_id: int) -> Any:
    try:
        with here().db.write() as session:
            book.stop(session, utcnow(), book.get(session, import_id))
            audit.append(session, utcnow(), "import.stopped", by=me().id, ip=client_ip(), subject=f"import:{import_id}")
    except HanmaruError as error:
        return _one(import_id, error)
    return back("imports.one", import_id=import_id)


@pages.get("/<int:import_id>/progress")
def progress(import_id: int) -> Any:
    """How far it is, as a piece of the page."""
    with here().db.read() as session:
        kept = book.get(session, import_id)
        return same_or(render_template("campaigns/import_progress.html", kept=kept))


@pages.get("/<int:import_id>/problems.csv")
def problems(import_id: int) -> Response:
    """Every row with something wrong, as it stood in the file, with number, field and reason before it."""
    with here().db.read() as session:
        kept = book.get(session, import_id)
        own = {place_of(name): one.label for name, one in book.own_of(session).items()}
    words = {name: str(_(label)) for name, label in columns.FIELDS.items() if name} | own
    reasons: dict[str, str] = {}
    with here().db.read() as session:
        for reason in session.scalars(
            select(ImportProblem.reason).where(ImportProblem.import_id == import_id).distinct()
        ):
            reasons[reason] = str(_(reason))
    head = [str(_("Row")), str(_("Taken")), str(_("Field")), str(_("Reason"))]
    yes_no = {True: str(_("no")), False: str(_("yes"))}
    db, path = here().db, book.path(here().settings.data_dir, kept)

    def lines() -> Iterator[str]:
        source = rows(path, kept.shape) if path.exists() else iter(())
        row = next(source, None)
        yield "\ufeff" + _line([*head, *(row.cells if row is not None and kept.header else ())])
        with db.read() as session:
            query = select(ImportProblem).where(ImportProblem.import_id == import_id)
            ordered = query.order_by(ImportProblem.row, ImportProblem.part).execution_options(yield_per=1000)
            for one in session.scalars(ordered):
                while row is not None and row.number < one.row:
                    row = next(source, None)
                cells = row.cells if row is not None and row.number == one.row else ()
                told = [str(one.row), yes_no[one.broken], words.get(one.field, ""), reasons.get(one.reason, one.reason)]
                yield _line([*told, *map(_harmless, cells)])

    response = Response(lines(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="import-{import_id}-problems.csv"'
    return response


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet must not take a stranger's cell for a formula; half characters become marks."""
    safe = cell.encode("utf-8", "replace").decode()
    return f"'{safe}" if safe[:1] in ("=", "@", "\t", "\r") or (safe[:1] in "+-" and not safe[1:2].isdigit()) else safe
