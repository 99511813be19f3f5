"""The editor of what is not published yet: what it says, to whom, by which ways, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from board import attachment, once
from board.audience import preview
from board.audience.definition import parse
from board.audience.vocabulary import Teller, known
from board.notice import form, life, plan, version, wording
from board.notice.attempt import CHANNELS
from board.notice.notice import STATES, Notice, get
from board.notice.plan import Plan
from board.notice.views.door import arg, categories, pages, said_before, shown, write_down
from board.notice.views.files import keep_files, uploads
from board.notice.wording import Wording
from board.partner.member import MemberRole
from contact import formatted
from contact.db import utcnow
from contact.desk.told import back
from contact.errors import HanmaruError, Invalid
from contact.limits import Steady
from contact.response.rules.views import said_wrong
from contact.users import Role
from contact.web import here
from contact.web.forms import refused
from contact.web.offload import offload
from contact.web.security import guarding, me, role

PREVIEWS = Steady("notices.preview", burst=30, every=0.5)
"""Previews one supervisor may ask for."""


@pages.route("/new", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def new() -> Any:
    return _keep(None) if request.method == "POST" else editor(None)


@pages.post("/<int:notice_id>")
@role(Role.SUPERVISOR)
def save(notice_id: int) -> Any:
    """Save it; `do` says what then: publish it now or at a time, or make it a draft again."""
    return _keep(notice_id)


@pages.post("/<int:notice_id>/<any(draft, remove):what>")
@role(Role.SUPERVISOR)
def early(notice_id: int, what: str) -> Any:
    """What is not published yet becomes a draft again, or goes."""
    try:
        with here().db.write() as session:
            if what == "draft":
                life.unschedule(session, notice_id)
            else:
                life.remove(session, notice_id)
                attachment.drop(session, utcnow(), "notice", notice_id)
            write_down(session, f"notice.{what}", notice_id)
    except HanmaruError as error:
        return editor(notice_id, error)
    return back("notices.one", "draft", notice_id=notice_id) if what == "draft" else back("notices.index", "removed")


@pages.post("/audience")
@role(Role.SUPERVISOR)
def look() -> Any:
    """How many people what stands in the editor holds now, and some of them with the reasons, as HTML."""
    guarding().limits.take(PREVIEWS, str(me().id), utcnow())
    asked = request.get_json(silent=True)
    try:
        with here().db.read() as session:
            tree = parse(asked.get("if") if isinstance(asked, Mapping) else None, known(session))
    except Invalid as error:
        return {"message": said_wrong(error)}, 400
    found = offload(here().db, preview.preview, tree)
    with here().db.read() as session:
        html = render_template("board/audience_sample.html", found=found, teller=Teller.of(session, tree), tree=tree)
    return {"count": found.count, "html": html}


@pages.get("/<int:notice_id>/preview")
def as_partner(notice_id: int) -> Any:
    """As one of the audience will see it; `user` chooses whom."""
    with here().db.read() as session:
        kept = get(session, notice_id)
        people = preview.preview(session, parse(kept.definition)).sample
        chosen = next((one for one in people if one.user_id == form.number(arg("user"))), people[0] if people else None)
        return render_template(
            "board/desk_notice_preview.html", kept=kept, said=version.current(session, kept), people=people,
            chosen=chosen, acts=chosen is not None and chosen.role is not MemberRole.VIEWER, shown=shown,
            categories=categories(session), files=attachment.of(session, "notice", [kept.id]).get(kept.id, []),
            due=life.due_of(kept, utcnow()),
        )  # fmt: skip


def _keep(notice_id: int | None) -> Any:
    given, now, do = request.form, utcnow(), request.form.get("do", "")
    try:
        items = uploads()
        said = wording.checked(given.get("title", ""), given.get("html", ""), whole=False)
        with here().db.write() as session:
            asked = plan.checked(session, form.plan(given, here().settings.zone), known(session))
            key = once.key_of(me().id, given.get("key", "")) if notice_id is None else None
            sent = life.made_by(session, key)
            if sent is None:
                number = _kept(session, now, notice_id, asked, said, key)
                keep_files(session, now, number, items)
                _do(session, now, number, do)
                write_down(session, f"notice.{do if do in ('publish', 'schedule') else 'saved'}", number)
            else:
                number = sent.id
    except HanmaruError as error:
        return editor(notice_id, error)
    done = {"publish": "published", "schedule": "scheduled"}.get(do, "saved")
    return back("notices.as_partner" if do == "preview" else "notices.one", done, notice_id=number)


def _kept(session: Session, now: datetime, notice_id: int | None, asked: Plan, said: Wording, key: str | None) -> int:
    if notice_id is None:
        return life.create(session, now, asked, said, me().id, key=key).id
    return life.save(session, now, notice_id, asked, said, me().id).id


def _do(session: Session, now: datetime, number: int, do: str) -> None:
    match do:
        case "publish":
            life.publish(session, now, number, me().id)
        case "schedule":
            at = form.moment(request.form.get("publish_at", ""), here().settings.zone)
            if at is None:
                raise Invalid("Enter day and time.")
            life.schedule(session, now, number, at)


def editor(notice_id: int | None, error: HanmaruError | None = None) -> Any:
    given = request.form if error else None
    with here().db.read() as session:
        kept = get(session, notice_id) if notice_id is not None else None
        asked = _plan_shown(kept, given)
        said = worded(session, kept, given)
        tree = {"if": form.definition(given.get("body", "")) if given else asked.definition}
        page = render_template(
            "board/desk_notice.html", kept=kept, plan=asked, said=said, body={"name": "", **tree},
            vocabulary=_teller(session, tree["if"]).vocabulary(), categories=categories(session), steps=CHANNELS,
            zone=here().settings.zone, given=given or {}, notice=said_before(), error=said_wrong(error), states=STATES,
            files=attachment.of(session, "notice", [notice_id]).get(notice_id, []) if notice_id else [],
            key=once.again(request.form.get("key", "")),
        )  # fmt: skip
    return refused(page, error)


def _plan_shown(kept: Notice | None, given: Any) -> Plan:
    """What the form shows; what cannot be read of what was typed stays as it was."""
    if given is not None:
        try:
            return form.plan(given, here().settings.zone)
        except Invalid:
            pass
    return Plan.of(kept) if kept is not None else Plan(needs_ack=True)


def worded(session: Session, kept: Notice | None, given: Any) -> Wording:
    if given is not None:
        html = formatted.shown(given.get("html", "")[: formatted.MAX_HTML], lambda _name: None)
        return Wording(given.get("title", ""), html, given.get("note", ""))
    if kept is None:
        return Wording("", "")
    last = version.current(session, kept)
    return Wording(last.title, last.body)


def _teller(session: Session, definition: Mapping[str, Any]) -> Teller:
    try:
        return Teller.of(session, parse(definition))
    except Invalid:
        return Teller.of(session)
