"""Suggestions for those who work here: the queue, one with its answer, merging, promoting, a sheet, the settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from board.partner.partner import Partner
from board.scope import Viewer
from board.suggestion import doing, entering, listing, merging, setting, shown, similar, suggestion
from board.suggestion.change import What
from board.suggestion.listing import SHOWS, Show, Wanted
from board.suggestion.portal import asked, categories, choices, files_of, status_of
from board.suggestion.suggestion import SOURCES, STATUSES, VISIBILITIES, Source, Status, Suggestion, Visibility
from contact import conversation as conversations
from contact import inbox as inboxes
from contact import users
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.directory import people
from contact.errors import HanmaruError, Invalid
from contact.response.reports.grid import BOM, safe
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("suggestions", __name__, url_prefix="/desk/suggestions")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("")
def index() -> Any:
    given = request.args.get("show", "")
    show = Show(given) if given in list(Show) else Show.OPEN
    wanted = Wanted(
        request.args.get("q", "")[:100], status_of(request.args.get("status", "")), before=number("before")
    )  # fmt: skip
    with here().db.read() as session:
        today = _today()
        return render_template(
            "board/desk_suggestions.html", show=show, shows=SHOWS, wanted=wanted, statuses=STATUSES, today=today,
            found=listing.listed(session, _me(), wanted, listing.queue(show, me().id, today)),
            counts=listing.counts(session, me().id, today), owners=_staff(session), categories=categories(session),
            visibilities=VISIBILITIES, notice=notice(),
        )  # fmt: skip


@pages.get("/all.csv")
def sheet() -> Any:
    """All of them, for a spreadsheet."""
    head = (
        _("Number"), _("Title"), _("Text"), _("Category"), _("Where it stands"), _("Answer"), _("Who sees it"),
        _("Votes"), _("Looked after by"), _("Due"), _("Partner"), _("How it came in"), _("Merged into"),
        _("Came in on"),
    )  # fmt: skip

    def lines() -> Iterator[str]:
        yield BOM + _line(*head)
        with here().db.read() as session:
            named, words, firms = _staff(session), categories(session), _firms(session)
            for one, votes in listing.every(session):
                yield _line(
                    one.number, one.title, one.text, words.get(one.category_id or 0, ""),
                    _(STATUSES[Status(one.status)]), one.answer, _(VISIBILITIES[Visibility(one.visibility)]), votes,
                    named.get(one.owner_id or 0, ""), one.due_on or "", firms.get(one.partner_id or 0, ""),
                    _(SOURCES[Source(one.source)]), f"S-{one.canonical_id}" if one.canonical_id else "",
                    one.created_at.date(),
                )  # fmt: skip

    headers = {"Content-Disposition": 'attachment; filename="suggestions.csv"'}
    return Response(stream_with_context(lines()), mimetype="text/csv", headers=headers)


@pages.route("/new", methods=["GET", "POST"])
def promote() -> Any:
    """Out of a conversation: `conversation` in the address."""
    if request.method == "GET":
        return _promote()
    talk = number("conversation") or 0
    try:
        said = request.form.get("message", "")
        with here().db.write() as session:
            made = entering.promote(
                session, utcnow(), talk, asked(), int(said) if said.isascii() and said.isdecimal() else None, me().id
            ).id  # fmt: skip
    except HanmaruError as error:
        return _promote(error)
    return back("suggestions.one", "saved", suggestion_id=made)


@pages.get("/<int:suggestion_id>")
def one(suggestion_id: int) -> Any:
    return _one(suggestion_id)


@pages.post("/<int:suggestion_id>/<any(status, owner, sort, comment, merge, unmerge):what>")
def change(suggestion_id: int, what: str) -> Any:
    """Whatever is decided about one."""
    form, now = request.form, utcnow()
    try:
        with here().db.write() as session:
            match what:
                case "status":
                    status = status_of(form.get("status", ""))
                    if status is None:
                        raise Invalid("Choose a status.")
                    doing.move(session, now, here(), suggestion_id, status, form.get("answer", ""), me().id)
                case "owner":
                    doing.entrust(session, now, suggestion_id, _number("owner"), _zone(), me().id)
                    if "due" in form:
                        doing.due(session, now, suggestion_id, _day(form["due"]), me().id)
                case "sort":
                    doing.sort(session, now, suggestion_id, _number("category"), _visibility(), me().id)
                case "comment":
                    found = suggestion.get(session, suggestion_id)
                    doing.remark(session, now, found, form.get("text", ""), me().id)
                case "merge":
                    merging.merge(session, now, suggestion_id, _named(form.get("into", "")), me().id)
                case _:
                    merging.unmerge(session, now, suggestion_id, me().id)
    except HanmaruError as error:
        return _one(suggestion_id, error)
    return back("suggestions.one", "saved", suggestion_id=suggestion_id)


@pages.get("/<int:suggestion_id>/merge")
def preview(suggestion_id: int) -> Any:
    """What would be shown."""
    try:
        with here().db.read() as session:
            seen = merging.preview(session, suggestion_id, _named(request.args.get("into", "")))
            return render_template("board/desk_suggestion_merge.html", seen=seen, statuses=STATUSES)
    except HanmaruError as error:
        return _one(suggestion_id, error)


@pages.route("/settings", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def settings() -> Any:
    error = None
    if request.method == "POST":
        try:
            with here().db.write() as session:
                box = _number("inbox")
                setting.put(
                    session, inbox_id=inboxes.get(session, box).id if box else None,
                    ownerless_days=_number("ownerless_days") or 0, due_days=_number("due_days") or 0,
                    public="public" in request.form,
                )  # fmt: skip
                audit.append(session, utcnow(), "suggestions.set", by=me().id, ip=client_ip())
        except HanmaruError as refusal:
            error = refusal
        else:
            return back("suggestions.settings", "saved")
    with here().db.read() as session:
        boxes = session.scalars(select(inboxes.Inbox).where(inboxes.Inbox.channel == "email")).all()
        page = render_template(
            "board/desk_suggestion_settings.html", now=setting.get(session), boxes=boxes, given=request.form,
            categories=categories(session), notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _one(suggestion_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = suggestion.get(session, suggestion_id)
        person = people(session, [found.contact_id]).get(found.contact_id) if found.contact_id else None
        page = render_template(
            "board/desk_suggestion.html", one=found, shown=shown.of(session, _me(), found), person=person,
            statuses=STATUSES, sources=SOURCES, What=What, owners=_staff(session), today=_today(),
            files=files_of(session, found.id), mergeable=_mergeable(session, found), given=request.form,
            notice=notice(), error=told(error), **choices(session),
        )  # fmt: skip
    return refused(page, error)


def _promote(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        talk = conversations.get(session, number("conversation") or 0)
        row = entering.last_said(session, talk)
        given = request.form or {
            "title": talk.subject[: suggestion.TITLE], "text": (row.body or "") if row else "",
            "message": str(row.id) if row else "", "visibility": Visibility.PRIVATE.value,
        }  # fmt: skip
        page = render_template(
            "board/desk_suggestion_new.html", talk=talk, given=given, error=told(error),
            person=people(session, [talk.contact_id]).get(talk.contact_id),
            known=entering.of_conversation(session, talk.id), **choices(session),
        )  # fmt: skip
    return refused(page, error)


def _mergeable(session: Session, found: Suggestion) -> list[Suggestion]:
    """Those like it first."""
    if found.canonical_id is not None:
        return []
    near = [each.id for each in similar.near(session, _me(), found.title, but=found.id)]
    named = {each.id: each for each in session.scalars(select(Suggestion).where(Suggestion.id.in_(near)))}
    return [named[each] for each in near]


def _me() -> Viewer:
    return Viewer(me().id)


def _staff(session: Session) -> dict[int, str]:
    """Who works here, by id."""
    return {user.id: user.name for user in users.working(session)}


def _firms(session: Session) -> dict[int, str]:
    return {number: name for number, name in session.execute(select(Partner.id, Partner.name))}  # noqa: C416


def _zone() -> str:
    return here().settings.zone


def _today() -> date:
    return doing.today(utcnow(), _zone())


def _number(name: str) -> int | None:
    value = request.form.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else None


def _named(given: str) -> int:
    """“S-12” or “12”; raises `Invalid`."""
    digits = given.strip().upper().removeprefix("S-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
        raise Invalid("Write the number of a suggestion, such as S-12.")
    return int(digits)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise Invalid("This is not a date.") from None


def _visibility() -> Visibility:
    try:
        return Visibility(request.form.get("visibility", ""))
    except ValueError:
        raise Invalid("What was chosen does not exist any more.") from None


def _line(*values: object) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([safe(value) if isinstance(value, str) else value for value in values])
    return out.getvalue()
