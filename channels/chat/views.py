"""The chat over HTTP: the widget's script, files up and down, and the demo shop."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

import orjson
from flask import Blueprint, Response, abort, current_app, g, jsonify, render_template, request, url_for
from sqlalchemy import select

from channels.chat import speech
from channels.chat.said import MAX_FILES
from channels.chat.types import accepted
from channels.chat.visitor import Ticket, Visitors
from contact import files, limits
from contact.db import utcnow
from contact.errors import Forbidden, Invalid, NotFound, TooMany, UnsupportedType
from contact.files import Attachment
from contact.inbox import Inbox
from contact.limits import Rule as Limit
from contact.log import Interaction
from contact.web import here
from contact.web.files import safe_file_headers
from contact.web.headers import FILE, OPEN_TO_SHOPS, WIDGET, headed
from contact.web.security import Rule, client_ip, guarding, rule_for, signed
from contact.web.static import Assets

pages = Blueprint("chat", __name__)
rule_for(pages, Rule(public="the widget's script, and the demo shop"))

LANGUAGES = ("ko", "en")
PLACE = b"HANMARU_FILES"
"""Where the loader wants to know the addresses of the widget in each language."""


@pages.get("/chat/widget.js")
@headed(WIDGET)
def loader() -> Response:
    """The script a shop names. Short, asked again often; what it loads is cached for ever."""
    assets = _assets()
    source = (assets.folders["chat"] / "dist/widget.js").read_bytes()
    known = {
        language: url_for("chat.widget", language=language, v=assets.tag("chat", f"dist/widget.{language}.js"))
        for language in LANGUAGES
    }
    response = Response(source.replace(PLACE, orjson.dumps(known)), mimetype="text/javascript")
    response.add_etag()
    response.cache_control.public = True
    response.cache_control.max_age = 300
    response.make_conditional(request)
    return response


@pages.get("/chat/widget.<language>.js")
@headed(WIDGET)
def widget(language: str) -> Response:
    """The widget itself, in one language."""
    if language not in LANGUAGES:
        abort(404)
    name = f"dist/widget.{language}.js"
    assets = _assets()
    tag = assets.tag("chat", name)
    if not tag:
        abort(404)
    return assets.send("chat", name, forever=request.args.get("v") == tag)


@pages.post("/chat/files")
@signed("visitor token")
@headed(OPEN_TO_SHOPS)
def upload() -> Response:
    """One file of a visitor: kept by its content, named by a ticket until a message carries it."""
    g.language = "en" if request.args.get("lang") == "en" else "ko"
    visitors = _visitors()
    who = visitors.whose(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if who is None:
        raise Forbidden
    _take(limits.CHAT_FILE, who[0], speech.SLOW_DOWN)
    _take(limits.CHAT_FILE_ADDRESS, limits.network(client_ip()), speech.TOO_MANY_HERE)
    given = request.files.get("file")
    if given is None:
        raise Invalid("There is no file in this request.")
    kind = accepted(files.clean_name(given.filename or ""), given.mimetype)
    if kind is None:
        raise UnsupportedType
    limit = here().settings.files_limit_mb * 1024 * 1024
    kept = here().store.put(files.chunks_of(cast(BinaryIO, given.stream)), limit)
    if not kept.size:
        raise Invalid("This file is empty.")
    ticket = Ticket(kept.sha256, kept.size, *kind)
    return jsonify(id=visitors.ticket(who[0], ticket), name=ticket.name, size=ticket.size, type=ticket.content_type)


@pages.get("/chat/file/<link>")
@signed("the link itself")
@headed({**FILE, **WIDGET})
def file(link: str) -> Response:
    """A file of a conversation, for the widget that was given its signed address."""
    number = _visitors().attachment(link)
    with here().db.read() as session:
        attachment = session.get(Attachment, number) if number is not None else None
        row = session.get(Interaction, attachment.interaction_id) if attachment else None
    if attachment is None or row is None or row.erased_at is not None:
        raise NotFound
    response = Response(files.chunks_of(here().store.open(attachment.sha256)), direct_passthrough=True)
    response.headers.update(safe_file_headers(attachment.content_type, attachment.name))
    response.headers.update(WIDGET)
    response.content_length = attachment.size
    return response


@pages.get("/shop")
@pages.get("/shop/<int:product>")
def shop(product: int | None = None) -> Any:
    """The demo shop: a stranger's page with the one line added."""
    if not here().settings.demo:
        raise NotFound
    with here().db.read() as session:
        inbox = session.scalar(select(Inbox).where(Inbox.channel == "chat").order_by(Inbox.id).limit(1))
    if inbox is None:
        raise NotFound
    return render_template("chat/shop.html", key=inbox.address, product=product, files=MAX_FILES)


def _visitors() -> Visitors:
    known = current_app.extensions.get("hanmaru_visitors")
    if isinstance(known, Visitors):
        return known
    made = current_app.extensions["hanmaru_visitors"] = Visitors(here().settings.secret())
    return made


def _assets() -> Assets:
    assets = current_app.extensions["assets"]
    if not isinstance(assets, Assets):
        raise TypeError("this application has no assets")
    return assets


def _take(rule: Limit, key: str, sentence: str) -> None:
    try:
        guarding().limits.take(rule, key, utcnow())
    except TooMany as error:
        raise TooMany(sentence, retry_after=error.retry_after, count=max(1, round(error.retry_after))) from None
