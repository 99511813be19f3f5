"""Boards for those who work here: settings, what waits or was reported, and what they decide on the same pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, request
from sqlalchemy.orm import Session

from board import scope
from board.audience import vocabulary
from board.audience.fields import FIELDS as FACTS
from board.forum import board as boards
from board.forum import moderation, shown
from board.forum.board import Access, Board, Posting, Settings
from board.forum.comment import Comment
from board.forum.pages import _one as post_page
from board.forum.pages import number_in, page, routes, to_post
from board.forum.post import Post
from board.portal.web import again, viewer
from contact.db import utcnow
from contact.desk.told import back
from contact.errors import HanmaruError, Invalid, NotFound
from contact.users import Role, audit
from contact.web import here
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("forum", __name__, url_prefix="/desk/boards")
rule_for(pages, Rule(role=Role.AGENT))
routes(pages)

FIELDS: Final = (("tier", "tiers"), ("type", "types"), ("region", "regions"), ("line", "lines"), ("stage", "stages"),
                 ("role", "roles"), ("partner", "partners"))  # fmt: skip
"""What the form of a board asks of its audience, each with one of several values."""


@pages.get("/queue")
def queue() -> Any:
    """What was reported, and what waits until somebody has looked."""
    with here().db.read() as session:
        found = [
            (item, shown.entry(session, viewer(), item.comment or item.post))
            for item in moderation.queue(session, viewer())
        ]
        return page("queue.html", found=found)


@pages.route("/new", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def make() -> Any:
    if request.method == "GET":
        return _settings(None)
    try:
        with here().db.write() as session:
            made = boards.add(session, utcnow(), _given())
            audit.append(session, utcnow(), "board.made", by=me().id, ip=client_ip(), subject=f"board:{made.id}")
            number = made.id
    except HanmaruError as error:
        return _settings(None, error)
    return back("forum.board", "saved", board_id=number)


@pages.route("/<int:board_id>/settings", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def settings(board_id: int) -> Any:
    if request.method == "GET":
        return _settings(board_id)
    now = utcnow()
    try:
        with here().db.write() as session:
            before = boards.settings_of(scope.one(session, again(session), Board, board_id))
            closed = now if "archived" in request.form else None
            made = boards.change(session, board_id, _given(), number_in("version"), archived_at=closed)
            audit.append(
                session, now, "board.saved", by=me().id, ip=client_ip(), subject=f"board:{board_id}",
                before=_plain(before), after=_plain(boards.settings_of(made)),
            )  # fmt: skip
    except NotFound:
        raise
    except HanmaruError as error:
        return _settings(board_id, error)
    return back("forum.board", "saved", board_id=board_id)


@pages.post("/posts/<int:post_id>/<any(approve, hide, restore, keep, lock, unlock, move):what>")
def decide_post(post_id: int, what: str) -> Any:
    def act(session: Session, who: scope.Viewer) -> None:
        thing, now, reason = scope.one(session, who, Post, post_id), utcnow(), request.form.get("reason", "")
        match what:
            case "lock" | "unlock":
                moderation.lock(session, now, who, thing, what == "lock", reason, client_ip())
            case "move":
                moderation.move(session, now, who, thing, number_in("board"), reason, client_ip())
            case _:
                _decide(session, who, thing, what)

    return _decided(act, post_id)


@pages.post("/comments/<int:comment_id>/<any(approve, hide, restore, keep, official, plain):what>")
def decide_comment(comment_id: int, what: str) -> Any:
    with here().db.read() as session:
        post_id = scope.one(session, viewer(), Comment, comment_id).post_id

    def act(session: Session, who: scope.Viewer) -> None:
        thing = scope.one(session, who, Comment, comment_id)
        if what in ("official", "plain"):
            moderation.answer(session, utcnow(), who, thing, what == "official", client_ip())
        else:
            _decide(session, who, thing, what)

    return _decided(act, post_id, comment_id)


def _decide(session: Session, who: scope.Viewer, thing: Post | Comment, what: str) -> None:
    now, reason, ip = utcnow(), request.form.get("reason", ""), client_ip()
    match what:
        case "approve":
            moderation.approve(session, now, who, thing, ip)
        case "hide":
            moderation.hide(session, now, who, thing, reason, ip)
        case "restore":
            moderation.restore(session, now, who, thing, reason, ip)
        case _:
            moderation.keep(session, now, who, thing, ip)


def _decided(act: Any, post_id: int, comment_id: int = 0) -> Any:
    try:
        with here().db.write() as session:
            act(session, again(session))
    except NotFound:
        raise
    except HanmaruError as error:
        return post_page(post_id, error)
    if "queue" in request.form:
        return back("forum.queue", "saved")
    return to_post(post_id, comment_id, "saved")


def _settings(board_id: int | None, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = scope.one(session, viewer(), Board, board_id) if board_id else None
        now = _shown() if error else boards.settings_of(found) if found else Settings("")
        teller = vocabulary.Teller.of(session)
        return page(
            "settings.html", error, board=found, now=now, access=boards.ACCESS, posting=boards.POSTING,
            fields=[(name, FACTS[name].label, teller.choices[of]) for name, of in FIELDS],
            chosen=_chosen(now.definition), version=request.form.get("version") if error else found and found.version,
        )  # fmt: skip


def _shown() -> Settings:
    """What was typed, to show it again; what cannot be, empty."""
    try:
        return _given()
    except HanmaruError:
        return Settings(request.form.get("name", "")[:80], request.form.get("description", "")[:500])


def _given() -> Settings:
    form = request.form
    try:
        access, posting = Access(form.get("access", "")), Posting(form.get("posting", ""))
    except ValueError:
        raise Invalid("What was chosen does not exist any more.") from None
    given = Settings(form.get("name", ""), form.get("description", ""), access, None, posting,
                     "moderated" in form, "shows_partner" in form)  # fmt: skip
    return replace(given, definition=_audience()) if access is Access.AUDIENCE else given


def _audience() -> dict[str, Any]:
    """Whoever has one of the chosen values in each of the lists where something was chosen."""
    op = {"line": "has"}
    tests = [
        {"field": name, "op": op.get(name, "is"), "value": chosen}
        for name, _ in FIELDS
        if (chosen := request.form.getlist(name)[:500])
    ]
    return {"all": tests}


def _chosen(definition: dict[str, Any] | None) -> dict[str, set[str]]:
    tests = (definition or {}).get("all", [])
    return {test["field"]: set(test["value"]) for test in tests if "field" in test}


def _plain(given: Settings) -> dict[str, Any]:
    return {"name": given.name, "access": given.access.value, "posting": given.posting.value,
            "moderated": given.moderated, "shows_partner": given.shows_partner}  # fmt: skip
