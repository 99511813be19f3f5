"""The list, one notice with how far it got, its versions, its correction and its end."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from board import attachment
from board.audience.definition import parse
from board.audience.vocabulary import Teller
from board.notice import form, life, listing, numbers, steps, version, wording
from board.notice.attempt import CHANNELS
from board.notice.notice import STATES, State, get
from board.notice.numbers import OUTCOMES
from board.notice.views.door import arg, categories, names, pages, said_before, shown, write_down
from board.notice.views.editing import editor, worded
from board.notice.views.files import keep_files, uploads
from contact.db import utcnow
from contact.desk.told import back
from contact.errors import HanmaruError
from contact.users import Role
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import me, role


@pages.get("")
def index() -> Any:
    given, words = request.args.get("state", ""), request.args.get("q", "")[:100]
    state = State(given) if given in set(State) else None
    with here().db.read() as session:
        found = listing.listed(session, utcnow(), state=state, words=words, before=form.number(arg("before")))
        return render_template(
            "board/desk_notices.html", found=found, state=state, states=STATES, counts=listing.states(session),
            words=words, categories=categories(session), notice=said_before(),
        )  # fmt: skip


@pages.get("/<int:notice_id>")
def one(notice_id: int) -> Any:
    with here().db.read() as session:
        kept = get(session, notice_id)
    if State(kept.state) in life.EARLY and me().may(Role.SUPERVISOR):
        return editor(notice_id)
    return page_of(notice_id)


@pages.route("/<int:notice_id>/correct", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def correct(notice_id: int) -> Any:
    """A new version of what is published."""
    if request.method == "GET":
        return _correct(notice_id)
    given, now = request.form, utcnow()
    try:
        items = uploads()
        said = wording.checked(given.get("title", ""), given.get("html", ""), given.get("note", ""))
        with here().db.write() as session:
            seen = form.number(given.get("seen", "")) or 0
            life.correct(session, now, notice_id, said, bool(given.get("again")), me().id, seen)
            keep_files(session, now, notice_id, items)
            write_down(session, "notice.corrected", notice_id, after={"again": bool(given.get("again"))})
    except HanmaruError as error:
        return _correct(notice_id, error)
    return back("notices.one", "corrected", notice_id=notice_id)


@pages.post("/<int:notice_id>/withdraw")
@role(Role.SUPERVISOR)
def withdraw(notice_id: int) -> Any:
    try:
        with here().db.write() as session:
            life.withdraw(session, utcnow(), notice_id, request.form.get("reason", ""), me().id)
            write_down(session, "notice.withdrawn", notice_id)
    except HanmaruError as error:
        return page_of(notice_id, error)
    return back("notices.one", "withdrawn", notice_id=notice_id)


@pages.get("/<int:notice_id>/versions/<int:number>")
def one_version(notice_id: int, number: int) -> Any:
    with here().db.read() as session:
        kept, said = get(session, notice_id), version.of(session, notice_id, number)
        return render_template("board/desk_notice_version.html", kept=kept, said=said, shown=shown, by=names(session))


def page_of(notice_id: int, error: HanmaruError | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        kept = get(session, notice_id)
        page = render_template(
            "board/desk_notice_page.html", kept=kept, said=version.current(session, kept), states=STATES, shown=shown,
            numbers=numbers.of(session, now, [kept.id])[kept.id], outcomes=OUTCOMES,
            versions=version.every(session, kept.id), ladder=steps.parse(kept.ladder), channels=CHANNELS,
            by=names(session), categories=categories(session),
            audience=Teller.of(session, parse(kept.definition)).short(parse(kept.definition)), now=now,
            files=attachment.of(session, "notice", [kept.id]).get(kept.id, []), given=request.form if error else {},
            notice=said_before(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _correct(notice_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        kept = get(session, notice_id)
        page = render_template(
            "board/desk_notice_correct.html", kept=kept, said=worded(session, kept, request.form if error else None),
            given=request.form if error else {}, error=told(error), notice=said_before(),
            numbers=numbers.of(session, utcnow(), [kept.id])[kept.id],
            files=attachment.of(session, "notice", [kept.id]).get(kept.id, []),
        )  # fmt: skip
    return refused(page, error)
