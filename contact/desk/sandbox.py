"""The sandbox's viewer: everything that left while no relay or provider is configured, as the world would get it."""

from __future__ import annotations

import hashlib
from mimetypes import guess_extension
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import caught, inbox, outbox
from contact.caught import CaughtMail
from contact.channel import ChannelError
from contact.clean import clean_html
from contact.db import utcnow
from contact.desk import counted, inbox_form, letter, playing, speech, traits, weighing, words
from contact.desk.filters import reason
from contact.desk.letter import Letter
from contact.desk.parcel import FRAME
from contact.desk.playing import Form
from contact.desk.speech import Speech
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, Invalid, NotFound
from contact.inbox import Inbox
from contact.log import Interaction
from contact.outbox import Delivery
from contact.text import storable
from contact.users import Role, audit
from contact.web import here
from contact.web.files import disposition, safe_file_headers
from contact.web.forms import refused, told
from contact.web.headers import FILE, MAIL, MAIL_WITH_PICTURES, headed
from contact.web.offload import apart, offload
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("sandbox", __name__, url_prefix="/desk/sandbox")
rule_for(pages, Rule(role=Role.AGENT))

PAGE = 50
SHOWN = 200_000
"""Bytes of the source that stand on the page; the rest is in the download."""
MAIL_TYPE = "message/rfc822"
PAGED = ("application/pdf", "image/tiff")
"""What has pages."""
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
    """One catch beside the list. Of a mail, `tab`: html, text, headers, source; `pictures=1` loads remote ones."""
    mail, opened = offload(here().db, _read, mail_id)
    if not _is_mail(mail):
        return _other(mail, opened)
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
            conversation=delivery.conversation_id if (delivery := _delivery(session, mail)) else None,
            delivery=delivery,
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
        mail = caught.get(session, mail_id)
        content, ending = mail.raw, _ending(mail.content_type)
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = disposition(f"caught-{mail_id}{ending}", inline=False)
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


@pages.get("/<int:mail_id>/picture")
@headed(FILE)
def picture(mail_id: int) -> Any:
    """A caught picture; everything else is only downloaded."""
    with here().db.read() as session:
        mail = caught.get(session, mail_id)
        content, kind = mail.raw, mail.content_type
    response = Response(content)
    response.headers.update(safe_file_headers(kind, f"caught-{mail_id}{_ending(kind)}"))
    return response


@pages.route("/write", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def write() -> Any:
    """Write as a customer to an inbox of the sandbox."""
    if request.method == "GET":
        return _write_page(Form(number("inbox") or 0))
    now, form = utcnow(), playing.read(request.form, request.files)
    try:
        box = playing.play(here(), now, form)
    except ChannelError as error:
        return refused(_write_page(form, reason(error.reason)), Invalid(error.reason))
    except HanmaruError as error:
        return refused(_write_page(form, told(error)), error)
    with here().db.write() as session:
        audit.append(session, now, "sandbox.played", by=me().id, ip=client_ip(), subject=f"inbox:{box.id}")
    return back("sandbox.write", "played", inbox=box.id)


def _write_page(form: Form, error: str = "") -> str:
    with here().db.read() as session:
        found = playing.boxes(session, here())
    chosen = next((one for one in found if one.facts.id == form.inbox_id), found[0] if found else None)
    return render_template(
        "desk/sandbox_write.html", boxes=found, chosen=chosen, form=form, words=words, error=error, notice=notice()
    )


def _is_mail(mail: CaughtMail) -> bool:
    """Whether it is shown as a mail: some channels only borrow its form for words and pictures."""
    found = traits.find(here().channels, mail.channel)
    return mail.content_type == MAIL_TYPE and (found is None or found.can.subject)


def _other(mail: CaughtMail, opened: Letter) -> Any:
    """A catch that is no mail: words as a telephone shows them, fields as a table, pages as pictures."""
    with here().db.read() as session:
        delivery = _delivery(session, mail)
        borrowed = mail.content_type == MAIL_TYPE
        shown = Speech(opened.text) if borrowed else speech.read(mail.content_type, mail.raw)
        return render_template(
            "desk/sandbox.html",
            mail=mail,
            speech=shown,
            parts=opened.parts,
            counted=_counted(session, delivery, shown.text),
            row=session.get(Interaction, delivery.interaction_id) if delivery else None,
            pages=_has_pages(mail, delivery),
            copies=len(caught.of_message(session, mail.message_id)) if mail.message_id else 1,
            conversation=delivery.conversation_id if delivery else None,
            delivery=delivery,
            **_list(session),
            **_around(),
        )


def _counted(session: Session, delivery: Delivery | None, text: str) -> str:
    """How many parts it is: as its channel counts it."""
    found = traits.find(here().channels, delivery.channel) if delivery else None
    if delivery is None or delivery.message is None or found is None or not found.measured or not text:
        return ""
    message = outbox.outbound(session, delivery.id, here().store)
    facts = inbox.facts(inbox.get(session, delivery.inbox_id))
    channel = here().channels[delivery.channel]
    try:
        preview = apart(lambda: channel.preview(message, facts))
    except ChannelError:  # what it was weighed by is not there any more; the words still are
        return ""
    return counted.line(preview, weighing.cost_of(channel, preview, facts.settings))


def _has_pages(mail: CaughtMail, delivery: Delivery | None) -> bool:
    """Whether there are pictures of its pages: its channel shows such files, or makes pages of the message."""
    if mail.content_type.partition(";")[0] not in PAGED:
        return False
    found = traits.find(here().channels, mail.channel)
    return found is not None and (
        found.shows or (found.renders and delivery is not None and delivery.message is not None)
    )


def _ending(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return ".eml" if kind == MAIL_TYPE else (guess_extension(kind) or ".bin")


def _read(session: Session, mail_id: int) -> tuple[CaughtMail, Letter]:
    mail = caught.get(session, mail_id)
    return mail, letter.read(mail.raw) if mail.content_type == MAIL_TYPE else Letter()


def _list(session: Session) -> dict[str, Any]:
    only = request.values.get("channel", "")[:20]
    known = caught.channels(session)
    only = only if only in known else ""
    found = caught.newest(session, number("before"), PAGE + 1, _asked().split()[:8], only)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return {"mails": found[:PAGE], "more": more, "q": _asked(), "only": only, "known": known, "words": words}


def _around() -> dict[str, Any]:
    settings = here().settings
    with here().db.read() as session:
        mail = [name for name, form in inbox_form.OWN.items() if form == "mail"]
        some = bool(session.scalar(select(Inbox.id).where(Inbox.channel.in_(mail), Inbox.provider != Inbox.channel)))
    return {"relay": bool(settings.relay_url), "some": some, "kept": caught.KEPT, "notice": notice()}


def _asked() -> str:
    return " ".join(storable(request.values.get("q", "")).split())[:200]


def _hidden(mail: CaughtMail, opened: Letter) -> list[str]:
    """Recipients of the envelope whom no header names: blind copies."""
    named = f"{opened.header('to')} {opened.header('cc')}".lower()
    return [one for one in mail.recipients if one.lower() not in named]


def _delivery(session: Session, mail: CaughtMail) -> Delivery | None:
    """The message of ours that was caught."""
    if not mail.message_id:
        return None
    return session.scalar(select(Delivery).where(Delivery.message_id == mail.message_id))
