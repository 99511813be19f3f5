"""Satisfaction on screen: the scores for supervisors, and the public page behind a link in a question."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask_babel import gettext as _

from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import HanmaruError, NotFound
from contact.limits import Steady
from contact.response.satisfaction import ask as asks
from contact.response.satisfaction import scores, setting, token
from contact.response.satisfaction.ask import SatisfactionAsk, Step
from contact.response.satisfaction.asking import STARS
from contact.response.satisfaction.rating import Rating
from contact.response.satisfaction.setting import Chosen
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, guarding, me, rule_for, signed

pages = Blueprint("satisfaction", __name__)
rule_for(pages, Rule(role=Role.SUPERVISOR))

ANSWERS = Steady("satisfaction.answer", burst=120, every=0.5)
"""How often one network address may knock at the public page: an office with its mail scanner has one."""


@pages.get("/desk/satisfaction")
def index() -> Any:
    return _index()


@pages.post("/desk/satisfaction")
def save() -> Any:
    """Whether, when and how often customers are asked."""
    given = request.form
    try:
        chosen = Chosen(
            delay=_whole(given.get("delay"), -1),
            rest=_whole(given.get("rest"), -1),
            low=_whole(given.get("low"), 0),
            tag=" ".join(given.get("tag", "").split()),
            never=tuple(tag.strip() for tag in given.get("never", "").split(",") if tag.strip()),
        )
        with here().db.write() as session:
            setting.keep(session, utcnow(), given.get("on") == "on", chosen)
            after = {"on": given.get("on") == "on"}
            audit.append(session, utcnow(), "satisfaction.changed", by=me().id, ip=client_ip(), after=after)
    except HanmaruError as error:
        return _index(error)
    return back("satisfaction.index", "saved")


@pages.post("/desk/satisfaction/<int:row>/<any(done, open):what>")
def handle(row: int, what: str) -> Any:
    """Somebody dealt with a low score, or did not after all."""
    with here().db.write() as session:
        rating = session.get(Rating, row)
        if rating is None:
            raise NotFound
        done = what == "done"
        rating.handled_at, rating.handled_by = (utcnow(), me().id) if done else (None, None)
    return back("satisfaction.index", "saved", _anchor="low")


@pages.get("/s/<code>")
@signed("the token of a question")
def show(code: str) -> Any:
    """The page behind a link: it records nothing, for mail scanners follow links, too."""
    found = _find(code)
    return _page(found) if found is None else _page(found[0], found[1])


@pages.post("/s/<code>")
@signed("the token of a question")
def answer(code: str) -> Any:
    """What the customer chose; may be changed for a day."""
    found, now = _find(code), utcnow()
    if found is None:
        return _page(None)
    score = _whole(request.form.get("score"), 0)
    if not 1 <= score <= 5:
        return _page(found[0], found[1])
    with here().db.write() as session:
        one = session.get(SatisfactionAsk, found[0].id, with_for_update=True)
        if one is None:
            return _page(None)
        if one.changeable_at(now):
            asks.rate(session, now, one, score, request.form.get("comment", ""))
            return _page(one, score, thanks=True)
    return _page(one, score)


def _find(code: str) -> tuple[SatisfactionAsk, int] | None:
    """The question and the score of a link; None for what we did not sign, or asked nobody."""
    guarding().limits.take(ANSWERS, client_ip(), utcnow())
    named = token.read(code, here().settings.secret())
    if named is None:
        return None
    with here().db.read() as session:
        found = session.get(SatisfactionAsk, named.ask_id)
    return (found, named.score) if found is not None and found.asked_at is not None else None


def _page(one: SatisfactionAsk | None, score: int = 0, *, thanks: bool = False) -> Any:
    language = request.args.get("language", "")
    if language in STARS:
        g.language = language
    elif one is not None:
        g.language = one.language
    good = one is not None and one.changeable_at(utcnow())
    page = render_template(
        "response/rate.html",
        ask=one,
        score=one.score if thanks and one else score,
        good=good,
        over=one is not None and one.state == Step.RATED.value and not good,
        thanks=thanks,
        names=[_(name) for name in NAMES],
        path=request.path,
        longest=asks.LONGEST_COMMENT,
    )
    response = make_response(page, 404 if one is None else 200 if good or thanks else 410)
    response.headers["Cache-Control"], response.headers["X-Robots-Tag"] = "no-store", "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


NAMES = STARS["en"]


def _index(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        since, chosen = setting.find(session)
        page = render_template(
            "response/satisfaction.html",
            since=since,
            chosen=chosen,
            scores=scores.read(session, utcnow(), chosen.low),
            low=scores.low(session, chosen.low, handled=request.args.get("handled") == "1"),
            handled=request.args.get("handled") == "1",
            names=[_(name) for name in NAMES],
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _whole(value: str | None, otherwise: int) -> int:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 7 else otherwise
