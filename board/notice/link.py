"""The page behind a signed link: read and acknowledge a notice without signing in.

Following the link changes nothing: mail scanners, link previews and prefetchers follow links. Pressing its button
does. A link of an older round, of a notice that has ended or of somebody who left says so, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from flask_babel import format_date
from sqlalchemy.orm import Session

from board import attachment, thread
from board.notice import acknowledging, ladder, receipt, token, version
from board.notice.acknowledgement import Via
from board.notice.known import standing
from board.notice.ladder import Standing
from board.notice.notice import Notice
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from contact import formatted
from contact.db import utcnow
from contact.errors import HanmaruError, NotFound, TooLarge
from contact.limits import Steady
from contact.users import User
from contact.web import here
from contact.web.forms import told
from contact.web.language import LANGUAGES
from contact.web.security import client_ip, guarding, signed

pages = Blueprint("notice_link", __name__)

STRANGERS = Steady("notice.stranger", burst=30, every=2.0)
"""How often one network address may try links we never signed."""


MOST_BODY = 10_000
"""Bytes of the form: a button and a number."""


class Face(StrEnum):
    """What the page says."""

    GOOD = "good"
    LOST = "lost"
    NEWER = "newer"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


_STATUS: Final = {Face.GOOD: 200, Face.LOST: 404, Face.NEWER: 410, Face.EXPIRED: 410, Face.WITHDRAWN: 410}
_FACES: Final = {"left": Face.LOST, "newer": Face.NEWER, "expired": Face.EXPIRED, "withdrawn": Face.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Found:
    """What a link leads to; everything None but `face` where it leads nowhere."""

    face: Face
    named: token.Named | None = None
    notice: Notice | None = None
    mine: NoticeReceipt | None = None
    said: NoticeVersion | None = None
    files: tuple[str, ...] = ()


_LOST: Final = Found(Face.LOST)


@pages.get("/n/<code>")
@signed("the token of a notice")
def show(code: str) -> Any:
    """The notice. Nothing is recorded."""
    with here().db.read() as session:
        return _page(_find(session, code, utcnow()))


@pages.post("/n/<code>")
@signed("the token of a notice")
def act(code: str) -> Any:
    """The button: acknowledged, or read where nobody must acknowledge."""
    now = utcnow()
    if (request.content_length or 0) > MOST_BODY:
        raise TooLarge
    with here().db.read() as session:
        found = _find(session, code, now)
        if found.face is not Face.GOOD or found.named is None:
            return _page(found)
    try:
        with here().db.write() as session:
            _say(session, now, found.named)
    except HanmaruError as error:
        with here().db.read() as session:
            return _page(_find(session, code, now), error)
    return _private(redirect(f"/n/{code}{_chosen()}", 303))


def _say(session: Session, now: datetime, named: token.Named) -> None:
    mine = receipt.of(session, named.notice_id, named.user_id)
    if mine is None:
        raise NotFound
    if mine.due_at is None and mine.acked_at is None:
        acknowledging.read(session, now, named.notice_id, named.user_id, Via.LINK)
        return
    given = request.form.get("version", "")
    seen = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else named.round
    acknowledging.acknowledge(session, now, named.notice_id, named.user_id, Via.LINK, version_seen=seen)


def _find(session: Session, code: str, now: datetime) -> Found:
    named = token.read(code, here().settings.secret())
    if named is None:
        guarding().limits.take(STRANGERS, client_ip(), now)
        return _LOST
    notice, user = session.get(Notice, named.notice_id), session.get(User, named.user_id)
    mine = receipt.of(session, named.notice_id, named.user_id)
    if notice is None or user is None or mine is None:
        return _LOST
    _speak(thread.language_of(session, here(), user.id))
    why = ladder.not_wanted(now, _reading(standing(session, notice, mine, user)), named.round)
    if why in _FACES:
        return Found(_FACES[why], named)
    files = attachment.of(session, "notice", [notice.id]).get(notice.id, [])
    names = tuple(one.name for one in files)
    return Found(Face.GOOD, named, notice, mine, version.current(session, notice), names)


def _reading(known: Standing) -> Standing:
    """Whoever acknowledged may read it again."""
    return Standing(known.state, known.expires_at, known.round, known.belongs, owes=True, acked=False, read=False)


def _speak(language: str) -> None:
    asked = request.args.get("language", "")
    g.language = asked if asked in LANGUAGES else language


def _chosen() -> str:
    asked = request.args.get("language", "")
    return f"?language={asked}" if asked in LANGUAGES else ""


def _page(found: Found, error: HanmaruError | None = None) -> Response:
    page = render_template(
        "board/notice_link.html", found=found, me=None, error=told(error), path=request.path,
        shown=lambda html: formatted.shown(html, lambda _name: None), when=lambda at: format_date(at, "long"),
    )  # fmt: skip
    status = error.status if error is not None and found.face is Face.GOOD else _STATUS[found.face]
    return _private(make_response(page, status))


def _private(answer: Any) -> Response:
    g.pop("hanmaru_before", None)  # the link is proof enough: nothing is kept in the visitor's browser
    response: Response = make_response(answer)
    response.headers["Cache-Control"], response.headers["X-Robots-Tag"] = "no-store", "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
