"""Rules for supervisors: the list, the editor, the versions, the dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.conversation import Conversation
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, Invalid
from contact.limits import Steady
from contact.response.deeds import Saying, Wrong
from contact.response.rules import draft, dry, rule, vocabulary
from contact.response.rules import editor as editors
from contact.response.rules.draft import Said
from contact.response.rules.rule import Rule
from contact.response.rules.starters import STARTERS
from contact.response.rules.telling import Teller, difference
from contact.users import Role, audit, everybody
from contact.web import here
from contact.web.forms import refused, told
from contact.web.offload import offload
from contact.web.security import Rule as Guarded
from contact.web.security import client_ip, guarding, me, rule_for

pages = Blueprint("rules", __name__, url_prefix="/desk/rules")
rule_for(pages, Guarded(role=Role.SUPERVISOR))

DRY_RUNS = Steady("rules.dry", burst=120, every=0.1)
"""Slices of dry runs one supervisor may ask for."""


@pages.get("")
def index() -> Any:
    return _index()


def _index(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        versions = rule.current(session)
        page = render_template(
            "response/rules.html",
            rules=[(one, versions[one.id].said) for one in rule.every(session)],
            week=rule.week(session, utcnow()),
            teller=Teller.of(session, here().channels),
            starters=STARTERS,
            notice=notice(),
            error=said_wrong(error),
        )
    return refused(page, error)


@pages.get("/new")
def new() -> Any:
    starter = STARTERS.get(request.args.get("starter", ""))
    body: dict[str, Any] = {"name": "", "when": {"on": "received"}, "if": {"all": []}, "then": []}
    if starter is not None:
        body = {"name": str(_(starter.name)), "if": {"all": []}} | starter.body(lambda text: str(_(text)))
    return _editor(None, body)


@pages.post("/new")
def make() -> Any:
    body = _body(request.form.get("body", ""))
    try:
        with here().db.write() as session:
            said = _parsed(session, body)
            made = rule.add(session, utcnow(), said, me().id)
            _audit(session, "rule.made", made.id, after={"name": said.name})
            if request.form.get("on"):
                _switch(session, made, True)
            number = made.id
    except HanmaruError as error:
        return _editor(None, body, error)
    return back("rules.one", "saved", rule_id=number)


@pages.get("/<int:rule_id>")
def one(rule_id: int) -> Any:
    with here().db.read() as session:
        kept = rule.get(session, rule_id)
        body = rule.version(session, rule_id, number("version") or kept.version).body
    return _editor(kept, body)


@pages.post("/<int:rule_id>")
def save(rule_id: int) -> Any:
    body = _body(request.form.get("body", ""))
    try:
        with here().db.write() as session:
            kept = rule.get(session, rule_id)
            seen = request.form.get("seen", "")
            before = kept.version
            made = rule.save(
                session, utcnow(), kept, _parsed(session, body), me().id, int(seen) if seen.isdecimal() else None
            )
            if made.number != before:
                facts = {"name": made.said.name, "version": made.number}
                _audit(session, "rule.saved", rule_id, before={"version": before}, after=facts)
    except HanmaruError as error:
        with here().db.read() as session:
            kept = rule.get(session, rule_id)
        return _editor(kept, body, error)
    return back("rules.one", "saved", rule_id=rule_id)


@pages.post("/<int:rule_id>/<any(on, off):what>")
def switch(rule_id: int, what: str) -> Any:
    try:
        with here().db.write() as session:
            _switch(session, rule.get(session, rule_id), what == "on")
    except HanmaruError as error:
        return _index(error)
    if request.form.get("from") == "one":
        return back("rules.one", "saved", rule_id=rule_id)
    return back("rules.index", "saved")


@pages.post("/order")
def order() -> Any:
    """All rules in their new order: `rules`, numbers between commas; or one of them (`rule`) up or down (`by`)."""
    try:
        with here().db.write() as session:
            numbers = [one.id for one in rule.every(session)]
            wanted = request.form.get("rules", "")
            if wanted:
                numbers = [int(value) for value in wanted.split(",") if value.isdecimal()]
            else:
                _move(numbers, request.form.get("rule", ""), request.form.get("by", ""))
            rule.order(session, numbers)
            _audit(session, "rule.ordered", 0, after={"order": ", ".join(map(str, numbers))})
    except HanmaruError as error:
        return _index(error)
    return back("rules.index")


def _move(numbers: list[int], which: str, by: str) -> None:
    if not which.isdecimal() or int(which) not in numbers or by not in ("-1", "1"):
        raise Invalid
    place = numbers.index(int(which))
    numbers.insert(max(0, place + int(by)), numbers.pop(place))


@pages.post("/<int:rule_id>/remove")
def remove(rule_id: int) -> Any:
    with here().db.write() as session:
        kept = rule.get(session, rule_id)
        name = rule.version(session, rule_id, kept.version).said.name
        rule.remove(session, utcnow(), kept)
        _audit(session, "rule.removed", rule_id, before={"name": name})
    return back("rules.index", "saved")


@pages.get("/<int:rule_id>/versions")
def versions(rule_id: int) -> Any:
    with here().db.read() as session:
        kept, found = rule.get(session, rule_id), rule.versions(session, rule_id)
        teller = Teller.of(session, here().channels)
        lines = [teller.lines(each.said) for each in found]
        pairs = [difference(before, after) for after, before in zip(lines, [*lines[1:], []], strict=True)]
        return render_template(
            "response/rule_versions.html",
            rule=kept,
            said=found[0].said,
            found=list(zip(found, pairs, strict=True)),
            users={user.id: user.name for user in everybody(session)},
            notice=notice(),
        )


@pages.post("/dry")
def try_dry() -> Any:
    """One slice of a dry run, as JSON: how far it is, and what it found as HTML."""
    guarding().limits.take(DRY_RUNS, str(me().id), utcnow())
    asked = request.get_json(silent=True) or {}
    try:
        with here().db.read() as session:
            said = _parsed(session, asked.get("rule") or {})
    except Invalid as error:
        return {"message": said_wrong(error)}, 400
    rule_id, head = _whole(asked.get("id")), _whole(asked.get("head"))
    found = offload(here().db, _slice, said, rule_id, head, _whole(asked.get("after")) or 0)
    with here().db.read() as session:
        subjects = _subjects(session, [touch.conversation_id for touch in found.touches])
        html = render_template(
            "response/rule_dry.html", touches=found.touches, subjects=subjects,
            teller=Teller.of(session, here().channels), said=said,
        )  # fmt: skip
    return {
        "head": found.head, "total": found.total, "done": found.done, "after": found.after, "looked": found.looked,
        "met": found.met, "acts": found.acts, "slow": found.slow, "html": html,
    }  # fmt: skip


def _slice(session: Session, said: Said, rule_id: int | None, head: int | None, after: int) -> dry.Slice:
    order = [one.id for one in rule.every(session)]
    before = order[: order.index(rule_id)] if rule_id in order else order
    return dry.slice_of(session, utcnow(), said, before=before, rule_id=rule_id, head=head, after=after)


def _subjects(session: Session, numbers: list[int]) -> dict[int, tuple[str, str]]:
    one = Conversation
    query = select(one.id, one.subject, one.channel).where(one.id.in_(set(numbers)))
    return {number: (subject, channel) for number, subject, channel in session.execute(query)}


def _editor(kept: Rule | None, body: Mapping[str, Any], error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        teller = Teller.of(session, here().channels)
        page = render_template(
            "response/rule.html",
            rule=kept,
            body=dict(body),
            vocabulary=editors.vocabulary(teller, macro=False),
            failures=rule.failures(session, kept.id) if kept else [],
            week=rule.week(session, utcnow()).get(kept.id, (0, 0, 0)) if kept else (0, 0, 0),
            teller=teller,
            window=dry.WINDOW,
            chosen=number("version"),
            notice=notice(),
            error=said_wrong(error),
            reason=lambda failure: str(_(failure.reason)) % failure.facts if failure.facts else str(_(failure.reason)),
        )
    return refused(page, error)


def _parsed(session: Session, body: Mapping[str, Any]) -> Said:
    return draft.parse(session, body, vocabulary.known(session, here().channels), Saying(here()))


def _body(given: str) -> dict[str, Any]:
    try:
        found = orjson.loads(given[:200_000] or "{}")
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return {}
    return {"name": "", "when": {"on": "received"}, "if": {"all": []}, "then": []} | found


def _switch(session: Session, kept: Rule, on: bool) -> None:
    rule.switch(session, utcnow(), kept, on)
    _audit(session, "rule.switched", kept.id, after={"on": on})


def _audit(session: Session, what: str, rule_id: int, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"rule:{rule_id}", **facts)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def said_wrong(error: HanmaruError | None) -> str:
    """An error in the reader's language, with the names in it."""
    return error.told(lambda text: str(_(text))) if isinstance(error, Wrong) else told(error)
