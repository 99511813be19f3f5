"""The sandbox's viewer: every mail that left while no relay is configured."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import caught
from contact.caught import CaughtMail
from contact.clean import clean_html
from contact.db import utcnow
from contact.desk import letter
from contact.desk.letter import Letter
from contact.desk.parcel import FRAME
from contact.desk.told import back, notice, number
from contact.errors import NotFound
from contact.inbox import Inbox
from contact.outbox import Delivery
from contact.text import storable
from contact.users import Role, audit
from contact.web import here
from contact.web.files import disposition, safe_file_headers
from contact.web.headers import FILE, MAIL, MAIL_WITH_PICTURES, headed
from contact.web.offload import offload
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("sandbox", __name__, url_prefix="/desk/sandbox")
rule_for(pages, Rule(role=Role.AGENT))

PAGE = 50
SHOWN = 200_000
"""Bytes of the source that stand on the page; the rest is in the download."""
TABS = ("html", "text", "headers", "source")


@pages.get("")
def index() -> Any:
    """The list; `part=list` is its rows alone, answered with 304 while nothing was caught."""
    with here().db.read() as session:
        if request.args.get("part") != "list":
            return render_template("desk/sandbox.html", mail=None, **_list(session), **_around())
        tag = hashlib.sha256(f"{caught.mark(session)} {request.query_string!r} {get_locale()}".encode()).hexdigest()
        response = make_response("")
        response.set_etag(tag[:32])
        if response.make_conditional(request).status_code != 304:
            response.set_data(render_template("desk/sandbox_list.html", opened=number("opened") or 0, **_list(session)))
        return response


@pages.get("/<int:mail_id>")
def one(mail_id: int) -> Any:
    """One mail beside the list. `tab`: html, text, headers, source; `pictures=1` loads remote ones."""
    mail, opened = offload(here().db, _read, mail_id)
    tab = request.args.get("tab", "")
    tab = tab if tab in TABS else ("html" if opened.html else "text")
    with here().db.read() as session:
        return render_template(
            "desk/sandbox.html",
            mail=mail,
            letter=opened,
            hidden=_hidden(mail, opened),
            tab=tab,
            pictures=request.args.get("pictures") == "1",
            held=clean_html(opened.html, remote_images=False, cid_url=lambda _: None).blocked_images,
            source=mail.raw[:SHOWN].decode("utf-8", "replace"),
            cut=mail.size > SHOWN,
            copies=len(caught.of_message(session, mail.message_id)) if mail.message_id else 1,
            conversation=_conversation(session, mail),
            **_list(session),
            **_around(),
        )


@pages.get("/<int:mail_id>/html")
@headed(MAIL)
def frame(mail_id: int) -> Any:
    """Its HTML, cleaned, in a document that can neither run nor load anything (see `parcel.mail`)."""
    _mail, opened = offload(here().db, _read, mail_id)
    if not opened.html:
        raise NotFound("This message has no HTML form.")
    pictures = request.args.get("pictures") == "1"
    places = {part.content_id: part.number for part in opened.parts if part.content_id}

    def address(content_id: str) -> str | None:
        return f"/desk/sandbox/{mail_id}/parts/{places[content_id]}" if content_id in places else None

    cleaned = clean_html(opened.html, remote_images=pictures, cid_url=address)
    response = Response(f"{FRAME}{cleaned.html}</body></html>", mimetype="text/html")
    policy = (MAIL_WITH_PICTURES if pictures else MAIL)["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace("sandbox ", "sandbox allow-same-origin ", 1)
    return response


@pages.get("/<int:mail_id>/parts/<int:part>")
@headed(FILE)
def file(mail_id: int, part: int) -> Any:
    """A file of the mail; only harmless pictures and text are shown, all else is a download."""
    _mail, opened = offload(here().db, _read, mail_id)
    if part >= len(opened.parts):
        raise NotFound("This file does not exist.")
    found = opened.parts[part]
    response = Response(found.content)
    response.headers.update(safe_file_headers(found.content_type, found.name, download="download" in request.args))
    return response


@pages.get("/<int:mail_id>/source")
@headed(FILE)
def source(mail_id: int) -> Any:
    """The bytes a relay would have got."""
    with here().db.read() as session:
        content = caught.get(session, mail_id).raw
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = disposition(f"caught-{mail_id}.eml", inline=False)
    return response


@pages.post("/<int:mail_id>/delete")
@role(Role.SUPERVISOR)
def delete(mail_id: int) -> Any:
    with here().db.write() as session:
        caught.remove(session, mail_id)
    return back("sandbox.index", "mail_gone", q=_asked() or None)


@pages.post("/delete")
@role(Role.SUPERVISOR)
def delete_all() -> Any:
    with here().db.write() as session:
        count = caught.count(session)
        caught.clear(session)
        audit.append(session, utcnow(), "sandbox.cleared", by=me().id, ip=client_ip(), after={"count": count})
    return back("sandbox.index", "all_gone")


def _read(session: Session, mail_id: int) -> tuple[CaughtMail, Letter]:
    mail = caught.get(session, mail_id)
    return mail, letter.read(mail.raw)


def _list(session: Session) -> dict[str, Any]:
    found = caught.newest(session, before=number("before"), limit=PAGE + 1, words=_asked().split()[:8])
    return {"mails": found[:PAGE], "more": found[PAGE - 1].id if len(found) > PAGE else None, "q": _asked()}


def _around() -> dict[str, Any]:
    settings = here().settings
    with here().db.read() as session:
        boxes = session.execute(select(Inbox.provider).where(Inbox.channel == "email")).scalars()
        some = any(provider != "email" for provider in boxes)
    return {"relay": bool(settings.relay_url), "some": some, "kept": caught.KEPT, "notice": notice()}


def _asked() -> str:
    return " ".join(storable(request.values.get("q", "")).split())[:200]


def _hidden(mail: CaughtMail, opened: Letter) -> list[str]:
    """Recipients of the envelope whom no header names: blind copies."""
    named = f"{opened.header('to')} {opened.header('cc')}".lower()
    return [one for one in mail.recipients if one.lower() not in named]


def _conversation(session: Session, mail: CaughtMail) -> int | None:
    """Where the mail was written."""
    if not mail.message_id:
        return None
    return session.scalar(select(Delivery.conversation_id).where(Delivery.message_id == mail.message_id))
