"""Suggestions for the partners' people: look through them, suggest, vote, say a word, with or without a name."""

from __future__ import annotations

import secrets
from typing import Any, Final

from flask import Blueprint, jsonify, redirect, render_template, request
from sqlalchemy.orm import Session

from board import attachment, scope
from board.attachment import BoardFile
from board.partner import word
from board.partner.word import Of
from board.portal.web import again, viewer
from board.suggestion import doing, entering, letter, listing, shown, similar, suggestion, voting
from board.suggestion.entering import Asked
from board.suggestion.listing import Wanted
from board.suggestion.suggestion import STATUSES, TEXT, TITLE, VISIBILITIES, Status, Suggestion, Visibility
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, Invalid, NotFound
from contact.limits import Memory, Steady, refusal
from contact.users import Role
from contact.web import here
from contact.web.forms import refused, told
from contact.web.requests import unwatched
from contact.web.security import Rule, guarding, me, rule_for

pages = Blueprint("board_suggestions", __name__, url_prefix="/board/suggestions")
rule_for(pages, Rule(role=Role.PARTNER))

WRITING = Steady("board.suggest", burst=10, every=60.0)
"""How often one person may suggest something or say a word."""
TYPING = Steady("board.similar", burst=40, every=0.3)
"""How often similar ones are looked for."""
_TYPED: Final = Memory()
"""In this process alone: nothing outside it shall know who is writing one."""
OFFERED = (Visibility.PARTNERS, Visibility.PRIVATE, Visibility.PUBLIC)
"""In the order of the form."""


@pages.before_request
def _not_for_us() -> Any:
    """Who works here has pages of their own for this."""
    return redirect("/desk/suggestions", 303) if viewer().is_staff else None


@pages.get("")
def index() -> Any:
    wanted = Wanted(
        request.args.get("q", "")[:100], status_of(request.args.get("status", "")), "mine" in request.args,
        number("before"),
    )  # fmt: skip
    with here().db.read() as session:
        found = listing.listed(session, viewer(), wanted)
        return render_template(
            "board/suggestions.html", viewer=viewer(), found=found, wanted=wanted, statuses=STATUSES,
            categories=categories(session), notice=notice(),
        )  # fmt: skip


@pages.get("/new")
@unwatched
def new() -> Any:
    """Without a line in the log: who opens the form and sends nothing with a name would stand out."""
    return _form()


@pages.post("")
def make() -> Any:
    try:
        guarding().limits.take(WRITING, f"{me().id}", utcnow())
        viewer().must_act()
        given: list[Any] = request.files.getlist("file")
        items = attachment.taken(here().store, given)
        with here().db.write() as session:
            once = request.form.get("once", "")[:64]
            made = entering.by_form(session, utcnow(), again(session), me(), asked(), once, items).id
    except HanmaruError as error:
        return _form(error)
    return back("board_suggestions.one", "saved", suggestion_id=made)


@pages.post("/similar")
@unwatched
def like() -> Any:
    """What is typed goes in the body: addresses are written into other people's logs."""
    wait = _TYPED.take(TYPING, f"{me().id}", utcnow().timestamp(), guarding().limits.scale)
    if wait > 0:
        raise refusal(wait)
    given = request.get_json(silent=True)
    title = str(given.get("title", "")) if isinstance(given, dict) else ""
    with here().db.read() as session:
        found = similar.near(session, viewer(), title[:TITLE])
    return jsonify(found=[{"href": f"/board/suggestions/{one.id}", "title": one.title} for one in found])


@pages.get("/<int:suggestion_id>")
def one(suggestion_id: int) -> Any:
    return _one(suggestion_id)


@pages.post("/<int:suggestion_id>/<any(vote, unvote):what>")
def vote(suggestion_id: int, what: str) -> Any:
    """Once for each person; it can be taken back."""
    try:
        with here().db.write() as session:
            who = again(session)
            found = scope.one(session, who, Suggestion, suggestion_id)
            who.must_act()
            if what == "unvote":
                voting.take_back(session, found.id, who.user_id)
            elif Status(found.status).ends:
                raise Invalid("This suggestion has ended; votes are not counted any more.")
            else:
                voting.place(session, utcnow(), found.id, who.user_id)
    except NotFound:
        raise
    except HanmaruError as error:
        return _one(suggestion_id, error)
    return back("board_suggestions.one", suggestion_id=suggestion_id)


@pages.post("/<int:suggestion_id>/comments")
def remark(suggestion_id: int) -> Any:
    try:
        with here().db.write() as session:
            who = again(session)
            found = scope.one(session, who, Suggestion, suggestion_id)
            who.must_act()
            guarding().limits.take(WRITING, f"{me().id}", utcnow())
            doing.remark(session, utcnow(), found, request.form.get("text", ""), who.user_id, who.contact_id or None)
    except NotFound:
        raise
    except HanmaruError as error:
        return _one(suggestion_id, error)
    return back("board_suggestions.one", "saved", suggestion_id=suggestion_id)


def asked() -> Asked:
    """What the form says; raises `Invalid`."""
    form = request.form
    category = form.get("category", "")
    try:
        seen = Visibility(form.get("visibility", Visibility.PARTNERS.value))
        chosen = int(category) if category else None
    except ValueError:
        raise Invalid("What was chosen does not exist any more.") from None
    return Asked(form.get("title", ""), form.get("text", ""), chosen, seen)


def files_of(session: Session, number: int) -> list[BoardFile]:
    """What hangs on it."""
    return attachment.of(session, suggestion.ABOUT, [number]).get(number, [])


def status_of(given: str) -> Status | None:
    return Status(given) if given in list(Status) else None


def categories(session: Session) -> dict[int, str]:
    """The words suggestions are sorted by."""
    return {one.id: one.name for one in word.every(session)[Of.SUGGESTION]}


def choices(session: Session) -> dict[str, Any]:
    """What both forms, with a name and without, let choose."""
    return {
        "categories": categories(session), "visibilities": {seen: VISIBILITIES[seen] for seen in OFFERED},
        "longest": {"title": TITLE, "text": TEXT},
    }  # fmt: skip


def _form(error: HanmaruError | None = None) -> Any:
    ticket = letter.ticket(here().settings.secret(), utcnow().date())
    with here().db.read() as session:
        page = render_template(
            "board/suggestion_new.html", viewer=viewer(), given=request.form, ticket=ticket,
            once=request.form.get("once") or secrets.token_urlsafe(16), error=told(error), **choices(session),
        )  # fmt: skip
    return refused(page, error)


def _one(suggestion_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = scope.one(session, viewer(), Suggestion, suggestion_id)
        page = render_template(
            "board/suggestion.html", viewer=viewer(), one=found, shown=shown.of(session, viewer(), found),
            statuses=STATUSES, visibilities=VISIBILITIES, categories=categories(session), given=request.form,
            longest={"text": suggestion.TEXT}, files=files_of(session, found.id), notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)
