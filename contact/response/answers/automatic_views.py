"""Automatic answers on screen: what each inbox says by itself, and what that would read like now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox
from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.response import hours
from contact.response.answers import acting, automatic, fields, first, values
from contact.response.answers.automatic import Kind
from contact.response.hours import ALWAYS
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("automatic", __name__, url_prefix="/desk/automatic")
rule_for(pages, Rule(role=Role.SUPERVISOR))


@dataclass(frozen=True, slots=True)
class Shown:
    """One kind of one inbox as the form holds it; `reads` is what a customer would get now, by language."""

    kind: Kind
    on: bool
    on_since: datetime | None
    texts: dict[str, str]
    calendar_id: int | None
    reads: dict[str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """An inbox with its automatic answers and the figure they may speak of."""

    inbox: Inbox
    live: bool
    figure: str
    kinds: list[Shown]


@pages.get("")
def index() -> Any:
    return _index()


@pages.post("/<int:inbox_id>/<any(received, closed):kind>")
def save(inbox_id: int, kind: str) -> Any:
    given, calendar = request.form, request.form.get("calendar", "")
    texts, on = {one: given.get(f"text_{one}", "") for one in ("ko", "en")}, given.get("on") == "on"
    try:
        with here().db.write() as session:
            box = inbox.get(session, inbox_id)
            calendar_id = int(calendar) if calendar.isdecimal() else None
            automatic.keep(session, utcnow(), box.id, Kind(kind), on=on, texts=texts, calendar_id=calendar_id)
            after = {"kind": kind, "on": on}
            audit.append(
                session,
                utcnow(),
                "automatic.changed",
                by=me().id,
                ip=client_ip(),
                subject=f"inbox:{box.id}",
                after=after,
            )
    except HanmaruError as error:
        return _index(error, (inbox_id, Kind(kind), on, texts))
    return back("automatic.index", "saved", _anchor=f"inbox-{inbox_id}")


@pages.post("/<int:inbox_id>/<any(received, closed):kind>/preview")
def preview(inbox_id: int, kind: str) -> Any:
    """What `text` reads like now, for a customer called as somebody is."""
    asked = request.get_json(silent=True)
    given: dict[str, Any] = asked if isinstance(asked, dict) else {}
    text, language = str(given.get("text", ""))[: automatic.LONGEST], given.get("language")
    with here().db.read() as session:
        box = inbox.get(session, inbox_id)
        said = _values(session, box, Kind(kind), "en" if language == "en" else "ko", utcnow())
    return {"text": fields.fill_bare(text, said), "wrong": fields.wrong(text, automatic=True)}


def _index(error: HanmaruError | None = None, entered: tuple[int, Kind, bool, dict[str, str]] | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        boxes = [_box(session, box, now, entered) for box in _inboxes(session)]
        page = render_template(
            "response/automatic.html",
            boxes=boxes,
            calendars=hours.every(session),
            none=hours.default(session) is None,
            Kind=Kind,
            fields={name: one for name, one in {**fields.FIELDS, **fields.AUTOMATIC}.items() if name != "agent"},
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _inboxes(session: Session) -> list[Inbox]:
    """Those of channels a machine may answer on."""
    known = here().channels
    found = session.scalars(select(Inbox).order_by(Inbox.channel, Inbox.id)).all()
    return [
        box for box in found if box.channel in known and known[box.channel].capabilities.address.value in acting.REACHED
    ]


def _box(session: Session, box: Inbox, now: datetime, entered: tuple[int, Kind, bool, dict[str, str]] | None) -> Box:
    can = here().channels[box.channel].capabilities
    kinds = []
    for kind in Kind:
        kept = automatic.find(session, box.id, kind)
        texts, on = dict(kept.texts if kept else automatic.standard(kind, can.subject)), bool(kept and kept.on_since)
        if entered is not None and entered[:2] == (box.id, kind):
            on, texts = entered[2], entered[3]
        reads = {
            language: fields.fill_bare(texts.get(language, ""), _values(session, box, kind, language, now))
            for language in ("ko", "en")
        }
        since, calendar = (kept.on_since, kept.calendar_id) if kept else (None, None)
        kinds.append(Shown(kind, on, since, texts, calendar, reads))
    language = "ko" if str(get_locale()) == "ko" else "en"
    return Box(box, can.live, _expected(session, box, language, now), kinds)


def _expected(session: Session, box: Inbox, language: str, now: datetime) -> str:
    kept = automatic.find(session, box.id, Kind.RECEIVED)
    open_ = hours.hours_of(session, kept.calendar_id if kept else None)
    found = first.figure(session, now, open_, box.id)
    return first.sentence(found, language, open_ == ALWAYS) if found else ""


def _values(session: Session, box: Inbox, kind: Kind, language: str, now: datetime) -> dict[str, str]:
    settings = here().settings
    said = values.of_contact(session, settings, None, language, now)
    said |= {"name": "박하나" if language == "ko" else "Hana Park", "number": "#1234", "inbox": box.name}
    said |= {"company": "", "subject": "배송 문의" if language == "ko" else "My order"}
    said["expected"] = _expected(session, box, language, now)
    kept = automatic.find(session, box.id, kind)
    open_ = hours.hours_of(session, kept.calendar_id if kept else None)
    opening = open_.next_opening(now) or now
    if opening <= now:  # open now: as it would read tonight
        opening = open_.next_opening(open_.next_closing(now) or now + timedelta(days=1)) or now
    said["back"] = automatic.back(opening, open_.zone, now, language)
    return said
