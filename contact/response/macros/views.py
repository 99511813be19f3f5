"""Macros: their page, and the verbs of the console's menus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import HanmaruError
from contact.response import macros
from contact.response.deeds import Saying, Wrong
from contact.response.macros import Macro, Undone
from contact.response.rules import editor as editors
from contact.response.rules.telling import Teller
from contact.response.rules.views import said_wrong
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("macros", __name__, url_prefix="/desk/macros")
rule_for(pages, Rule(role=Role.AGENT))

FIRST = {
    "vip": (N_("Take over an urgent matter"), [{"do": "assign", "value": "me"}, {"do": "priority", "value": "urgent"}]),
    "done": (N_("Thank and resolve"), [{"do": "say", "value": N_("Thank you for your answer.")}, {"do": "resolve"}]),
    "later": (N_("Wait for the customer"), [{"do": "assign", "value": "me"}, {"do": "pend"}]),
}
"""Macros to begin with."""


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        return render_template(
            "response/macros.html",
            macros=macros.visible(session, me().id),
            teller=Teller.of(session, here().channels),
            first=FIRST,
            may_share=me().may(Role.SUPERVISOR),
            notice=notice(),
        )


@pages.get("/mine")
def mine() -> Any:
    """For menus and commands: number, name, and what it does."""
    with here().db.read() as session:
        teller = Teller.of(session, here().channels)
        found = macros.visible(session, me().id)
        told = [
            {"id": one.id, "name": one.name, "does": " · ".join(teller.step(step) for step in one.todo)}
            for one in found
        ]
    words = {"none": _("No macro yet"), "make": _("Make a macro"), "name": _("Macro: %(name)s", name="{name}")}
    return {"macros": told, "words": {name: str(text) for name, text in words.items()}}


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    if request.method == "GET":
        name, steps = FIRST.get(request.args.get("first", ""), ("", []))
        return _editor(None, {"name": str(_(name)) if name else "", "then": [_translated(step) for step in steps]})
    body = _body()
    try:
        with here().db.write() as session:
            made = macros.add(session, utcnow(), me(), Saying(here()), **_fields(body))
            _audit(session, "macro.made", made)
    except HanmaruError as error:
        return _editor(None, body, error)
    return back("macros.index", "saved")


@pages.route("/<int:macro_id>", methods=["GET", "POST"])
def one(macro_id: int) -> Any:
    if request.method == "GET":
        with here().db.read() as session:
            found = macros.get(session, macro_id, me())
        return _editor(found, {"name": found.name, "then": found.steps})
    body = _body()
    try:
        with here().db.write() as session:
            found = macros.get(session, macro_id, me())
            macros.change(session, utcnow(), found, me(), Saying(here()), **_fields(body))
            _audit(session, "macro.changed", found)
    except HanmaruError as error:
        return _editor(found, body, error)
    return back("macros.index", "saved")


@pages.post("/<int:macro_id>/remove")
def remove(macro_id: int) -> Any:
    with here().db.write() as session:
        found = macros.get(session, macro_id, me())
        macros.remove(session, utcnow(), found, me())
        _audit(session, "macro.removed", found)
    return back("macros.index", "saved")


@pages.post("/<int:macro_id>/apply")
def apply(macro_id: int) -> Any:
    """JSON: `ids`. Answers with the rows that `undo` takes."""
    ids = _numbers("ids")
    try:
        with here().db.write() as session:
            found = macros.get(session, macro_id, me())
            rows = macros.apply(session, utcnow(), found, ids, me(), Saying(here())).rows
    except Wrong as error:
        return {"error": error.code, "message": said_wrong(error)}, error.status
    told = ngettext(
        "“%(name)s” is applied to %(num)s conversation.",
        "“%(name)s” is applied to %(num)s conversations.",
        len(rows),
        name=found.name,
    )
    return {"rows": rows, "message": str(told)}


@pages.post("/undo")
def undo() -> Any:
    """JSON: `rows`. Everything as it was, where nothing happened since; the sentence says so."""
    with here().db.write() as session:
        done = macros.undo(session, utcnow(), _numbers("rows"), me(), Saying(here()))
    return {"message": " ".join(_told(done)), "back": done.back, "changed": done.changed, "sent": done.sent}


def _told(done: Undone) -> list[str]:
    told = []
    if done.back:
        told.append(str(_("All is as it was.")))
    if done.changed:
        numbers = ", ".join(f"#{number}" for number in done.changed)
        told.append(str(_("Something happened since in %(which)s; it stays as it is.", which=numbers)))
    if done.sent:
        numbers = ", ".join(f"#{number}" for number in done.sent)
        told.append(str(_("The answer in %(which)s has left already; the rest is undone.", which=numbers)))
    return told


def _translated(step: Mapping[str, Any]) -> dict[str, Any]:
    words = str(step.get("value"))
    return {**step, "value": str(_(words))} if step["do"] == "say" else dict(step)


def _editor(found: Macro | None, body: Mapping[str, Any], error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "response/macro.html",
            macro=found,
            body=dict(body),
            vocabulary=editors.vocabulary(Teller.of(session, here().channels), macro=True),
            shared=found.user_id is None if found else me().may(Role.SUPERVISOR),
            may_share=me().may(Role.SUPERVISOR),
            locked=found is not None and found.user_id is None and not me().may(Role.SUPERVISOR),
            error=said_wrong(error),
        )
    return refused(page, error)


def _body() -> dict[str, Any]:
    try:
        found = orjson.loads(request.form.get("body", "")[:200_000] or "{}")
    except orjson.JSONDecodeError:
        found = {}
    return found if isinstance(found, dict) else {}


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": body.get("name"), "steps": body.get("then"), "shared": bool(request.form.get("shared"))}


def _numbers(name: str) -> list[int]:
    given = (request.get_json(silent=True) or {}).get(name)
    return [one for one in given if isinstance(one, int)] if isinstance(given, list) else []


def _audit(session: Session, what: str, macro: Macro) -> None:
    facts = {"name": macro.name}
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"macro:{macro.id}", after=facts)
