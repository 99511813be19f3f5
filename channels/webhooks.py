"""The HTTP door for providers: verify, keep raw, answer 200 at once. Parsing is the worker's work.

    POST /hooks/<channel>/<inbox>[/<what>]

The URL a signature covers is made from the configured public address, never from what the
request says its host is. The same request twice is one raw message. What is forged, too
large, or meant for nobody is turned away, counted on its inbox, and not kept: a stranger
must not be able to fill the house.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy.orm import Session

from contact import hooks, inbox, raw
from contact.channel import Channel, Forged, Hook
from contact.db import utcnow
from contact.errors import NotFound
from contact.inbox import Inbox
from contact.limits import Steady
from contact.messages import Envelope, InboxFacts
from contact.vault import Vault
from contact.web import here
from contact.web.security import Rule, client_ip, guarding, rule_for

pages = Blueprint("hooks", __name__, url_prefix="/hooks")
rule_for(pages, Rule(proof="the provider's signature, checked by its adapter"))


REFUSALS = Steady("hooks.refused", burst=60, every=1)
"""Refused requests that are counted, from one address."""


@pages.post("/<channel>/<int:number>")
@pages.post("/<channel>/<int:number>/<what>")
def take(channel: str, number: int, what: str = "") -> Any:
    """200 when it is kept (or was before), 403 when the provider did not say it, 404, 413."""
    service, now = here(), utcnow()
    adapter, hook = _adapter(channel)
    with service.db.read() as session:
        facts = _facts(session, channel, number)
    envelope = _envelope(facts, hook, what)
    body = request.stream.read(hook.limit + 1)
    if len(body) > hook.limit:
        return _refuse(now, number, "The request is too large.", 413)
    try:
        adapter.verify(body, envelope, facts)
    except Forged as error:
        return _refuse(now, number, str(error) or "The provider did not sign this.", 403)
    stored = raw.large(service.store, body)
    with service.db.write() as session:
        key = _key(number, what, body)
        hooks.taken(session, now, number, again=raw.known(session, key))
        raw.keep(session, now, envelope, body, key=key, stored=stored)
    content_type, text = hook.answer
    return Response(text, 200, content_type=content_type)


def _adapter(name: str) -> tuple[Channel, Hook]:
    channels = here().channels
    hook = channels[name].capabilities.hook if name in channels else None
    return (channels[name], hook) if hook else abort(404)


def _facts(session: Session, channel: str, number: int) -> InboxFacts:
    box = session.get(Inbox, number)
    if box is None or box.channel != channel:
        raise NotFound("This inbox does not exist.")
    return inbox.facts(box, Vault.of(here().settings).open_all(box.secrets or ""))


def _envelope(facts: InboxFacts, hook: Hook, what: str) -> Envelope:
    path = request.full_path if request.query_string else request.path
    given = {name.lower(): request.headers.get(name, "") for name in hook.headers}
    headers = {name: value for name, value in given.items() if value and value.isascii()}
    headers |= {"url": here().settings.public.rstrip("/") + path, "what": what}
    headers["content-type"] = request.headers.get("Content-Type", "")
    return Envelope(facts.channel, facts.id, facts.address, "webhook", headers=headers)


def _key(number: int, what: str, body: bytes) -> str:
    """The same bytes to the same door are the same word of the provider: it repeats what we did not answer in time."""
    said = hashlib.sha256(request.full_path.encode() + b"\n" + body).hexdigest()
    return f"hook:{number}:{what}:{said}"[:120]


def _refuse(now: datetime, number: int, why: str, status: int) -> Response:
    """Counted, as long as there are not too many: whoever knocks all day must not keep the database busy."""
    guarding().limits.take(REFUSALS, client_ip(), now)
    with here().db.write() as session:
        hooks.refused(session, now, number, why)
    return Response(why, status, content_type="text/plain; charset=utf-8")
