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
from contact.channel import Channel
from contact.db import utcnow
from contact.desk import (
    abilities,
    chat_form,
    doors,
    health,
    inbox_form,
    relay_form,
    relay_trial,
    setting_form,
    trial,
    words,
)
from contact.desk.filters import reason
from contact.desk.inbox_form import Form
from contact.desk.told import back, notice, number, same_or
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

BY_HAND = N_("Paused by hand.")
TRIES = Steady("inbox.try", burst=20, every=3)
"""Connections to strange servers one administrator may start."""


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        found = health.all_(session, utcnow())
    known = list(here().channels)
    return render_template(
        "desk/inboxes.html",
        groups=[(one, [box for box in found if box.inbox.channel == one.name]) for one in known],
        lost=[box for box in found if box.inbox.channel not in here().channels],
        none=not found,
        words=words,
        reason=reason,
        outcome=words.outcome,
        notice=notice(),
    )


@pages.route("/new/<channel>", methods=["GET", "POST"])
def new(channel: str) -> Any:
    medium = here().channels[channel]
    if request.method == "GET":
        return _page(medium, None, Form(inbox_form.shown(medium, None)))
    vault, now = guarding().vault, utcnow()
    with here().db.write() as session:
        form = inbox_form.read(session, vault, medium, request.form, None)
        if not form.errors:
            address = form.ready.get("address") or secrets.token_urlsafe(9)
            box = inbox.add(session, now, channel, address, form.ready["name"])
            inbox_form.apply(medium, box, form, vault)
            _audit(session, "inbox.added", box, after=inbox_form.facts(medium, box))
            made = box.id
    return _page(medium, None, form) if form.errors else back("inboxes.one", "inbox_made", inbox_id=made)


@pages.get("/<int:inbox_id>")
def one(inbox_id: int) -> Any:
    """Its page; `part=test` is what became of a test alone, for a page that looks again."""
    box = _get(inbox_id)
    if request.args.get("part") == "test":
        with here().db.read() as session:
            return same_or(render_template("desk/inbox_test.html", **_tested(session, box)))
    medium = _medium(box)
    return _page(medium, box, Form(inbox_form.shown(medium, box)))


@pages.post("/<int:inbox_id>")
def save(inbox_id: int) -> Any:
    vault = guarding().vault
    with here().db.write() as session:
        box = inbox.get(session, inbox_id)
        medium = _medium(box)
        form = inbox_form.read(session, vault, medium, request.form, box)
        before = inbox_form.facts(medium, box)
        if not form.errors:
            inbox_form.apply(medium, box, form, vault)
            after = inbox_form.facts(medium, box) | dict.fromkeys(inbox_form.typed(medium, form), "new")
            if after != before:
                _audit(session, "inbox.changed", box, before=before, after=after)
    return _page(medium, box, form) if form.errors else back("inboxes.one", "saved", inbox_id=inbox_id)


@pages.post("/try")
def attempt() -> Any:
    """Sign in to the mailbox as entered, now; nothing is saved."""
    guarding().limits.take(TRIES, str(me().id), utcnow())
    box = _get(number_of) if (number_of := request.form.get("inbox", type=int)) else None
    with here().db.read() as session:
        form = inbox_form.read(session, guarding().vault, _mail(), {**request.form, "receive": "imap"}, box)
    wrong = [
        form.errors[name] for name in ("host", "port", "tls", "user", "password", "folders") if name in form.errors
    ]
    tried = trial.Tried(False, wrong[0]) if wrong else trial.mailbox(inbox_form.mailbox(form))
    if wants_json():
        return {"good": tried.good, "message": tried.message}
    form.errors.clear()
    return _page(_mail(), box, form, tried={"receive": tried})


@pages.post("/try/relay")
def attempt_relay() -> Any:
    """Sign in to the relay as entered, now; nothing is sent and nothing saved."""
    guarding().limits.take(TRIES, str(me().id), utcnow())
    box = _get(number_of) if (number_of := request.form.get("inbox", type=int)) else None
    with here().db.read() as session:
        form = inbox_form.read(session, guarding().vault, _mail(), {**request.form, "relay": "own"}, box)
    wrong = [form.errors[name] for name in relay_form.FIELDS if name in form.errors]
    at = relay_form.entered(form.ready)
    tried = relay_trial.relay(at, form.ready.get("address", "")) if at and not wrong else trial.bad(wrong[0])
    if wants_json():
        return {"good": tried.good, "message": tried.message}
    form.errors.clear()
    return _page(_mail(), box, form, tried={"relay": tried})


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
    """A message out of this inbox; the page then shows what becomes of it."""
    box = _get(inbox_id)
    medium = _medium(box)
    if not medium.capabilities.starts:
        raise NotFound
    try:
        with here().db.write() as session:
            mine = inbox.get(session, inbox_id)
            sent = trial.send_test(session, utcnow(), here(), mine, request.form.get("to", ""), me()).id
            _audit(session, "inbox.tested", mine)
    except HanmaruError as error:
        return _page(medium, box, Form(inbox_form.shown(medium, box)), error=error)
    return back("inboxes.one", "test_sent", inbox_id=inbox_id, test=sent)


def _get(inbox_id: int) -> Inbox:
    with here().db.read() as session:
        return inbox.get(session, inbox_id)


def _medium(box: Inbox) -> Channel:
    """Its channel; raises `NotFound` when this house has it no more."""
    return here().channels[box.channel]


def _mail() -> Channel:
    """The channel the mail form is for: only its page has the buttons that try a mailbox or a relay."""
    return here().channels[next(name for name, form in inbox_form.OWN.items() if form == "mail")]


def _page(
    channel: Channel,
    box: Inbox | None,
    form: Form,
    *,
    tried: Mapping[str, trial.Tried] | None = None,
    error: HanmaruError | None = None,
) -> Any:
    service, kept = here(), inbox_form.kept(guarding().vault, box)
    with service.db.read() as session:
        page = render_template(
            "desk/inbox.html",
            channel=channel,
            own=inbox_form.OWN.get(channel.name, ""),
            can=channel.capabilities,
            abilities=abilities.of(channel),
            form=form,
            tried=tried or {},
            health=health.of(session, utcnow(), box) if box else None,
            kept=kept,
            kept_fields=setting_form.kept_fields(channel, box, kept),
            field_name=setting_form.field,
            windows=setting_form.WINDOWS,
            priced=not setting_form.prices_itself(channel),
            currencies=setting_form.CURRENCIES,
            hook=doors.hook_of(service.settings, channel, box),
            house_relay=house.place if (house := relays.of_house(service.settings)) else "",
            listener="{}:{}".format(*service.settings.smtp_listen),
            public=service.settings.public,
            shop=service.settings.demo and box is not None and _is_shop(session, box),
            greeting=chat_form.OWN,
            outcome=words.outcome,
            error=told(error),
            notice=notice() if not form.errors else "",
            **_tested(session, box),
        )
    return (page, 400) if form.errors else refused(page, error)


def _tested(session: Session, box: Inbox | None) -> dict[str, Any]:
    """What became of the test this address speaks of."""
    settings = here().settings
    really = box is not None and (
        bool(settings.relay_url or (box.settings or {}).get("relay"))
        if box.channel in inbox_form.OWN
        else box.provider != words.SANDBOX
    )
    return {
        "box": box,
        "test": _test(session, box),
        "really": really,
        "states": DeliveryState,
        "words": words,
        "reason": reason,
    }


def _is_shop(session: Session, box: Inbox) -> bool:
    """Whether the demo shop shows this chat: it takes the oldest."""
    return session.scalar(select(func.min(Inbox.id)).where(Inbox.channel == box.channel)) == box.id


def _test(session: Session, box: Inbox | None) -> Delivery | None:
    """The test mail this address speaks of."""
    sent = session.get(Delivery, number("test") or 0) if box else None
    return sent if sent is not None and box is not None and sent.inbox_id == box.id else None


def _audit(session: Session, what: str, box: Inbox, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"inbox:{box.id}", **facts)
