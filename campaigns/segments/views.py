"""Segments for supervisors: the list, the editor with its live preview, the versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from campaigns.segments import preview, segment
from campaigns.segments.compiled import KIND_OF
from campaigns.segments.definition import Tree
from campaigns.segments.segment import Segment
from campaigns.segments.use import Use, counted, use
from campaigns.segments.vocabulary import CHANNELS, Teller, channel_name, known
from campaigns.views import STATES
from contact import directory
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.errors import Conflict, HanmaruError, Invalid
from contact.limits import Steady
from contact.response.rules.telling import difference
from contact.response.rules.views import said_wrong
from contact.users import Role, audit, everybody
from contact.web import here
from contact.web.forms import refused
from contact.web.offload import offload
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("segments", __name__, url_prefix="/desk/segments")
rule_for(pages, Rule(role=Role.SUPERVISOR))

PREVIEWS = Steady("segments.preview", burst=30, every=0.5)
"""Previews one supervisor may ask for."""


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        return render_template(
            "campaigns/segments.html",
            segments=segment.every(session),
            teller=Teller.of(session),
            notice=notice(),
            used=counted(session),
        )


@pages.get("/new")
def new() -> Any:
    return _editor(None, {"name": "", "if": {"all": []}})


@pages.post("/new")
def make() -> Any:
    body = _body()
    try:
        with here().db.write() as session:
            name, tree = segment.read(body, known(session))
            made = segment.add(session, utcnow(), name, tree, me().id)
            _audit(session, "segment.made", made.id, after={"name": name})
            made_id = made.id
    except HanmaruError as error:
        return _editor(None, body, error)
    return back("segments.one", "saved", segment_id=made_id)


@pages.get("/<int:segment_id>")
def one(segment_id: int) -> Any:
    with here().db.read() as session:
        kept = segment.get(session, segment_id)
        shown = segment.version(session, segment_id, number("version") or kept.version)
        return _editor(kept, {"name": shown.name, "if": shown.definition})


@pages.post("/<int:segment_id>")
def save(segment_id: int) -> Any:
    body, seen = _body(), request.form.get("seen", "")
    try:
        with here().db.write() as session:
            kept = segment.get(session, segment_id)
            before = kept.version
            name, tree = segment.read(body, known(session))
            segment.save(session, utcnow(), kept, name, tree, me().id, int(seen) if seen.isdecimal() else None)
            if kept.version != before:
                after = {"name": name, "version": kept.version}
                _audit(session, "segment.saved", segment_id, before={"version": before}, after=after)
    except HanmaruError as error:
        with here().db.read() as session:
            return _editor(segment.get(session, segment_id), body, error)
    return back("segments.one", "saved", segment_id=segment_id)


@pages.post("/<int:segment_id>/remove")
def remove(segment_id: int) -> Any:
    try:
        with here().db.write() as session:
            kept = segment.get(session, segment_id)
            segment.remove(session, utcnow(), kept)
            _audit(session, "segment.removed", segment_id, before={"name": kept.name})
    except Conflict as error:
        with here().db.read() as session:
            kept = segment.get(session, segment_id)
            return _editor(kept, {"name": kept.name, "if": kept.definition}, error)
    return back("segments.index", "saved")


@pages.get("/<int:segment_id>/versions")
def versions(segment_id: int) -> Any:
    with here().db.read() as session:
        kept, found, teller = (
            segment.get(session, segment_id),
            segment.versions(session, segment_id),
            Teller.of(session),
        )
        lines = [teller.lines(each.name, each.tree) for each in found]
        pairs = [difference(before, after) for after, before in zip(lines, [*lines[1:], []], strict=True)]
        return render_template(
            "campaigns/segment_versions.html", segment=kept, found=list(zip(found, pairs, strict=True)),
            users={user.id: user.name for user in everybody(session)}, notice=notice(),
        )  # fmt: skip


@pages.post("/preview")
def look() -> Any:
    """How many people what stands in the editor holds now, and twenty of them with the reasons, as HTML."""
    guarding().limits.take(PREVIEWS, str(me().id), utcnow())
    asked = request.get_json(silent=True)
    body = asked if isinstance(asked, Mapping) else {}
    channel = str(body.get("channel") or "email")
    try:
        if channel not in KIND_OF:
            raise Invalid
        with here().db.read() as session:
            _, tree = segment.read({"name": "-", "if": body.get("if")}, known(session))
    except Invalid as error:
        return {"message": said_wrong(error)}, 400
    found = offload(here().db, _look, tree, channel, ZoneInfo(here().settings.zone))
    with here().db.read() as session:
        people = directory.people(session, [one.contact_id for one in found.sample])
        html = render_template(
            "campaigns/segment_sample.html", found=found, people=people, teller=Teller.of(session), tree=tree
        )
    return {"count": found.count, "html": html}


def _look(session: Session, tree: Tree, channel: str, zone: ZoneInfo) -> preview.Preview:
    return preview.preview(session, utcnow().astimezone(zone), tree, channel=channel)


def _editor(kept: Segment | None, body: Mapping[str, Any], error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "campaigns/segment.html", segment=kept, body=dict(body), vocabulary=Teller.of(session).vocabulary(),
            channels=[(name, channel_name(name)) for name in CHANNELS], chosen=number("version"), notice=notice(),
            error=said_wrong(error), use=use(session, kept.id) if kept else Use(), states=STATES,
        )  # fmt: skip
    return refused(page, error)


def _body() -> dict[str, Any]:
    try:
        found = orjson.loads(request.form.get("body", "")[:200_000] or "{}")
    except orjson.JSONDecodeError:
        found = None
    return {"name": "", "if": {"all": []}} | found if isinstance(found, dict) else {"name": "", "if": {"all": []}}


def _audit(session: Session, what: str, segment_id: int, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"segment:{segment_id}", **facts)
