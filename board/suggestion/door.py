"""Doors without a name: the box for anonymous suggestions, the way back by code, and the list everybody may read.

Whoever comes to the box is nobody: neither their session is looked at (`as_nobody`), nor is a line or a figure of the
request written (`unwatched`). What limits it is one bucket for all, in this process alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy import select

from board.suggestion import change, letter, listing, setting
from board.suggestion.change import What
from board.suggestion.portal import asked, choices
from board.suggestion.suggestion import STATUSES, Suggestion, SuggestionComment
from contact.db import utcnow
from contact.desk.told import number
from contact.errors import HanmaruError, NotFound
from contact.limits import Memory, Steady, refusal
from contact.web import here
from contact.web.forms import told
from contact.web.requests import unwatched
from contact.web.security import Rule, as_nobody, guarding, rule_for

box = Blueprint("suggestion_box", __name__, url_prefix="/s")
rule_for(box, Rule(proof="the ticket of the day, or the code of a suggestion"))
way = Blueprint("suggestion_way", __name__, url_prefix="/s")
rule_for(way, Rule(public="an author without a name asks for the form that takes their code"))
world = Blueprint("suggestion_world", __name__, url_prefix="/suggestions")
rule_for(world, Rule(public="what the house lets everybody read; off until somebody switches it on"))

LETTERS: Final = Steady("suggestion.letters", burst=30, every=20.0)
"""All letters of all people together."""
LOOKS: Final = Steady("suggestion.looks", burst=120, every=0.5)
"""All looks by code together: guessing one of 120 bits takes longer."""
_BUCKETS: Final = "suggestion_buckets"


@box.record
def _bucket(state: BlueprintSetupState) -> None:
    state.app.extensions.setdefault(_BUCKETS, Memory())


@box.before_request
@way.before_request
def _nobody() -> None:
    as_nobody()


@box.post("/new")
@unwatched
def drop() -> Any:
    """Put one into the box; the code is shown on this page and never again."""
    try:
        letter.check(here().settings.secret(), request.form.get("ticket", ""), utcnow())
        _take(LETTERS)
        with here().db.write() as session:
            code = letter.drop(session, asked())
    except HanmaruError as error:
        return _form(error)
    return _page("board/suggestion_code.html", code=code)


@way.get("")
@unwatched
def ask() -> Any:
    return _page("board/suggestion_ask.html", one=None, waits=False)


@box.post("")
@unwatched
def look() -> Any:
    """What became of it. The code comes in the form: addresses are written into other people's logs."""
    return _look(request.form.get("code", ""))


@box.post("/word")
@unwatched
def add() -> Any:
    """One more word of its author."""
    code = request.form.get("code", "")
    try:
        letter.check(here().settings.secret(), request.form.get("ticket", ""), utcnow())
        _take(LETTERS)
        with here().db.write() as session:
            letter.add(session, code, request.form.get("text", ""))
    except HanmaruError as error:
        return _look(code, error)
    return _look(code, added=True)


@world.get("")
def public() -> Any:
    with here().db.read() as session:
        if not setting.get(session).public:
            raise NotFound
        words = request.args.get("q", "")[:100]
        found, votes, more = listing.public(session, words, number("before"))
        return render_template(
            "board/suggestions_public.html", found=found, votes=votes, more=more, words=words, statuses=STATUSES
        )


def _look(code: str, error: HanmaruError | None = None, *, added: bool = False) -> Response:
    try:
        _take(LOOKS)
        with here().db.read() as session:
            one, waits = letter.find(session, code), letter.waits(session, code)
            if one is None and not waits:
                raise NotFound("There is no suggestion with this code.")
            seen = one.id if one else 0
            return _page(
                "board/suggestion_ask.html", error, one=one, waits=waits, code=code[:100], added=added,
                ticket=_ticket(utcnow()), statuses=STATUSES, answers=change.of(session, [seen], What.STATUS),
                comments=session.scalars(_comments(seen)).all(), root=_root(one), given=request.form if error else {},
            )  # fmt: skip
    except HanmaruError as refused:
        return _page("board/suggestion_ask.html", error or refused, one=None, waits=False)


def _comments(number: int) -> Any:
    return (
        select(SuggestionComment)
        .where(SuggestionComment.suggestion_id == number)
        .order_by(SuggestionComment.at, SuggestionComment.id)
    )


def _root(one: Suggestion | None) -> int:
    """What it is shown in, where that is another one."""
    return one.root_id if one is not None and one.root_id != one.id else 0


def _form(error: HanmaruError) -> Response:
    """Once more, with what was typed."""
    with here().db.read() as session:
        return _page(
            "board/suggestion_letter.html", error, given=request.form, ticket=_ticket(utcnow()), **choices(session)
        )


def _page(template: str, error: HanmaruError | None = None, **given: Any) -> Response:
    """Kept by nobody on its way."""
    given = {"error": told(error), **given}
    response = make_response(render_template(template, **given), error.status if error else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def _ticket(now: datetime) -> str:
    return letter.ticket(here().settings.secret(), now.date())


def _take(rule: Steady) -> None:
    """Count one of all; raises `TooMany`. Nothing is known of who it was."""
    buckets: Memory = current_app.extensions[_BUCKETS]
    wait = buckets.take(rule, "", utcnow().timestamp(), guarding().limits.scale)
    if wait > 0:
        raise refusal(wait)
