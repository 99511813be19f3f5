"""The inboxes: how each is, adding one, changing one, trying one. Administrators only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import inbox
from contact import relay as relays
from contact.db import utcnow
from contact.desk import chat_form, health, inbox_form, relay_form, relay_trial, trial, words
from contact.desk.filters import reason
from contact.desk.inbox_form import Form
from contact.desk.told import back, notice, number
from contact.desk.words import N_
from contact.errors import HanmaruError, NotFound
from contact.inbox import Inbox
from contact.limits import Steady
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.users import Role, audit
from contact.web import here
from contact.web.errors import wants_json
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("inboxes", __name__, url_prefix="/desk/inboxes")
rule_for(pages, Rule(role=Role.ADMIN))

CHANNELS = ("email", "chat")
BY_HAND = N_("Paused by hand.")
TRIES = Steady("inbox.try", burst=20, every=3)
"""Connections to strange servers one administrator may start."""


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        return render_template(
            "desk/inboxes.html", all=health.all_(session), words=words, reason=reason, notice=notice()
        )


@pages.route("/new/<any(email, chat):channel>", methods=["GET", "POST"])
def new(channel: str) -> Any:
    if request.method == "GET":
        return _page(channel, None, Form(inbox_form.shown(None)))
    vault, now = guarding().vault, utcnow()
    with here().db.write() as session:
        form = inbox_form.read(session, vault, channel, request.form, None)
        if not form.errors:
            address = form.ready.get("address") or secrets.token_urlsafe(9)
            box = inbox.add(session, now, channel, address, form.ready["name"])
            inbox_form.apply(box, form, vault)
            _audit(session, "inbox.added", box, after=inbox_form.facts(box))
            made = box.id
    return _page(channel, None, form) if form.errors else back("inboxes.one", "inbox_made", inbox_id=made)


@pages.get("/<int:inbox_id>")
def one(inbox_id: int) -> Any:
    box = _get(inbox_id)
    return _page(box.channel, box, Form(inbox_form.shown(box)))


@pages.post("/<int:inbox_id>")
def save(inbox_id: int) -> Any:
    vault = guarding().vault
    with here().db.write() as session:
        box = inbox.get(session, inbox_id)
        form = inbox_form.read(session, vault, box.channel, request.form, box)
        before = inbox_form.facts(box)
        if not form.errors:
            inbox_form.apply(box, form, vault)
            typed = [name for name in ("password", relay_form.SECRET) if form.values[name]]
            after = inbox_form.facts(box) | dict.fromkeys(typed, "new")
            if after != before:
                _audit(session, "inbox.changed", box, before=before, after=after)
    return _page(box.channel, box, form) if form.errors else back("inboxes.one", "saved", inbox_id=inbox_id)


@pages.post("/try")
def attempt() -> Any:
    """Sign in to the mailbox as entered, now; nothing is saved."""
    guarding().limits.take(TRIES, str(me().id), utcnow())
    box = _get(number_of) if (number_of := request.form.get("inbox", type=int)) else None
    with here().db.read() as session:
        form = inbox_form.read(session, guarding().vault, "email", {**request.form, "receive": "imap"}, box)
    wrong = [
        form.errors[name] for name in ("host", "port", "tls", "user", "password", "folders") if name in form.errors
    ]
    tried = trial.Tried(False, wrong[0]) if wrong else trial.mailbox(inbox_form.mailbox(form))
    if wants_json():
        return {"good": tried.good, "message": tried.message}
    form.errors.clear()
    return _page("email", box, form, tried={"receive": tried})


@pages.post("/try/relay")
def attempt_relay() -> Any:
    """Sign in to the relay as entered, now; nothing is sent and nothing saved."""
    guarding().limits.take(TRIES, str(me().id), utcnow())
    box = _get(number_of) if (number_of := request.form.get("inbox", type=int)) else None
    with here().db.read() as session:
        form = inbox_form.read(session, guarding().vault, "email", {**request.form, "relay": "own"}, box)
    wrong = [form.errors[name] for name in relay_form.FIELDS if name in form.errors]
    at = relay_form.entered(form.ready)
    tried = relay_trial.relay(at, form.ready.get("address", "")) if at and not wrong else trial.bad(wrong[0])
    if wants_json():
        return {"good": tried.good, "message": tried.message}
    form.errors.clear()
    return _page("email", box, form, tried={"relay": tried})


@pages.post("/<int:inbox_id>/<any(pause, resume):what>")
def switch(inbox_id: int, what: str) -> Any:
    """A paused inbox takes in and sends nothing."""
    with here().db.write() as session:
        box = inbox.get(session, inbox_id)
        if what == "pause":
            inbox.pause(box, BY_HAND)
        else:
            inbox.resume(session, box)
        _audit(session, f"inbox.{what}d", box)
    return back("inboxes.one", f"{what}d", inbox_id=inbox_id)


@pages.post("/<int:inbox_id>/test")
def test(inbox_id: int) -> Any:
    """A mail out of this inbox; the page then shows what becomes of it."""
    box = _get(inbox_id)
    if box.channel != "email":
        raise NotFound
    try:
        with here().db.write() as session:
            mine = inbox.get(session, inbox_id)
            sent = trial.send_test(session, utcnow(), here(), mine, request.form.get("to", ""), me()).id
            _audit(session, "inbox.tested", mine)
    except HanmaruError as error:
        return _page(box.channel, box, Form(inbox_form.shown(box)), error=error)
    return back("inboxes.one", "test_sent", inbox_id=inbox_id, test=sent)


def _get(inbox_id: int) -> Inbox:
    with here().db.read() as session:
        return inbox.get(session, inbox_id)


def _page(
    channel: str,
    box: Inbox | None,
    form: Form,
    *,
    tried: Mapping[str, trial.Tried] | None = None,
    error: HanmaruError | None = None,
) -> Any:
    service = here()
    kept = inbox_form.kept(guarding().vault, box)
    with service.db.read() as session:
        page = render_template(
            "desk/inbox.html",
            channel=channel,
            box=box,
            form=form,
            tried=tried or {},
            health=health.of(session, box) if box else None,
            has_password="imap_password" in kept,
            has_relay_password=relay_form.SECRET in kept,
            house_relay=house.place if (house := relays.of_house(service.settings)) else "",
            listener="{}:{}".format(*service.settings.smtp_listen),
            public=service.settings.public,
            shop=service.settings.demo and box is not None and _is_shop(session, box),
            test=_test(session, box),
            relay=bool(service.settings.relay_url or (box and (box.settings or {}).get("relay"))),
            states=DeliveryState,
            own=chat_form.OWN,
            words=words,
            reason=reason,
            error=told(error),
            notice=notice() if not form.errors else "",
        )
    return (page, 400) if form.errors else refused(page, error)


def _is_shop(session: Session, box: Inbox) -> bool:
    """Whether the demo shop shows this chat: it takes the oldest."""
    return session.scalar(select(func.min(Inbox.id)).where(Inbox.channel == "chat")) == box.id


def _test(session: Session, box: Inbox | None) -> Delivery | None:
    """The test mail this address speaks of."""
    sent = session.get(Delivery, number("test") or 0) if box else None
    return sent if sent is not None and box is not None and sent.inbox_id == box.id else None


def _audit(session: Session, what: str, box: Inbox, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"inbox:{box.id}", **facts)
