"""Errors at the HTTP door: one mapping, as a page for people or JSON for programs."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, current_app, jsonify, make_response, request
from flask_babel import get_locale, gettext
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from contact.errors import HanmaruError, TooMany
from contact.text import N_
from contact.web.requests import request_id

log = structlog.stdlib.get_logger(__name__)

SENTENCES = {
    400: N_("This request cannot be understood."),
    401: N_("Please sign in first."),
    403: N_("You may not do this."),
    404: N_("This does not exist, or no longer."),
    405: N_("This cannot be done here."),
    413: N_("This is larger than allowed."),
    415: N_("Files of this type are not accepted."),
    429: N_("Too many attempts. Please wait a moment."),
    500: N_("Something went wrong on our side. Please try again."),
    503: N_("We are starting or stopping. Please try again in a moment."),
}
"""Sentences for errors that carry none of ours."""
AWAY = N_("The database does not answer at the moment. Please try again in a moment.")
BACK = 5
"""Seconds after which it is worth while to ask again."""


def install(app: Flask) -> None:
    app.register_error_handler(HanmaruError, _ours)
    app.register_error_handler(HTTPException, _http)
    for kind in (OperationalError, InterfaceError, NoConnection):
        app.register_error_handler(kind, _away)
    app.register_error_handler(Exception, _bug)


def _ours(error: HanmaruError) -> Response:
    message = gettext(error.message)
    response = answer(error.status, error.code, message % error.facts if error.facts else message)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status >= 500:
        log.error("error", code=error.code, exc_info=error)
    return response


def _http(error: HTTPException) -> Response:
    given = error.get_response(request.environ)
    status = given.status_code
    if status < 400:  # a redirect that werkzeug raises
        return Response(given.get_data(), status, given.headers)
    sentence = SENTENCES.get(status, SENTENCES[500 if status >= 500 else 400])
    response = answer(status, (error.name or "error").lower().replace(" ", "_"), gettext(sentence))
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in given.headers:
            response.headers[name] = given.headers[name]
    return response


def _away(error: Exception) -> Response:
    """The database is being started again, moved, or overrun: nobody's mistake, and it passes."""
    log.error("the database is away", exc_info=error)
    response = answer(503, "busy", gettext(AWAY))
    response.headers["Retry-After"] = str(BACK)
    return response


def _bug(error: Exception) -> Response:
    log.error("bug", kind=type(error).__name__, exc_info=error)
    return answer(500, "error", gettext(SENTENCES[500]))


def answer(status: int, code: str, message: str) -> Response:
    """An error as the caller can read it; both forms carry the request id.

    The page is made without what other pages know (who is signed in, their navigation): that asks the database.
    """
    facts: dict[str, Any] = {"error": code, "message": message, "request": request_id()}
    if wants_json():
        return make_response(jsonify(facts), status)
    again = BACK if status == 503 and request.method == "GET" else 0
    page = current_app.jinja_env.get_template("error.html").render(
        status=status, message=message, request_id=facts["request"], language=str(get_locale()), again=again
    )
    return make_response(page, status)


def wants_json() -> bool:
    """Programs say so by Accept, by what they send, or by an `/api/` in the path."""
    if request.is_json or "/api/" in request.path:
        return True
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "application/json" and request.accept_mimetypes[best] > request.accept_mimetypes["text/html"]
