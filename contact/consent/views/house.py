"""The texts people agree to, the notices the law wants, and the rules the house keeps."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from contact.consent import notices, setting, texts
from contact.consent.law import RULES
from contact.consent.purpose import Purpose
from contact.consent.views import door
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import back, notice
from contact.errors import HanmaruError, Invalid
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import client_ip, me, role


@door.pages.get("/desk/consent")
def index() -> Any:
    """The texts people agree to, the notices the law wants, and the rules we keep."""
    return _index()


@door.pages.post("/desk/consent/texts")
@role(Role.SUPERVISOR)
def add_text() -> Any:
    """A new version of a text; the ones before stay."""
    asked = request.form.get("purpose", "")
    try:
        night = asked == "night"
        purpose = Purpose.ADVERTISING if night else door.purpose(asked)
        if purpose is None:
            raise Invalid("Choose what it is about.")
        with here().db.write() as session:
            made = texts.add(
                session, utcnow(), purpose, request.form.get("language", ""), request.form.get("body", ""),
                night=night, user_id=me().id,
            )  # fmt: skip
            after = {"purpose": asked, "language": made.language, "version": made.number}
            audit.append(session, utcnow(), "consent_text.added", by=me().id, ip=client_ip(), after=after)
    except HanmaruError as error:
        return _index(error)
    return back("consent.index", "saved", _anchor="texts")


@door.pages.post("/desk/consent/notices")
@role(Role.SUPERVISOR)
def switch() -> Any:
    """Send the notices the law wants, or do not."""
    on = request.form.get("on") == "on"
    with here().db.write() as session:
        setting.switch(session, utcnow(), on)
        audit.append(session, utcnow(), "consent_notices.changed", by=me().id, ip=client_ip(), after={"on": on})
    return back("consent.index", "saved", _anchor="notices")


def _index(error: HanmaruError | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        page = render_template(
            "consent/index.html",
            texts=texts.versions(session),
            current={one.id for one in texts.newest(session)},
            on=setting.on_since(session),
            due=notices.counts(session, now),
            rules=RULES.values(),
            purposes=words.PURPOSE,
            given=request.form,
            words=words,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)
